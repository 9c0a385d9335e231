"""After every fault a bucket shows the whole release or none, what happened is told, and running again completes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import botocore.auth
import pytest

from compiler.bucket import Bucket, open_bucket
from compiler.s3_bucket import open_s3_bucket
from tests.fault_proxy import Fault, FaultProxy, run_fault_proxy
from tests.faults import (
    DONE,
    FULL,
    KILLED,
    PUBLISHING,
    READ_ONLY,
    READING,
    SKEWED,
    SLOWED,
    STALLED,
    Row,
    write_page,
)
from tests.ministack import BucketAtHand, MiniStack, free_port
from tests.proxy import wait_for
from tests.publishing import FILES, Outcome, is_whole, list_all, make_bundle, publish

_ROOT = Path(__file__).parent.parent
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_releases = (f"r{number}" for number in count())


@pytest.fixture
def proxy(ministack: MiniStack, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy through which this process reaches S3 from here on."""
    with run_fault_proxy(ministack.endpoint, ministack.certificate) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        yield running


def hold(expected: Outcome, outcome: Outcome, name: str) -> None:
    """Compare an outcome with one of the table, which leaves out what differs from run to run."""
    assert expected.code == outcome.code, outcome
    said = outcome.message.replace(f"`{name}`", "`NAME`")
    assert expected.message in said if expected.message else not said


def split(url: str) -> tuple[str, str]:
    name, _, prefix = url.removeprefix("s3://").partition("/")
    return name, prefix


@pytest.mark.parametrize("row", PUBLISHING, ids=lambda row: row.name)
def test_a_fault_of_the_network_is_got_over_or_told(row: Row, s3_url: str, proxy: FaultProxy) -> None:
    name, prefix = split(s3_url)
    bucket = open_s3_bucket(name, prefix, read_timeout=0.5)
    for fault in row.faults:
        for times, expected in ((1, row.once), (None, row.lasting)):
            release = next(_releases)
            proxy.inject(Fault(fault.place, fault.method, fault.target, times, fault.seconds))
            outcome = publish(bucket, make_bundle(release))
            assert proxy.happened
            proxy.inject(None)

            assert expected
            hold(expected, outcome, name)
            # Where the answer to the manifest is lost, the release is there though nobody heard of it.
            is_written = (fault.place, fault.target) in (
                ("before the answer", "manifest.json"),
                ("stalled", "manifest.json"),
            )
            assert (expected == DONE or is_written) == is_whole(bucket, release)
            assert DONE == publish(bucket, make_bundle(release))
            assert is_whole(bucket, release)


def test_a_stall_is_waited_for(s3_url: str, proxy: FaultProxy) -> None:
    [fault] = STALLED.faults
    proxy.inject(Fault(fault.place, fault.method, fault.target, 1, fault.seconds))
    bucket = open_bucket(s3_url)

    assert STALLED.once == publish(bucket, make_bundle("r"))
    assert 1 == proxy.happened and is_whole(bucket, "r")


@pytest.mark.parametrize("row", READING, ids=lambda row: row.name)
def test_what_arrives_damaged_is_read_again_or_told(row: Row, s3_url: str, proxy: FaultProxy) -> None:
    bucket = open_bucket(s3_url)
    publish(bucket, make_bundle("r"))
    [fault] = row.faults
    for times, expected in ((1, row.once), (None, row.lasting)):
        proxy.inject(Fault(fault.place, fault.method, fault.target, times))
        assert expected
        hold(expected, list_all(bucket), split(s3_url)[0])
        assert proxy.happened
    proxy.inject(None)
    assert DONE == list_all(bucket)


