"""Model: every type that travels from room to room. Frozen, and without behavior beyond looking itself up.

In: nothing.    Out: types.
Never: changes after it is made; a new fact is a new type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from compiler.diagnostics import Diagnostic, Source, Span

Json = Any  # None, bool, int, float, str, or lists and string-keyed maps of these
Path = tuple[str | int, ...]  # ("Resources", "WebGroup", "Properties", "Tags", 0, "Key")


def walk_leaves(data: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield every leaf with its path; an empty list or map is a leaf."""
    if isinstance(data, dict) and data:
        for key, item in data.items():
            yield from walk_leaves(item, (*path, key))
    elif isinstance(data, list) and data:
        for index, item in enumerate(data):
            yield from walk_leaves(item, (*path, index))
    else:
        yield path, data


def walk_keys(data: Json, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything that stands under a key, and so ends with that key."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield (*path, key)
            yield from walk_keys(item, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from walk_keys(item, (*path, index))


def value_at(data: Json, path: Path) -> Json:
    """Return what stands at a path, None where nothing does.

    >>> value_at({"Tags": [{"Key": "owner"}]}, ("Tags", 0, "Key")), value_at({}, ("Tags", 0))
    ('owner', None)
    """
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


# Text with positions


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML or JSON text as plain data, with the span of every key and value."""

    source: Source
    data: Json
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    content: bytes = field(default=b"", repr=False)

    def value_span(self, path: Path) -> Span:
        """Span of the value at a path, or of its nearest parent that stands in the text."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def value_at(self, path: Path) -> Json:
        """Value at a path; None where there is none."""
        return value_at(self.data, path)

    def key_span(self, path: Path) -> Span:
        """Span of the key that leads to a path; of the value where there is no key, as in a list."""
        return self.keys.get(path) or self.value_span(path)


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A file as it goes into an archive. `link` is the target of a symbolic link, else None."""

    path: str
    content: bytes
    is_executable: bool = False
    link: str | None = None


@dataclass(frozen=True, slots=True)
class TemplatePart:
    """One file of overrides or additions: its name without suffix, and the environment its folder names, if any."""

    name: str
    environment: str | None
    document: Document


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit that a repository is at. `time` is UTC, yyyymmddThhmmss."""

    id: str
    time: str
    is_dirty: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The files that git tracks or would track, and the folders that hold any, by their paths in the service's folder.

    The value of a file is whether it is executable, where git has to say so because the disk cannot.
    """

    files: Mapping[str, bool | None]
    folders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Repository:
    """Everything that a service team committed, read once."""

    descriptor: Document
    overrides: tuple[TemplatePart, ...]
    additions: tuple[TemplatePart, ...]
    ansible: tuple[RepositoryFile, ...]
    src: tuple[RepositoryFile, ...]
    commit: Commit | None
    lock: Document | None = None
    bases: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A `flagstone.lock`: the library that a service was last looked at with, by name, version and digest.

    `overridden` holds, by environment and by pointer, what that library said at each place that an override touches;
    null where it said nothing. `bucket` is the url of the bucket that the library is from, None for any other.
    `priorities` holds, by process, the places that were chosen for rules on shared load balancers.
    """

    document: Document
    name: str
    version: str
    digest: str
    overridden: Mapping[str, Mapping[str, Json]]
    bucket: str | None = None
    priorities: Mapping[str, int] = field(default_factory=dict)


# The platform team's side


@dataclass(frozen=True, slots=True)
class TemplateModule:
    """A template before its code is loaded: `scope` is "service" or "environment"."""

    name: str
    scope: str
    source: Source


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two items of a list the same: the keys to compare, for a resource type and a property path.

    `type` and each step of `path` may be "*"; "**" stands for any number of steps.
    """

    type: str
    path: tuple[str, ...]
    keys: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Rename:
    """What a logical id of an older library is called since a version. `<Process>` in both stands for any name."""

    old: str
    new: str
    since: str
    span: Span


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A rule on one property of the resource types that a pattern names. `must` maps operators to their operands.

    A step of `path` may be "*" or "**"; where one that ends in "?" is missing, nothing is asked of what is below it.
    Where anything stands at one of the paths of `unless`, `path` may be missing.
    """

    name: str
    type: str
    path: tuple[str, ...]
    is_sealed: bool
    must: Mapping[str, Json] | None
    reason: str
    severity: str
    span: Span
    since: str = ""
    unless: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleModule:
    """A module of cfn-lint rules before its code is loaded, with the place of each rule by its id, such as E9001."""

    name: str
    ids: Mapping[str, Span]


@dataclass(frozen=True, slots=True)
class Breach(Diagnostic):
    """A diagnostic about one resource that a waiver may let pass. `rule` is a guardrail's name or a rule's id."""

    rule: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A service's dated and reasoned exception to one rule for one resource. `until` is its last day, yyyy-mm-dd."""

    name: str
    guardrail: str
    resource: str
    reason: str
    until: str
    approved_by: str
    span: Span


@dataclass(frozen=True, slots=True)
class Library:
    """The content of `platform/` at one version. `load_template` and `load_rule` run a module's code and return it.

    `files` are all that its digest is of. `compiler` is the range of versions that it asks for, such as ">=0.1,<2".
    `bucket` is the url of the bucket that it was published to, None where it is a folder.
    """

    name: str
    version: str
    digest: str
    root: FilePath
    defaults: Document
    environments: Mapping[str, Document]
    bases: Mapping[str, Document]
    templates: tuple[TemplateModule, ...]
    schema: Mapping[str, Json]
    identities: tuple[Identity, ...]
    guardrails: tuple[Guardrail, ...]
    ansible: tuple[RepositoryFile, ...]
    load_template: Callable[[TemplateModule], Any]
    renames: tuple[Rename, ...] = ()
    prices: Document | None = None
    rules: tuple[RuleModule, ...] = ()
    load_rule: Callable[[RuleModule], Any] | None = None
    files: tuple[RepositoryFile, ...] = field(default=(), repr=False)
    compiler: str | None = None
    bucket: str | None = None
    suppressions: Document | None = None


# Who said what


@dataclass(frozen=True, slots=True)
class Origin:
    """A layer and a span: who said so, and on which line.

    `layer` is "platform", "environment", "base", "service", "lock", "template", "override", "addition" or "compiler".
    """

    layer: str
    span: Span


@dataclass(frozen=True, slots=True)
class Said:
    """One layer's word on one value. `pointer` is where the word stands in its own file."""

    origin: Origin
    value: Json
    pointer: Path = ()
    fed_by: tuple[Setting, ...] = ()
    rule: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One resolved value with all who spoke about it, the weakest first and the winner last."""

    path: Path
    history: tuple[Said, ...]

    @property
    def value(self) -> Json:
        return self.history[-1].value

    @property
    def origin(self) -> Origin:
        return self.history[-1].origin


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A `service.yml` whose shape is right: no unknown key, no wrong type. Nulls are gone.

    `bases` are the descriptors that it extends, the weakest first.
    """

    document: Document
    data: Mapping[str, Json]
    bases: tuple[Descriptor, ...] = ()

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """All that it is made of, the weakest first and itself last."""
        return (*self.bases, self)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service asks for in one environment. Leaves of `data` and `environment` are traced values."""

    environment_name: str
    data: Mapping[str, Json]
    environment: Mapping[str, Json]
    layers: tuple[str, ...] = ()  # the names under which a descriptor speaks about it, the weakest first
    shared: str = ""  # the environment whose network it uses: itself, or what branches or tenants have together


# CloudFormation


@dataclass(frozen=True, slots=True)
class Entry:
    """One named thing of one section, plain JSON, with the story of each of its leaves relative to its body."""

    section: str
    name: str
    body: Json
    origin: Origin
    stories: Mapping[Path, tuple[Said, ...]]


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one template contributes, in the order in which it yielded."""

    template: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """A place in the platform's part of a template that an override speaks about, and where it does."""

    pointer: Path
    span: Span


@dataclass(frozen=True, slots=True)
class Stack:
    """A merged CloudFormation template with the story of every leaf, and of what overrides removed.

    A story lists who spoke about the value, the weakest first. `stories` also holds the origin of each named thing, at
    ("Resources", "WebGroup"), and `platform` each that an override touches as the platform made it.
    """

    template: Mapping[str, Json]
    stories: Mapping[Path, tuple[Said, ...]]
    removed: Mapping[Path, tuple[Said, ...]]
    touched: tuple[Touch, ...] = ()
    platform: Mapping[Path, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The rendered files of one service by their key; `manifest.json` is the last."""

    service: str
    release: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a compile yields: the stack of each environment, the bundle, and the warnings."""

    stacks: Mapping[str, Stack]
    bundle: Bundle
    diagnostics: tuple[Diagnostic, ...]
