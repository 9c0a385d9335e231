"""Unused: find what a service says in vain.

In: a Descriptor; for each environment its Settings, which of them templates looked at, and its Stack.
Out: every value of `service.yml`, of its bases and of overrides that reached nothing in any of the environments.
Never: takes for unused what it cannot follow, such as a boolean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.diagnostics import Span
from compiler.identity import path_matches
from compiler.model import Descriptor, Document, Json, Path, Said, Setting, Settings, Stack, walk_leaves
from compiler.trace import settings_of
from compiler.watch import Looks

Word = tuple[str, int, int]  # file, line and column: a key and its value are two words

# What the compiler itself goes by, so that no template has to read it.
BOOKKEEPING = {
    "service": "names the service",
    "owner": "says who answers for it",
    "platform": "chooses the release line of the library",
    "processes.*.runtime": "chooses the templates that build the process",
    "processes.*.uses": "connects the process with an addition",
    "additions.disable": "leaves an addition out",
    "waivers.**": "lets a guardrail pass; one that lets nothing pass is an error",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What became of the words of a service in one environment.

    `stacks` are the stack with the overrides of the weakest layer alone, then with the next; the last is the one that
    is compiled.
    """

    settings: Settings
    looks: Looks
    stacks: tuple[Stack, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """A value, or a map of nothing but such values, that reached nothing.

    No template reads it, or in each environment another word stands in its place.
    """

    pointer: Path
    span: Span
    replaced_by: tuple[Said, ...] = ()


def find_unused(descriptor: Descriptor, usages: Iterable[Usage]) -> tuple[Unused, ...]:
    """List what reached nothing anywhere, ordered by place."""
    usages = tuple(usages)
    used = {word for usage in usages for word in _used(usage)}
    found: dict[Word, Unused] = {}
    for usage in usages:
        for word, unused in (*_in_descriptors(descriptor, usage), *_in_overrides(usage)):
            if word not in used:
                others = found[word].replaced_by if word in found else ()
                winners = {_word(said): said for said in (*others, *unused.replaced_by)}
                found[word] = replace(unused, replaced_by=tuple(winners.values()))
    documents = {each.document.source.path: each.document for each in descriptor.layers}
    everything = [unused for (path, _, _), unused in found.items() if path not in documents]
    for document in documents.values():
        everything.extend(_Folding(document, found, used).fold())
    return tuple(sorted(everything, key=lambda each: (each.span.path, each.span.line, each.span.column)))


def _used(usage: Usage) -> Iterator[Word]:
    stack = usage.stacks[-1]
    for story in (*stack.stories.values(), *stack.removed.values()):
        yield _word(story[-1])
        yield from (_word(setting.history[-1]) for setting in story[-1].fed_by)
    yield from (_word(setting.history[-1]) for setting in usage.looks.compared)
    spoken = {_word(said) for story in stack.stories.values() for said in story}
    # A number that stands in the template is converted on its way there; of another the result may be anywhere.
    converted = {_word(setting.history[-1]) for setting in usage.looks.converted}
    yield from converted - spoken


def _word(said: Said) -> Word:
    return _place(said.origin.span)


def _place(span: Span) -> Word:
    return span.path, span.line, span.column


# In descriptors


def _in_descriptors(descriptor: Descriptor, usage: Usage) -> Iterator[tuple[Word, Unused]]:
    settings = {setting.path: setting for setting in settings_of(usage.settings.data)}
    spoken = {_word(said): story[-1] for story in usage.stacks[-1].stories.values() for said in story[:-1]}
    layers = usage.settings.layers
    for each in descriptor.layers:
        document = each.document
        if document.source.path.startswith("platform/"):
            continue  # a base that the library ships speaks to many services
        for pointer, value in walk_leaves(each.data):
            path = _settings_path(pointer, layers)
            if path is None or isinstance(value, (bool, dict, list)) or _is_bookkeeping(path):
                continue
            span = document.value_span(pointer)
            winner = spoken.get(_place(span)) or _winner(settings, path, _place(span))
            if winner is None:
                yield _place(span), Unused(pointer, span)
            elif each is descriptor or winner.origin.layer == "override":  # a base is there to be replaced
                yield _place(span), Unused(pointer, span, (winner,))


def _settings_path(pointer: Path, layers: tuple[str, ...]) -> Path | None:
    """Tell which setting a place of a descriptor speaks about; None where it is none of this environment."""
    if pointer[0] == "extends":
        return None
    if pointer[0] != "environments":
        return pointer
    return pointer[2:] if pointer[1] in layers else None


def _is_bookkeeping(path: Path) -> bool:
    steps = tuple(step for step in path if isinstance(step, str))
    return any(path_matches(tuple(known.split(".")), steps) for known in BOOKKEEPING)


def _winner(settings: Mapping[Path, Setting], path: Path, word: Word) -> Said | None:
    """Find who spoke in the place of a word; None where the word stands."""
    setting = settings.get(path)
    if setting is None:  # an item of a list that is replaced by a shorter one
        setting = next((settings[other] for other in settings if other[:-1] == path[:-1]), None)
    return None if setting is None or _word(setting.history[-1]) == word else setting.history[-1]


class _Folding:
    """Puts the map in the place of its values where none of them is read, and its key neither."""

    def __init__(self, document: Document, found: Mapping[Word, Unused], used: Collection[Word]) -> None:
        self.document = document
        self.found = found
        self.used = used

    def fold(self) -> Iterator[Unused]:
        yield from self._below(self.document.data, ()) or ()

    def _below(self, value: Json, pointer: Path) -> list[Unused] | None:
        """List what is unused below; None where all is, and nobody has replaced it."""
        if not isinstance(value, dict) or not value:
            leaves = (
                self.found.get(_place(self.document.value_span(inner))) for inner, _ in walk_leaves(value, pointer)
            )
            below = [unused for unused in leaves if unused]
            return None if below and below[0].pointer == pointer and not below[0].replaced_by else below
        inner = {key: self._below(item, (*pointer, key)) for key, item in value.items() if item is not None}
        is_unread = inner and pointer and all(each is None for each in inner.values())
        if is_unread and _place(self.document.key_span(pointer)) not in self.used:
            return None
        return [unused for key, each in inner.items() for unused in self._listed((*pointer, key), each)]

    def _listed(self, pointer: Path, below: list[Unused] | None) -> list[Unused]:
        return [Unused(pointer, self.document.key_span(pointer))] if below is None else below


# In overrides


def _in_overrides(usage: Usage) -> Iterator[tuple[Word, Unused]]:
    last = usage.stacks[-1]
    for stack in usage.stacks:
        for path, story in (*stack.stories.items(), *stack.removed.items()):
            for said in story:
                if said.origin.layer == "override":
                    winner = _last_word(last, path)
                    yield _word(said), Unused(said.pointer, said.origin.span, (winner,) if winner else ())


def _last_word(stack: Stack, path: Path) -> Said | None:
    """Find who had the last word at a place, around it or below it."""
    around = [path[:end] for end in range(len(path), 1, -1)]
    for place in around:
        for stories in (stack.stories, stack.removed):
            if place in stories and stories[place][-1].origin.layer == "override":
                return stories[place][-1]
    below = (story[-1] for where, story in stack.stories.items() if where[: len(path)] == path)
    return next(below, None)
