"""Chapters: run the templates of a library on samples, and gather what there is to say of each.

In: a Library, a service and an environment that say all that can be said.    Out: a Chapter for each template.
Faults: those of the pipeline, where a sample is not sound.
Never: knows what any template builds: all is read off what they make, off the settings in it, and off the schemas.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path as FilePath

from compiler.build import build_environment, build_fragments
from compiler.changes import SideStack
from compiler.cost import Costs, estimate_costs
from compiler.graph import Edge, Graph, Node, graph_stack
from compiler.layers import list_own
from compiler.library import load_schema
from compiler.load import load_document
from compiler.model import Entry, Fragment, Json, Library, Origin, Path, Said, Settings, TemplateModule, value_at
from compiler.names import Names
from compiler.pipeline import plan_service
from compiler.resolve import resolve_environment
from compiler.trace import plain
from compiler.validate import validate_document
from compiler.watch import watch_settings

SAMPLE = "sample"  # what the environment of the sample is called
_READ = re.compile(r"\{\{resolve:ssm:(/[^}:]+)(?::\d+)?\}\}")
# What the names below a key of the settings are called where they are part of an id.
_NAMES = {
    "processes": "Process",
    "logs": "Log",
    "filters": "Filter",
    "add": "Alarm",
    "schedule": "Schedule",
    "publish": "Event",
    "consume": "ConsumedEvent",
    "config": "Key",
    "owners": "Owner",
    "zones": "Zone",
    "images": "Architecture",
}
_SINGLE = {"account": "Account", "region": "Region", "publicZone": "PublicZone", "privateZone": "PrivateZone"}


@dataclass(frozen=True, slots=True)
class Made:
    """A resource, output or parameter of a template. `id` is a pattern, `names` are the logical ids that it stands for.

    `environments` are those that have it, `options` the settings that went into a value, by its place in the body.
    """

    id: str
    names: frozenset[str]
    section: str
    body: Json
    environments: frozenset[str]
    options: Mapping[Path, tuple[str, ...]]

    @property
    def type(self) -> str:
        return str(self.body.get("Type", ""))


@dataclass(frozen=True, slots=True)
class Option:
    """A key of service.yml, of an environment's file or of platform.yml, such as `processes.*.port`.

    `default` is what the library says where nobody else does, or else the schema; None where nothing is said.
    """

    path: str
    about: str
    default: Json


@dataclass(frozen=True, slots=True)
class Chapter:
    """What there is to say of one template. `environments` are those that it was run in, without the sample."""

    name: str
    scope: str
    about: str
    environments: tuple[str, ...]
    made: tuple[Made, ...]
    options: tuple[Option, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    costs: Mapping[str, Costs]
    graph: Graph


def write_chapters(library: Library, samples: FilePath) -> tuple[Chapter, ...]:
    """Run every template on the samples of a folder, and the templates of environments in those of the library, too."""
    document, _ = load_document((samples / "environment.yml").read_bytes(), "environment.yml", dialect="plain")
    validate_document(document, load_schema("environment.v1"))
    extended = replace(library, environments={**library.environments, SAMPLE: document})
    plan = plan_service(samples, library, with_archives=False)
    own = {each.name: resolve_environment(extended, each.name) for each in list_own(extended.environments)}
    services = {name: _build(settings, library) for name, settings in plan.settings.items()}
    return tuple(
        _write(template, extended, plan.settings, services)
        if template.scope == "service"
        else _write(template, extended, own, {})  # each is a stack of its own
        for template in sorted(library.templates, key=lambda each: (each.scope, each.name))
    )


def _write(
    template: TemplateModule,
    library: Library,
    settings: Mapping[str, Settings],
    around: Mapping[str, tuple[Fragment, ...]],
) -> Chapter:
    runs = {name: _run(template, library, each, around.get(name, ())) for name, each in settings.items()}
    made: dict[tuple[str, str], Made] = {}
    reads: set[str] = set()
    writes: set[str] = set()
    for name, run in runs.items():
        for entry in run.fragment.entries:
            pattern, once = run.names.in_id(entry.name), frozenset({entry.name})
            new = Made(pattern, once, entry.section, run.names.in_body(entry.body), frozenset({name}), _fed(entry))
            old = made.setdefault((new.section, new.id), new)
            made[new.section, new.id] = replace(
                old, names=old.names | new.names, environments=old.environments | new.environments
            )
            reads.update(run.names.in_path(path) for path in _texts(entry.body) for path in _READ.findall(path))
            if new.type == "AWS::SSM::Parameter" and isinstance(entry.body["Properties"].get("Name"), str):
                writes.add(run.names.in_path(entry.body["Properties"]["Name"]))
    used = {path for run in runs.values() for path in run.used}
    vague = {path for run in runs.values() for path in run.vague}
    return Chapter(
        name=template.name,
        scope=template.scope,
        about=ast.get_docstring(ast.parse("\n".join(template.source.lines))) or "",
        environments=tuple(sorted(name for name in runs if name != SAMPLE)),
        made=tuple(made[key] for key in sorted(made)),
        options=_options(template.scope, used, vague, library.defaults.data.get("defaults", {})),
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(writes)),
        costs={name: run.costs for name, run in sorted(runs.items()) if name != SAMPLE},
        graph=_join_graphs(template.name, [run.graph for run in runs.values()]),
    )


# One template in one environment


@dataclass(frozen=True, slots=True)
class _Run:
    fragment: Fragment
    names: Names
    used: frozenset[tuple[str, ...]]
    vague: frozenset[tuple[str, ...]]
    costs: Costs
    graph: Graph


def _run(template: TemplateModule, library: Library, settings: Settings, around: tuple[Fragment, ...]) -> _Run:
    fragments, looked = _watch(settings, replace(library, templates=(template,)))
    fragment = next(iter(fragments), Fragment(template.name, ()))
    # What is looked at on the way to any template tells nothing of this one.
    _, vague = _watch(settings, replace(library, templates=()))
    used = looked - vague
    for entry in fragment.entries:
        used |= {path for story in entry.stories.values() for said in story[-1:] for path in _said_places(said)}
    names = Names(dict(_find_names(settings, _constants(library))))
    resources = {each.name: each.body for each in fragment.entries if each.section == "Resources"}
    region = str(plain(settings.environment["region"]))
    costs = estimate_costs({"": {"Resources": resources}}, library.prices, region)
    return _Run(fragment, names, frozenset(used), vague, costs, _draw(fragment, around, names))


def _watch(settings: Settings, library: Library) -> tuple[tuple[Fragment, ...], frozenset[tuple[str, ...]]]:
    """Build, and name the places of settings that were looked at."""
    own, first = watch_settings(settings)
    shared, second = watch_settings(replace(settings, data=settings.environment))
    fragments = _build(replace(own, environment=shared.data), library)
    seen = (*first.compared, *first.converted, *second.compared, *second.converted)
    return fragments, frozenset(_place(each.path) for each in seen)


def _build(settings: Settings, library: Library) -> tuple[Fragment, ...]:
    is_service = bool(settings.data)
    return build_fragments(settings, library)[0] if is_service else build_environment(settings, library)


def _find_names(settings: Settings, constants: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield settings.environment_name, "Environment"
    yield from ((str(plain(settings.environment[key])), label) for key, label in _SINGLE.items())
    if settings.data:
        yield str(plain(settings.data["service"])), "Service"
    for data in (settings.environment, settings.data):
        yield from ((name, label) for name, label in _names_below(plain(data)) if name not in constants)


def _constants(library: Library) -> frozenset[str]:
    """Return the texts that templates say themselves: what is called like one of them is no name of the settings."""
    files = [each for each in library.files if each.path.startswith("templates/") and each.path.endswith(".py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.content))]
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _names_below(data: Json) -> Iterator[tuple[str, str]]:
    for key, inner in data.items() if isinstance(data, dict) else ():
        if key in _NAMES and isinstance(inner, dict | list):
            yield from ((str(name), _NAMES[key]) for name in inner)
        for each in inner.values() if key in _NAMES and isinstance(inner, dict) else (inner,):
            yield from _names_below(each)


def _texts(data: Json) -> Iterator[str]:
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        for each in data:
            yield from _texts(each)
    elif isinstance(data, str):
        yield data


# Which settings went where


def _fed(entry: Entry) -> dict[Path, tuple[str, ...]]:
    found = {}
    for path, story in entry.stories.items():
        places = {_shown(place) for place in _said_places(story[-1])}
        if places:
            found[path] = tuple(sorted(places))
    return found


def _said_places(said: Said) -> Iterator[tuple[str, ...]]:
    for setting in said.fed_by:
        yield _place(setting.path)
    if not said.fed_by and said.origin.layer in ("platform", "environment", "service", "base") and said.pointer:
        match _in_file(said.pointer):
            case ("defaults", "process", *rest):
                yield _place(("processes", "*", *rest))
            case ("defaults", "log", *rest):
                yield _place(("processes", "*", "logs", "*", *rest))
            case ("environments", _, *rest):
                yield _place(tuple(rest))
            case pointer:
                yield _place(pointer)


def _in_file(pointer: Path) -> Path:
    """Tell what a place of a file speaks about that stands below one of its regions or tenants."""
    match pointer:
        case ("regions" | "tenants", _, *rest) if rest:
            return _in_file(tuple(rest))
    return pointer


def _place(path: Path) -> tuple[str, ...]:
    return tuple(str(step) for step in path)


def _options(
    scope: str, used: Iterable[tuple[str, ...]], vague: Iterable[tuple[str, ...]], defaults: Json
) -> tuple[Option, ...]:
    """Look options up in the schemas. What cannot be watched goes with its neighbors, such as all switches."""
    found: dict[str, _Found] = {}
    for each in filter(None, (_find(place, scope) for place in used)):
        found[each.path] = each
        inside = each.node.get("properties", {})  # of a name that was used
        for above, keys in ((each.path.rpartition(".")[0], each.beside), (each.path, inside)):
            for key, node in keys.items():
                if "boolean" in _listed(node.get("type")):
                    path = f"{above}.{key}"
                    found[path] = _Found(path, node, keys)
    sections = {path.rpartition(".")[0] for path in found} - {"", "processes.*"}
    for each in filter(None, (_find(place, scope) for place in vague)):
        if each.path.rpartition(".")[0] in sections:
            found[each.path] = each
    return tuple(
        Option(path, str(each.node.get("description", "")), _default(path, each.node, defaults))
        for path, each in sorted(found.items())
        if not each.node.get("properties")  # a map is not said by itself, only what is in it
    )


def _listed(types: Json) -> list[Json]:
    return types if isinstance(types, list) else [types]


def _default(path: str, node: Json, defaults: Json) -> Json:
    match tuple(path.split(".")):
        case ("processes", "*", "logs", "*", *rest):
            said = value_at(defaults, ("log", *rest))
        case ("processes", "*", *rest):
            said = value_at(defaults, ("process", *rest))
        case _:
            said = None
    return node.get("default") if said is None else said


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    node: Mapping[str, Json]
    beside: Mapping[str, Json]


@cache
def _schemas(scope: str) -> tuple[Mapping[str, Json], ...]:
    """Of whom a template can hear: no service speaks to the stacks of an environment."""
    speakers = ("environment.v1", "platform.v1")
    return tuple(load_schema(name) for name in (("service.v1", *speakers) if scope == "service" else speakers))


@cache
def _find(place: tuple[str, ...], scope: str = "service") -> _Found | None:
    return next(filter(None, (_descend(schema, place) for schema in _schemas(scope))), None)


def _descend(schema: Mapping[str, Json], place: tuple[str, ...]) -> _Found | None:
    """Find the option at a place, as far as the schema goes: `*` stands for names."""
    node: Json = schema
    beside: Mapping[str, Json] = {}
    path: list[str] = []
    for step in place:
        inner = _resolve(node, schema)
        if step in inner.get("properties", {}):
            beside = inner["properties"]
            node = beside[step]
            path.append(step)
        elif isinstance(inner.get("additionalProperties"), dict):
            beside, node = {}, inner["additionalProperties"]
            path.append("*")
        else:
            break
    return _Found(".".join(path), {**_resolve(node, schema), **node}, beside) if path else None


def _resolve(node: Json, schema: Mapping[str, Json]) -> Json:
    while isinstance(node, dict) and "$ref" in node:
        node = value_at(schema, tuple(node["$ref"].removeprefix("#/").split("/")))
    return node if isinstance(node, dict) else {}


def _shown(place: tuple[str, ...]) -> str:
    found = _find(place)
    return found.path if found else ".".join(place)


# The picture


def _draw(fragment: Fragment, around: tuple[Fragment, ...], names: Names) -> Graph:
    """Draw what a template makes, and what of the rest of the stack is connected to it at once."""
    entries = [each for part in (around or (fragment,)) for each in part.entries if each.section == "Resources"]
    origins: dict[Path, Origin] = {("Resources", each.name): each.origin for each in entries}
    resources = {each.name: each.body for each in entries}
    graph = graph_stack(SideStack("", {"Resources": resources}, {}, origins), title=fragment.template)
    own = {each.name for each in fragment.entries}
    edges = [edge for edge in graph.edges if edge.source in own or edge.target in own]
    return Graph(
        graph.title,
        tuple(Node(names.in_id(node.id), node.type, node.group) for node in graph.nodes),
        tuple(replace(edge, source=names.in_id(edge.source), target=names.in_id(edge.target)) for edge in edges),
    )


def _join_graphs(title: str, graphs: Iterable[Graph]) -> Graph:
    """Draw what has one pattern once, and leave out what refers to nothing and nothing refers to."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for graph in graphs:
        nodes = {node.id: node for node in graph.nodes} | nodes
        edges = {(edge.source, edge.target): edge for edge in graph.edges if edge.source != edge.target} | edges
    shown = {end for ends in edges for end in ends}
    kept = sorted((node for node in nodes.values() if node.id in shown), key=lambda node: (node.group, node.id))
    return Graph(title, tuple(kept), tuple(edges[ends] for ends in sorted(edges)))
