"""Reference: what a piece of a template refers to, and which property a place belongs to.

In: plain JSON with short forms made long, paths into it.    Out: References; plain JSON with other names in it.
Never: knows whether what is referred to exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compiler.model import Json, Path

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A call at `path` that refers to something by its name.

    `section` is "Mappings" or "Conditions", "" for a parameter or a resource. `attribute` is that of a resource, ""
    where its Ref is meant.
    """

    path: Path
    name: str
    attribute: str = ""
    section: str = ""


def list_references(value: Json, path: Path = ()) -> Iterator[Reference]:
    """Yield everything that a value refers to; what DependsOn names is no reference.

    >>> [each.name for each in list_references({"Fn::Sub": "${A.Arn}/${B}/${!C}"})]
    ['A', 'B']
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from list_references(item, (*path, index))
        return
    for key, operand in value.items() if isinstance(value, dict) else ():
        yield from _list_call(key, operand, path)
        yield from list_references(operand, (*path, key))


def _list_call(key: str, operand: Json, path: Path) -> Iterator[Reference]:
    first = operand[0] if isinstance(operand, list) and operand else operand
    if key == "Ref" and isinstance(operand, str):
        yield Reference(path, operand)
    elif key == "Fn::GetAtt" and isinstance(first, str):
        steps = operand if isinstance(operand, list) else operand.split(".", 1)
        yield Reference(path, str(steps[0]), ".".join(str(step) for step in steps[1:]))
    elif key == "Fn::Sub" and isinstance(first, str):
        given = operand[1] if isinstance(operand, list) and len(operand) > 1 else {}
        for variable in map(str.strip, _VARIABLE.findall(first)):
            if not isinstance(given, dict) or variable not in given:
                name, _, attribute = variable.partition(".")
                yield Reference(path, name, attribute)
    elif key == "Fn::FindInMap" and isinstance(first, str):
        yield Reference(path, first, section="Mappings")
    elif key == "Fn::If" and isinstance(first, str):
        yield Reference(path, first, section="Conditions")
    elif key == "Condition" and isinstance(operand, str):
        yield Reference(path, operand, section="Conditions")


def find_property(path: Path) -> tuple[Path, Path]:
    """Return the place that the value at a path belongs to, and the path of the whole value of that place.

    The branches of an Fn::If stand for the value itself; within another function there are only arguments.

    >>> find_property(("Name", "Fn::If", 1, "Fn::Sub"))
    (('Name',), ('Name', 'Fn::If', 1))
    """
    place: list[str | int] = []
    at = 0
    while at < len(path):
        step = path[at]
        if step == "Fn::If" and path[at + 1 : at + 2] in ((1,), (2,)):
            at += 2
        elif is_function(step):
            break
        else:
            place.append(step)
            at += 1
    return tuple(place), path[:at]


def is_function(step: str | int) -> bool:
    """Tell whether a key is the name of an intrinsic function."""
    return step == "Ref" or str(step).startswith("Fn::")


def rename_references(value: Json, rename: Callable[[str], str]) -> Json:
    """Call what references lead to by other names.

    >>> rename_references({"Fn::Sub": "${A.Arn}/${B}"}, lambda name: name.replace("A", "C"))
    {'Fn::Sub': '${C.Arn}/${B}'}
    """
    if isinstance(value, list):
        return [rename_references(item, rename) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _rename_operand(key, item, rename) for key, item in value.items()}


def _rename_operand(key: str, value: Json, rename: Callable[[str], str]) -> Json:
    if key in ("Ref", "DependsOn") and isinstance(value, str):
        return rename(value)
    if key == "DependsOn" and isinstance(value, list):
        return [rename(item) if isinstance(item, str) else item for item in value]
    if key == "Fn::GetAtt" and isinstance(value, str):
        name, dot, attribute = value.partition(".")
        return f"{rename(name)}{dot}{attribute}"
    if key == "Fn::GetAtt" and isinstance(value, list) and value and isinstance(value[0], str):
        return [rename(value[0]), *value[1:]]
    if key == "Fn::Sub" and isinstance(value, str):
        return _rename_variables(value, rename)
    if key == "Fn::Sub" and isinstance(value, list) and value and isinstance(value[0], str):
        return [_rename_variables(value[0], rename), *(rename_references(item, rename) for item in value[1:])]
    return rename_references(value, rename)


def _rename_variables(text: str, rename: Callable[[str], str]) -> str:
    def write(found: re.Match[str]) -> str:
        name, dot, attribute = found[1].partition(".")
        return f"${{{rename(name)}{dot}{attribute}}}"

    return _VARIABLE.sub(write, text)
