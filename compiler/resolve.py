"""Resolve: decide the value of every setting for one environment.

In: a Descriptor, the Library, an environment name.    Out: Settings; each leaf carries who spoke about it.
Faults: none; `rules` judges what comes out.
Never: reads files, guesses, or changes a Descriptor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deepmerge.merger import Merger

from compiler.alarm_types import SERVICE_ALARMS
from compiler.layers import Member, find_member
from compiler.model import Descriptor, Document, Json, Library, Origin, Path, Said, Setting, Settings, value_at
from compiler.trace import trace_value

_PLACE = "<environment>"  # stands for its name in what lies outside of the stack
# What stands under the `alarms` of a service and belongs to no one process.
_OF_NO_PROCESS = ("add", *SERVICE_ALARMS)


def resolve_settings(descriptor: Descriptor, library: Library, environment: str) -> Settings:
    """Merge the layers, weakest first: maps merge, everything else is replaced, null says nothing.

    What a service says of the alarms of all its processes is weaker than what is said of one of them, whichever of its
    layers says so: a threshold that somebody chose for one process is not lost to a word that does not name it.
    """
    member = find_member(library.environments, environment)
    assert member is not None, environment
    names, said = _process_names(descriptor, member), list(_sections(descriptor, member))
    runbook = {"runbook": library.defaults.data.get("runbook")}
    layers = [
        _wrap(library.defaults, "platform", runbook, ()),
        *_default_layers(names, library.defaults, "platform", ()),
    ]
    for section in member.sections:
        layers.extend(_default_layers(names, library.environments[member.file], "environment", section))
    for each in said:
        layers.extend(_common_alarms(names, each))
    layers.extend(_wrap(each.document, each.layer, each.own_data, each.pointer) for each in said)
    data = _merge(layers, environment)
    return Settings(environment, data, _resolve_own(library, member), member.layers, member.shared)


def resolve_environment(
    library: Library, environment: str, callers: Mapping[str, tuple[str, ...]] | None = None
) -> Settings:
    """Resolve what an environment is in itself, for the stacks that no service has a part in.

    `callers` are the services that run there, by the endpoint that they need.
    """
    member = find_member(library.environments, environment)
    assert member is not None, environment
    own = _resolve_own(library, member)
    own["network"] = {**own.get("network", {}), "callers": callers or {}}
    return Settings(environment, {}, own, member.layers, member.shared)


def _resolve_own(library: Library, member: Member) -> dict[str, Json]:
    platform, file = library.defaults, library.environments[member.file]
    shared = {key: platform.data.get(key) for key in ("businessHours", "owners", "prefixLists", "runbook")}
    layers = [_wrap(platform, "platform", shared, ())]
    for section in member.sections:
        said = _without(value_at(file.data, section) or {}, "defaults", "regions", "tenants", "name")
        layers.append(_wrap(file, "environment", said, section))
    if member.region:
        said_region = Said(Origin("environment", file.key_span(member.region)), member.region[-1], member.region)
        layers.append({"region": _Leaf(("region",), (said_region,), None)})
    return _merge(layers)


@dataclass(slots=True)
class _Leaf:
    """A value on its way through the merge, with all who spoke about it so far."""

    path: Path
    history: tuple[Said, ...]
    items: Json


@dataclass(frozen=True, slots=True)
class _Section:
    """What a descriptor says of all environments, or of one below `environments`."""

    document: Document
    layer: str
    pointer: Path
    data: Mapping[str, Json]

    @property
    def common_alarms(self) -> dict[str, Json]:
        """What it says of metrics of every process."""
        return _without(self._alarms(), *_OF_NO_PROCESS)

    @property
    def own_data(self) -> dict[str, Json]:
        """All else."""
        data = _without(self.data, "alarms", "environments", "extends")
        alarms = {name: said for name, said in self._alarms().items() if name in _OF_NO_PROCESS}
        return {**data, "alarms": alarms} if alarms else data

    def _alarms(self) -> Mapping[str, Json]:
        said = self.data.get("alarms")
        return said if isinstance(said, dict) else {}


def _sections(descriptor: Descriptor, member: Member) -> Iterator[_Section]:
    """Yield what speaks about an environment in a descriptor and in what it extends, the weakest first."""
    for each in descriptor.layers:
        layer = "service" if each is descriptor else "base"
        yield _Section(each.document, layer, (), each.data)
        overlays = each.data.get("environments", {})
        for name in member.layers:
            if isinstance(overlays, dict) and isinstance(overlays.get(name), dict):
                yield _Section(each.document, layer, ("environments", name), overlays[name])


def _without(data: Mapping[str, Json], *keys: str) -> dict[str, Json]:
    return {name: value for name, value in data.items() if name not in keys}


def _common_alarms(names: Iterable[str], said: _Section) -> Iterator[Any]:
    """Spread the `alarms` of a section over each process."""
    for name in names if said.common_alarms else ():
        path = ("processes", name, "alarms")
        tree = _wrap(said.document, said.layer, said.common_alarms, (*said.pointer, "alarms"), path)
        yield {"processes": {name: {"alarms": tree}}}


def _default_layers(
    names: Mapping[str, Mapping[str, None]], document: Document, layer: str, section: Path
) -> Iterator[Any]:
    """Spread `defaults.process` and `defaults.log` of a section over each process and log that the descriptor names."""
    defaults = value_at(document.data, (*section, "defaults")) or {}
    process, log = defaults.get("process") or {}, defaults.get("log") or {}
    for name, logs in names.items():
        path: Path = ("processes", name)
        tree = _wrap(document, layer, process, (*section, "defaults", "process"), path)
        each = {
            key: _wrap(document, layer, log, (*section, "defaults", "log"), (*path, "logs", key))
            for key in {**logs, **tree.get("logs", {})}
        }
        if each:
            yield {"processes": {name: {"logs": each}}}
        yield {"processes": {name: tree}}


def _process_names(descriptor: Descriptor, member: Member) -> dict[str, dict[str, None]]:
    """Name the processes of an environment and the logs of each, as traced text."""
    names: dict[str, dict[str, None]] = {}
    sections: list[Path] = [(), *(("environments", name) for name in member.layers)]
    for each, section in itertools.product(reversed(descriptor.layers), sections):
        layer = "service" if each is descriptor else "base"
        data: Any = each.data
        for step in section:
            data = (data.get(step) if isinstance(data, dict) else None) or {}
        for name, process in (data.get("processes") or {}).items():
            pointer = (*section, "processes", name)
            logs = names.setdefault(_trace_key(each.document, layer, pointer, ("processes", name)), {})
            for log in (process or {}).get("logs") or {}:
                traced = _trace_key(each.document, layer, (*pointer, "logs", log), ("processes", name, "logs", log))
                logs.setdefault(traced, None)
    return names


def _wrap(document: Document, layer: str, data: Json, pointer: Path, path: Path = ()) -> Any:
    """Turn a layer's leaves into _Leaf and trace its keys.

    `pointer` is where the data stands in its document, `path` where it stands in the settings.
    """
    if isinstance(data, dict):
        return {
            _trace_key(document, layer, (*pointer, key), (*path, key)): _wrap(
                document, layer, item, (*pointer, key), (*path, key)
            )
            for key, item in data.items()
            if item is not None
        }
    said = Said(Origin(layer, document.value_span(pointer)), data, pointer)
    items = None
    if isinstance(data, list):
        items = [_wrap(document, layer, item, (*pointer, i), (*path, i)) for i, item in enumerate(data)]
    return _Leaf(path, (said,), items)


def _trace_key(document: Document, layer: str, pointer: Path, path: Path) -> str:
    said = Said(Origin(layer, document.key_span(pointer)), path[-1], pointer)
    return trace_value(str(path[-1]), Setting(path, (said,)))


def _merge(layers: list[Any], environment: str | None = None) -> dict[str, Json]:
    merger = Merger([(dict, ["merge"])], [_speak_again], [_speak_again])
    merged: Any = {}
    for layer in layers:
        merged = merger.merge(merged, layer)
    data: dict[str, Json] = _traced(merged, environment)
    return data


def _speak_again(_: Merger, __: list[Any], base: Any, again: Any) -> Any:
    if isinstance(base, _Leaf) and isinstance(again, _Leaf):
        return _Leaf(again.path, base.history + again.history, again.items)
    return again


def _traced(tree: Any, environment: str | None) -> Json:
    """Replace every _Leaf by its traced value, and order maps by key so that the order of a file changes nothing."""
    if isinstance(tree, dict):
        return {_name(key, tree[key]): _traced(tree[key], environment) for key in sorted(tree)}
    if tree.items is not None:
        return [_traced(item, environment) for item in tree.items]
    history = tree.history if environment is None else tuple(_say_for(environment, tree.path, tree.history))
    return trace_value(history[-1].value, Setting(tree.path, history))


def _name(key: str, item: Any) -> str:
    """Let the key of a boolean, which has no trace, say who spoke about it."""
    if not isinstance(item, _Leaf) or len(item.history) == 1 or not isinstance(item.history[-1].value, bool):
        return key
    bare = str.__str__(key)
    return trace_value(bare, Setting(item.path, tuple(replace(said, value=bare) for said in item.history)))


def _say_for(environment: str, path: Path, history: tuple[Said, ...]) -> Iterator[Said]:
    """Put the name of the environment in its place, in names of what lies outside of the stack."""
    is_metric = "metric" in path and ("alarms", "add") in (path[:2], path[2:4])
    is_outside = path[0] == "secrets" or path[2:3] == ("permissions",) or is_metric
    for said in history:
        is_open = is_outside and isinstance(said.value, str) and _PLACE in said.value
        yield replace(said, value=said.value.replace(_PLACE, environment)) if is_open else said
