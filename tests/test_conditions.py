"""Stores that honor the conditions of a write, and stores that do not: what a bucket in S3 makes of their answers."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from compiler.bucket import BucketUnreachable, Conflict, open_bucket
from compiler.s3_bucket import S3Bucket
from tests.ministack import MiniStack, find_server, set_environment

_SHA256 = hashlib.sha256(b"mine").hexdigest()
_PUT = dict.fromkeys(("Bucket", "Key", "Body", "ContentType", "ChecksumSHA256", "Metadata"), ANY)
_ENCRYPTED = {"ServerSideEncryption": "AES256"}


class _Answers:
    """A client that answers from a script and reaches no network, and a record of the pauses between its calls."""

    def __init__(self) -> None:
        client = boto3.session.Session().client(
            "s3", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self.stub = Stubber(client)
        self.stub.activate()
        self.pauses: list[float] = []
        self.bucket = S3Bucket(client, "name", "", self.pauses.append)

    def honors(self, *, moves: bool = False, encrypts: bool = False) -> None:
        """What is asked before the first write, answered as by a store that was asked before."""
        self.refuses("PreconditionFailed", 412)
        self.stub.add_response("head_object", {"ServerSideEncryption": "aws:kms"} if encrypts else {})
        if moves:
            self.refuses("PreconditionFailed", 412)

    def refuses(self, code: str, status: int, **expected: object) -> None:
        asked = {**_PUT, **expected} if expected else None
        self.stub.add_client_error("put_object", code, http_status_code=status, expected_params=asked)

    def busy(self) -> None:
        self.refuses("ConditionalRequestConflict", 409)

    def holds(self, digest: str) -> None:
        self.stub.add_response("head_object", {"Metadata": {"sha256": digest}})

    def gives(self, content: bytes, tag: str) -> None:
        body = StreamingBody(BytesIO(content), len(content))
        self.stub.add_response("get_object", {"Body": body, "ContentLength": len(content), "ETag": f'"{tag}"'})

    def is_empty(self) -> None:
        self.stub.add_client_error("head_object", "404", http_status_code=404)
        self.stub.add_response("list_objects_v2", {})

    def takes(self, **expected: object) -> None:
        self.stub.add_response("put_object", {}, {**_PUT, **expected} if expected else None)


@pytest.fixture
def answers(no_aws: None) -> Iterator[_Answers]:
    scripted = _Answers()
    yield scripted
    scripted.stub.assert_no_pending_responses()


def test_a_race_that_the_same_bytes_won_is_fine(answers: _Answers) -> None:
    answers.honors()
    answers.busy()
    answers.holds(_SHA256)

    answers.bucket.create("a", b"mine", "text/plain")


def test_a_race_that_other_bytes_won_is_a_conflict(answers: _Answers) -> None:
    answers.honors()
    answers.busy()
    answers.holds("0" * 64)

    with pytest.raises(Conflict):
        answers.bucket.create("a", b"mine", "text/plain")


def test_a_race_that_nobody_won_yet_is_run_again(answers: _Answers) -> None:
    answers.honors()
    for _ in range(2):
        answers.busy()
        answers.is_empty()
    answers.takes()

    answers.bucket.create("a", b"mine", "text/plain")
    assert [0.1, 0.2] == answers.pauses


def test_a_race_without_end_is_given_up(answers: _Answers) -> None:
    answers.honors()
    for _ in range(5):
        answers.busy()
        answers.is_empty()

    with pytest.raises(BucketUnreachable, match="keeps answering that another writer is at `a`"):
        answers.bucket.create("a", b"mine", "text/plain")


def test_a_version_that_nobody_moved_yet_is_asked_for_again(answers: _Answers) -> None:
    answers.honors(moves=True)
    answers.busy()
    answers.gives(b"old", "1")
    answers.takes(IfMatch="1", **_ENCRYPTED)

    answers.bucket.replace("a", b"mine", "text/plain", tag="1")


@pytest.mark.parametrize(("code", "status"), [("ConditionalRequestConflict", 409), ("PreconditionFailed", 412)])
def test_a_move_whose_answer_was_lost_is_found_to_be_done(answers: _Answers, code: str, status: int) -> None:
    answers.honors(moves=True)
    answers.refuses(code, status)
    answers.gives(b"mine", "2")

    answers.bucket.replace("a", b"mine", "text/plain", tag="1")


@pytest.mark.parametrize(
    ("code", "status"), [("ConditionalRequestConflict", 409), ("PreconditionFailed", 412), ("NoSuchKey", 404)]
)
def test_a_move_that_another_made_is_a_conflict(answers: _Answers, code: str, status: int) -> None:
    answers.honors(moves=True)
    answers.refuses(code, status)
    answers.gives(b"of another", "2")

    with pytest.raises(Conflict, match="somebody else was faster"):
        answers.bucket.replace("a", b"mine", "text/plain", tag="1")


def test_a_store_that_refuses_its_own_tag_is_told(answers: _Answers) -> None:
    answers.honors(moves=True)
    for _ in range(5):
        answers.refuses("PreconditionFailed", 412)
        answers.gives(b"old", "1")

    with pytest.raises(BucketUnreachable, match="keeps answering that another writer is at `a`"):
        answers.bucket.replace("a", b"mine", "text/plain", tag="1")


def test_a_store_is_asked_once_before_the_first_write_and_before_the_first_move(answers: _Answers) -> None:
    key = "services/recipes/.probe"
    answers.takes(Key=key, IfNoneMatch="*")
    answers.refuses("PreconditionFailed", 412)
    answers.stub.add_response("head_object", {})
    for path in ("1/a", "1/b", "2/a"):
        answers.takes(Key=f"services/recipes/{path}", IfNoneMatch="*", **_ENCRYPTED)
    answers.refuses("PreconditionFailed", 412, Key="environments/production/.probe", IfMatch="0" * 32, **_ENCRYPTED)
    answers.takes(Key="environments/production/recipes.json", IfNoneMatch="*", **_ENCRYPTED)
    answers.takes(Key="environments/staging/recipes.json", IfMatch="1", **_ENCRYPTED)

    for path in ("1/a", "1/b", "2/a"):
        answers.bucket.create(f"services/recipes/{path}", b"mine", "text/plain")
    answers.bucket.replace("environments/production/recipes.json", b"mine", "text/plain", tag=None)
    answers.bucket.replace("environments/staging/recipes.json", b"mine", "text/plain", tag="1")


def test_a_store_that_ignores_a_condition_is_refused_each_time(answers: _Answers) -> None:
    for _ in range(2):
        answers.takes(IfNoneMatch="*")
        answers.takes(IfNoneMatch="*")
        answers.stub.add_response("head_object", {"ServerSideEncryption": "AES256"})
        with pytest.raises(BucketUnreachable, match="S3 bucket `name` ignores `If-None-Match`, so that one release"):
            answers.bucket.create("a", b"mine", "text/plain")


def test_a_store_that_ignores_the_condition_of_a_move_is_refused_when_it_is_to_make_one(answers: _Answers) -> None:
    answers.honors()
    answers.takes(IfNoneMatch="*", **_ENCRYPTED)
    answers.bucket.create("a", b"mine", "text/plain")
    for _ in range(2):
        answers.takes(IfMatch="0" * 32, **_ENCRYPTED)
        with pytest.raises(BucketUnreachable, match="S3 bucket `name` ignores `If-Match`, so that one release"):
            answers.bucket.replace("a", b"mine", "text/plain", tag="1")


def test_a_bucket_that_encrypts_by_itself_is_left_to_it(answers: _Answers) -> None:
    answers.honors(encrypts=True)
    answers.takes(IfNoneMatch="*")

    answers.bucket.create("a", b"mine", "text/plain")


@pytest.mark.parametrize("code", ["InvalidArgument", "NotImplemented"])
def test_a_store_that_cannot_encrypt_is_asked_without(answers: _Answers, code: str) -> None:
    answers.honors()
    answers.refuses(code, 400, IfNoneMatch="*", **_ENCRYPTED)
    answers.takes(IfNoneMatch="*")
    answers.takes(IfNoneMatch="*")

    for key in ("a", "b"):
        answers.bucket.create(key, b"mine", "text/plain")


@pytest.mark.parametrize("code", ["AccessDenied", "BadDigest", "InvalidRequest"])
def test_nothing_is_sent_without_encryption_for_another_reason(answers: _Answers, code: str) -> None:
    answers.honors()
    for _ in range(2):
        answers.refuses(code, 400, IfNoneMatch="*", **_ENCRYPTED)

        with pytest.raises(BucketUnreachable, match=f"refuses PutObject: {code}"):
            answers.bucket.create("a", b"mine", "text/plain")


@pytest.fixture
def careless_store(tmp_path: Path, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running store that ignores conditions, for which this process is set up, and the folder of its bucket."""
    (tmp_path / "store/releases").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "key,secret", "--config", "/dev/null"]
    with (tmp_path / "rclone.log").open("wb") as log:
        server = subprocess.Popen([find_server("rclone"), *words, tmp_path / "store"], stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "eu-west-1"}
        set_environment(monkeypatch, {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", **endpoint})
        yield tmp_path / "store/releases"
    finally:
        server.kill()
        server.wait()


def test_a_real_store_that_ignores_conditions_is_refused(careless_store: Path) -> None:
    bucket = open_bucket("s3://releases")
    (careless_store / "services").mkdir()
    (careless_store / "services/kept").write_bytes(b"of another")
    assert b"of another" == bucket.read("services/kept")

    for _ in range(2):
        with pytest.raises(BucketUnreachable, match="S3 bucket `releases` ignores `If-None-Match`, so that"):
            bucket.create("services/kept", b"mine", "text/plain")
        with pytest.raises(BucketUnreachable, match="use a store that honors conditional writes"):
            bucket.replace("services/kept", b"mine", "text/plain", tag="0")
    assert b"of another" == (careless_store / "services/kept").read_bytes()


def test_who_may_write_only_one_service_can_publish_and_promote(
    ministack: MiniStack, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = s3_url.replace("s3://", "arn:aws:s3:::")
    keys = ministack.add_user("s3:PutObject", "s3:PutObjectTagging", "s3:GetObject", below=f"{arn}/services/recipes/")
    set_environment(monkeypatch, ministack.environment(keys))
    bucket = open_bucket(s3_url)

    bucket.create("services/recipes/1/a", b"mine", "text/plain", tags={"service": "recipes"})
    bucket.replace("services/recipes/channel", b"mine", "text/plain", tag=None)
    with pytest.raises(BucketUnreachable, match="refuses PutObject: AccessDenied"):
        bucket.create("services/orders/1/a", b"mine", "text/plain")
    with pytest.raises(BucketUnreachable, match="refuses DeleteObject: AccessDenied"):
        bucket.delete("services/recipes/1/a")
