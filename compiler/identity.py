"""Identity: what makes two items of a list the same.

In: the identity table of the library, a resource type, a path.    Out: the keys to compare, and an item's identity.
Never: guesses; a list that the table does not name has no identity.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from compiler.model import Identity, Json, Path
from compiler.node import alike, is_intrinsic


class IdentityTable:
    """Looks up identities; what was looked up once is remembered."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._by_type: dict[str, list[Identity]] = {}
        for identity in identities:
            self._by_type.setdefault(identity.type, []).append(identity)
        self._found: dict[tuple[str, tuple[str, ...]], Identity | None] = {}

    def find(self, resource_type: str, path: Path) -> Identity | None:
        """Find the rule for the list at a path below a resource, such as ("Properties", "Tags").

        The rules of the type itself come before those of "*". Indices in the path do not count.
        """
        steps = tuple(step for step in path if isinstance(step, str))
        key = (resource_type, steps)
        if key not in self._found:
            candidates = [*self._by_type.get(resource_type, ()), *self._by_type.get("*", ())]
            self._found[key] = next((rule for rule in candidates if path_matches(rule.path, steps)), None)
        return self._found[key]


def path_matches(pattern: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    """Match steps against a pattern in which "*" is any one step and "**" any number of them.

    >>> path_matches(("Properties", "**", "Statement"), ("Properties", "PolicyDocument", "Statement"))
    True
    """
    if not pattern:
        return not steps
    if pattern[0] == "**":
        return any(path_matches(pattern[1:], steps[skip:]) for skip in range(len(steps) + 1))
    return bool(steps) and pattern[0] in ("*", steps[0]) and path_matches(pattern[1:], steps[1:])


def identify(item: Json, keys: tuple[str, ...]) -> str | None:
    """Return an item's identity as text; None where the item is not a map or lacks every key.

    Of several keys any may be absent, as in a security group rule that has a range or a group; absence counts.
    """
    if not isinstance(item, dict) or is_intrinsic(item) or not any(key in item for key in keys):
        return None
    return json.dumps([_as_written(item.get(key)) for key in keys], sort_keys=True)


def is_meant(item: Json, wanted: Json, rule: Identity | None) -> bool:
    """Tell whether an item is the one that is spoken of: it has the identity and all else that is said of it."""
    identity = identify(wanted, rule.keys) if rule else None
    if rule is None or identity is None:
        return alike(item, wanted)
    return identify(item, rule.keys) == identity and alike(item, {**item, **wanted})


def _as_written(value: Json) -> Json:
    # CloudFormation takes `80` and `"80"` for the same port.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
