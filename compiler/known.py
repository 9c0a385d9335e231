"""Known: tell what a value of a template can be, as far as the template itself says.

In: a template; values that stand in it, with their places.    Out: what each can be, with the place that says so.
Never: evaluates a condition; both branches of an Fn::If count, since a parameter can turn it, and so do all entries of
a mapping whose key is not known. A parameter is worth its default.

What only CloudFormation knows stays as it is: an intrinsic function or a dynamic reference. A text that is known in
part is a Fn::Sub with the rest.
"""

from __future__ import annotations

import base64
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.model import Json, Path

NOTHING: Mapping[str, Json] = {"Ref": "AWS::NoValue"}
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_LOOKED_UP = "AWS::SSM::Parameter::Value<"
# More than a person writes; what can be more than so many things at once is not known.
_MOST = 256


@dataclass(frozen=True, slots=True)
class Known:
    """What a template says of its parameters and mappings.

    >>> known = Known.of({"Parameters": {"Size": {"Type": "String", "Default": "small"}}})
    >>> list(known.values({"Fn::Sub": "is ${Size}"}, ("A",)))
    [(('A',), 'is small')]
    """

    defaults: Mapping[str, Json]
    mappings: Mapping[str, Json]

    @classmethod
    def of(cls, template: Json) -> Known:
        """Read the parameters and mappings of a template; whatever is no such thing is passed over."""
        template = template if isinstance(template, dict) else {}
        return cls(dict(_defaults(template.get("Parameters"))), _map(template.get("Mappings")))

    def values(self, value: Json, place: Path) -> Iterator[tuple[Path, Json]]:
        """Yield what a value can be: each time a plain value, NOTHING, or what only CloudFormation knows.

        A list or map comes as it stands: what is in it is to be asked for in turn.
        """
        name, operand = _call(value)
        if name == "Fn::If" and isinstance(operand, list) and len(operand) == 3:
            for index in (1, 2):
                yield from self.values(operand[index], (*place, name, index))
        elif name == "Ref":
            yield place, self.defaults.get(operand, value) if isinstance(operand, str) else value
        elif name in _FUNCTIONS:
            found = tuple(itertools.islice(_FUNCTIONS[name](self, operand, value), _MOST + 1))
            seen: list[Json] = []
            for each in found if len(found) <= _MOST else [value]:
                if each not in seen:
                    seen.append(each)
                    yield place, each
        else:
            yield place, value

    def possible(self, value: Json) -> tuple[Json, ...]:
        """List what a value can be, wherever that is said."""
        return tuple(each for _, each in self.values(value, ()))


NOTHING_KNOWN = Known({}, {})


def is_open(value: Json) -> bool:
    """Tell whether only CloudFormation will know a value: an intrinsic function or a dynamic reference."""
    name, _ = _call(value)
    return bool(name) or (isinstance(value, str) and "{{resolve:" in value)


def known_text(value: Json) -> str:
    """Return a value as text; of a text that is known in part, that with variables for the rest.

    >>> known_text({"Fn::Sub": "is ${Size}"}), known_text({"Ref": "Size"}), known_text(True)
    ('is ${Size}', '', 'true')
    """
    name, operand = _call(value)
    return (operand if name == "Fn::Sub" and isinstance(operand, str) else "") if name else _text(value)


