"""Pipeline: the order of the rooms, and nothing else.

In: folders and names from the command line.    Out: a Compilation, or what a command has to show.
Faults: all of the rooms it calls, together; D803, D804.
Never: knows what happens inside a room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.bases import read_bases
from compiler.diagnostics import CompileError, Diagnostic, has_errors, order_diagnostics
from compiler.layers import shared_environment
from compiler.library import find_content, load_library, load_schema
from compiler.model import Commit, Compilation, Descriptor, Document, Library, Repository, Settings, Stack
from compiler.parts import check_addition, check_override
from compiler.repository import read_repository
from compiler.resolve import resolve_environment, resolve_settings
from compiler.rules import check_names, check_settings
from compiler.trace import plain
from compiler.validate import validate_document

UNRELEASED = "unreleased"


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid service, ready to be built: its settings in each environment, and the warnings so far."""

    repository: Repository
    descriptor: Descriptor
    settings: dict[str, Settings]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def service(self) -> str:
        return str(plain(next(iter(self.settings.values())).data["service"]))


def open_library(folder: Path | None) -> Library:
    """Load the packaged library or another one, and hold its files against their schemas."""
    library = load_library(folder or find_content("platform"))
    _, faults = validate_document(library.defaults, load_schema("platform.v1"))
    found = list(faults)
    schema = load_schema("environment.v1")
    for document in library.environments.values():
        found.extend(validate_document(document, schema)[1])
    if found:
        raise CompileError(found)
    return library


def plan_service(folder: Path, library: Library, *, with_archives: bool) -> Plan:
    """Read and check a service without building anything. Raises CompileError with all that is wrong."""
    repository, faults = read_repository(folder, with_archives=with_archives)
    descriptor, more = _describe(repository.descriptor, folder, library)
    found = [*faults, *more]
    for part in repository.overrides:
        found.extend(check_override(part))
    for part in repository.additions:
        found.extend(check_addition(part))
    found.extend(check_names(descriptor, repository, library))
    settings = {}
    for name in described_environments(descriptor, library):
        settings[name] = resolve_settings(descriptor, library, name)
        found.extend(check_settings(descriptor, settings[name]))
    diagnostics = order_diagnostics(_without_echoes(found))
    if has_errors(diagnostics):
        raise CompileError(diagnostics)
    return Plan(repository, descriptor, settings, diagnostics)


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
    named = {name for each in descriptor.layers for name in each.data.get("environments") or ()}
    known = [name for name in named if shared_environment(library.environments, name)]
    return tuple(sorted(known or library.environments))


def _without_echoes(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Drop what a later room says of a place that `load` has already found at fault."""
    found = list(diagnostics)
    spans = {d.span for d in found if d.code.startswith("D1") and d.span}
    return [d for d in found if d.code.startswith("D1") or d.span not in spans]


def build_stack(plan: Plan, library: Library, environment: str, *, lint: bool) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Build, merge, guard and lint one environment's stack."""
    from compiler.build import build_fragments
    from compiler.guard import guard_stack
    from compiler.merge import merge_fragments
    from compiler.trace import derive

    settings = plan.settings.get(environment) or resolve_settings(plan.descriptor, library, environment)
    fragments, found = build_fragments(settings, library)
    service, words = settings.data["service"], settings.data.get("description", "")
    text = f"{words or service} (service {service} in {environment}, {library.name} {library.version})"
    stack, faults = merge_fragments(
        fragments,
        description=derive(text, service, words),
        overrides=plan.repository.overrides,
        additions=plan.repository.additions,
        identities=library.identities,
        environment=environment,
    )
    found = (*found, *faults, *guard_stack(stack, library))
    if lint:
        from compiler.lint import lint_stack

        found = (*found, *lint_stack(stack, region=plain(settings.environment["region"]), environment=environment))
    return stack, found


def compile_service(
    folder: Path, library: Library, *, environments: Sequence[str] = (), release: str | None = None, lint: bool = True
) -> Compilation:
    """Compile a service repository. Raises CompileError with all that is wrong in all environments."""
    plan = plan_service(folder, library, with_archives=True)
    return compile_plan(plan, library, environments=environments, release=release, lint=lint)


def compile_plan(
    plan: Plan, library: Library, *, environments: Sequence[str] = (), release: str | None = None, lint: bool = True
) -> Compilation:
    from compiler.render import render_bundle

    stacks: dict[str, Stack] = {}
    publishes: set[str] = set()
    consumes: set[str] = set()
    found = list(plan.diagnostics)
    for environment in dict.fromkeys(environments or plan.settings):
        settings = plan.settings.get(environment) or resolve_settings(plan.descriptor, library, environment)
        messages = plain(settings.data.get("messages", {}))
        publishes.update(messages.get("publish", ()))
        consumes.update(messages.get("consume", {}))
        stacks[environment], faults = build_stack(plan, library, environment, lint=lint)
        found.extend(faults)
    diagnostics = order_diagnostics(found)
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
    )
    return Compilation(stacks, bundle, diagnostics)


def compile_platform(library: Library, *, environments: Sequence[str] = (), lint: bool = True) -> Compilation:
    """Compile the stacks of the environments themselves, one for each template; keyed `production/network`."""
    from compiler.build import build_environment
    from compiler.guard import guard_stack
    from compiler.merge import merge_fragments
    from compiler.render import render_platform
    from compiler.trace import derive

    stacks: dict[str, Stack] = {}
    found: list[Diagnostic] = []
    for environment in dict.fromkeys(environments or sorted(library.environments)):
        settings = resolve_environment(library, environment)
        for fragment in build_environment(settings, library):
            text = f"{fragment.template} of {environment} ({library.name} {library.version})"
            description = derive(text, settings.environment["account"])
            stack, faults = merge_fragments([fragment], description=description, environment=environment)
            stacks[f"{environment}/{fragment.template}"] = stack
            found.extend((*faults, *guard_stack(stack, library)))
            if lint:
                from compiler.lint import lint_stack

                region = plain(settings.environment["region"])
                found.extend(lint_stack(stack, region=region, environment=environment))
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


def choose_release(commit: Commit | None, *, allow_dirty: bool) -> str:
    """Name the release to publish. Raises CompileError where nothing identifies what would be published."""
    if commit is None:
        hint = "commit the repository to git, or give the release a name with --release"
        raise CompileError([Diagnostic("D804", "no git commit to name the release after", None, hint)])
    if commit.is_dirty and not allow_dirty:
        hint = "commit or stash the changes, or publish them all the same with --allow-dirty"
        raise CompileError([Diagnostic("D803", "the working tree differs from its commit", None, hint)])
    return clean_release(commit) or f"{commit.time}-{commit.id[:12]}-dirty"
