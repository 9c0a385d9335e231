"""Addition: take in a CloudFormation template of the service's own, so that it comes out meaning the same.

In: the sections so far, a file of additions.    Out: the sections with it, and the faults.
Faults: D508, D509, D512.
Never: changes what the platform defines, or drops a section.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.model import Json, Origin, Path, Said, TemplatePart
from compiler.node import Leaf, ListNode, MapNode, Node, grow, same, stories_of, strip
from compiler.parameters import write_value
from compiler.trace import plain, settings_of

# Sections whose entries have names that must be unique in the stack.
NAMED_SECTIONS = ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs", "Hooks")


@dataclass(slots=True)
class Intake:
    """Takes in one addition after the other, and at last gives their parameters the values of the descriptor."""

    faults: list[Diagnostic] = field(default_factory=list)
    given: dict[str, Json] = field(default_factory=dict)
    without_default: dict[str, Span] = field(default_factory=dict)

    def apply(
        self, sections: Mapping[str, Mapping[str, Node]], part: TemplatePart, values: Mapping[str, Json]
    ) -> dict[str, dict[str, Node]]:
        """Return the sections of a template with one addition taken in.

        `values` are traced values for its parameters; they take the place of the defaults.
        """
        result = {section: dict(nodes) for section, nodes in sections.items()}
        data = part.document.data if isinstance(part.document.data, dict) else {}
        for section in NAMED_SECTIONS:
            entries = data.get(section)
            for name, body in (entries if isinstance(entries, dict) else {}).items():
                self._add(result.setdefault(section, {}), part, section, name, body)
        for name, value in values.items():
            self._give(name, value)
        for name, body in (data.get("Metadata") or {}).items():
            self._add_metadata(result.setdefault("Metadata", {}), part, ("Metadata", name), body)
        if "Description" in data:
            # A stack has one description, the platform's: the addition's is kept where a reader of the stack finds it.
            described = _grow(part, data["Description"], ("Description",))
            known = result.setdefault("Metadata", {})
            place = known.get("Additions", MapNode({}))
            is_taken = isinstance(place, MapNode) and part.name in place.items
            name = part.document.source.path if is_taken else part.name
            new = MapNode({name: MapNode({"Description": described})})
            known["Additions"] = self._joined(place, new, ("Metadata", "Additions"), part)
        return result

    def fill_parameters(self, sections: Mapping[str, Mapping[str, Node]]) -> dict[str, dict[str, Node]]:
        """Return the sections with the values of the descriptor as defaults, once for all additions that share one."""
        result = {section: dict(nodes) for section, nodes in sections.items()}
        for name, value in self.given.items():
            node = result.get("Parameters", {}).get(name)
            if isinstance(node, MapNode):
                result["Parameters"][name] = _with_default(node, name, value)
        for name, span in self.without_default.items():
            if name not in self.given:
                message = f"parameter `{name}` has no default: whoever deploys the stack has to give it"
                self.faults.append(Diagnostic("D512", message, span, "add `Default: ...`", "warning"))
        return result

    def _give(self, name: str, value: Json) -> None:
        other = next((known for known in self.given if known == name), name)
        if not same(plain(self.given.setdefault(name, value)), plain(value)):
            related = (Related("the other value", settings_of(other)[0].origin.span),)
            message = f"two additions share the parameter `{name}`, which gets two values"
            span = settings_of(name)[0].origin.span
            self.faults.append(Diagnostic("D509", message, span, "write the same value for both", related=related))

    def _add(self, known: dict[str, Node], part: TemplatePart, section: str, name: str, body: Json) -> None:
        path, noun = (section, name), section.removesuffix("s").lower()
        before = known.get(name)
        if before is None:
            known[name] = _grow(part, body, path)
            if section == "Parameters" and isinstance(body, dict) and "Default" not in body:
                self.without_default[name] = part.document.key_span(path)
            return
        _, story = next(stories_of(before))
        span, other = part.document.key_span(path), story[-1].origin
        related = (Related("defined here", other.span),)
        if other.layer != "addition":
            message = f"addition redefines the {noun} `{name}` of the platform"
            hint = "to change it, use `overrides/`; to add another, give it another name"
            self.faults.append(Diagnostic("D508", message, span, hint, related=related))
        elif not same(strip(before), body):
            message = f"two additions define the {noun} `{name}` differently"
            self.faults.append(Diagnostic("D509", message, span, "rename one of the two", related=related))

    def _add_metadata(self, known: dict[str, Node], part: TemplatePart, path: Path, body: Json) -> None:
        """Merge metadata: it describes the template as a whole, so that two additions may both speak."""
        name = str(path[-1])
        grown = _grow(part, body, path)
        known[name] = self._joined(known[name], grown, path, part) if name in known else grown

    def _joined(self, one: Node, other: Node, path: Path, part: TemplatePart) -> Node:
        if isinstance(one, MapNode) and isinstance(other, MapNode):
            items = dict(one.items)
            for key, node in other.items.items():
                items[key] = self._joined(items[key], node, (*path, key), part) if key in items else node
            return MapNode(items)
        if isinstance(one, ListNode) and isinstance(other, ListNode):
            new = [node for node in other.items if not any(same(strip(node), strip(old)) for old in one.items)]
            return ListNode((*one.items, *new))
        if not same(strip(one), strip(other)):
            _, story = next(stories_of(one))
            related = (Related("defined here", story[-1].origin.span),)
            message = f"two additions define `{'.'.join(str(step) for step in path)}` differently"
            span = part.document.key_span(path)
            self.faults.append(Diagnostic("D509", message, span, "keep one of the two", related=related))
        return one


def _with_default(parameter: MapNode, name: str, value: Json) -> MapNode:
    """Give a parameter the value of a descriptor as its default, so that whoever reads the template sees it."""
    before = parameter.items.get("Default")
    told = before.story if isinstance(before, Leaf) else ()
    settings, written = settings_of(value), write_value(plain(value))
    if len(settings) == 1:
        said = settings[0].history
    else:  # each item of a list has a setting of its own; an empty list and a boolean have none, but their name has
        sources = settings or settings_of(name)
        said = (Said(sources[-1].origin, written, fed_by=sources),)
    return MapNode({**parameter.items, "Default": Leaf(written, (*told, *said))})


def _grow(part: TemplatePart, body: Json, path: Path) -> Node:
    def tell(inner: Path, value: Json) -> tuple[Said, ...]:
        here = (*path, *inner)
        span: Span = part.document.value_span(here)
        return (Said(Origin("addition", span), value, here),)

    return grow(body, tell)
