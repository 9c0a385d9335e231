"""What can happen to a bucket in S3, and to nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from compiler.bucket import Bucket, BucketUnreachable, Conflict, DamagedObject, open_bucket
from tests.fault_proxy import Fault, run_fault_proxy
from tests.ministack import MiniStack, set_environment

Act = Callable[[Bucket], object]
_ACTS: dict[str, Act] = {
    "create": lambda bucket: bucket.create("a", b"1", "text/plain"),
    "replace": lambda bucket: bucket.replace("a", b"1", "text/plain", tag=None),
    "delete": lambda bucket: bucket.delete("a"),
    "read": lambda bucket: bucket.read("a"),
    "digest": lambda bucket: bucket.digest("a"),
    "list": lambda bucket: list(bucket.list_keys("")),
}
_each_act = pytest.mark.parametrize("act", _ACTS.values(), ids=_ACTS)
_SHA256 = hashlib.sha256(b"mine").hexdigest()


def test_an_object_has_a_type_a_checksum_an_encryption_and_tags(ministack: MiniStack, s3_url: str) -> None:
    tags = {"service": "recipes", "commit": "a & b = c"}
    open_bucket(s3_url).create("a.json", b"mine", "application/json", tags=tags)
    open_bucket(s3_url).replace("b.json", b"mine", "application/json", tag=None)

    name, prefix = s3_url.removeprefix("s3://").split("/", 1)
    for key in ("a.json", "b.json"):
        head = ministack.s3.head_object(Bucket=name, Key=f"{prefix}/{key}", ChecksumMode="ENABLED")
        expected = ("application/json", base64.b64encode(bytes.fromhex(_SHA256)).decode(), {"sha256": _SHA256})
        assert expected == (head["ContentType"], head["ChecksumSHA256"], head["Metadata"])
        assert "AES256" == head["ServerSideEncryption"]
    tagging = ministack.s3.get_object_tagging(Bucket=name, Key=f"{prefix}/a.json")["TagSet"]
    assert tags == {each["Key"]: each["Value"] for each in tagging}


def test_a_neighbor_outside_the_prefix_is_not_seen(ministack: MiniStack, s3_url: str) -> None:
    name = s3_url.split("/")[2]
    ministack.s3.put_object(Bucket=name, Key="team/ab", Body=b"")
    ministack.s3.put_object(Bucket=name, Key="team/a//odd", Body=b"")
    open_bucket(f"s3://{name}").create("team/a/mine", b"", "text/plain")

    assert ["mine"] == list(open_bucket(s3_url).list_keys(""))
    assert ["team/a/mine", "team/ab"] == list(open_bucket(f"s3://{name}").list_keys(""))


def test_more_keys_than_one_page_are_all_listed(ministack: MiniStack, s3_url: str) -> None:
    name = s3_url.split("/")[2]
    keys = [f"page/{number:04}" for number in range(1001)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: ministack.s3.put_object(Bucket=name, Key=f"team/a/{key}", Body=b""), keys))

    assert keys == list(open_bucket(s3_url).list_keys("page/"))


def test_an_object_of_another_tool_is_compared_by_its_bytes(ministack: MiniStack, s3_url: str) -> None:
    ministack.s3.put_object(Bucket=s3_url.split("/")[2], Key="team/a/a", Body=b"mine")
    bucket = open_bucket(s3_url)

    assert _SHA256 == bucket.digest("a")
    bucket.create("a", b"mine", "text/plain")
    with pytest.raises(Conflict):
        bucket.create("a", b"other", "text/plain")


def test_bytes_that_changed_behind_their_digest_are_not_handed_out(ministack: MiniStack, s3_url: str) -> None:
    ministack.s3.put_object(Bucket=s3_url.split("/")[2], Key="team/a/a", Body=b"not mine", Metadata={"sha256": _SHA256})

    with pytest.raises(DamagedObject, match="`a` in the bucket is damaged: its bytes do not have the digest"):
        open_bucket(s3_url).read("a")


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-north-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ({"AWS_REGION": "eu-north-1"}, "eu-north-1"),
    ],
)
def test_a_request_is_signed_for_the_region_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, regions: dict[str, str], expected: str
) -> None:
    with listen() as (port, signatures):
        endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_MAX_ATTEMPTS": "1"}
        set_environment(monkeypatch, {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", **endpoint, **regions})
        with pytest.raises(BucketUnreachable):
            open_bucket("s3://some-bucket").read("a")

    assert [f"/{expected}/s3/aws4_request" in each for each in signatures] == [True]


@contextmanager
def listen() -> Iterator[tuple[int, list[str]]]:
    """Refuse every request; gives the port, and a list that fills with what the requests are signed with."""
    signatures: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            signatures.append(self.headers["Authorization"])
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, signatures
        finally:
            server.shutdown()
            thread.join()


@_each_act
def test_a_missing_bucket_is_named(s3_url: str, act: Act) -> None:
    with pytest.raises(BucketUnreachable) as raised:
        act(open_bucket("s3://nobody-made-this"))

    assert "there is no S3 bucket `nobody-made-this`" == str(raised.value)


@_each_act
def test_a_refused_connection_is_unreachable(s3_url: str, monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://user:hushhush@127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(BucketUnreachable, match="cannot be reached: Could not connect to the endpoint URL") as raised:
        act(open_bucket(s3_url))
    assert "hushhush" not in str(raised.value)


@_each_act
def test_a_wrong_secret_is_refused_and_not_shown(
    ministack: MiniStack, s3_url: str, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hushhushhush")

    with pytest.raises(BucketUnreachable, match=r"refuses (Put|Get|Head|Delete|ListObjectsV2)\w*: \w+: ") as raised:
        act(open_bucket(s3_url))
    assert "hushhush" not in str(raised.value)
    assert ministack.keys[0] not in str(raised.value)


def test_an_action_that_is_not_allowed_is_named(
    ministack: MiniStack, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, ministack.environment(ministack.add_user("s3:GetObject", "s3:ListBucket")))
    bucket = open_bucket(s3_url)

    assert [] == list(bucket.list_keys(""))
    with pytest.raises(BucketUnreachable, match="refuses PutObject: AccessDenied: "):
        bucket.create("a", b"1", "text/plain")


@pytest.mark.usefixtures("no_aws")
def test_a_machine_without_credentials_is_told() -> None:
    with pytest.raises(BucketUnreachable, match=r"cannot be reached: Unable to locate credentials$"):
        open_bucket("s3://some-bucket").read("a")


def test_a_server_that_is_not_trusted_is_unreachable(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(BucketUnreachable, match="cannot be reached: SSL validation failed"):
        open_bucket(s3_url).read("a")


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ENDPOINT_URL", "no url"), ("AWS_PROFILE", "nobody"), ("AWS_MAX_ATTEMPTS", "many")],
)
def test_a_setting_that_makes_no_sense_is_told(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BucketUnreachable, match=value):
        open_bucket(s3_url)


def test_a_token_that_cannot_be_sent_is_not_shown(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hush\nhush")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(BucketUnreachable) as raised:
        open_bucket(s3_url).read("a")
    assert "hush" not in str(raised.value)


def test_a_put_whose_answer_was_lost_is_not_taken_for_a_conflict(
    ministack: MiniStack, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(300_000)
    with run_fault_proxy(ministack.endpoint, ministack.certificate) as proxy:
        proxy.inject(Fault("before the answer", "PUT", "/team/a/a", times=1))
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        open_bucket(s3_url).create("a", content, "application/octet-stream")
        assert 1 == proxy.happened

        with pytest.raises(Conflict):
            open_bucket(s3_url).create("a", b"other", "application/octet-stream")
        assert content == open_bucket(s3_url).read("a")


def test_nothing_is_asked_while_a_bucket_is_opened(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")

    open_bucket(s3_url)
