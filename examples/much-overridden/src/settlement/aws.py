"""AWS: ask with the `aws` command that every instance has, in the instance's own region."""

from __future__ import annotations

import json
import subprocess
from typing import Any


class AwsError(Exception):
    """What the command said, without the command line: that may hold numbers of cards."""


def ask(*arguments: str) -> dict[str, Any]:
    """Run `aws ...` and return its answer. Raises AwsError where there is no answer."""
    try:
        done = subprocess.run(
            ("aws", *arguments, "--output", "json"), check=False, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AwsError(f"aws {arguments[0]}: {type(error).__name__}") from None
    if done.returncode:
        raise AwsError(f"aws {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return answer