def test_a_clock_that_is_off_is_told(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now: Callable[[], datetime] = botocore.auth.get_current_datetime
    with monkeypatch.context() as skewed:
        skewed.setattr(botocore.auth, "get_current_datetime", lambda: now() + timedelta(hours=1))
        outcome = publish(open_bucket(s3_url), make_bundle("r"))

    assert SKEWED.lasting
    hold(SKEWED.lasting, outcome, split(s3_url)[0])
    assert not is_whole(open_bucket(s3_url), "r")
    assert DONE == publish(open_bucket(s3_url), make_bundle("r"))


_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  limit_req_zone $binary_remote_addr zone=all:1m rate=20r/s; limit_req_status 503;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    error_page 503 @slow;
    location / {{
      {limit}
      client_max_body_size 0; proxy_set_header Host $http_host; proxy_http_version 1.1; proxy_pass {server};
    }}
    location @slow {{
      keepalive_timeout 0;  # as S3 does
      default_type application/xml;
      return 503 "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    }}
  }}
}}
"""


@contextmanager
def run_slow_server(ministack: MiniStack, folder: Path, limit: str) -> Iterator[str]:
    """Run nginx before the server, with a limit, and give its endpoint."""
    if NGINX is None:
        pytest.skip("no nginx on this machine")
    port, certificate = free_port(), ministack.certificate
    (folder / "nginx.conf").write_text(
        _NGINX.format(
            folder=folder,
            port=port,
            certificate=certificate,
            key=certificate.with_name("key.pem"),
            limit=limit,
            server=ministack.endpoint,
        )
    )
    running = subprocess.Popen([NGINX, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"https://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("is_lasting", [False, True], ids=["burst", "lasting"])
def test_a_server_that_asks_to_slow_down_is_given_time(
    is_lasting: bool, ministack: MiniStack, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = "return 503;" if is_lasting else "limit_req zone=all;"
    with run_slow_server(ministack, tmp_path, limit) as endpoint, monkeypatch.context() as slowed:
        slowed.setenv("AWS_ENDPOINT_URL", endpoint)
        if is_lasting:
            slowed.setenv("AWS_MAX_ATTEMPTS", "2")
        outcome = publish(open_bucket(s3_url), make_bundle("r"))

    expected = SLOWED.lasting if is_lasting else SLOWED.once
    assert expected
    hold(expected, outcome, split(s3_url)[0])
    assert '" 503 ' in (tmp_path / "access.log").read_text()
    assert is_lasting != is_whole(open_bucket(s3_url), "r")
    assert DONE == publish(open_bucket(s3_url), make_bundle("r"))


# Every child is killed a step later than the one before, until one gets to the end.
_KILLED = """
import json, os, signal, sys
from tests.publishing import make_bundle, publish
from compiler.bucket import open_bucket
import compiler.output, compiler.report

bucket = open_bucket(sys.argv[1])
steps, left = set(sys.argv[2].split()), 0
codes = []

def count(event, _):
    global left
    if event in steps and left:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
while not codes or codes[-1]:
    if (child := os.fork()) == 0:
        left = len(codes) + 1
        os._exit(publish(bucket, make_bundle(f"k{len(codes)}")).code)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""
_STEPS = {"folder": "os.mkdir os.link os.remove", "s3": "http.client.send"}


def test_a_process_that_is_killed_leaves_a_whole_release_or_none(at_hand: BucketAtHand) -> None:
    command = [sys.executable, "-c", _KILLED, at_hand.url, _STEPS[at_hand.kind]]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=120)
    *killed, last = json.loads(done.stdout)

    assert KILLED.once
    assert {KILLED.once.code} == set(killed) and 0 == last
    assert len(killed) > 2 * len(FILES)
    bucket = at_hand.open()
    for number in range(len(killed)):
        is_whole(bucket, f"k{number}")
        assert DONE == publish(bucket, make_bundle(f"k{number}"))
        assert is_whole(bucket, f"k{number}")
    assert is_whole(bucket, f"k{len(killed)}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", *options], check=False, capture_output=True).returncode
    ):
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _fail_on(disk: Path, row: Row, release: str) -> Bucket:
    bucket = open_bucket(str(disk / "bucket"))
    before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    outcome = publish(bucket, make_bundle(release))
    assert row.lasting
    start, _, end = row.lasting.message.replace("NAME", f"{disk}/bucket").partition("KEY")
    assert (row.lasting.code, True, True) == (
        outcome.code,
        outcome.message.startswith(f"{start}services/recipes/{release}/"),
        outcome.message.endswith(end),
    ), outcome
    assert before.items() <= {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}.items()
    assert not is_whole(bucket, release)
    assert not [path for path in disk.glob("bucket/.tmp/*") if path.name != "lock"]
    return bucket


@pytest.mark.parametrize("free", [0, 8, 40], ids=lambda kib: f"{kib} KiB are left")
def test_a_full_disk_is_told(small_disk: Path, free: int) -> None:
    bucket = open_bucket(str(small_disk / "bucket"))
    assert DONE == publish(bucket, make_bundle("r1"))
    ballast = small_disk / "ballast"
    left = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(left - free * 1024))

    _fail_on(small_disk, FULL, "r2")
    assert is_whole(bucket, "r1")
    ballast.unlink()
    assert DONE == publish(bucket, make_bundle("r2"))
    assert is_whole(bucket, "r2")


def test_a_disk_that_is_read_only_is_told(small_disk: Path) -> None:
    bucket = open_bucket(str(small_disk / "bucket"))
    assert DONE == publish(bucket, make_bundle("r1"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    _fail_on(small_disk, READ_ONLY, "r2")
    assert is_whole(bucket, "r1")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert DONE == publish(bucket, make_bundle("r2"))


def test_the_page_is_made_of_the_table(update_expectations: bool) -> None:
    page = _ROOT / "docs/faults.md"
    if update_expectations:
        page.write_text(write_page())
    assert write_page() == page.read_text()
