"""Playbooks: hold what a service has in `ansible/` against what Ansible reads there, before every instance does.

In: the files of `ansible/`, those of the platform.    Out: Diagnostics.
Faults: D114 what nothing reads, D378 what Ansible refuses, and those of `load`.
Never: runs Ansible, or knows what a task does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from compiler.diagnostics import CompileError, Diagnostic, Severity, Source, Span, suggest
from compiler.load import load_document
from compiler.model import Json, RepositoryFile

_PLAYBOOK = "playbook.yml"
# What Ansible looks for beside a playbook, and in a role.
_BESIDE = """
    roles tasks handlers vars defaults files templates library module_utils group_vars host_vars collections
    action_plugins callback_plugins filter_plugins inventory_plugins lookup_plugins strategy_plugins test_plugins
    vars_plugins
""".split()
_LISTS, _MAPS = ("tasks", "handlers"), ("defaults", "vars", "meta")
_IN_ROLE = [name for name in (*_BESIDE, "meta") if name not in ("roles", "collections")]
_SUFFIXES = (".yml", ".yaml", ".json")
_MAIN = re.compile(r"main(\.ya?ml|\.json)?")
_VAULT = b"$ANSIBLE_VAULT;"
# What `load` has against a text that Ansible refuses as well; the rest is a matter of our own files.
_REFUSED = ("D101", "D104", "D106", "D107", "D113")


def check_playbooks(files: Sequence[RepositoryFile], platform: Sequence[RepositoryFile]) -> Iterator[Diagnostic]:
    """Check `ansible/` of a service: names that are near miss, YAML, plays, and roles that do nothing."""
    yield from _check_names(files)
    refused: set[str] = set()
    for file in files:
        shape = _shape_of(file.path)
        if shape is not None and file.link is None and not file.content.startswith(_VAULT):
            for fault in _check_file(file, shape):
                refused.add(file.path)
                yield fault
    roles = _list_roles(files)
    instead = _list_roles(platform).keys()
    for name, inner in sorted(roles.items()):
        yield from _check_role(name, inner, is_instead=name in instead)
        if name not in instead and _PLAYBOOK not in refused and not _is_mentioned(name, f"roles/{name}/", files):
            path = f"ansible/roles/{name}/{min(inner)}"
            hint = f"add it to the `roles` of a play in `ansible/{_PLAYBOOK}`"
            yield _fault("D114", f"nothing runs the role `{name}`", path, hint, "warning")


def _shape_of(path: str) -> type | None:
    """Tell what Ansible wants a file to hold, None where it is none that Ansible reads as YAML by itself."""
    match path.split("/"):
        case [name] if name == _PLAYBOOK:
            return list
        case ["roles", _, kind, *_, name] if name.endswith(_SUFFIXES) or _MAIN.fullmatch(name):
            return list if kind in _LISTS else dict if kind in _MAPS else None
    return None


def _check_names(files: Sequence[RepositoryFile]) -> Iterator[Diagnostic]:
    """Report what has a name close to one that Ansible reads, unless another file speaks of it."""
    found: dict[tuple[str, str], str] = {}
    for file in files:
        first, *inner = file.path.split("/")
        found.setdefault(("", first), file.path)
        if first == "roles" and len(inner) > 2:
            found.setdefault((f"roles/{inner[0]}/", inner[1]), file.path)
    for (folder, name), path in found.items():
        is_folder = path != folder + name
        known = _IN_ROLE if folder else _BESIDE if is_folder else [_PLAYBOOK]
        if name in known or name.startswith(".") or name.endswith(".md"):
            continue
        hint = suggest(name, known) if is_folder or re.fullmatch(r"(?i)play.*\.(ya?ml|json)", name) else None
        if hint and not _is_mentioned(name, folder + name, files):
            shown = f"ansible/{folder}{name}{'/' if is_folder else ''}"
            yield _fault("D114", f"nothing reads `{shown}`", f"ansible/{path}", hint)


def _is_mentioned(name: str, place: str, files: Sequence[RepositoryFile]) -> bool:
    """Tell whether a file that is not at the place itself speaks of it, or may by way of an expression."""
    word = re.compile(rb"(?<![\w.-])" + re.escape(name.encode()) + rb"(?![\w-])|role.*\{\{")
    return any(word.search(file.content) for file in files if not file.path.startswith(place))


def _check_file(file: RepositoryFile, shape: type) -> Iterator[Diagnostic]:
    path = f"ansible/{file.path}"
    try:
        document, faults = load_document(file.content, path, dialect="ansible")
    except CompileError as error:
        # A text with nothing but comments is fine, except as a playbook.
        yield from (each for each in error.diagnostics if each.code in _REFUSED)
        if file.path == _PLAYBOOK and any(each.code == "D116" for each in error.diagnostics):
            yield _fault(
                "D378", f"`{path}` is empty, and Ansible wants a list of plays", path, "write one, or delete it"
            )
        return
    merges = any("`<<`" in each.message for each in faults)
    for each in faults:
        if each.code in _REFUSED and "`<<`" not in each.message and not each.message.startswith("key `"):
            yield each
    data = document.data
    if data is None and file.path != _PLAYBOOK:
        return
    wanted = "list of plays" if file.path == _PLAYBOOK else "list of tasks" if shape is list else "map"
    if not isinstance(data, shape):
        message = f"`{path}` is {_name(data)}, and Ansible wants a {wanted}"
        hint = (
            "put `- ` before its first line, and indent the others" if shape is list and data else f"write a {wanted}"
        )
        yield Diagnostic("D378", message, document.value_span(()), hint)
        return
    for index, item in enumerate(data if isinstance(data, list) else ()):
        if not isinstance(item, dict):
            message = f"`{path}` has {_name(item)} where Ansible wants a {wanted.rpartition(' ')[2].removesuffix('s')}"
            yield Diagnostic("D378", message, document.value_span((index,)), "write a map")
        elif file.path == _PLAYBOOK and not merges and not _is_play(item):
            message = f"a play of `{path}` says neither `hosts` nor `import_playbook`"
            yield Diagnostic("D378", message, document.value_span((index,)), "add `hosts: localhost`")


def _is_play(item: Mapping[str, Json]) -> bool:
    return any(key == "hosts" or key.rpartition(".")[2] in ("import_playbook", "include") for key in item)


def _check_role(name: str, inner: Sequence[str], *, is_instead: bool) -> Iterator[Diagnostic]:
    """Check that Ansible finds something to do in a role; one in place of the platform's needs tasks."""
    runs = [path for path in inner if path.partition("/")[0] in (*_LISTS, *_MAPS)]
    has_tasks = any(path.startswith("tasks/main") and _MAIN.fullmatch(path.removeprefix("tasks/")) for path in runs)
    if has_tasks or (runs and not is_instead):
        return
    path = f"ansible/roles/{name}/{min(inner)}"
    if is_instead:
        message = f"the role `{name}` takes the place of the platform's and has no `tasks/main.yml`, so nothing runs"
        hint = f"add `ansible/roles/{name}/tasks/main.yml`, or remove the role to have the platform's run"
    else:
        message = f"the role `{name}` holds nothing that Ansible runs"
        hint = f"add `ansible/roles/{name}/tasks/main.yml`, or remove the role"
    yield _fault("D378", message, path, hint)


def _list_roles(files: Sequence[RepositoryFile]) -> dict[str, list[str]]:
    """Map each role that has a folder to its files; what is a link leads to a role that is looked at elsewhere."""
    found: dict[str, list[str]] = {}
    for file in files:
        match file.path.split("/", 2):
            case ["roles", name, inner]:
                found.setdefault(name, []).append(inner)
    linked = {posixpath.basename(file.path) for file in files if file.link is not None}
    return {name: inner for name, inner in found.items() if name not in linked and not name.startswith(".")}


def _name(data: Json) -> str:
    return {dict: "a map", list: "a list", type(None): "nothing"}.get(type(data), "a text")


def _fault(code: str, message: str, path: str, hint: str, severity: Severity = "error") -> Diagnostic:
    return Diagnostic(code, message, Span(Source(path), 1, 1, 1, 1), hint, severity)
