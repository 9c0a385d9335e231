"""Least bump: which part of a library's version has to grow, by what changes for those who count on it.

In: two libraries, their schemas of `service.yml`, Diffs of what they compile.    Out: Reasons, each with its bump.
Never: compiles, or looks at who uses what: what can be counted on counts as counted on.

What a service may count on changes or goes in a major version only: logical ids, outputs, paths of parameters, names of
topics, roles of Ansible, what the schema admits, what guardrails and rules let pass, and what stateful resources hold.
What is new makes a minor version. Anything else is a patch, also another default: no service stops working by it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from compiler.behavior import is_stateful
from compiler.changes import Change, Diff
from compiler.layers import list_environments
from compiler.model import Guardrail, Json, Library, Origin
from compiler.resolve import resolve_environment
from compiler.schema_change import find_narrowings
from compiler.trace import plain, settings_of
from compiler.versions import admits_versions

Bump = Literal["patch", "minor", "major"]
BUMPS: tuple[Bump, ...] = ("patch", "minor", "major")

# Properties that others find a resource by, beside its logical id.
_NAMES: Mapping[tuple[str, str], str] = {
    ("AWS::SSM::Parameter", "Name"): "the path of the parameter",
    ("AWS::SSM::Parameter", "Type"): "the type of the parameter",
    ("AWS::SNS::Topic", "TopicName"): "the name of the topic",
    ("AWS::SQS::Queue", "QueueName"): "the name of the queue",
    ("AWS::Events::EventBus", "Name"): "the name of the bus",
    ("AWS::KMS::Alias", "AliasName"): "the alias of the key",
    ("AWS::Route53::RecordSet", "Name"): "the DNS name",
}
# How long data is kept: the property, and what holds where it is missing.
_RETENTIONS: Mapping[tuple[str, str], float] = {
    ("AWS::Logs::LogGroup", "RetentionInDays"): math.inf,
    ("AWS::SQS::Queue", "MessageRetentionPeriod"): 345_600,
    ("AWS::Kinesis::Stream", "RetentionPeriodHours"): 24,
    ("AWS::RDS::DBInstance", "BackupRetentionPeriod"): 1,
    ("AWS::RDS::DBCluster", "BackupRetentionPeriod"): 1,
}
_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_KEPT: tuple[Json, ...] = (None, "Delete", "Snapshot", "RetainExceptOnCreate", "Retain")  # the least safe first
_EVENTS = {"publishes": "published", "consumes": "consumed"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that asks for a bump: what it is, where it was seen, and who had the last word on it, where known."""

    bump: Bump
    message: str
    where: str
    origin: Origin | None = None


def worst_bump(reasons: Iterable[Reason]) -> Bump | None:
    """Return the greatest bump that is asked for; None where nothing is."""
    return max((reason.bump for reason in reasons), key=BUMPS.index, default=None)


def judge_schemas(old: Json, new: Json) -> Iterator[Reason]:
    """Yield what a service's descriptor may no longer say, and what it may say now."""
    for bump, found in (("major", find_narrowings(old, new)), ("minor", find_narrowings(new, old))):
        for each in found:
            place = ".".join(each.path) or "service.yml"
            words = each.reason if bump == "major" else f"before, {each.reason}"
            yield Reason("major" if bump == "major" else "minor", f"`{place}`: {words}", "schema")


def judge_libraries(old: Library, new: Library) -> Iterator[Reason]:
    """Yield what the rules and roles of two libraries ask for by themselves, whether or not anything breaks a rule."""
    before, after = ({each.name: each for each in library.guardrails} for library in (old, new))
    for name in dict.fromkeys((*before, *after)):
        yield from _judge_guardrail(before.get(name), after.get(name))
    yield from _judge_rules(old, new)
    for what, where, find in _KINDS:
        named = [find(library) for library in (old, new)]
        yield from (Reason("major", f"the {what} `{name}` goes", where) for name in sorted(named[0] - named[1]))
        yield from (Reason("minor", f"the {what} `{name}` is new", where) for name in sorted(named[1] - named[0]))
    if not admits_versions(new.compiler, old.compiler):
        span = new.defaults.value_span(("compiler",))
        message = f"it asks for flagstone `{new.compiler}`, and asked for `{old.compiler or 'any'}`"
        yield Reason("major", message, "platform.yml", Origin("platform", span))
    yield from _judge_identities(old, new)
    yield from _judge_defaults(old, new)
    if old.digest != new.digest:
        yield Reason("patch", "the files of the library differ", "library")


