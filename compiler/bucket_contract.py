"""Bucket contract: what every bucket promises, how it fails, and which keys it takes.

In: nothing.    Out: the Protocol, its faults, the rule for keys.
Never: touches a bucket; `folder_bucket` and `s3_bucket` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_MAX_KEY_BYTES = 1024  # S3's limit for a key
_MAX_SEGMENT_BYTES = 255  # a file system's limit for a name
_RESERVED = ".tmp"  # where the folder bucket keeps what is not an object yet
PROBE = ".probe"  # the name of the objects by which the S3 bucket finds out whether its store honors conditions
MOVED = "in the bucket in another version: somebody else was faster"
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ListedObject:
    """What a listing tells of an object: `size` in bytes, `modified` in UTC."""

    key: str
    size: int
    modified: datetime


class Bucket(Protocol):
    """A place for objects, of which most are written once and never changed. Safe to use from several threads."""

    def create(self, key: str, content: bytes, content_type: str, *, tags: Mapping[str, str] = {}) -> None:
        """Write an object that is not there yet; the same bytes again are fine. Raises Conflict, BucketUnreachable."""

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        """Write in the place of the version that has this tag, or where nothing stands if the tag is None.

        Raises Conflict when somebody else was faster. Where these very bytes stand, they are taken for our own, as
        the answer to a write may get lost: who must know which of two wrote them puts something of its own in.
        """

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine. Raises BucketUnreachable."""

    def read(self, key: str) -> bytes:
        """Return the bytes of an object, its digest verified if one is kept. Raises NotInBucket, BucketUnreachable."""

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """Return what `read` does, and a tag of this version, which `replace` takes. Raises as `read` does."""

    def digest(self, key: str) -> str | None:
        """Return the sha256 of an object in hex, without a download if one is kept; None where there is no object."""

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with a text, ordered by their UTF-8 bytes."""

    def list_objects(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects whose keys start with a text, in the order of `list_keys`."""


class BucketFault(Exception):
    """A bucket did not do what was asked. Its text is one sentence that holds no credential."""


class BucketUnreachable(BucketFault):
    """The bucket cannot be reached, or refuses."""


class NoBucket(BucketUnreachable):
    """There is no such bucket."""


class DamagedObject(BucketUnreachable):
    """An object is not what it was when it was written."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(f"`{key}` in the bucket is damaged: {reason}")


class NotInBucket(BucketFault):
    """There is no such object."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"`{key}` is not in the bucket")


class Conflict(BucketFault):
    """Objects stand in the way; none of them was changed."""

    def __init__(self, *keys: str, reason: str = "in the bucket with other bytes") -> None:
        self.keys = keys
        names = ", ".join(f"`{key}`" for key in keys[:3])
        rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        super().__init__(f"{names}{rest} {'is' if len(keys) == 1 else 'are'} {reason}")


class BucketUrlError(ValueError):
    """A text that names no bucket."""


class BucketKeyError(ValueError):
    """A text that cannot be a key, as it might escape from the bucket or mean two things."""

    def __init__(self, key: str) -> None:
        super().__init__(f"`{ascii(key)[1:-1]}` cannot be a key in a bucket")


def check_key(key: str) -> str:
    """Return the key when every bucket can hold it, else raise BucketKeyError.

    >>> check_key("services/recipes/1/manifest.json")
    'services/recipes/1/manifest.json'
    """
    if not is_key(key):
        raise BucketKeyError(key)
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix when it is empty or starts a key, else raise BucketKeyError."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def is_key(key: str) -> bool:
    segments = key.split("/")
    return (
        not _FORBIDDEN.search(key)
        and segments[0] != _RESERVED
        and segments[-1] != PROBE
        and not {"", ".", ".."} & set(segments)
        and len(key.encode()) <= _MAX_KEY_BYTES
        and max(len(segment.encode()) for segment in segments) <= _MAX_SEGMENT_BYTES
    )
