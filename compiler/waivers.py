"""Waivers: let pass, for one resource and until a day, what the platform team agreed to.

In: Settings, the Library, the commit; then what guard and lint found.    Out: Waivers; the findings that remain.
Faults: D603 expired, D604 unused, D605 too wide, D606 its day is not checked, D607 no such day; those of mutes.
Never: asks the clock: what a commit compiles to does not change when a day has passed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Container, Iterable, Iterator, Mapping

from compiler.alarms import check_mutes
from compiler.days import a_year_after, day_of, has_form_of_day, is_day
from compiler.diagnostics import Diagnostic, suggest
from compiler.model import Breach, Commit, Json, Library, Settings, Stack, Waiver
from compiler.trace import plain, settings_of

_KEYS = ("guardrail", "resource", "reason", "until", "approvedBy")


def check_waivers(settings: Settings, library: Library, commit: Commit | None) -> Iterator[Diagnostic]:
    """Check what each waiver and mute of an environment says, and its day against that of the commit, if any."""
    first: dict[tuple[Json, Json], str] = {}
    for name, waiver in _written(settings):
        yield from _check_waiver(name, waiver, library, commit)
        guardrail, resource = _text(waiver.get("guardrail")), _text(waiver.get("resource"))
        if guardrail and resource and (other := first.setdefault((guardrail, resource), name)) != name:
            message = f"waiver `{name}` waives nothing: `{other}` waives `{guardrail}` for `{resource}` already"
            yield _fault("D604", message, name, "keep one of the two")
    yield from check_mutes(settings, commit)


def read_sound_waivers(settings: Settings, library: Library, commit: Commit | None) -> tuple[Waiver, ...]:
    """Return the waivers of an environment that `check_waivers` finds nothing to say about."""
    at_fault = {plain(name) for name, each in _written(settings) if any(_check_waiver(name, each, library, commit))}
    return tuple(waiver for waiver in read_waivers(settings) if waiver.name not in at_fault)


def _check_waiver(
    name: str, waiver: Mapping[str, Json], library: Library, commit: Commit | None
) -> Iterator[Diagnostic]:
    rules = _rules(library)
    # What is no text at all is the schema's to report, and so is a day of another form.
    guardrail, resource, until = (_text(waiver.get(key)) for key in ("guardrail", "resource", "until"))
    if guardrail is not None and guardrail not in rules:
        message = f"waiver `{name}` is for `{guardrail}`, which is no guardrail of this platform"
        yield _fault("D605", message, guardrail, suggest(guardrail, rules) or "name one of docs/guardrails.md")
    if resource is not None and not (resource.isascii() and resource.isalnum()):
        message = f"waiver `{name}` is too wide: `{resource}` is not the logical id of one resource"
        yield _fault("D605", message, resource, "write a waiver for each resource")
    if until is None or not has_form_of_day(until):
        return
    if not is_day(until):
        yield _fault("D607", f"waiver `{name}` ends on {until}, a day that does not exist", until, None)
    elif commit:
        yield from _check_day(name, until, commit)


def _rules(library: Library) -> list[str]:
    own = [rule for module in library.rules for rule in module.ids]
    return [*(guardrail.name for guardrail in library.guardrails), *own]


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _check_day(name: str, until: str, commit: Commit) -> Iterator[Diagnostic]:
    day = day_of(commit)
    latest = a_year_after(day)
    if until < day:
        message = f"waiver `{name}` expired on {until}, and this commit is of {day}"
        yield _fault("D603", message, until, "mend what it waives, or ask the platform team for another")
    elif until > latest:
        message = f"waiver `{name}` is too wide: {until} is more than a year after this commit of {day}"
        yield _fault("D605", message, until, f"name a day until {latest}")


def read_waivers(settings: Settings) -> tuple[Waiver, ...]:
    """Return the waivers of an environment that say all there is to say."""
    return tuple(_make(name, plain(waiver)) for name, waiver in _written(settings) if waiver.keys() >= set(_KEYS))


def _make(name: str, said: Mapping[str, str]) -> Waiver:
    guardrail, resource, reason, until, approved_by = (said[key] for key in _KEYS)
    return Waiver(plain(name), guardrail, resource, reason, until, approved_by, settings_of(name)[0].origin.span)


def _written(settings: Settings) -> Iterator[tuple[str, dict[str, Json]]]:
    for name, waiver in (settings.data.get("waivers") or {}).items():
        if isinstance(waiver, dict):
            yield name, waiver


def waive(found: Iterable[Diagnostic], waivers: Iterable[Waiver]) -> tuple[tuple[Diagnostic, ...], frozenset[str]]:
    """Drop what is waived; return the rest, and the names of the waivers that had something to waive."""
    names: dict[tuple[str, str], set[str]] = {}
    for waiver in waivers:
        names.setdefault((waiver.guardrail, waiver.resource), set()).add(waiver.name)
    kept: list[Diagnostic] = []
    used: set[str] = set()
    for each in found:
        waiving = names.get((each.rule, each.resource)) if isinstance(each, Breach) else None
        if waiving:
            used |= waiving
        else:
            kept.append(each)
    return tuple(kept), frozenset(used)


def excuse(found: Iterable[Diagnostic], at_fault: Iterable[Waiver], library: Library) -> tuple[Diagnostic, ...]:
    """Drop what a waiver at fault may be meant for: that it is at fault has been said, and says enough."""
    waivers, rules = tuple(at_fault), _rules(library)

    def is_meant(waiver: Waiver, breach: Breach) -> bool:
        is_for_rule = waiver.guardrail == breach.rule or waiver.guardrail not in rules
        return is_for_rule and fnmatch.fnmatchcase(breach.resource, waiver.resource)

    return tuple(
        each for each in found if not (isinstance(each, Breach) and any(is_meant(waiver, each) for waiver in waivers))
    )


def check_use(
    waivers: Mapping[str, Iterable[Waiver]],
    used: Mapping[str, Container[str]],
    *,
    stacks: Mapping[str, Stack],
    unasked: Container[str],
    commit: Commit | None,
) -> Iterator[Diagnostic]:
    """Check that each waiver has something to waive in an environment that it is for.

    `waivers` are those of every environment of the service; the others are of the environments that were built, by
    their names. `unasked` are rules that were not run.
    """
    wanted: dict[tuple[str, str, str], tuple[Waiver, list[str]]] = {}
    for environment, some in waivers.items():
        for waiver in some:
            key = (waiver.name, waiver.guardrail, waiver.resource)
            wanted.setdefault(key, (waiver, []))[1].append(environment)
    for waiver, environments in wanted.values():
        if any(waiver.name in used.get(environment, ()) for environment in environments):
            if commit is None:
                message = f"waiver `{waiver.name}` holds unchecked: no git commit tells whether {waiver.until} is past"
                yield Diagnostic("D606", message, waiver.span, "commit the repository to git", "warning")
        elif waiver.guardrail not in unasked and all(environment in used for environment in environments):
            yield _unused(waiver, [stacks[environment] for environment in environments])


def _unused(waiver: Waiver, stacks: Iterable[Stack]) -> Diagnostic:
    known = {name for stack in stacks for name in stack.template.get("Resources") or ()}
    if waiver.resource in known:
        what, hint = f"`{waiver.resource}` does not break `{waiver.guardrail}`", "remove it"
    else:
        what, hint = f"there is no resource `{waiver.resource}`", suggest(waiver.resource, known) or "remove it"
    return Diagnostic("D604", f"waiver `{waiver.name}` waives nothing: {what}", waiver.span, hint)


def _fault(code: str, message: str, value: Json, hint: str | None) -> Diagnostic:
    return Diagnostic(code, message, settings_of(value)[0].origin.span, hint)
