"""Journal: one JSON object a line on standard output, as the log filters in service.yml expect it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping

_LEVELS = ("debug", "info", "warning", "error")


def write_line(level: str, message: str, fields: Mapping[str, object]) -> None:
    """Write a line unless its level is below LOG_LEVEL."""
    lowest = os.environ.get("LOG_LEVEL", "info")
    if lowest in _LEVELS and _LEVELS.index(level) < _LEVELS.index(lowest):
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"time": now, "level": level, "message": message, **fields}), flush=True)
