"""Pipeline: the order of the rooms, and nothing else.

In: folders and names from the command line.    Out: a Compilation, or what a command has to show.
Faults: all of the rooms it calls, together; D803, D804.
Never: knows what happens inside a room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.bases import read_bases
from compiler.calls import Callers
from compiler.checkout import read_commit
from compiler.contracts import describe_contract
from compiler.days import has_last_day
from compiler.diagnostics import CompileError, Diagnostic, fold_names, has_errors, order_diagnostics
from compiler.families import check_families
from compiler.layers import choose_members, list_members, list_own, named_environments
from compiler.library import find_content, load_library, load_schema
from compiler.limits import is_too_large
from compiler.lock import check_lock, check_overridden, find_moves, is_locked, list_overridden, read_lock, write_lock
from compiler.model import Commit, Compilation, Descriptor, Document, Json, Library, Lock, Repository, Settings, Stack
from compiler.parameters import check_values
from compiler.parts import check_addition, check_override, keep_sound
from compiler.priorities import fill_priorities, list_priorities
from compiler.refusals import check_instances, check_refusals
from compiler.repository import INPUTS, read_repository
from compiler.resolve import resolve_environment, resolve_settings
from compiler.rules import check_settings, check_whole
from compiler.trace import plain
from compiler.unused import Unused, Usage, find_unused
from compiler.validate import validate_document
from compiler.waivers import check_use, check_waivers, excuse, read_sound_waivers, read_waivers, waive
from compiler.watch import watch_settings
from compiler.wiring import active_additions, given_values, wire_additions

UNRELEASED = "unreleased"


@dataclass(frozen=True, slots=True)
class Plan:
    """A service ready to be built: its settings in each environment, and what was found so far.

    These are warnings, unless faults are stepped over: then `left_out` are the names that the repository lacks now.
    """

    repository: Repository
    descriptor: Descriptor
    settings: dict[str, Settings]
    diagnostics: tuple[Diagnostic, ...]
    lock: Lock | None
    left_out: frozenset[str] = frozenset()

    @property
    def service(self) -> str:
        return str(plain(next(iter(self.settings.values())).data["service"]))


def open_library(folder: Path | None) -> Library:
    """Load the packaged library or another one, and hold its files against their schemas."""
    library = load_library(folder or find_content("platform"))
    _, faults = validate_document(library.defaults, load_schema("platform.v1"))
    found = [*faults, *check_families(library)]
    if library.prices:
        found.extend(validate_document(library.prices, load_schema("prices.v1"))[1])
    if found:
        raise CompileError(found)
    return library


@dataclass(frozen=True, slots=True)
class Locking:
    """What to write into `flagstone.lock`, the lock that was there, and what moved under the overrides since."""

    service: str
    content: bytes
    overridden: dict[str, dict[str, Json]]
    before: Lock | None
    moves: tuple[Diagnostic, ...]
    diagnostics: tuple[Diagnostic, ...]


def plan_service(
    folder: Path,
    library: Library,
    *,
    with_archives: bool,
    environments: Sequence[str] = (),
    follow_lock: bool = True,
    step_over: bool = False,
    is_locking: bool = False,
    commit: Commit | None = None,
) -> Plan:
    """Read and check a service without building anything. Raises CompileError with all that is wrong.

    Its settings are those of every environment that it describes, and of `environments` beside them.

    Where `flagstone.lock` pins another library, the stacks are built all the same, to say what that moves.
    With `step_over`, overrides, additions and waivers at fault are left out of the plan, which tells of them; with
    `is_locking`, priorities are chosen. `commit` stands for the one that git knows of the folder.
    """
    repository, faults = read_repository(folder, with_archives=with_archives)
    descriptor, more = _describe(repository.descriptor, folder, library)
    names = dict.fromkeys((*described_environments(descriptor, library), *environments))
    settings = {name: resolve_settings(descriptor, library, name) for name in names}
    # To validate is quick; only what ends on a day wants to be compared with that of the commit.
    if with_archives or any(has_last_day(each.data) for each in settings.values()):
        shipped = {id(document) for document in library.bases.values()}
        bases = [base.document for base in descriptor.bases if id(base.document) not in shipped]
        read = [document.source.path for document in (repository.descriptor, *bases)]
        commit = commit or read_commit(folder, read, INPUTS)
        repository = replace(repository, commit=commit, bases=tuple(bases))
    lock, unlocked = read_lock(repository.lock)
    settings = fill_priorities(settings, lock, choose=is_locking)
    found = [*faults, *more, *unlocked, *check_whole(descriptor, repository, library, settings)]
    judged: dict[str, list[Diagnostic]] = {}
    for name in settings:
        judged[name] = [
            *check_settings(descriptor, settings[name]),
            *check_refusals(settings[name]),
            *wire_additions(settings[name], repository.additions)[1],
        ]
        for part in active_additions(repository.additions, settings[name]):
            judged[name].extend(check_values(part, given_values(settings[name], part.name)))
    found.extend(fold_names(judged))
    beside = [fault for part in repository.overrides for fault in check_override(part)]
    beside += [fault for part in repository.additions for fault in check_addition(part)]
    beside += fold_names(
        {name: list(check_waivers(each, library, repository.commit)) for name, each in settings.items()}
    )
    diagnostics = order_diagnostics(_without_echoes([*found, *beside]))
    line = next((each.data.get("platform") for each in settings.values()), None)
    unpinned = tuple(check_lock(lock, library, line)) if follow_lock else ()
    # A library of another line is what an upgrade tries, so the list of what it moves is not held back.
    is_other_line = lock is not None and any(fault.code == "D308" for fault in found)
    if has_errors(fault for fault in found if fault.code != "D308" or not is_other_line) or (
        has_errors(beside) and not step_over
    ):
        raise CompileError((*diagnostics, *unpinned))
    left_out: frozenset[str] = frozenset()
    if has_errors(beside):
        overrides, additions, left_out = keep_sound(repository.overrides, repository.additions)
        repository = replace(repository, overrides=overrides, additions=additions)
    plan = Plan(repository, descriptor, settings, diagnostics, lock, left_out)
    if unpinned or is_other_line:
        stacks, built = _build_stacks(plan, library)
        raise CompileError((*diagnostics, *unpinned, *built, *_find_moves(plan, library, stacks)))
    return plan


def _describe(document: Document, folder: Path, library: Library) -> tuple[Descriptor, tuple[Diagnostic, ...]]:
    """Validate a descriptor and all that it extends; a base may leave out what has to be there in the end."""
    bases, found = read_bases(document, folder, library.bases)
    descriptor, faults = validate_document(document, library.schema)
    partial = {key: value for key, value in library.schema.items() if key not in ("required", "if", "then", "else")}
    below = [validate_document(base, partial) for base in bases]
    descriptor = replace(descriptor, bases=tuple(base for base, _ in below))
    return descriptor, (*found, *faults, *(fault for _, more in below for fault in more))


def described_environments(descriptor: Descriptor, library: Library) -> tuple[str, ...]:
    """Name the environments of a descriptor; all that the library has, where it names none."""
    files, named = library.environments, named_environments(descriptor)
    chosen = {each.name for name, _ in named for each in choose_members(files, name)}
    return tuple(sorted(chosen or {each.name for each in list_members(files)}))


def _without_echoes(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Drop what a later room says of a place that `load` has already found at fault."""
    found = list(diagnostics)
    spans = {d.span for d in found if d.code.startswith("D1") and d.span}
    return [d for d in found if d.code.startswith("D1") or d.span not in spans]


