"""Journal: one JSON object a line on standard output, as the log filters in service.yml expect it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_LEVELS = ("debug", "info", "warning", "error")
# The id of what a thread is handling, "" between requests and messages.
_request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def about_request(request_id: str) -> Iterator[None]:
    """Put an id on every line that this thread writes meanwhile, and on what it publishes."""
    before = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(before)


def current_request() -> str:
    """Return the id of what this thread is handling, "" for nothing."""
    return _request_id.get()


def write_line(level: str, message: str, fields: Mapping[str, object]) -> None:
    """Write a line unless its level is below LOG_LEVEL."""
    lowest = os.environ.get("LOG_LEVEL", "info")
    if lowest in _LEVELS and _LEVELS.index(level) < _LEVELS.index(lowest):
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": now, "level": level, "message": message, **fields}
    if current_request():
        line["request_id"] = current_request()
    print(json.dumps(line), flush=True)
