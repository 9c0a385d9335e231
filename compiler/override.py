"""Override: lay a service's changes over what the platform made.

In: a tree, a file of overrides, the identity table.    Out: a new tree, and the faults.
Faults: D501 to D507, D510, D511.
Never: merges into an intrinsic, or changes a value without writing down who did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compiler.asked import LIST_DIRECTIVES, MAY_BE_ONE, in_a_list, is_atom, is_no_change, is_statement
from compiler.diagnostics import Diagnostic, Related, Severity, Span, suggest
from compiler.identity import IdentityTable, identify, is_meant, name_key
from compiler.model import Document, Identity, Json, Origin, Path, Rename, Said, TemplatePart, Touch
from compiler.node import (
    Leaf,
    ListNode,
    MapNode,
    Node,
    Story,
    alike,
    find_directive,
    grow,
    is_intrinsic,
    note_rule,
    same,
    strip,
    whole_story,
)
from compiler.pointer import label_index, write_pointer
from compiler.renames import find_new_name
from compiler.rival import is_rival, last_words, whole_words
from compiler.wording import write_path, write_value


@dataclass(slots=True)
class Overlay:
    """Applies files of overrides one after the other and keeps what there is to say about it."""

    identities: IdentityTable
    environment: str
    renames: tuple[Rename, ...] = ()
    faults: list[Diagnostic] = field(default_factory=list)
    removed: dict[Path, Story] = field(default_factory=dict)
    touched: list[Touch] = field(default_factory=list)

    def apply(self, sections: Mapping[str, Mapping[str, Node]], part: TemplatePart) -> dict[str, dict[str, Node]]:
        """Return the sections of a template with one file of overrides laid over them."""
        result = {section: dict(nodes) for section, nodes in sections.items()}
        data = part.document.data
        for section, changes in (data if isinstance(data, dict) else {}).items():
            for name, change in (changes if isinstance(changes, dict) else {}).items():
                here = (section, name)
                base = result.get(section, {}).get(name)
                if base is None:
                    self._unknown_name(part, here, result)
                    continue
                file = _File(self, part, _type_of(base))
                if section == "Resources" and not file.keeps_type(change, here):
                    continue
                known = len(self.faults)
                merged = file.merge(base, change, here)
                if merged is not None and len(self.faults) == known and same(strip(merged), strip(base)):
                    file.changes_nothing(here, part.document.key_span(here))
                if merged is None:
                    del result[section][name]
                else:
                    result[section][name] = merged
        return result

    def _unknown_name(
        self, part: TemplatePart, here: tuple[str, str], sections: Mapping[str, Mapping[str, Node]]
    ) -> None:
        section, name = here
        known = sections.get(section, {})
        noun = section.removesuffix("s").lower()
        hint = suggest(name, known) or f"to add {'an' if noun[0] in 'aeiou' else 'a'} {noun}, use `additions/`"
        renamed = find_new_name(self.renames, name, known)
        if renamed:
            hint = f"rename it to `{renamed[0]}`, as the platform did in {renamed[1]}"
        message = f"the platform defines no {noun} `{name}` in `{self.environment}`"
        self.touched.append(Touch(here, part.document.key_span(here)))
        self.faults.append(Diagnostic("D501", message, part.document.key_span(here), hint))


def _type_of(node: Node) -> str:
    kind = node.items.get("Type") if isinstance(node, MapNode) else None
    return str(kind.value) if isinstance(kind, Leaf) else ""


class _File:
    """One file of overrides against one named thing. `here` is a path in the file and in the template alike."""

    def __init__(self, overlay: Overlay, part: TemplatePart, resource_type: str) -> None:
        self.overlay = overlay
        self.part = part
        self.document: Document = part.document
        self.resource_type = resource_type

    def keeps_type(self, change: Json, here: Path) -> bool:
        verbatim = next((name for name in ("$replace", "$value") if name in change), None)
        body, where = (change[verbatim], (*here, verbatim)) if verbatim else (change, here)
        wanted = body.get("Type", None if verbatim else self.resource_type) if isinstance(body, dict) else None
        if wanted == self.resource_type:
            return True
        message = f"`{here[-1]}` is of type `{self.resource_type}`, an override cannot change that"
        hint = f"write `Type: {self.resource_type}`" if verbatim else "remove `Type`"
        self._fault("D502", message, self.document.value_span((*where, "Type")), hint)
        return False

    def merge(self, base: Node | None, change: Json, here: Path, at: Path | None = None) -> Node | None:
        """Merge a change into a node. `at` is the place in the template where it differs from the place in the file."""
        at = here if at is None else at
        if base is None:
            self._check_rival(self._words_of_removal(at), here, at)
        if isinstance(change, dict) and any(key.startswith("$") for key in change):
            return self._direct(base, change, here, at)
        if isinstance(change, list) or is_statement(change):
            base = in_a_list(base, at)
        if isinstance(change, dict) and not is_atom(change, at):
            if base is None and change:
                return self._merge_map(MapNode({}), change, here, at)
            if isinstance(base, MapNode) and not is_intrinsic(strip(base)):
                return self._merge_map(base, change, here, at)
        if isinstance(base, ListNode) and not same(strip(base), change):
            rule = self.overlay.identities.find(self.resource_type, at[2:])
            if rule is not None and isinstance(change, list):
                changes = [((*here, index), item) for index, item in enumerate(change)]
                return self._merge_keyed(base, changes, rule, here, at)
            if rule is not None and at[-1] == MAY_BE_ONE and isinstance(change, dict):
                if is_statement(change):
                    return self._merge_keyed(base, [(here, change)], rule, here, at)
                self._which(rule, here, at)
                return base
            self._list_replaced(base, change, here, at)
        return self._replace(base, change, here, at)

    def _merge_map(self, base: MapNode, change: Mapping[str, Json], here: Path, at: Path) -> Node:
        if not change:
            self.changes_nothing(at, self._value_span(here))
        self._check_rival(whole_words(base, len(at)), here, at)
        items = dict(base.items)
        # Known keys keep the platform's order; new ones follow sorted, so that their order in the file has no meaning.
        for key in sorted(change, key=lambda key: (key not in items, key)):
            if key == "Type" and len(at) == 2 and at[0] == "Resources":
                continue
            merged = self.merge(items.get(key), change[key], (*here, key), (*at, key))
            if merged is None:
                items.pop(key, None)
            else:
                items[key] = merged
        return MapNode(items) if items else Leaf({}, self._story(None, {}, here))

    def _replace(self, base: Node | None, change: Json, here: Path, at: Path, rule: str | None = None) -> Node:
        """Put a change in place as it is written."""
        if base is not None and is_no_change(strip(base), change, at):
            self.changes_nothing(at, self._value_span(here))
            return base
        directive = find_directive(change) if rule is None else None
        if directive:
            message = f"`{directive[-1]}` has nothing to work on: `{write_path(at)}` is replaced as a whole"
            hint = "write the value itself, or `$replace` above it"
            self._fault("D506", message, self.document.key_span((*here, *directive)), hint)
        self._touch(here, at)
        if base is not None:
            self._check_rival(last_words(base), here, at)
        # What an override removed and another brings back has one story; an index may mean another item by now.
        is_named = not any(isinstance(step, int) for step in at)
        lost = self.overlay.removed.pop(at, ()) if base is None and is_named else ()
        whole = whole_story(base) if base else lost

        def tell(path: Path, value: Json) -> Story:
            before = base.story if isinstance(base, Leaf) and not path else whole
            return (*before, self._said((*here, *path), value, rule))

        return grow(change, tell)

    def _check_rival(self, words: Iterable[Said], here: Path, at: Path) -> None:
        rival = next((said.origin.span for said in words if is_rival(said, self.document.source.path)), None)
        if rival:
            message = f"two overrides of the same layer set `{write_path(at)}`"
            self._fault("D510", message, self._value_span(here), "keep one of the two", Related("and here", rival))

    def _words_of_removal(self, at: Path) -> Iterator[Said]:
        """Yield who removed what stood at a place; by now its index may be that of another item."""
        for path, story in self.overlay.removed.items():
            if path == at and write_pointer(path) == write_pointer(at):
                yield story[-1]

    # Directives

    def _direct(self, base: Node | None, change: Mapping[str, Json], here: Path, at: Path) -> Node | None:
        if "$expect" in change and not self._expected(base, change["$expect"], here, at):
            return base
        self._touch(here, at)
        if "$value" in change:
            return self._replace(base, change["$value"], (*here, "$value"), at, "$value")
        if "$replace" in change:
            return self._replace(base, change["$replace"], (*here, "$replace"), at, "$replace")
        if change.get("$remove") is True:
            return self._remove(base, here, at)
        if any(name in change for name in LIST_DIRECTIVES):
            return self._edit_list(base, change, here, at)
        return base

    def _expected(self, base: Node | None, wanted: Json, here: Path, at: Path) -> bool:
        span = self._value_span((*here, "$expect"))
        if base is None:
            self._fault("D504", f"the platform sets no `{write_path(at)}` in {self._env}", span, "remove `$expect`")
        elif not alike(strip(base), wanted):
            found = write_value(strip(base))
            message = f"`{write_path(at)}` is `{found}` in {self._env}, not `{write_value(wanted)}`"
            related = Related("set here", next(last_words(base)).origin.span)
            self._fault("D504", message, span, f"look at what changed, then write `$expect: {found}`", related)
        else:
            return True
        return False

    def _remove(self, base: Node | None, here: Path, at: Path) -> Node | None:
        if base is None:
            message = f"the platform sets no `{write_path(at)}` in {self._env}"
            self._fault("D505", message, self._value_span(here), "delete this line")
        elif len(at) == 3 and at[2] == "Type":
            span = self._value_span(here)
            self._fault("D502", "an override cannot remove `Type`", span, "remove the resource itself")
            return base
        else:
            self._forget(base, here, at)
        return None

    def _forget(self, node: Node, here: Path, at: Path) -> None:
        self._check_rival(last_words(node), here, at)
        # Items that two layers remove from one list may have had the same index.
        before = self.overlay.removed.get(at, ())
        self.overlay.removed[at] = (*before, *whole_story(node), self._said(here, None, "$remove"))

    def _edit_list(self, base: Node | None, change: Mapping[str, Json], here: Path, at: Path) -> Node | None:
        base = in_a_list(base, at)
        if base is not None and not (isinstance(base, ListNode) or (isinstance(base, Leaf) and base.value == [])):
            name = next(name for name in LIST_DIRECTIVES if name in change)
            message = f"`{name}` needs a list, and `{write_path(at)}` is `{write_value(strip(base))}`"
            self._fault("D506", message, self.document.key_span((*here, name)), "use `$replace`")
            return base
        if base is not None:
            self._check_rival(whole_words(base, len(at)), here, at)
        rule = self.overlay.identities.find(self.resource_type, at[2:])
        places = dict(enumerate(base.items if isinstance(base, ListNode) else ()))
        for index, wanted in enumerate(change.get("$remove", ())):
            self._remove_item(places, wanted, rule, (*here, "$remove", index), at)
        items = list(places.values())
        new: dict[str, list[Node]] = {"$prepend": [], "$append": []}
        for name, added in new.items():
            for index, item in enumerate(change.get(name, ())):
                others = [*items, *new["$prepend"], *new["$append"]] if rule else items
                added.append(self._new_item(others, item, rule, (*here, name, index), at))
        items = [*new["$prepend"], *items, *new["$append"]]
        return ListNode(tuple(items)) if items else Leaf([], self._story(base, [], here))

    def _remove_item(self, places: dict[int, Node], wanted: Json, rule: Identity | None, here: Path, at: Path) -> None:
        for index, item in places.items():
            value = strip(item)
            if is_meant(value, wanted, rule):
                has_label = rule and identify(value, rule.keys)
                self._forget(item, here, (*at, label_index(index, value, rule.keys) if rule and has_label else index))
                del places[index]
                return
        message = f"`{write_path(at)}` holds no `{write_value(wanted)}` in {self._env}"
        self._fault("D505", message, self._value_span(here), "delete it from `$remove`")

    def _new_item(self, items: list[Node], item: Json, rule: Identity | None, here: Path, at: Path) -> Node:
        identity = identify(item, rule.keys) if rule else None
        if rule and identity and any(identify(strip(other), rule.keys) == identity for other in items):
            message = f"the list already has an item of this {_keys(rule)}"
            self._fault(
                "D511", message, self._value_span(here), "write it as a plain list item to change the one there"
            )
        elif not rule and any(same(strip(other), item) for other in items):
            self.changes_nothing(at, self._value_span(here))
        name = str(here[-2])
        return grow(item, lambda path, value: (self._said((*here, *path), value, name),))

    # Lists

    def _merge_keyed(
        self, base: ListNode, changes: list[tuple[Path, Json]], rule: Identity, here: Path, at: Path
    ) -> Node:
        """Merge items into those of the same identity. Each comes with its place in the file."""
        if not changes:
            self.changes_nothing(at, self._value_span(here))
        self._check_rival(whole_words(base, len(at)), here, at)
        items = list(base.items)
        places: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            identity = identify(strip(item), rule.keys)
            if identity:
                places.setdefault(identity, []).append(index)
        seen: set[str] = set()
        gone: set[int] = set()
        for inner, item in changes:
            identity = identify(item, rule.keys)
            if identity is None:
                if find_directive(item):
                    self._which(rule, inner, at)
                elif any(same(strip(other), item) for other in items):
                    self.changes_nothing(at, self._value_span(inner))
                else:
                    items.append(self._keyed_item(None, item, rule, inner, (*at, len(items))))
                continue
            place = (*at, label_index(places.get(identity, [len(items)])[0], item, rule.keys))
            found = places.get(identity, [])
            if identity in seen or len(found) > 1:
                message = f"more than one item of `{write_path(at)}` has this {_keys(rule)}"
                self._fault("D511", message, self._value_span(inner), "use `$replace` to write the whole list")
            elif found and isinstance(item, dict) and item.get("$remove") is True:
                gone.add(found[0])
                self._touch(inner, place)
                self._forget(items[found[0]], inner, place)
            elif found:
                items[found[0]] = self._keyed_item(items[found[0]], item, rule, inner, place)
            elif isinstance(item, dict) and "$remove" in item:
                message = f"`{write_path(at)}` holds no item of this {_keys(rule)} in {self._env}"
                self._fault("D505", message, self._value_span(inner), "delete this item")
            else:
                items.append(self._keyed_item(None, item, rule, inner, place))
            seen.add(identity)
        kept = tuple(item for index, item in enumerate(items) if index not in gone)
        return ListNode(kept) if kept else Leaf([], self._story(None, [], here))

    def _which(self, rule: Identity, here: Path, at: Path) -> None:
        message = f"nothing says which item of `{write_path(at)}` is meant"
        self._fault("D506", message, self._value_span(here), f"write its {_keys(rule)} beside it")

    def _keyed_item(self, base: Node | None, item: Json, rule: Identity, here: Path, at: Path) -> Node:
        """Merge one item. What repeats the platform's value is fine as long as something of the item changes."""
        by = f"item merged by {_keys(rule)}" if base is not None else f"item added, new {_keys(rule)}"
        if not isinstance(base, MapNode) or not isinstance(item, dict):
            added = self.merge(None, item, here, at)
            return note_rule(added or Leaf({}, self._story(None, {}, here)), by, self.document.source.path)
        if same(strip(base), {**strip(base), **item}):
            self.changes_nothing(at, self._value_span(here))
            return base
        items = dict(base.items)
        for key in sorted(item, key=lambda key: (key not in items, key)):
            before = items.get(key)
            if before is not None and same(strip(before), item[key]):
                continue
            merged = self.merge(before, item[key], (*here, key), (*at, key))
            if merged is None:
                items.pop(key, None)
            else:
                items[key] = note_rule(merged, by, self.document.source.path)
        return MapNode(items)

    def _list_replaced(self, base: ListNode, change: Json, here: Path, at: Path) -> None:
        kept = change if isinstance(change, list) else [change]
        lost = [write_value(strip(item)) for item in base.items if not any(same(strip(item), new) for new in kept)]
        if lost:
            what = ", ".join(f"`{item}`" for item in lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            message = f"the list `{write_path(at)}` is replaced, without {what}"
            hint = "say `$replace` if that is meant, `$append` to add"
            self._fault("D507", message, self._value_span(here), hint, severity="warning")

    # Stories

    def _touch(self, here: Path, at: Path) -> None:
        self.overlay.touched.append(Touch(at, self._value_span(here)))

    def _said(self, here: Path, value: Json, rule: str | None = None) -> Said:
        return Said(Origin("override", self._value_span(here)), value, here, rule=rule)

    def _story(self, base: Node | None, value: Json, here: Path) -> Story:
        return (*(whole_story(base) if base else ()), self._said(here, value))

    # Saying what is wrong

    @property
    def _env(self) -> str:
        return f"`{self.overlay.environment}`"

    def _value_span(self, here: Path) -> Span:
        return self.document.value_span(here)

    def changes_nothing(self, at: Path, span: Span) -> None:
        message = f"the override of `{write_path(at)}` changes nothing in {self._env}"
        hint = "delete it"
        if self.part.environment is None:
            hint = "delete it, or keep it only in `overrides/<environment>/` of the environments that need it"
        self._fault("D503", message, span, hint)

    def _fault(
        self, code: str, message: str, span: Span, hint: str, *related: Related, severity: Severity = "error"
    ) -> None:
        self.overlay.faults.append(Diagnostic(code, message, span, hint, severity, related))


def _keys(rule: Identity) -> str:
    return " + ".join(f"`{name_key(key)}`" for key in rule.keys)