def _without_doubts(found: Iterable[Diagnostic], left_out: frozenset[str]) -> tuple[Diagnostic, ...]:
    """Drop what may be due to what was left out: what names it, and warnings that something is of no use."""
    if not left_out:
        return tuple(found)
    names = re.compile(rf"(?<!\w)({'|'.join(re.escape(name) for name in sorted(left_out))})(?!\w)")
    sure = (each for each in found if each.code[0] != "W" or "`Resources." in each.message)
    return tuple(each for each in sure if not names.search(each.message))


def build_stack(plan: Plan, library: Library, environment: str, *, lint: bool) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Build, merge, guard and lint one environment's stack; what is waived is left out of the findings."""
    stack, found = _judge_stack(plan, library, environment, lint=lint)
    return stack, _without_doubts(waive(found, read_waivers(plan.settings[environment]))[0], plan.left_out)


def _judge_stack(plan: Plan, library: Library, environment: str, *, lint: bool) -> tuple[Stack, tuple[Diagnostic, ...]]:
    from compiler.build import build_fragments
    from compiler.guard import guard_stack
    from compiler.merge import merge_fragments
    from compiler.reach import check_reach
    from compiler.trace import derive

    settings = plan.settings[environment]
    wirings, _ = wire_additions(settings, plan.repository.additions)
    additions = active_additions(plan.repository.additions, settings)
    fragments, found = build_fragments(settings, library, wirings)
    service, words = settings.data["service"], settings.data.get("description", "")
    text = f"{words or service} (service {service} in {environment}, {library.name} {library.version})"
    stack, faults = merge_fragments(
        fragments,
        description=derive(text, service, words),
        overrides=plan.repository.overrides,
        additions=additions,
        values={part.name: given_values(settings, part.name) for part in additions},
        identities=library.identities,
        renames=library.renames,
        environment=environment,
        layers=settings.layers,
    )
    found = (*found, *faults, *guard_stack(stack, library), *check_reach(settings, stack, library))
    if lint and not is_too_large(stack):  # which was said, and would take minutes
        from compiler.lint import lint_stack

        region = plain(settings.environment["region"])
        found = (*found, *lint_stack(stack, region=region, environment=environment, library=library))
    return stack, found


