"""A real S3 server for the tests: MiniStack over TLS, signatures and policies enforced, on a free loopback port.

Register the fixtures with `pytest_plugins = ["tests.ministack"]`. No AWS setting of this machine reaches a test.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from compiler.bucket import Bucket, open_bucket

REGION = "eu-west-1"
_ROOT_KEYS = ("test", "test")  # MiniStack believes these unseen, which is why no test may use them
_ROOT = Path(__file__).parent.parent
_PROGRAMS = _ROOT / ".venv-ministack/bin"
_START_SECONDS = 20.0
_numbers = count()

Keys = tuple[str, str]
Snapshot = Mapping[str, tuple[object, ...]]


class ServerMissing(Exception):
    """A server is not installed."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def find_server(name: str) -> Path:
    """Return the program of a server. Raises ServerMissing."""
    if not (_PROGRAMS / name).exists():
        raise ServerMissing(f"there is no {name} in {_PROGRAMS}: run make test")
    return _PROGRAMS / name


@dataclass(frozen=True, slots=True)
class MiniStack:
    """A running server. `keys` belong to a user who may do everything in S3."""

    endpoint: str
    certificate: Path
    iam: Any = field(repr=False)
    s3: Any = field(repr=False)
    keys: Keys = field(repr=False, default=("", ""))

    def make_bucket(self) -> str:
        name = f"releases-{next(_numbers)}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def add_user(self, *actions: str, below: str = "") -> Keys:
        """Make a user who may do these actions, on what is below an ARN, and return its access key."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": f"{below}*"}
        return self.admit(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    def admit(self, policy: str) -> Keys:
        """Make a user who may do what a policy document allows, and return its access key."""
        name = f"user-{next(_numbers)}"
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="allow", PolicyDocument=policy)
        made = self.iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def environment(self, keys: Keys | None = None) -> dict[str, str]:
        """What a process needs to be told of this server."""
        key_id, secret = keys or self.keys
        return {
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.certificate),
        }


@dataclass(frozen=True, slots=True)
class BucketAtHand:
    """An empty bucket of one kind, "folder" or "s3", and a look at it that does not pass through our own code.

    A snapshot leaves out what the bucket keeps for itself, which is no object.
    """

    kind: str
    url: str
    take_snapshot: Callable[[], Snapshot]

    def open(self) -> Bucket:
        return open_bucket(self.url)


@contextmanager
def run_ministack(folder: Path, *, stand_ins: Mapping[str, Sequence[str]] | None = None) -> Iterator[MiniStack]:
    """Start a server that keeps its files in a folder, and stop it by its pid.

    `stand_ins` maps types of resources that it does not know to the attributes that stacks may ask for.
    """
    command: list[Path | str] = [find_server("ministack")]
    if stand_ins is not None:
        # -P: this folder holds a module of the same name as theirs.
        command = [find_server("python"), "-P", _ROOT / "tests/ministack_standing_in.py"]
    certificate, key = _make_certificate(folder)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not _is_foreign(name)} | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(key),
        "TMPDIR": str(folder),
        "FLAGSTONE_STAND_INS": json.dumps(dict(stand_ins or {})),
    }
    with (folder / "ministack.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        endpoint = f"https://127.0.0.1:{port}"
        _wait_until_ready(server, endpoint, certificate, folder / "ministack.log")
        with pytest.MonkeyPatch.context() as monkeypatch:
            clear_aws_environment(monkeypatch)
            iam, s3 = (connect(service, endpoint, certificate, _ROOT_KEYS, tries=3) for service in ("iam", "s3"))
        keys = MiniStack(endpoint, certificate, iam, s3).add_user("s3:*")
        yield MiniStack(endpoint, certificate, iam, s3, keys)
    finally:
        server.terminate()
        try:
            server.wait(1)  # it would wait longer for connections that are kept alive
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def clear_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away every AWS and proxy setting of this machine, files included."""
    for name in filter(_is_foreign, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def set_environment(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """The server, one for the whole session."""
    try:
        with run_ministack(tmp_path_factory.mktemp("ministack")) as server:
            yield server
    except ServerMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that knows nothing of AWS."""
    clear_aws_environment(monkeypatch)


@pytest.fixture
def s3_url(ministack: MiniStack, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The url of an empty S3 bucket under a prefix, with the environment set so that this process may use it."""
    set_environment(monkeypatch, ministack.environment())
    return f"s3://{ministack.make_bucket()}/team/a"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "at_hand" in metafunc.fixturenames:
        stores = ["ceph"] if metafunc.config.getoption("--ceph") else ["folder", "s3"]
        metafunc.parametrize("at_hand", stores, indirect=True)


@pytest.fixture
def at_hand(request: pytest.FixtureRequest, tmp_path: Path) -> BucketAtHand:
    """An empty bucket of each kind in turn; with `--ceph`, one of another store that speaks S3."""
    if request.param == "folder":
        folder = tmp_path / "bucket"
        return BucketAtHand("folder", str(folder), lambda: _snapshot_folder(folder))
    url: str = request.getfixturevalue({"s3": "s3_url", "ceph": "ceph_url"}[request.param])
    server = request.getfixturevalue({"s3": "ministack", "ceph": "ceph"}[request.param])
    return BucketAtHand("s3", url, lambda: _snapshot_s3(server.s3, url.split("/")[2]))


def _snapshot_folder(folder: Path) -> Snapshot:
    files = (path for path in folder.rglob("*") if not path.is_dir() and path != folder / ".tmp/lock")
    return {str(f.relative_to(folder)): (f.read_bytes(), f.stat().st_mtime_ns, f.stat().st_ino) for f in files}


def _snapshot_s3(s3: Any, name: str) -> Snapshot:
    """Describe every object of a bucket, by its key."""
    entries = s3.list_objects_v2(Bucket=name).get("Contents", [])
    return {
        entry["Key"]: (entry["ETag"], entry["LastModified"], entry["Size"]) for entry in entries if not _is_probe(entry)
    }


def _is_probe(entry: Mapping[str, Any]) -> bool:
    return bool(entry["Key"].endswith("/.probe") and entry["Size"] == 0)


def _is_foreign(variable: str) -> bool:
    return variable.startswith(("AWS_", "BOTO_")) or variable.lower().endswith("_proxy")


def connect(service: str, endpoint: str, certificate: Path, keys: Keys, *, tries: int = 1) -> Any:
    """Make a client of a server, which asks so many times."""
    key_id, secret = keys
    return boto3.session.Session().client(
        service,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=REGION,
        endpoint_url=endpoint,
        verify=str(certificate),
        config=Config(retries={"mode": "standard", "total_max_attempts": tries}),
    )


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    # The names of AWS are for machines whose own names lead here.
    aws = f"DNS:*.{REGION}.amazonaws.com,DNS:*.s3.{REGION}.amazonaws.com"
    names = ["-addext", f"subjectAltName=DNS:localhost,IP:127.0.0.1,{aws}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *request, *names, *files], check=True, capture_output=True)
    return certificate, key


def _wait_until_ready(server: subprocess.Popen[bytes], endpoint: str, certificate: Path, log: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{endpoint}/_ministack/health", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"MiniStack did not start:\n{log.read_text(errors='replace')}")
