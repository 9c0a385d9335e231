"""Identity: what makes two items of a list the same.

In: the identity table of the library, a resource type, a path.    Out: the keys to compare, and an item's identity.
Never: guesses; a list that the table does not name has no identity.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

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

    Of several keys any may be absent, as in a security group rule that has a range or a group; absence counts. A key
    may lead further down, and name what CloudFormation takes where nothing is said.

    >>> keys = ("ContainerPort", "Protocol=tcp")
    >>> identify({"ContainerPort": 80}, keys) == identify({"ContainerPort": "80", "Protocol": "tcp"}, keys)
    True
    >>> identify({"HttpHeaderConfig": {"HttpHeaderName": "a"}}, ("HttpHeaderConfig.HttpHeaderName",))
    '["a"]'
    """
    if not isinstance(item, dict) or is_intrinsic(item):
        return None
    read = [read_key(item, key) for key in keys]
    if all(value is None for value in read):
        return None
    said = [_default_of(key) if value is None else _as_written(value) for key, value in zip(keys, read, strict=True)]
    return json.dumps(said, sort_keys=True)


def read_key(item: Mapping[str, Json], key: str) -> Json:
    """Return what an item says at a key of its identity; None where it says nothing."""
    value: Json = item
    for step in name_key(key).split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def name_key(key: str) -> str:
    """Name a key as people write it.

    >>> name_key("Protocol=tcp")
    'Protocol'
    """
    return key.partition("=")[0]


def _default_of(key: str) -> str | None:
    return key.partition("=")[2] or None


def is_meant(item: Json, wanted: Json, rule: Identity | None) -> bool:
    """Tell whether an item is the one that is spoken of: it has the identity and all else that is said of it."""
    identity = identify(wanted, rule.keys) if rule else None
    if rule is None or identity is None:
        return alike(item, wanted)
    return identify(item, rule.keys) == identity and alike(item, {**item, **wanted})


def _as_written(value: Json) -> Json:
    # CloudFormation takes `80` and `"80"` for the same port.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