def list_unused(plan: Plan, library: Library, *, environments: Sequence[str] = ()) -> tuple[Unused, ...]:
    """Find what the descriptor, its bases and the overrides say in vain. Raises CompileError if there are faults."""
    usages = []
    for environment in dict.fromkeys(environments or plan.settings):
        watched, looks = watch_settings(plan.settings[environment])
        layers = (None, *watched.layers)
        stacks = []
        for end in range(1, len(layers) + 1):
            parts = tuple(part for part in plan.repository.overrides if part.environment in layers[:end])
            repository = replace(plan.repository, overrides=parts)
            layered = replace(plan, repository=repository, settings={environment: watched})
            stack, found = build_stack(layered, library, environment, lint=False)
            stacks.append(stack)
        if has_errors(found):
            raise CompileError(found)
        usages.append(Usage(plan.settings[environment], looks, tuple(stacks)))
    return find_unused(plan.descriptor, usages)


def lock_service(folder: Path, library: Library, *, upgrade: bool) -> Locking:
    """Decide what `flagstone.lock` should say. Raises CompileError where the service does not compile.

    Without `upgrade`, the library has to be the one of the lock that is there.
    """
    plan = plan_service(folder, library, with_archives=False, follow_lock=not upgrade, is_locking=True)
    stacks, found = _build_stacks(plan, library)
    moves = _find_moves(plan, library, stacks)
    diagnostics = order_diagnostics((*plan.diagnostics, *found))
    if has_errors(diagnostics):
        raise CompileError((*diagnostics, *moves))
    overridden = {environment: list_overridden(stack, library) for environment, stack in stacks.items()}
    content = write_lock(library, overridden, list_priorities(plan.settings))
    return Locking(plan.service, content, overridden, plan.lock, moves, diagnostics)


def _build_stacks(plan: Plan, library: Library) -> tuple[dict[str, Stack], list[Diagnostic]]:
    stacks: dict[str, Stack] = {}
    found: dict[str, tuple[Diagnostic, ...]] = {}
    for environment in plan.settings:
        try:
            stacks[environment], found[environment] = build_stack(plan, library, environment, lint=False)
        except CompileError as error:
            found[environment] = error.diagnostics
    return stacks, fold_names(found)


def _find_moves(plan: Plan, library: Library, stacks: dict[str, Stack]) -> tuple[Diagnostic, ...]:
    return find_moves(plan.lock, library, stacks) if plan.lock and not is_locked(plan.lock, library) else ()


def compile_service(
    folder: Path, library: Library, *, environments: Sequence[str] = (), release: str | None = None, lint: bool = True
) -> Compilation:
    """Compile a service repository. Raises CompileError with all that is wrong in all environments."""
    plan = plan_service(folder, library, with_archives=True, environments=environments, step_over=True)
    return compile_plan(plan, library, environments=environments, release=release, lint=lint)