def differ_in_rules(old: Library, new: Library) -> bool:
    """Tell whether two libraries ask other rules, or may."""
    return _read_code(old, "rules/") != _read_code(new, "rules/")


def judge_offers(old: Json, new: Json, kept: Collection[str]) -> Iterator[Reason]:
    """Yield which logical ids of services are offered no longer, and which are new, as `offers` describes them.

    `kept` are logical ids that services were seen to keep; one that is made somewhere else now is no other.
    """
    before, after = (
        {
            re.sub("<[^>]*>", "<>", text): text
            for texts in offers["logicalIds"]["service"]["ids"].values()
            for text in texts
        }
        for offers in (old, new)
    )
    seen = {_match(name, before) for name in kept}
    for gone in sorted({*before} - {*after} - seen):
        yield Reason("major", f"no template makes `{before[gone]}` any longer", "templates")
    yield from (
        Reason("minor", f"templates make `{after[plain]}`", "templates") for plain in sorted({*after} - {*before})
    )


def _match(name: str, patterns: Iterable[str]) -> str | None:
    """Return the closest of the patterns that a logical id fits."""
    fitting = (each for each in patterns if re.fullmatch("[A-Za-z0-9]+".join(map(re.escape, each.split("<>"))), name))
    return max(fitting, key=lambda each: len(each.replace("<>", "")), default=None)


def judge_diff(diff: Diff, where: str) -> Iterator[Reason]:
    """Yield what the changes of something compiled ask for. `where` names what was compiled."""
    for change in diff.changes:
        if change.file == "manifest.json" and change.path[:1] == ("platform",):
            continue  # which of the two it was compiled with
        bump, message = _judge(change)
        place = f"{where}, {change.environment}" if change.environment else where
        yield Reason(bump, message, place, change.origin)


def judge_outcomes(old_faults: Iterable[str], new_faults: Iterable[str], where: str) -> Iterator[Reason]:
    """Yield what it asks for that something compiles no longer, or compiles now. A fault is a message with its code."""
    before, after = list(old_faults), list(new_faults)
    if before and not after:
        yield Reason("minor", f"it compiles now, which it did not: {before[0]}", where)
    elif not before:
        yield from (Reason("major", f"it compiles no longer: {fault}", where) for fault in after)


def _judge_guardrail(before: Guardrail | None, after: Guardrail | None) -> Iterator[Reason]:
    name = f"the guardrail `{(before or after).name}`" if before or after else ""  # type: ignore[union-attr]
    if after is None:
        yield Reason("minor", f"{name} is no longer asked", "guardrails")
        return
    bump: Bump = "major" if after.severity == "error" else "minor"
    if before is None:
        yield Reason(bump, f"{name} is new, and may refuse what compiled", "guardrails", Origin("platform", after.span))
        return
    plain = [replace(each, reason="", since="", span=after.span) for each in (before, after)]
    if plain[0] == plain[1]:
        return
    if _is_relaxed(before, after):
        yield Reason("minor", f"{name} lets more pass", "guardrails", Origin("platform", after.span))
    else:
        yield Reason(bump, f"{name} asks for something else", "guardrails", Origin("platform", after.span))


def _is_relaxed(before: Guardrail, after: Guardrail) -> bool:
    """Tell whether a guardrail refuses nothing that it did not refuse before."""
    had = before.must or {}
    return (
        (before.type, before.path) == (after.type, after.path)
        and (before.is_sealed or not after.is_sealed)
        and (before.severity == "error" or after.severity != "error")
        and set(before.unless) <= set(after.unless)
        and all(key in had and _admits(key, had[key], asked) for key, asked in (after.must or {}).items())
    )


def _admits(operator: str, before: Json, after: Json) -> bool:
    match operator:
        case "atLeast":
            return bool(after <= before)
        case "atMost":
            return bool(after >= before)
        case "oneOf":
            return all(value in after for value in before)
        case "keeps":
            return all(value in before for value in after)
    return bool(before == after)


