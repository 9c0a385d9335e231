"""Changes: what differs between two compiled services, and what that means when it is deployed. Types alone.

In: nothing.    Out: Side, Change, Diff.
Never: compares anything; `diff` does, and `behavior` and `security` judge what it found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from compiler.model import Json, Origin, Path, RepositoryFile

Kind = Literal["added", "removed", "changed"]
Behavior = Literal["none", "interruption", "conditional", "replacement"]
Verdict = Literal["unchanged", "changed", "interruption", "conditional", "replacement", "data-loss"]

BEHAVIORS: tuple[Behavior, ...] = ("none", "interruption", "conditional", "replacement")  # the mildest first
VERDICTS: tuple[Verdict, ...] = ("unchanged", "changed", "interruption", "conditional", "replacement", "data-loss")


@dataclass(frozen=True, slots=True)
class Given:
    """A setting of service.yml that a value was computed from, and what it said."""

    pointer: str  # "processes.web.dns"
    value: Json
    origin: Origin


@dataclass(frozen=True, slots=True)
class SideStack:
    """One stack of a side: its template with short forms made long, the values of its parameters, who said what.

    `region` is None where nothing tells it. `origins` holds who had the last word on a value, by its place, `settings`
    what of service.yml went into it.
    """

    file: str  # "production/template.json"; of a plain template, its path
    template: Json
    parameters: Mapping[str, str]
    origins: Mapping[Path, Origin]
    region: str | None = None
    settings: Mapping[Path, tuple[Given, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: `name` is for people, `stacks` are keyed by environment, "" for a plain file.

    `files` are the members of each archive. `facts` is what the manifest says of the service itself: what it publishes
    and consumes, its waivers, the platform it was compiled with.
    """

    name: str
    stacks: Mapping[str, SideStack]
    files: Mapping[str, Mapping[str, RepositoryFile]] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `path` leads to it in `file`: in a template, or through an archive or the manifest.

    `before` is None for what was added and `after` for what was removed. A whole resource that was added, removed
    or replaced under another logical id is one change at the resource; `renamed_to` is the other id then, and `within`
    holds what differs inside of it.
    `reasons` say in words why the behavior and the data loss are what they are, `concerns` why `security` is.
    `origin` had the last word on the value, `cause` is the line of service.yml that it was computed from; both are of
    the old version where the change is that it was removed.
    """

    environment: str
    file: str
    path: Path
    kind: Kind
    before: Json
    after: Json
    logical_id: str | None = None
    type: str | None = None
    renamed_to: str | None = None
    behavior: Behavior = "none"
    is_data_loss: bool = False
    security: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    concerns: tuple[str, ...] = ()
    origin: Origin | None = None
    cause: Origin | None = None
    within: tuple[Change, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that is said of the change."""
        return (*self.reasons, *self.concerns)


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs between two sides, ordered by environment, file and place."""

    before: Side
    after: Side
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst that deploying the changes does."""
        if any(change.is_data_loss for change in self.changes):
            return "data-loss"
        if not self.changes:
            return "unchanged"
        worst = max(BEHAVIORS.index(change.behavior) for change in self.changes)
        return VERDICTS[worst + 1]


def order_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Order by environment and by place; templates come before archives and the manifest."""
    return tuple(sorted(changes, key=_place))


def _place(change: Change) -> tuple[object, ...]:
    is_beside = change.file.endswith((".tar.gz", "manifest.json"))
    steps = [(isinstance(step, str), step) for step in change.path]
    return change.environment, change.file if is_beside else "", steps, change.kind


def find_origin(origins: Mapping[Path, Origin], path: Path) -> Origin | None:
    """Find who had the last word on a place, or on what is around it."""
    return next((origins[path[:end]] for end in range(len(path), -1, -1) if path[:end] in origins), None)