def _call(value: Json) -> tuple[str, Json]:
    """Return the name and the operand of an intrinsic function; no name where a value is none."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, operand),) = value.items()
        if name == "Ref" or str(name).startswith("Fn::"):
            return str(name), operand
    return "", None


def _defaults(parameters: Json) -> Iterator[tuple[str, Json]]:
    for name, parameter in _map(parameters).items():
        if not isinstance(parameter, dict) or "Default" not in parameter:
            continue
        kind, default = str(parameter.get("Type")), parameter["Default"]
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            yield name, [item.strip() for item in str(default).split(",")]
        elif not kind.startswith(_LOOKED_UP):
            yield name, default
        elif not kind.startswith((f"{_LOOKED_UP}List<", f"{_LOOKED_UP}CommaDelimitedList")):
            yield name, f"{{{{resolve:ssm:{default}}}}}"


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


# Functions: each yields what it can give; the call itself where that is not known


def _substitute(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    text, given = operand, {}
    if isinstance(operand, list) and len(operand) == 2 and isinstance(operand[1], dict):
        text, given = operand
    if not isinstance(text, str):
        yield call
        return
    pieces: list[Json] = []
    end = 0
    for variable in _VARIABLE.finditer(text):
        pieces.append(text[end : variable.start()])
        name = variable[2].strip()
        pieces.append("${" + variable[2] + "}" if variable[1] else given.get(name, _reference(name)))
        end = variable.end()
    yield from _joined(known, [*pieces, text[end:]], "", call)


def _reference(name: str) -> Json:
    resource, dot, attribute = name.partition(".")
    return {"Fn::GetAtt": [resource, attribute]} if dot else {"Ref": name}


def _join(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    if not isinstance(operand, list) or len(operand) != 2 or not isinstance(operand[0], str):
        yield call
        return
    for items in known.possible(operand[1]):
        if isinstance(items, list):
            yield from _joined(known, items, operand[0], call)
        else:
            yield call


def _joined(known: Known, pieces: Sequence[Json], delimiter: str, call: Json) -> Iterator[Json]:
    """Join pieces in each way that they can be; a piece that is not known becomes a variable of a Fn::Sub."""
    for chosen in itertools.product(*(known.possible(piece) for piece in pieces)):
        parts = [part for part in chosen if part != NOTHING]
        if any(isinstance(part, list) or (isinstance(part, dict) and not is_open(part)) for part in parts):
            yield call
        elif not any(isinstance(part, dict) for part in parts):
            yield delimiter.join(_text(part) for part in parts)
        elif len(said := [part for part in parts if part != "" or delimiter]) == 1:
            yield said[0]
        else:
            yield {"Fn::Sub": delimiter.join(_variable(part) for part in parts)}


def _variable(part: Json) -> str:
    name, operand = _call(part)
    if not name:
        return _text(part).replace("${", "${!")
    if name == "Fn::Sub" and isinstance(operand, str):
        return operand
    if name == "Fn::GetAtt" and isinstance(operand, list):
        operand = ".".join(str(step) for step in operand)
    return f"${{{operand if isinstance(operand, str) else name}}}"


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _select(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    if not isinstance(operand, list) or len(operand) != 2:
        yield call
        return
    for index, items in itertools.product(known.possible(operand[0]), known.possible(operand[1])):
        if isinstance(items, list) and str(index).isdecimal() and int(index) < len(items):
            yield from known.possible(items[int(index)])
        else:
            yield call


def _split(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    if not isinstance(operand, list) or len(operand) != 2 or not isinstance(operand[0], str) or not operand[0]:
        yield call
        return
    for text in known.possible(operand[1]):
        yield text.split(operand[0]) if isinstance(text, str) and not is_open(text) else call


def _find_in_map(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    if not isinstance(operand, list) or len(operand) != 3:
        yield call
        return
    name, top, second = (known.possible(step) for step in operand)
    yield from _entries(_entries(_entries([known.mappings], name), top), second) or [call]


def _entries(maps: Iterable[Json], keys: Sequence[Json]) -> list[Json]:
    """List the entries of maps that a key can mean: all where the key is not known."""
    wanted, is_any = {_text(key) for key in keys}, any(is_open(key) for key in keys)
    return [entry for each in maps for name, entry in _map(each).items() if is_any or name in wanted]


def _encode(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    for text in known.possible(operand):
        is_known = not isinstance(text, (dict, list)) and not is_open(text)
        yield base64.b64encode(_text(text).encode()).decode() if is_known else call


def _divide(known: Known, operand: Json, call: Json) -> Iterator[Json]:
    parts = operand if isinstance(operand, list) and len(operand) in (2, 3) else ["", ""]
    for block, count, *bits in itertools.product(*(known.possible(part) for part in parts)):
        try:
            network = ipaddress.ip_network(str(block), strict=False)
            prefix = network.max_prefixlen - int(*bits or [8 if network.version == 4 else 64])
            yield [str(each) for each in itertools.islice(network.subnets(new_prefix=prefix), min(int(count), _MOST))]
        except (TypeError, ValueError):
            yield call


_FUNCTIONS: Mapping[str, Callable[[Known, Json, Json], Iterator[Json]]] = {
    "Fn::Base64": _encode,
    "Fn::Cidr": _divide,
    "Fn::FindInMap": _find_in_map,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _substitute,
}
