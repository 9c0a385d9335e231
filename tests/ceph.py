"""A real object gateway for the tests: Ceph from Debian's packages, on loopback, all of it in one folder.

It needs what `make test-ceph` installs: ceph-mon, ceph-osd, radosgw, ceph-common.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.ministack import clear_aws_environment, free_port, set_environment

_KEYS = ("ceph-key", "ceph-secret-for-tests")
_START_SECONDS = 60.0
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$cluster-$name.asok
log file = {folder}/$cluster-$name.log
pid file = {folder}/$cluster-$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
osd journal = {folder}/osd/journal
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
osd objectstore = memstore
memstore device bytes = 2147483648
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw crypt require ssl = false
"""


@dataclass(frozen=True, slots=True)
class Ceph:
    """A running gateway, and a client of its own."""

    endpoint: str
    s3: Any = field(repr=False)

    def environment(self) -> dict[str, str]:
        """What a process needs to be told of this server."""
        key_id, secret = _KEYS
        return {
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }


@contextmanager
def run_ceph(folder: Path) -> Iterator[Ceph]:
    """Start a monitor, a store in memory and a gateway, and stop them by their pids."""
    run = _Runner(folder)
    port = run.configure()
    with ExitStack() as running:
        running.callback(run.stop)
        run.start_monitor()
        run.start_store()
        endpoint = f"http://127.0.0.1:{port}"
        run.start_gateway(endpoint)
        with pytest.MonkeyPatch.context() as monkeypatch:
            clear_aws_environment(monkeypatch)
            client = boto3.session.Session().client(
                "s3",
                aws_access_key_id=_KEYS[0],
                aws_secret_access_key=_KEYS[1],
                region_name="us-east-1",
                endpoint_url=endpoint,
                config=Config(retries={"mode": "standard"}),
            )
        yield Ceph(endpoint, client)


@dataclass(slots=True)
class _Runner:
    folder: Path
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def configure(self) -> int:
        """Write the configuration and the keys; return the port of the gateway."""
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        port = free_port()
        text = _CONFIGURATION.format(fsid=uuid.uuid4(), folder=self.folder, v1=free_port(), v2=free_port(), port=port)
        (self.folder / "ceph.conf").write_text(text)
        everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"]
        keyring = str(self.folder / "keyring")
        self.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "client.rgw"):
            self.run("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        return port

    def start_monitor(self) -> None:
        conf = dict(
            line.split(" = ", 1) for line in (self.folder / "ceph.conf").read_text().splitlines() if " = " in line
        )
        monmap = str(self.folder / "monmap")
        self.run("monmaptool", "--create", "--fsid", conf["fsid"], "--addv", "a", conf["mon host"], monmap)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(self.folder / "keyring"))
        self.start("ceph-mon", "-i", "a")
        self.run("ceph", "--connect-timeout", "30", "mon", "stat")

    def start_store(self) -> None:
        identity = str(uuid.uuid4())
        secret = self.run("ceph-authtool", "--gen-print-key").strip()
        self.run("ceph", "osd", "new", identity, "-i", "-", told=f'{{"cephx_secret": "{secret}"}}')
        keyring = str(self.folder / "osd/keyring")
        self.run("ceph-authtool", "--create-keyring", keyring, "-n", "osd.0", "--add-key", secret)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity, "--keyring", keyring)
        self.start("ceph-osd", "-i", "0", "--keyring", keyring)

    def start_gateway(self, endpoint: str) -> None:
        self.start("radosgw", "-n", "client.rgw")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with opener.open(endpoint, timeout=2):
                    break
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Ceph did not start: see the logs in {self.folder}") from None
                time.sleep(0.1)
        user = ["--uid=ci", "--display-name=ci", f"--access-key={_KEYS[0]}", f"--secret={_KEYS[1]}", "--max-buckets=0"]
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", *user)

    def run(self, program: str, *words: str, told: str = "") -> str:
        done = subprocess.run(
            self._command(program, words), input=told, capture_output=True, text=True, check=False, timeout=60
        )
        assert 0 == done.returncode, f"{program} {words}: {done.stderr}"
        return done.stdout

    def start(self, program: str, *words: str) -> None:
        with (self.folder / f"{program}.out").open("wb") as said:
            command = self._command(program, [*words, "-f"])
            self.servers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said))

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.send_signal(signal.SIGKILL)  # what it keeps is in memory
            server.wait()

    def _command(self, program: str, words: Sequence[str]) -> list[str]:
        takes_none = program in ("ceph-authtool", "monmaptool")
        return [program, *([] if takes_none else ["-c", str(self.folder / "ceph.conf")]), *words]


@pytest.fixture(scope="session")
def ceph(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """The gateway, one for the whole session."""
    if not pytestconfig.getoption("--ceph"):
        pytest.skip("runs with make test-ceph")
    if shutil.which("radosgw") is None:
        pytest.fail("there is no radosgw on this machine: run make test-ceph as root", pytrace=False)
    with run_ceph(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture
def ceph_url(ceph: Ceph, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The url of an empty bucket of the gateway under a prefix, with the environment set so that this process may
    use it."""
    set_environment(monkeypatch, ceph.environment())
    name = f"releases-{uuid.uuid4().hex[:12]}"
    ceph.s3.create_bucket(Bucket=name)
    return f"s3://{name}/team/a"
