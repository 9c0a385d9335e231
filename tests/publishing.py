"""A release by hand, and what a user sees of its publish, without the compile before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import click
from click.testing import CliRunner

from compiler.bucket import Bucket, DamagedObject, NotInBucket
from compiler.manifest import list_files, seal_manifest
from compiler.model import Bundle
from compiler.publish import execute_publish, list_releases, plan_publish
from compiler.release_check import check_release
from compiler.screen import Reporting, make_screen

SERVICE = "recipes"
FILES: Mapping[str, bytes] = {
    "ansible.tar.gz": b"\x1f\x8bansible" * 100,
    "production/template.json": b'{"Resources": {"A": {}}}\n',
    "source.tar.gz": bytes(range(256)) * 100,
}


class Outcome(NamedTuple):
    """The exit code of a command, and its message or a part of it."""

    code: int
    message: str = ""


def make_bundle(release: str, files: Mapping[str, bytes] = FILES, *, commit: str = "0123456789abcdef") -> Bundle:
    said = {
        "schema": 1,
        "service": SERVICE,
        "release": release,
        "commit": {"id": commit, "time": "20261120T101500", "dirty": False},
        "platform": {"name": "toy", "version": "1.0.0", "digest": "0" * 64},
        "compiler": {"version": "0.1.0"},
        "environments": ["production"],
        "files": list_files(files),
    }
    return Bundle(SERVICE, release, {**files, "manifest.json": seal_manifest(said)})


def publish(bucket: Bucket, bundle: Bundle) -> Outcome:
    """Publish as the command does once it has compiled."""
    return _run(lambda: execute_publish(plan_publish(bundle, bucket), bucket))


def list_all(bucket: Bucket) -> Outcome:
    """List releases as the command does, which tells of a damaged one at the end."""

    def act() -> None:
        for each in list_releases(bucket, SERVICE):
            if isinstance(each, DamagedObject):
                raise each

    return _run(act)


def is_whole(bucket: Bucket, release: str) -> bool:
    """Tell whether a release is there; it is an error if it is there in part."""
    try:
        assert () == check_release(bucket, SERVICE, release).faults
    except NotInBucket:
        return False
    return True


def _run(act: Callable[[], object]) -> Outcome:
    @click.command()
    def command() -> None:
        with Reporting(make_screen("json")):
            act()

    done = CliRunner().invoke(command, [], catch_exceptions=False)
    told = json.loads(done.stdout)["diagnostics"] if done.stdout else []
    return Outcome(done.exit_code, "\n".join(f"{each['code']}: {each['message']}" for each in told))
