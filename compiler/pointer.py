"""Pointer: name a place of a template so that it is found again in another release of the library.

In: a path, or the body of a named thing and the identity table.    Out: pointers such as `...Tags[Key=Name].Value`.
Never: names an item of a list by its index; a list whose items have no identity is one place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from compiler.identity import IdentityTable, identify, name_key, read_key
from compiler.model import Json, Path
from compiler.node import is_intrinsic


class ItemIndex(int):
    """An index that remembers by which keys its item is known."""

    label: str


def label_index(index: int, item: Json, keys: tuple[str, ...]) -> ItemIndex:
    """Give an index the label of its item.

    >>> label_index(2, {"Key": "owner", "Value": "squad-menu"}, ("Key",)).label
    '[Key=owner]'
    """
    labeled = ItemIndex(index)
    said = ((name_key(key), read_key(item, key)) for key in keys)
    labeled.label = "[" + ",".join(f"{name}={_text(value)}" for name, value in said if value is not None) + "]"
    return labeled


def write_pointer(path: Path) -> str:
    """Write a path with dots, its items by their labels.

    >>> write_pointer(("Resources", "A", "Tags", label_index(0, {"Key": "owner"}, ("Key",)), "Value"))
    'Resources.A.Tags[Key=owner].Value'
    """
    return "".join(step.label if isinstance(step, ItemIndex) else f".{step}" for step in path).removeprefix(".")


def cut_pointer(path: Path) -> Path:
    """Cut a path off at the first item that nothing but its index tells apart.

    >>> cut_pointer(("Resources", "A", "Zones", 3))
    ('Resources', 'A', 'Zones')
    """
    plain = [at for at, step in enumerate(path) if isinstance(step, int) and not isinstance(step, ItemIndex)]
    return path[: plain[0]] if plain else path


def point_at_values(body: Json, path: Path, identities: IdentityTable) -> Iterator[tuple[str, Json]]:
    """Yield every place of a named thing that an override can speak about, with the value there."""
    kind = str(body.get("Type", "")) if isinstance(body, dict) else ""
    yield from _point(body, path, kind, identities)


def is_around(outer: str, inner: str) -> bool:
    """Tell whether a pointer is another one or leads to a map or list that holds it.

    >>> is_around("A.Tags", "A.Tags[Key=owner].Value"), is_around("A.Tag", "A.Tags")
    (True, False)
    """
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _point(value: Json, path: Path, kind: str, identities: IdentityTable) -> Iterator[tuple[str, Json]]:
    yield write_pointer(path), value
    if isinstance(value, dict) and not is_intrinsic(value):
        for key, item in value.items():
            yield from _point(item, (*path, key), kind, identities)
    elif isinstance(value, list):
        rule = identities.find(kind, path[2:])
        for index, item in enumerate(value if rule else ()):
            if rule and identify(item, rule.keys):
                yield from _point(item, (*path, label_index(index, item, rule.keys)), kind, identities)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
