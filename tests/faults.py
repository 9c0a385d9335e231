"""The table of faults that tests inject, and what comes of each; `docs/faults.md` is made of it.

Of an outcome the message is a part. `once` is what comes of a fault that happens a single time, `lasting` of one that
does not end; None where it cannot be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fault_proxy import Fault
from tests.publishing import Outcome

DONE = Outcome(0)
_CLOSED = "Connection was closed before we received a valid response"
_UNREACHABLE = Outcome(3, f"D802: S3 bucket `NAME` cannot be reached: {_CLOSED}")
_CLOSED_EARLY = Outcome(
    3, "D802: S3 bucket `NAME` cannot be reached: the connection was closed while a request was sent"
)
_TIMEOUT = Outcome(3, "D802: S3 bucket `NAME` cannot be reached: Read timeout on endpoint URL")
_CHANGED = Outcome(3, "D802: S3 bucket `NAME` refuses PutObject: BadDigest")
_LIST = ("GET", "list-type=2")
_CLAIM, _FILE, _MANIFEST = (("PUT", name) for name in ("claim.json", "source.tar.gz", "manifest.json"))


@dataclass(frozen=True, slots=True)
class Row:
    """A fault in words, how it is injected by the proxy, if it is, and what comes of it."""

    name: str
    once: Outcome | None
    lasting: Outcome | None
    faults: tuple[Fault, ...] = field(default=())


PUBLISHING = (
    Row(
        "the connection is reset before an object is sent",
        DONE,
        _CLOSED_EARLY,
        (Fault("before the request", *_CLAIM),),
    ),
    Row("it is reset within the headers of an object", DONE, _CLOSED_EARLY, (Fault("in the headers", *_FILE),)),
    Row(
        "it is reset within an object",
        DONE,
        _UNREACHABLE,
        (Fault("in the body", *_FILE), Fault("in the body", *_MANIFEST)),
    ),
    Row(
        "it is reset after an object, before the answer",
        DONE,
        _UNREACHABLE,
        tuple(Fault("before the answer", *each) for each in (_CLAIM, _FILE, _MANIFEST)),
    ),
    Row(
        "it is reset before or within a listing",
        DONE,
        _UNREACHABLE,
        (
            Fault("before the answer", *_LIST),
            Fault("in the answer's body", *_LIST),
        ),
    ),
    Row(
        "a listing ends within its headers",
        DONE,
        Outcome(3, "D802: S3 bucket `NAME` cannot be reached: a listing breaks off while it is read"),
        (Fault("answer headers cut short", *_LIST),),
    ),
    Row(
        "the answer to an object takes longer than the client waits, 60 seconds",
        DONE,
        _TIMEOUT,
        (Fault("stalled", *_MANIFEST, seconds=1.5),),
    ),
    Row("an object arrives with another byte", _CHANGED, _CHANGED, (Fault("body changed", *_FILE),)),
)
STALLED = Row("the answer to an object takes 5 seconds", DONE, None, (Fault("stalled", *_FILE, seconds=5),))
SLOWED = Row("S3 asks to slow down (503)", DONE, Outcome(3, "D802: S3 bucket `NAME` refuses ListObjectsV2: SlowDown: "))
SKEWED = Row(
    "the clock is an hour off", None, Outcome(3, "D802: S3 bucket `NAME` refuses ListObjectsV2: RequestTimeTooSkewed: ")
)
KILLED = Row("the process is killed (SIGKILL), at any step", Outcome(-9), None)
READING = (
    Row(
        "the connection is reset within a manifest that is read",
        DONE,
        _UNREACHABLE,
        (Fault("in the answer's body", "GET", "manifest.json"),),
    ),
    Row(
        "a manifest that is read ends too early",
        DONE,
        Outcome(3, "D802: S3 bucket `NAME` cannot be reached: `services/recipes/r/manifest.json` breaks off"),
        (Fault("answer cut short", "GET", "manifest.json"),),
    ),
    Row(
        "a manifest that is read ends within its headers",
        DONE,
        Outcome(3, "D802: S3 bucket `NAME` cannot be reached: `services/recipes/r/manifest.json` breaks off"),
        (Fault("answer headers cut short", "GET", "manifest.json"),),
    ),
    Row(
        "a manifest that is read arrives with another byte",
        DONE,
        Outcome(3, "D802: `services/recipes/r/manifest.json` in the bucket is damaged: "),
        (Fault("answer changed", "GET", "manifest.json"),),
    ),
)
FULL = Row(
    "the disk is full", None, Outcome(3, "D802: the bucket folder `NAME` refuses at `KEY`: No space left on device")
)
READ_ONLY = Row(
    "the disk is read-only", None, Outcome(3, "D802: the bucket folder `NAME` refuses at `KEY`: Read-only file system")
)

_PARTS = (
    ("A publish to S3", (*PUBLISHING, STALLED, SLOWED, SKEWED, KILLED)),
    ("A listing of releases in S3", READING),
    ("A publish to a folder", (FULL, READ_ONLY, KILLED)),
)
_HEAD = """\
# What goes wrong with a bucket, and what comes of it

Made from the table that [tests/test_faults.py](../tests/test_faults.py) injects; `make update` writes it anew.

After each of these the bucket shows the whole release or none of it, and the same command, run again, completes it.
A request to S3 is tried five times, with pauses that grow and are partly left to chance, unless `AWS_MAX_ATTEMPTS` says
otherwise; `AWS_RETRY_MODE=adaptive` lets botocore also slow down by itself. `NAME` is the bucket, `KEY` an object.
"""


def write_page() -> str:
    """Write the page of the documentation."""
    return _HEAD + "".join(line + "\n" for line in _draw())


def _draw() -> Iterator[str]:
    for title, rows in _PARTS:
        yield from ("", f"## {title}", "", "| what happens | once | without end |", "| --- | --- | --- |")
        for row in rows:
            yield f"| {row.name} | {_say(row.once)} | {_say(row.lasting)} |"


def _say(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "-"
        case (0, _):
            return "done, exit 0"
        case (-9, _):
            return "killed, no message"
        case (code, message):
            return f"exit {code}, `` {message.rstrip(' :')} ``"
