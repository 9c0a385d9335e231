"""Journal: one JSON object a line on standard output, which the platform puts into the log `app`; traces in a file."""

from __future__ import annotations

import json
import os
import time

LEVELS = ("debug", "info", "warning", "error")


def write_line(level: str, message: str, **fields: object) -> None:
    """Write a line unless its level is below LOG_LEVEL."""
    if LEVELS.index(level) >= LEVELS.index(os.environ.get("LOG_LEVEL", "info")):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(json.dumps({"time": now, "level": level, "message": message, **fields}), flush=True)


def write_trace(text: str) -> None:
    """Write what a terminal and we said to each other, where there is a folder for it: on instances."""
    folder = "/var/log/settlement"
    if os.path.isdir(folder):
        with open(f"{folder}/trace.log", "a", encoding="utf-8") as file:
            file.write(text + "\n")
