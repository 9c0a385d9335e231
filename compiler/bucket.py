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
    "NotInBucket",
    "open_bucket",
]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_S3_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def open_bucket(url: str) -> Bucket:
    """Open the bucket that a url names. A folder need not exist: the first write makes it."""
    if not url or not url.isprintable():
        raise BucketUrlError("a bucket's url is empty" if not url else "a bucket's url holds an unprintable character")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return FolderBucket(Path(url).absolute())
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BucketUrlError("a bucket's url has a bracket where none can be") from None
    if "@" in parts.netloc:
        raise BucketUrlError("a bucket's url holds credentials; AWS finds them by itself")
    if "?" in url or "#" in url:
        raise BucketUrlError("a bucket's url has `?` or `#` in it")
    if parts.scheme == "s3":
        return _open_s3(parts)
    if parts.scheme == "file":
        return _open_folder(parts)
    raise BucketUrlError(f"a bucket is `s3://name/prefix`, `file:///path` or the path of a folder, not `{scheme[0]}`")


def _open_s3(parts: SplitResult) -> Bucket:
    if not _S3_NAME.fullmatch(parts.netloc):
        raise BucketUrlError(f"`{parts.netloc}` cannot be the name of an S3 bucket, as in `s3://name/prefix`")
    prefix = parts.path.strip("/")
    if prefix and not is_key(prefix):
        raise BucketUrlError(f"`{prefix}` cannot be a prefix in an S3 bucket")
    from compiler.s3_bucket import open_s3_bucket  # boto3 takes 0.3 s to import, which nothing else should pay

    return open_s3_bucket(parts.netloc, prefix)


def _open_folder(parts: SplitResult) -> Bucket:
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise BucketUrlError("the url of a folder is `file:///` and its absolute path on this machine")
    return FolderBucket(Path(path))
