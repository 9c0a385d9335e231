"""S3 bucket: a bucket in S3, or in a store that speaks S3 and honors `If-None-Match` and `If-Match`.

In: keys and bytes.    Out: the same bytes, from objects under a prefix.
Faults: those of `bucket_contract`, in place of everything that botocore raises.
Never: writes to a store that was not seen to honor conditions, or shows a credential. Region, endpoint and
credentials are found as botocore finds them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

from compiler import __version__
from compiler.bucket_contract import (
    MOVED,
    PROBE,
    BucketUnreachable,
    Conflict,
    DamagedObject,
    ListedObject,
    NotInBucket,
    check_key,
    check_prefix,
    is_key,
)
from compiler.diagnostics import mask_credentials

_PAUSES = (0.1, 0.2, 0.4, 0.8)  # seconds between tries while another writer is at the same key
_ATTEMPTS = 5  # unless the machine says otherwise; with pauses of up to 1, 2, 4 and 8 seconds between them
_CHUNK = 1024 * 1024
_SHA256_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_MAX_REASON = 300
_LOST = {409, 412}
_ABSENT: Mapping[str, str] = {"IfNoneMatch": "*"}
_NO_VERSION: Mapping[str, str] = {"IfMatch": "0" * 32}
_ENCRYPTION: Mapping[str, str] = {"ServerSideEncryption": "AES256"}
_NO_ENCRYPTION = {"InvalidArgument", "InvalidEncryptionAlgorithmError", "NotImplemented"}
_TEXT = "text/plain"
_Read = TypeVar("_Read")


def open_s3_bucket(name: str, prefix: str, *, read_timeout: float = 60.0) -> S3Bucket:
    """Make a client as the machine is configured; asks the network nothing. `read_timeout` is in seconds."""
    try:
        machine = botocore.session.get_session()
        # Its oldest mode, the default, neither waits at random nor counts what a server can bear.
        mode = {"adaptive": "adaptive"}.get(machine.get_config_variable("retry_mode"), "standard")
        retries = {"mode": mode, "total_max_attempts": machine.get_config_variable("max_attempts") or _ATTEMPTS}
        # botocore's own is put together anew for each request, which takes a fifth of the time of a short one.
        agent = f"flagstone/{__version__} Botocore/{botocore.__version__}"
        config = Config(user_agent=agent, retries=retries, connect_timeout=10, read_timeout=read_timeout)
        # boto3 itself knows the second name only, and the other SDKs of AWS the first.
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
        client = boto3.session.Session(region_name=region, botocore_session=machine).client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise BucketUnreachable(f"S3 bucket `{name}` cannot be reached: {_one_line(error)}") from error
    return S3Bucket(client, name, prefix)


class _BrokenOff(BucketUnreachable):
    """An object came only in part."""


class S3Bucket:
    """`client` is boto3's; `pause` waits for a number of seconds."""

    def __init__(self, client: Any, name: str, prefix: str, pause: Callable[[float], object] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._base = f"{prefix}/" if prefix else ""
        self._pause = pause
        self._probing = Lock()
        self._honored: set[str] = set()
        self._encryption: Mapping[str, str] = {}

    def create(self, key: str, content: bytes, content_type: str, *, tags: Mapping[str, str] = {}) -> None:
        self._probe(check_key(key), "If-None-Match")
        digest = hashlib.sha256(content).hexdigest()
        tagging = {"Tagging": urlencode(tags)} if tags else {}
        for seconds in (*_PAUSES, 0.0):
            if self._put(key, content, content_type, {**_ABSENT, **tagging}):
                return
            # What stands there may be our own: a put whose answer was lost is sent again by botocore, and then refused.
            found = self.digest(key)
            if found == digest:
                return
            if found is not None:
                raise Conflict(key)
            self._pause(seconds)
        raise self._no_end(key)

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        self._probe(check_key(key), "If-None-Match", "If-Match")
        condition = _ABSENT if tag is None else {"IfMatch": tag}
        for seconds in (*_PAUSES, 0.0):
            if self._put(key, content, content_type, condition):
                return
            standing, found = self._read_standing(key)
            if found is not None and standing == content:
                return  # as in `create`
            if found != tag:
                raise Conflict(key, reason=MOVED)
            self._pause(seconds)
        raise self._no_end(key)

    def delete(self, key: str) -> None:
        with self._asking(check_key(key)):
            self._client.delete_object(Bucket=self._name, Key=self._base + key)

    def read(self, key: str) -> bytes:
        return self.read_tagged(key)[0]

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        return self._persist(lambda: self._download(key))

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
        return (listed.key for listed in self.list_objects(prefix))

    def list_objects(self, prefix: str) -> Iterator[ListedObject]:
        return self._list(self._base + check_prefix(prefix))

    def _probe(self, key: str, *conditions: str) -> None:
        """Before the first write find out whether the store honors conditions, and refuse one that does not.

        Each is tried when it is first used, as a bucket may let a writer use only one. The object that they are tried
        on stays, so that later writers find it. It stands near the top of what a writer with few permissions may
        write, such as `services/recipes/.probe`.
        """
        probe = "/".join([*key.split("/")[:-1][:2], PROBE])
        with self._probing:
            for condition in conditions:
                if condition in self._honored:
                    continue
                if condition == "If-Match":
                    is_ignored = self._put(probe, b"", _TEXT, _NO_VERSION)
                else:
                    # The first of all writes it, and tries again.
                    is_ignored = all(self._put(probe, b"", _TEXT, _ABSENT) for _ in range(2))
                    self._encryption = self._choose_encryption(probe)
                if is_ignored:
                    raise BucketUnreachable(
                        f"S3 bucket `{self._name}` ignores `{condition}`, so that one release could overwrite another: "
                        "use a store that honors conditional writes"
                    )
                self._honored.add(condition)

    def _choose_encryption(self, probe: str) -> Mapping[str, str]:
        """Ask for encryption unless the bucket encrypts by itself, maybe with a key that is better than S3's own."""
        with self._asking(probe):
            answer = self._client.head_object(Bucket=self._name, Key=self._base + probe)
        return {} if answer.get("ServerSideEncryption") else _ENCRYPTION

    def _put(self, key: str, content: bytes, content_type: str, how: Mapping[str, str]) -> bool:
        """Write on a condition; False where it does not hold, or while another writer is at the key (409)."""
        digest = hashlib.sha256(content)
        request = {
            "Bucket": self._name,
            "Key": self._base + key,
            "Body": content,
            "ContentType": content_type,
            "ChecksumSHA256": base64.b64encode(digest.digest()).decode(),
            "Metadata": {"sha256": digest.hexdigest()},
            **how,
        }
        with self._asking(key):
            try:
                return self._send({**request, **self._encryption})
            except ClientError as error:
                if not self._encryption or _code(error) not in _NO_ENCRYPTION:
                    raise
            # S3 itself never refuses to encrypt; a store that cannot may still keep releases.
            is_written = self._send(request)
            self._encryption = {}
            return is_written

    def _send(self, request: Mapping[str, Any]) -> bool:
        try:
            self._client.put_object(**request)
        except ClientError as error:
            # With `If-Match` an object that is gone is no fault but a condition that does not hold.
            if _status(error) not in _LOST and _code(error) != "NoSuchKey":
                raise
            return False
        return True

    def _read_standing(self, key: str) -> tuple[bytes, str | None]:
        try:
            return self.read_tagged(key)
        except NotInBucket:
            return b"", None

    def _no_end(self, key: str) -> BucketUnreachable:
        return BucketUnreachable(f"S3 bucket `{self._name}` keeps answering that another writer is at `{key}`")

    def _persist(self, read: Callable[[], _Read]) -> _Read:
        """Read again what came in part or damaged: botocore asks again only until an answer begins."""
        for seconds in _PAUSES[:2]:
            with suppress(DamagedObject, _BrokenOff):
                return read()
            self._pause(seconds)
        return read()

    def _download(self, key: str) -> tuple[bytes, str]:
        with self._asking(key):
            answer = self._get(key)
            try:
                with closing(answer["Body"]) as body:
                    content: bytes = body.read()
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError) as error:
                raise self._broken_off(f"`{key}`") from error
        if not _stated_digests(answer) <= {hashlib.sha256(content).hexdigest()}:
            raise DamagedObject(key, "its bytes do not have the digest that is kept with it")
        # Without its quotes: some stores take them for a part of the tag that `If-Match` asks for, none misses them.
        return content, answer["ETag"].strip('"')

    def _broken_off(self, what: str) -> _BrokenOff:
        return _BrokenOff(f"S3 bucket `{self._name}` cannot be reached: {what} breaks off while it is read")

    def _get(self, key: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.get_object(
            Bucket=self._name, Key=self._base + check_key(key), ChecksumMode="ENABLED"
        )
        # An answer that ends within its headers is taken for a whole one, of an empty object.
        if not {"ETag", "ContentLength"} <= answer.keys():
            raise self._broken_off(f"`{key}`")
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

    def _list(self, prefix: str) -> Iterator[ListedObject]:
        token: dict[str, str] = {}
        while True:
            page = self._persist(partial(self._list_page, prefix, token))
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._base)
                if is_key(key):
                    yield ListedObject(key, entry["Size"], entry["LastModified"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _list_page(self, prefix: str, token: Mapping[str, str]) -> Mapping[str, Any]:
        with self._asking(""):
            page: Mapping[str, Any] = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, **token)
        # As with `_get`: an answer without a body would be a bucket without objects.
        if "IsTruncated" not in page:
            raise self._broken_off("a listing")
        return page

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, message = _code(error), error.response.get("Error", {}).get("Message", "")
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


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _one_line(error: object) -> str:
    if type(error) is HTTPClientError:
        # What the HTTP library says may quote a header, and headers hold credentials.
        return "the HTTP client failed"
    if type(error) is SSLError and "EOF occurred" in str(error):
        # botocore calls it a failed validation, which would send people to look for certificates.
        return "the connection was closed while a request was sent"
    text = _USER_INFO.sub("", " ".join(str(error).split()))
    return mask_credentials(text)[:_MAX_REASON].rstrip(". ")
