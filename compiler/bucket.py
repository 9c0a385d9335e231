"""Bucket: the outside that releases are kept in, behind one small Protocol.

In: a url: `s3://name/prefix`, `file:///path`, or the path of a folder.    Out: a Bucket.
Faults: BucketUrlError; what a bucket itself raises is in `bucket_contract`.
Never: writes, or touches the network, while opening.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from compiler.bucket_contract import (
    Bucket,
    BucketFault,
    BucketKeyError,
    BucketUnreachable,
    BucketUrlError,
    Conflict,
    DamagedObject,
    ListedObject,
    NoBucket,
    NotInBucket,
    is_key,
)
from compiler.folder_bucket import FolderBucket

__all__ = [
    "Bucket",
    "BucketFault",
    "BucketKeyError",
    "BucketUnreachable",
    "BucketUrlError",
    "Conflict",
    "DamagedObject",
    "ListedObject",
    "NoBucket",
    "NotInBucket",
    "check_url",
    "open_bucket",
]

# Also what was meant for a url and is none: it would become a folder of that name.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*|(?:s3|file|https?)//", re.IGNORECASE)
_FORMS = "a bucket is `s3://name/prefix`, `file:///path` or the path of a folder"
_S3_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def open_bucket(url: str, *, makes: bool = True) -> Bucket:
    """Open the bucket that a url names.

    A folder need not exist where `makes` is true: the first write makes it. Otherwise, which is for those who only
    read, BucketUnreachable is raised where there is none.
    """
    parts = check_url(url)
    if parts is None:
        return _open_path(Path(url), makes=makes)
    return _open_s3(parts) if parts.scheme == "s3" else _open_folder(parts, makes=makes)


def check_url(url: str) -> SplitResult | None:
    """Return the parts of a bucket's url, None for the path of a folder. Raises BucketUrlError without a credential."""
    if not url or not url.isprintable():
        raise BucketUrlError("a bucket's url is empty" if not url else "a bucket's url holds an unprintable character")
    scheme = _SCHEME.match(url)
    if url.startswith("~"):
        raise BucketUrlError(f"{_FORMS}; `~` is the home folder in a shell only, so write `$HOME` or the whole path")
    if scheme is None:
        return None
    if not url.lower().startswith(("s3://", "file:/")):
        raise BucketUrlError(f"{_FORMS}, not `{scheme[0]}`; begin with `./` if a folder has such a name")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BucketUrlError("a bucket's url has a bracket where none can be") from None
    if "@" in parts.netloc:
        raise BucketUrlError("a bucket's url holds credentials; AWS finds them by itself")
    if "?" in url or "#" in url:
        raise BucketUrlError("a bucket's url has `?` or `#` in it")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or "%00" in parts.path:
            raise BucketUrlError("the url of a folder is `file:///` and its absolute path on this machine")
        return parts
    if not _S3_NAME.fullmatch(parts.netloc):
        raise BucketUrlError(f"`{parts.netloc}` cannot be the name of an S3 bucket, as in `s3://name/prefix`")
    prefix = parts.path.strip("/")
    if prefix and not is_key(prefix):
        raise BucketUrlError(f"`{prefix}` cannot be a prefix in an S3 bucket")
    return parts


def _open_s3(parts: SplitResult) -> Bucket:
    from compiler.s3_bucket import open_s3_bucket  # boto3 takes 0.3 s to import, which nothing else should pay

    return open_s3_bucket(parts.netloc, parts.path.strip("/"))


def _open_folder(parts: SplitResult, *, makes: bool) -> Bucket:
    return _open_path(Path(unquote(parts.path)), makes=makes)


def _open_path(path: Path, *, makes: bool) -> Bucket:
    bucket = FolderBucket(path.absolute())
    if not makes:
        if not path.exists():
            raise NoBucket(f"there is no folder `{path}`")
        bucket.check_root()
    return bucket
