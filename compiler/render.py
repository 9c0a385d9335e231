"""Render: write stacks and archives as the files of one bundle.

In: the Stack of each environment, the Repository, the Library.    Out: a Bundle, its manifest last.
Never: lets the release id or the commit into a template, so that one infrastructure has one digest; reads a clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from compiler import __version__
from compiler.archive import pack_archive
from compiler.inputs import collect_inputs
from compiler.layers import list_families
from compiler.manifest import MANIFEST, list_files, render_json, seal_manifest
from compiler.model import Bundle, Json, Library, Path, Repository, RepositoryFile, Said, Stack, Waiver, walk_leaves
from compiler.trace import plain

ANSIBLE, INPUTS, SOURCE = "ansible.tar.gz", "inputs.tar.gz", "source.tar.gz"


def render_bundle(
    stacks: Mapping[str, Stack],
    *,
    repository: Repository,
    library: Library,
    service: str,
    release: str,
    publishes: Iterable[str],
    consumes: Iterable[str],
    waivers: Mapping[str, Iterable[Waiver]] | None = None,
    contracts: Mapping[str, Json] | None = None,
) -> Bundle:
    """Render every file of a release.

    `stacks`, `waivers` and `contracts` are keyed by environment, events are named as in `service.yml`.
    """
    home, inputs = collect_inputs(repository)
    files = {
        INPUTS: pack_archive(inputs),
        ANSIBLE: pack_archive((*library.ansible, *_move_into("service", repository.ansible))),
        SOURCE: pack_archive(_move_into("src", repository.src)),
    }
    values = {"Release": release, "AnsibleDigest": _digest(files[ANSIBLE]), "SourceDigest": _digest(files[SOURCE])}
    for environment, stack in stacks.items():
        files.update(_render_stack(environment, stack, values))
    commit = repository.commit
    families = list_families(library.environments, sorted(stacks))
    manifest = {
        "schema": 1,
        "service": service,
        "release": release,
        "commit": {"id": commit.id, "time": commit.time, "dirty": commit.is_dirty} if commit else None,
        **_describe_platform(library),
        "environments": sorted(stacks),
        **({"families": families} if families else {}),
        "inputs": {"service": home},
        "promotion": plain(library.defaults.data.get("promotion") or []),
        "files": list_files(files),
        "publishes": sorted(set(publishes)),
        "consumes": sorted(set(consumes)),
        "contracts": {environment: (contracts or {})[environment] for environment in sorted(contracts or {})},
        "waivers": _describe_waivers(waivers or {}),
    }
    return _bundle(service, release, files, manifest)


def render_platform(stacks: Mapping[str, Stack], *, library: Library) -> Bundle:
    """Render the stacks of the environments themselves, keyed by environment and template: `production/network`."""
    files: dict[str, bytes] = {}
    for key, stack in stacks.items():
        files.update(_render_stack(key, stack, {}))
    manifest = {
        "schema": 1,
        **_describe_platform(library),
        "environments": sorted({key.partition("/")[0] for key in stacks}),
        "stacks": sorted(stacks),
        "files": list_files(files),
    }
    return _bundle(library.name, library.version, files, manifest)


def _render_stack(folder: str, stack: Stack, values: Mapping[str, str]) -> dict[str, bytes]:
    return {
        f"{folder}/template.json": render_json(stack.template),
        f"{folder}/parameters.json": render_json(_parameters(stack, values)),
        f"{folder}/origins.json": _render_origins(stack),
    }


def _describe_platform(library: Library) -> dict[str, Json]:
    return {
        "platform": {"name": library.name, "version": library.version, "digest": library.digest},
        "compiler": {"version": __version__},
    }


def _describe_waivers(waivers: Mapping[str, Iterable[Waiver]]) -> list[Json]:
    """List each waiver once, with the environments in which it says the same."""
    found: dict[tuple[str, ...], list[str]] = {}
    for environment in sorted(waivers):
        for each in waivers[environment]:
            said = (each.name, each.guardrail, each.resource, each.reason, each.until, each.approved_by)
            found.setdefault(said, []).append(environment)
    keys = ("name", "guardrail", "resource", "reason", "until", "approvedBy")
    return [{**dict(zip(keys, said, strict=True)), "environments": found[said]} for said in sorted(found)]


def _bundle(name: str, release: str, files: Mapping[str, bytes], manifest: Json) -> Bundle:
    ordered = {path: files[path] for path in sorted(files)}
    return Bundle(name, release, {**ordered, MANIFEST: seal_manifest(manifest)})


def format_pointer(path: Path) -> str:
    """Write a path as a JSON Pointer (RFC 6901).

    >>> format_pointer(("Resources", "A", "Properties", "a/b", 0))
    '/Resources/A/Properties/a~1b/0'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _move_into(folder: str, files: Iterable[RepositoryFile]) -> Iterator[RepositoryFile]:
    for file in files:
        yield RepositoryFile(f"{folder}/{file.path}", file.content, file.is_executable, file.link)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parameters(stack: Stack, values: Mapping[str, str]) -> list[Json]:
    """List every parameter that has a value; one left out would keep its old value when a stack is updated."""
    declared = stack.template.get("Parameters") or {}
    defaults = {
        name: _as_text(body["Default"])
        for name, body in declared.items()
        if isinstance(body, dict) and "Default" in body
    }
    known = {**{name: value for name, value in values.items() if name in declared}, **defaults}
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in known.items()]


def _as_text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Origins


def _render_origins(stack: Stack) -> bytes:
    """Write one line a pointer, so that a diff of two releases shows whose word changed."""
    lines = (
        f"  {_compact(format_pointer(path))}: {_compact([_told(said) for said in story])}"
        for path, story in _stories_in_order(stack)
    )
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _stories_in_order(stack: Stack) -> Iterator[tuple[Path, tuple[Said, ...]]]:
    """Yield the story of each named thing and of each leaf, in the order of the template."""
    named: set[Path] = set()
    for path, _ in walk_leaves(stack.template):
        thing = path[:2]
        if thing not in named and thing != path and thing in stack.stories:
            named.add(thing)
            yield thing, stack.stories[thing]
        yield path, _nearest_story(stack, path)


def _nearest_story(stack: Stack, path: Path) -> tuple[Said, ...]:
    for end in range(len(path), 0, -1):
        if path[:end] in stack.stories:
            return stack.stories[path[:end]]
    return ()


def _told(said: Said) -> Json:
    span = said.origin.span
    told = {"layer": said.origin.layer, "file": span.path, "line": span.line, "column": span.column}
    told["value"] = said.value
    if said.pointer:
        told["pointer"] = ".".join(str(step) for step in said.pointer)
    if said.rule is not None:
        told["rule"] = said.rule
    if said.fed_by:
        told["fedBy"] = [_told(setting.history[-1]) for setting in said.fed_by]
    return told


def _compact(data: Json) -> str:
    return json.dumps(plain(data), ensure_ascii=False, allow_nan=False)