def _judge_rules(old: Library, new: Library) -> Iterator[Reason]:
    """Judge rules by their code, since none can tell of code whether it refuses more than it did."""
    before, after = ({rule: module.name for module in library.rules for rule in module.ids} for library in (old, new))
    codes = [_read_code(library, "rules/") for library in (old, new)]
    shared = {path for code in codes for path in code if path.startswith("rules/_")}
    is_shared_new = any(codes[0].get(path) != codes[1].get(path) for path in shared)
    for rule, module in sorted(after.items()):
        bump: Bump = "major" if rule.startswith("E") else "minor"
        if rule not in before:
            yield Reason(bump, f"the rule `{rule}` is new, and may refuse what compiled", "rules")
        elif is_shared_new or _pick(codes[0], before[rule]) != _pick(codes[1], module):
            span = next(each.ids[rule] for each in new.rules if rule in each.ids)
            message = f"the code of the rule `{rule}` is another, and may refuse what compiled"
            yield Reason(bump, message, "rules", Origin("platform", span))
    yield from (
        Reason("minor", f"the rule `{rule}` is no longer asked", "rules") for rule in sorted({*before} - {*after})
    )


def _pick(code: Mapping[str, str], module: str) -> str | None:
    return code.get(f"rules/{module}.py")


def _read_code(library: Library, folder: str) -> dict[str, str]:
    """Read the modules of a folder without their comments and docstrings, keyed by path; as they are if no Python."""
    found = {}
    for file in library.files:
        if file.path.startswith(folder) and file.path.endswith(".py"):
            try:
                found[file.path] = ast.dump(_Plain().visit(ast.parse(file.content)))
            except (SyntaxError, ValueError):
                found[file.path] = file.content.decode(errors="replace")
    return found


class _Plain(ast.NodeTransformer):
    """Leave out texts that stand for themselves, such as docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def _list_roles(library: Library) -> set[str]:
    """Name the roles of a library: folders of `roles` that have tasks."""
    found = (re.fullmatch(r"(?:.*/)?roles/([^/]+)/tasks/main\.ya?ml", file.path) for file in library.ansible)
    return {match[1] for match in found if match}


def _list_playbooks(library: Library) -> set[str]:
    return {file.path for file in library.ansible if re.fullmatch(r"[^/]+\.ya?ml", file.path)}


def _list_variables(library: Library) -> set[str]:
    """Name the variables that processes find, as the templates of Ansible for files of them begin their lines."""
    texts = (file.content for file in library.ansible if file.path.endswith(".env.j2"))
    return {name.decode() for text in texts for name in re.findall(rb"^([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)}


_KINDS: tuple[tuple[str, str, Callable[[Library], set[str]]], ...] = (
    ("role", "ansible", _list_roles),
    ("playbook", "ansible", _list_playbooks),
    ("variable of processes", "ansible", _list_variables),
)


def _judge_identities(old: Library, new: Library) -> Iterator[Reason]:
    """Judge by which keys items of lists are the same: any change gives overrides another meaning."""
    before, after = ({(each.type, each.path): each for each in library.identities} for library in (old, new))
    for place in dict.fromkeys((*before, *after)):
        one, other = before.get(place), after.get(place)
        if (one and one.keys) != (other and other.keys):
            message = f"overrides of `{'.'.join(place[1])}` of `{place[0]}` mean something else"
            yield Reason("major", message, "identities", Origin("platform", other.span) if other else None)


def _judge_defaults(old: Library, new: Library) -> Iterator[Reason]:
    """Judge what services need not say, and where their environments are."""
    for key in ("defaults", "businessHours"):
        for path in _find_gone(old.defaults.data.get(key), new.defaults.data.get(key), (key,)):
            yield Reason("major", f"`{'.'.join(path)}` goes, on which services may count", "platform.yml")
    known = [{each.name: each for each in list_environments(library.environments)} for library in (old, new)]
    for name in sorted(known[0].keys() & known[1].keys()):
        before, after = (resolve_environment(library, name).environment for library in (old, new))
        for key in ("account", "region"):
            had, has = plain(before.get(key)), plain(after.get(key))
            if had != has:
                message = f"the {key} of `{name}` is `{has}` and was `{had}`, so that everything is made anew"
                origin = settings_of(after[key])[0].origin if key in after else None
                yield Reason("major", message, "environments", origin)
    for name in sorted(old.environments.keys() & new.environments.keys()):
        files = [library.environments[name] for library in (old, new)]
        sections = {section for each in known[0].values() if each.file == name for section in each.sections}
        for section in sorted(sections, key=len):
            before, after = (file.value_at((*section, "defaults")) for file in files)
            for path in _find_gone(before, after, (*map(str, section), "defaults")):
                message = f"`{'.'.join(path)}` of `{name}` goes, on which services may count"
                yield Reason("major", message, "environments")


def _find_gone(old: Json, new: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the topmost keys that one map has and another lacks."""
    if old is not None and new is None:
        yield path
    elif isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            yield from _find_gone(value, new.get(key), (*path, str(key)))


