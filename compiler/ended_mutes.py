"""Ended mutes: what a release keeps silent until a day that is over when it is to run.

In: a Bucket, a release that was checked, an environment, a moment.    Out: warnings, D846.
Never: stands in the way: a release that an environment needs may be older than any mute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from compiler.blame import map_at
from compiler.bucket import Bucket, NotInBucket
from compiler.diagnostics import Diagnostic
from compiler.publish import release_folder
from compiler.release_check import CheckedRelease

_RULE = "AWS::CloudWatch::AlarmMuteRule"
_SHOWN = 3


def find_ended_mutes(bucket: Bucket, checked: CheckedRelease, environment: str, at: datetime) -> Iterator[Diagnostic]:
    """Yield a warning where mutes of a release are over at a moment, which has a time zone."""
    file = f"{environment}/template.json"
    try:
        template = json.loads(bucket.read(release_folder(checked.service, checked.release) + file))
    except (NotInBucket, ValueError, RecursionError):
        return  # a release is what its manifest lists, and that need not be a template
    ended = dict(sorted(_list_ended(template, at)))
    if not ended:
        return
    named = [f"`{name}` ({day})" for name, day in ended.items()][:_SHOWN]
    more = [f"{len(ended) - _SHOWN} more"] if len(ended) > _SHOWN else []
    what = "mutes of alarms" if len(ended) > 1 else "a mute of an alarm"
    are = "are" if len(ended) > 1 else "is"
    message = (
        f"release `{checked.release}` has {what} in `{environment}` that {are} over: {' and '.join([*named, *more])}"
    )
    hint = "publish without: a compile of its commit today would be refused (D355), and CloudWatch may refuse the rule"
    yield Diagnostic("D846", message, None, hint, "warning")


def _list_ended(template: object, at: datetime) -> Iterator[tuple[str, str]]:
    """Name each rule that is over, with the end of its last day as the template says it: in UTC, to the minute."""
    now = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
    for name, resource in map_at(template, "Resources").items():
        if not isinstance(resource, dict) or resource.get("Type") != _RULE:
            continue
        end = map_at(resource, "Properties").get("ExpireDate")
        if isinstance(end, str) and end <= now:
            yield name, end
