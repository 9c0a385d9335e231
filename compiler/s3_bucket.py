"""S3 bucket: a bucket in S3, or in a store that speaks S3 and honors `If-None-Match`.

In: keys and bytes.    Out: the same bytes, from objects under a prefix.
Faults: those of `bucket_contract`, in place of everything that botocore raises.
Never: overwrites, deletes, or shows a credential. Region, endpoint and credentials are found as botocore finds them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
)

from compiler.bucket_contract import (
    BucketUnreachable,
    Conflict,
    DamagedObject,
    NotInBucket,
    check_key,
    check_prefix,
    is_key,
)
from compiler.diagnostics import mask_credentials

_PAUSES = (0.1, 0.2, 0.4, 0.8)  # seconds between tries while another writer is at the same key
_CHUNK = 1024 * 1024
_SHA256_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_MAX_REASON = 300


def open_s3_bucket(name: str, prefix: str) -> S3Bucket:
    """Make a client as the machine is configured; asks the network nothing."""
    # A new one each time: botocore writes what it finds in the environment into it.
    config = Config(retries={"mode": "standard"}, connect_timeout=10, read_timeout=60)
    try:
        # boto3 itself knows the second name only, and the other SDKs of AWS the first.
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
        client = boto3.session.Session(region_name=region).client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise BucketUnreachable(f"S3 bucket `{name}` cannot be reached: {_one_line(error)}") from error
    return S3Bucket(client, name, prefix)


class S3Bucket:
    """`client` is boto3's; `pause` waits for a number of seconds."""

    def __init__(self, client: Any, name: str, prefix: str, pause: Callable[[float], object] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._base = f"{prefix}/" if prefix else ""
        self._pause = pause

    def create(self, key: str, content: bytes, content_type: str) -> None:
        check_key(key)
        digest = hashlib.sha256(content)
        for seconds in (*_PAUSES, 0.0):
            if self._put(key, content, content_type, digest.digest()):
                return
            # What stands there may be our own: a put whose answer was lost is sent again by botocore, and then refused.
            found = self.digest(key)
            if found == digest.hexdigest():
                return
            if found is not None:
                raise Conflict(key)
            self._pause(seconds)
        raise BucketUnreachable(f"S3 bucket `{self._name}` keeps answering that another writer is at `{key}`")

    def read(self, key: str) -> bytes:
        with self._asking(key):
            answer = self._get(key)
            with closing(answer["Body"]) as body:
                content: bytes = body.read()
        if not _stated_digests(answer) <= {hashlib.sha256(content).hexdigest()}:
            raise DamagedObject(key, "its bytes do not have the digest that is kept with it")
        return content

    def digest(self, key: str) -> str | None:
        with self._asking(key):
            answer = self._head(key)
            if answer is None:
                return None
            stated = _stated_digests(answer)
            if len(stated) == 1:
                return stated.pop()
            # Written by another tool, or two digests that differ: only the bytes themselves can tell.
            running = hashlib.sha256()
            with closing(self._get(key)["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    running.update(chunk)
            return running.hexdigest()

    def list_keys(self, prefix: str) -> Iterator[str]:
        return self._list(self._base + check_prefix(prefix))

    def _put(self, key: str, content: bytes, content_type: str, digest: bytes) -> bool:
        """Write unless something stands there; False when it does, or when another writer is at it (409)."""
        with self._asking(key):
            try:
                self._client.put_object(
                    Bucket=self._name,
                    Key=self._base + key,
                    Body=content,
                    ContentType=content_type,
                    IfNoneMatch="*",
                    ChecksumSHA256=base64.b64encode(digest).decode(),
                    Metadata={"sha256": digest.hex()},
                )
            except ClientError as error:
                if _status(error) not in (409, 412):
                    raise
                return False
        return True

    def _get(self, key: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.get_object(
            Bucket=self._name, Key=self._base + check_key(key), ChecksumMode="ENABLED"
        )
        return answer

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            answer: Mapping[str, Any] = self._client.head_object(
                Bucket=self._name, Key=self._base + check_key(key), ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if _status(error) != 404:
                raise
            self._client.list_objects_v2(Bucket=self._name, MaxKeys=1)  # a 404 does not say whether there is a bucket
            return None
        return answer

    def _list(self, prefix: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            with self._asking(""):
                page = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, **token)
            keys = (entry["Key"].removeprefix(self._base) for entry in page.get("Contents", ()))
            yield from (key for key in keys if is_key(key))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, message = (str(error.response.get("Error", {}).get(part, "")) for part in ("Code", "Message"))
            if code == "NoSuchKey":
                raise NotInBucket(key) from None
            if code == "NoSuchBucket":
                raise BucketUnreachable(f"there is no S3 bucket `{self._name}`") from error
            reason = _one_line(f"{code}: {message}")
            raise BucketUnreachable(f"S3 bucket `{self._name}` refuses {error.operation_name}: {reason}") from error
        except FlexibleChecksumError as error:
            raise DamagedObject(key, "its bytes do not have the checksum that S3 keeps") from error
        except BotoCoreError as error:
            raise BucketUnreachable(f"S3 bucket `{self._name}` cannot be reached: {_one_line(error)}") from error


def _stated_digests(answer: Mapping[str, Any]) -> set[str]:
    """The sha256 that S3 took of the whole object, and the one its writer stated, in hex."""
    stated = set()
    checksum = answer.get("ChecksumSHA256", "")
    if _SHA256_BASE64.fullmatch(checksum):
        stated.add(base64.b64decode(checksum).hex())
    written = answer.get("Metadata", {}).get("sha256", "")
    if _SHA256_HEX.fullmatch(written):
        stated.add(written)
    return stated


def _status(error: ClientError) -> int:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _one_line(error: object) -> str:
    if type(error) is HTTPClientError:
        # What the HTTP library says may quote a header, and headers hold credentials.
        return "the HTTP client failed"
    text = _USER_INFO.sub("", " ".join(str(error).split()))
    return mask_credentials(text)[:_MAX_REASON].rstrip(". ")
