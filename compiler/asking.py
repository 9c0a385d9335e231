"""Asking: what processes ask to be allowed, held against what can be asked for.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D350 to D352; D207, D313.
Never: knows which resources exist in an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import fault_at, map_at
from compiler.diagnostics import Diagnostic
from compiler.events import published_events
from compiler.model import Settings
from compiler.trace import plain

_THINGS = ("bucket", "parameters", "secret", "publish", "consume")
_LONGEST_BUCKET = 63  # which the schema sees to before `<environment>` is filled in
# What goes with which things only.
_DETAILS = {"access": ("bucket", "parameters"), "prefix": ("bucket",), "ordered": ("publish",)}


def check_permissions(settings: Settings, processes: Mapping[str, dict[str, Any]]) -> Iterator[Diagnostic]:
    """Check every permission of every process."""
    for process, data in processes.items():
        for name, permission in map_at(data, "permissions").items():
            if not isinstance(permission, dict):
                continue
            where = f"processes.{process}.permissions.{name}"
            things = [thing for thing in _THINGS if thing in permission]
            if len(things) != 1:
                said = " and ".join(f"`{thing}`" for thing in things) or "nothing"
                hint = "give each a permission of its own" if things else f"add one of {_listed(_THINGS)}"
                yield fault_at("D350", f"`{where}` names {said}, not one thing", name, hint)
                continue
            for detail, fitting in _DETAILS.items():
                if detail in permission and things[0] not in fitting:
                    message = f"`{detail}` in `{where}` does not go with `{things[0]}`"
                    # A boolean has no place of its own.
                    said = name if isinstance(permission[detail], bool) else permission[detail]
                    yield fault_at("D351", message, said, f"remove it; it goes with {_listed(fitting)}")
            yield from _check_thing(settings, where, permission)


def _check_thing(settings: Settings, where: str, permission: Mapping[str, Any]) -> Iterator[Diagnostic]:
    service = plain(settings.data.get("service"))
    path, bucket, event = (permission.get(thing) for thing in ("parameters", "bucket", "publish"))
    own = f"/service/{settings.environment_name}/{service}"
    if isinstance(path, str) and f"{path}/".startswith(("/platform/", "/service/")):
        is_read = plain(permission.get("access", "read")) == "read"
        if not (is_read and f"{path}/".startswith(f"{own}/")):
            whose = "the platform" if f"{path}/".startswith("/platform/") else "a service's stack"
            message = f"`{where}` asks for parameters of {whose}"
            yield fault_at("D352", message, path, "keep them below a path of their own, and ask for that")
    if isinstance(bucket, str) and plain(bucket) == plain(settings.environment.get("bucket")):
        message = f"`{where}` asks for the deployment bucket, which holds what all services run"
        yield fault_at("D352", message, bucket, "use a bucket of the service")
    if isinstance(bucket, str) and len(plain(bucket)) > _LONGEST_BUCKET:
        message = f"the bucket of `{where}` is called `{plain(bucket)}` there, S3 takes {_LONGEST_BUCKET} characters"
        yield fault_at("D207", message, bucket, "shorten what stands beside `<environment>`")
    if isinstance(event, str):
        publisher, _, short = plain(event).partition(".")
        published = {plain(each) for each in published_events(settings.data)}
        if publisher == service and short not in published:
            message = f"`{event}` is an event of this service, which does not publish it"
            yield fault_at("D313", message, event, f"add `{short}` to `messages.publish`")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