def _judge(change: Change) -> tuple[Bump, str]:
    section, *steps = change.path or ("",)
    if change.file == "manifest.json":
        return _judge_fact(change)
    if not change.path:
        return _came_or_went(change, "the stack")
    if section == "Resources" and change.logical_id is not None:
        return _judge_resource(change, steps[1:])
    if section in ("Outputs", "Parameters") and len(steps) == 1:
        return _came_or_went(change, f"the {str(section).lower()[:-1]} `{steps[0]}`")
    if section == "Outputs" and steps[1:2] == ["Export"] and change.kind != "added":
        return "major", f"the export of the output `{steps[0]}` is another one"
    return "patch", f"`{'.'.join(map(str, change.path))}` is {change.kind}"


def _judge_resource(change: Change, steps: list[str | int]) -> tuple[Bump, str]:
    name, kind = f"`{change.logical_id}`", change.type or ""
    if change.renamed_to is not None:
        return "major", f"{name} is called `{change.renamed_to}` now{_loss(change)}"
    if not steps and change.kind != "changed":
        bump, message = _came_or_went(change, name)
        return bump, f"{message}{_loss(change)}"
    if steps == ["Type"]:
        return "major", f"{name} becomes a `{change.after}`"
    if change.is_data_loss:
        return "major", f"{name} is replaced{_loss(change)}"
    if is_stateful(kind) and change.behavior in ("replacement", "conditional"):
        verb = "is replaced" if change.behavior == "replacement" else "may be replaced"
        return "major", f"{name}, which holds data, {verb}: {'; '.join(change.reasons) or 'by what it refers to'}"
    if is_stateful(kind) and len(steps) == 1 and steps[0] in _POLICIES and _is_less_kept(change):
        return (
            "major",
            f"{name}, which holds data, is protected no longer: `{steps[0]}` is `{change.after or 'Delete'}`",
        )
    if steps[:1] == ["Properties"] and len(steps) > 1:
        place = (kind, str(steps[1]))
        if place in _NAMES:
            return "major", f"{_NAMES[place]} `{change.before}` is `{change.after}` now"
        if place in _RETENTIONS and _is_shorter(change, _RETENTIONS[place]):
            return "major", f"{name} keeps its data for a shorter time: `{steps[1]}` is `{change.after}`"
    return "patch", f"{name} {'.'.join(map(str, steps))} is {change.kind}"


def _is_less_kept(change: Change) -> bool:
    places = [_KEPT.index(value) if value in _KEPT else len(_KEPT) for value in (change.after, change.before)]
    return places[0] < places[1] and change.before != "Delete"


def _is_shorter(change: Change, otherwise: float) -> bool:
    try:
        before, after = (otherwise if value is None else float(value) for value in (change.before, change.after))
    except (TypeError, ValueError):
        return False
    return after < before


def _judge_fact(change: Change) -> tuple[Bump, str]:
    word = _EVENTS.get(str(change.path[0]))
    if word is None or change.kind == "changed":
        return "patch", f"the manifest says something else of `{change.path[0]}`"
    return _came_or_went(change, f"a {word} event")


def _came_or_went(change: Change, what: str) -> tuple[Bump, str]:
    if change.kind == "changed":
        return "patch", f"{what} is changed"
    return ("minor", f"{what} is new") if change.kind == "added" else ("major", f"{what} goes")


def _loss(change: Change) -> str:
    return ", and its data is lost" if change.is_data_loss else ""
