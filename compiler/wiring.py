"""Wiring: connect a process with what the outputs of an addition offer it.

In: Settings, the additions of the service.    Out: what each process is given; the faults.
Faults: D315 no such addition, D316 an addition that is not there in this environment, D317 a name that is taken.
Never: changes an addition; an output that no process uses stays an output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from compiler.diagnostics import Diagnostic, Related, suggest
from compiler.model import Json, Origin, Path, Said, Setting, Settings, TemplatePart
from compiler.trace import plain, settings_of, trace_value
from compiler.variables import platform_variables

if TYPE_CHECKING:
    from compiler.service import Wiring

_POLICY, _SECURITY_GROUP = "AWS::IAM::ManagedPolicy", "AWS::EC2::SecurityGroup"


def active_additions(additions: Iterable[TemplatePart], settings: Settings) -> tuple[TemplatePart, ...]:
    """Choose the additions of an environment: the general ones and those of its folders, less what it disables."""
    layers = (None, *settings.layers)
    disabled = {plain(name) for name in _asked(settings).get("disable", ())}
    return tuple(part for part in additions if part.environment in layers and part.name not in disabled)


def wire_additions(
    settings: Settings, additions: tuple[TemplatePart, ...]
) -> tuple[Mapping[str, Wiring], tuple[Diagnostic, ...]]:
    """Sort the outputs of the additions that each process uses: policies, security groups, and the rest by name.

    A process that uses none has no wiring.
    """
    faults = list(_check_names(settings, additions))
    active = active_additions(additions, settings)
    wirings: dict[str, Wiring] = {}
    taken = platform_variables(settings)
    taken |= {plain(key): key for section in ("config", "secrets") for key in settings.data.get(section) or {}}
    given: dict[str, str] = {}
    for name, process in (settings.data.get("processes") or {}).items():
        policies: list[Json] = []
        groups: list[Json] = []
        values: dict[str, Json] = {}
        for used in process.get("uses") or ():
            for part in (part for part in active if part.name == plain(used)):
                for output, kind, value in _outputs(part):
                    if kind == _POLICY:
                        policies.append(value)
                    elif kind == _SECURITY_GROUP:
                        groups.append(value)
                    elif output in taken or given.setdefault(output, part.name) != part.name:
                        faults.append(_name_taken(output, part, used, taken.get(output)))
                    else:
                        values[output] = value
        if policies or groups or values:
            from compiler.service import Wiring  # many types, of which a service without additions needs none

            wirings[plain(name)] = Wiring(tuple(policies), tuple(groups), values)
    return wirings, tuple(faults)


def given_values(settings: Settings, name: str) -> Mapping[str, Json]:
    """Return the traced values that a descriptor has for the parameters of an addition."""
    values = _asked(settings).get(name)
    return values if isinstance(values, dict) else {}


def _asked(settings: Settings) -> Mapping[str, Json]:
    asked = settings.data.get("additions")
    return asked if isinstance(asked, dict) else {}


def _check_names(settings: Settings, additions: tuple[TemplatePart, ...]) -> Iterator[Diagnostic]:
    known = {part.name for part in additions}
    here = {part.name for part in active_additions(additions, settings)}
    asked = _asked(settings)
    for name in (*(key for key in asked if key != "disable"), *asked.get("disable", ())):
        if name not in known:
            yield _unknown(name, known)
    for process, data in (settings.data.get("processes") or {}).items():
        for name in data.get("uses") or () if isinstance(data, dict) else ():
            if name not in known:
                yield _unknown(name, known)
            elif name not in here:
                message = f"`processes.{process}` uses `{name}`, which is not there in `{settings.environment_name}`"
                span = settings_of(name)[0].origin.span
                yield Diagnostic(
                    "D316",
                    message,
                    span,
                    f"enable it there, or write `uses` of this process for `{settings.environment_name}`",
                )


def _unknown(name: str, known: set[str]) -> Diagnostic:
    hint = suggest(name, known) or "write it as `cloudFormation/additions/<name>.yml`"
    return Diagnostic("D315", f"there is no addition `{name}`", settings_of(name)[0].origin.span, hint)


def _name_taken(name: str, part: TemplatePart, used: str, other: Json) -> Diagnostic:
    message = f"output of `{part.name}` becomes `{name}`, which another value is called already"
    related = (Related("the other one", settings_of(other)[0].origin.span),) if other is not None else ()
    span = settings_of(used)[0].origin.span
    return Diagnostic("D317", message, span, "rename the output of the addition", related=related)


def _outputs(part: TemplatePart) -> Iterator[tuple[str, str, Json]]:
    """Yield each output: the name of its variable, the type of resource that it refers to, and its traced value."""
    data = part.document.data
    outputs = data.get("Outputs") if isinstance(data, dict) else None
    for name, output in (outputs if isinstance(outputs, dict) else {}).items():
        if not isinstance(output, dict) or "Value" not in output:
            continue
        value = _traced(part, output["Value"], ("Outputs", name, "Value"))
        kind = _referred_type(data.get("Resources") or {}, output["Value"])
        if isinstance(output.get("Condition"), str):
            # A list simply lacks what is not there; a variable has to have a value.
            otherwise = {"Ref": "AWS::NoValue"} if kind else "none"
            value = {"Fn::If": [output["Condition"], value, otherwise]}
        yield _variable(name), kind, value


def _referred_type(resources: Mapping[str, Json], value: Json) -> str:
    """Name the type of the resource whose id a value is; a policy's id is its ARN, a security group's its GroupId."""
    if not isinstance(value, dict):
        return ""
    wanted = (_POLICY, "Ref"), (_SECURITY_GROUP, "Ref"), (_SECURITY_GROUP, "GroupId"), (_POLICY, "PolicyArn")
    got = value.get("Fn::GetAtt") or [None, None]
    got = got.partition(".")[::2] if isinstance(got, str) else got[:2]
    name, attribute = (value.get("Ref"), "Ref") if "Ref" in value else got
    resource = resources.get(name) if isinstance(name, str) else None
    kind = resource.get("Type") if isinstance(resource, dict) else ""
    return str(kind) if (kind, attribute) in wanted else ""


def _variable(output: str) -> str:
    """Write the name of an output as that of a variable.

    >>> _variable("MenuArchiveName")
    'MENU_ARCHIVE_NAME'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", output).upper()


def _traced(part: TemplatePart, value: Json, path: Path) -> Json:
    if isinstance(value, dict):
        return {key: _traced(part, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_traced(part, item, (*path, index)) for index, item in enumerate(value)]
    said = Said(Origin("addition", part.document.value_span(path)), value, path, rule="used by the process")
    return trace_value(value, Setting(path, (said,)))