def compile_plan(
    plan: Plan, library: Library, *, environments: Sequence[str] = (), release: str | None = None, lint: bool = True
) -> Compilation:
    from compiler.render import render_bundle

    stacks: dict[str, Stack] = {}
    publishes: set[str] = set()
    consumes: set[str] = set()
    found: dict[str, list[Diagnostic]] = {}
    waivers = {name: read_waivers(settings) for name, settings in plan.settings.items()}
    commit = plan.repository.commit
    sound = {name: read_sound_waivers(settings, library, commit) for name, settings in plan.settings.items()}
    used: dict[str, frozenset[str]] = {}
    for environment in dict.fromkeys(environments or plan.settings):
        settings = plan.settings[environment]
        messages = plain(settings.data.get("messages", {}))
        publishes.update(messages.get("publish", ()))
        consumes.update(messages.get("consume", {}))
        try:
            stacks[environment], faults = _judge_stack(plan, library, environment, lint=lint)
        except CompileError as error:
            raise CompileError((*plan.diagnostics, *error.diagnostics)) from error
        kept, used[environment] = waive(faults, waivers[environment])
        at_fault = [waiver for waiver in waivers[environment] if waiver not in sound[environment]]
        found[environment] = list(_without_doubts(excuse(kept, at_fault, library), plan.left_out))
        if library.ansible:  # whose playbook puts the source where commands run
            found[environment].extend(check_instances(settings, plan.repository, library))
        if plan.lock and not plan.left_out and environment in described_environments(plan.descriptor, library):
            found[environment].extend(check_overridden(plan.lock, stacks[environment], library, environment))
    is_linted = lint and not any(map(is_too_large, stacks.values()))
    unasked = () if is_linted else [rule for module in library.rules for rule in module.ids]
    rest = _without_doubts(check_use(sound, used, stacks=stacks, unasked=unasked, commit=commit), plan.left_out)
    diagnostics = order_diagnostics([*plan.diagnostics, *fold_names(found), *rest])
    if has_errors(diagnostics):
        raise CompileError(diagnostics)
    bundle = render_bundle(
        stacks,
        repository=plan.repository,
        library=library,
        service=plan.service,
        release=release or clean_release(plan.repository.commit) or UNRELEASED,
        publishes=publishes,
        consumes=consumes,
        waivers={environment: waivers[environment] for environment in stacks},
        contracts={name: describe_contract(plan.settings[name], stack) for name, stack in stacks.items()},
    )
    return Compilation(stacks, bundle, diagnostics)


def compile_platform(
    library: Library, *, environments: Sequence[str] = (), lint: bool = True, callers: Callers | None = None
) -> Compilation:
    """Compile the stacks of the environments themselves, one for each template; keyed `production/network`."""
    from compiler.build import build_environment
    from compiler.guard import guard_stack
    from compiler.merge import merge_fragments
    from compiler.reach import check_endpoints
    from compiler.render import render_platform
    from compiler.trace import derive

    stacks: dict[str, Stack] = {}
    found: list[Diagnostic] = []
    if lint:
        from compiler.lint_rules import check_types

        found.extend(check_types(library.guardrails))
    for environment in dict.fromkeys(environments or [each.name for each in list_own(library.environments)]):
        settings = resolve_environment(library, environment, (callers or {}).get(environment))
        for fragment in filter(lambda each: each.entries, build_environment(settings, library)):
            text = f"{fragment.template} of {environment} ({library.name} {library.version})"
            description = derive(text, settings.environment["account"])
            stack, faults = merge_fragments([fragment], description=description, environment=environment)
            stacks[f"{environment}/{fragment.template}"] = stack
            found.extend((*faults, *guard_stack(stack, library), *check_endpoints(settings)))
            if lint:
                from compiler.lint import lint_stack

                region = plain(settings.environment["region"])
                found += lint_stack(stack, region=region, environment=environment, library=library, scope="environment")
    diagnostics = order_diagnostics(found)
    if has_errors(diagnostics):
        raise CompileError(diagnostics)
    return Compilation(stacks, render_platform(stacks, library=library), diagnostics)


def clean_release(commit: Commit | None) -> str | None:
    """Name the release of a commit; None where there is none or the working tree differs from it.

    >>> clean_release(Commit("0123456789abcdef", "20261120T101500", is_dirty=False))
    '20261120T101500-0123456789ab'
    """
    return None if commit is None or commit.is_dirty else f"{commit.time}-{commit.id[:12]}"


def choose_release(plan: Plan, *, asked: str | None, allow_dirty: bool) -> str:
    """Name the release to publish, as asked or after the commit.

    Raises CompileError where nothing identifies what would be published, or where the commit is not what would be,
    with what was found in the plan.
    """
    commit = plan.repository.commit
    # To compile with what git may ignore does no harm; to upload it may.
    if not allow_dirty and any(found.code == "D120" for found in plan.diagnostics):
        found = [replace(each, severity="error") if each.code == "D120" else each for each in plan.diagnostics]
        raise CompileError(found)
    if commit and commit.is_dirty and not allow_dirty:
        hint = "commit or stash the changes, or publish them all the same with --allow-dirty"
        fault = Diagnostic("D803", "the working tree differs from its commit", None, hint)
        raise CompileError([*plan.diagnostics, fault])
    if asked is not None:
        return asked
    if commit is None:
        hint = "commit the repository to git, or give the release a name with --release"
        fault = Diagnostic("D804", "no git commit to name the release after", None, hint)
        raise CompileError([*plan.diagnostics, fault])
    return clean_release(commit) or f"{commit.time}-{commit.id[:12]}-dirty"
