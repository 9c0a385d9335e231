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
    """Takes in one addition after the other."""

    faults: list[Diagnostic] = field(default_factory=list)

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
                self._add(result.setdefault(section, {}), part, section, name, body, values)
        for name, value in values.items():
            node = result.get("Parameters", {}).get(name)
            if isinstance(node, MapNode):
                result["Parameters"][plain(name)] = _with_default(node, value)
        for name, body in (data.get("Metadata") or {}).items():
            self._add_metadata(result.setdefault("Metadata", {}), part, ("Metadata", name), body)
        if "Description" in data:
            # A stack has one description, the platform's: the addition's is kept where a reader of the stack finds it.
            described = _grow(part, data["Description"], ("Description",))
            place = result.setdefault("Metadata", {}).get("Additions", MapNode({}))
            inner = place.items if isinstance(place, MapNode) else {}
            result["Metadata"]["Additions"] = MapNode({**inner, part.name: MapNode({"Description": described})})
        transform = data.get("Transform")
        for macro in transform if isinstance(transform, list) else [transform] if transform is not None else []:
            known = result.setdefault("Transform", {})
            if not any(same(strip(node), macro) for node in known.values()):
                known[str(len(known))] = _grow(part, macro, ("Transform",))
        return result

    def _add(
        self,
        known: dict[str, Node],
        part: TemplatePart,
        section: str,
        name: str,
        body: Json,
        values: Mapping[str, Json],
    ) -> None:
        path, noun = (section, name), section.removesuffix("s").lower()
        before = known.get(name)
        if before is None:
            known[name] = _grow(part, body, path)
            if section == "Parameters" and isinstance(body, dict) and "Default" not in body and name not in values:
                message = f"parameter `{name}` has no default: whoever deploys the stack has to give it"
                span = part.document.key_span(path)
                self.faults.append(Diagnostic("D512", message, span, "add `Default: ...`", "warning"))
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


def _with_default(parameter: MapNode, value: Json) -> MapNode:
    """Give a parameter the value of a descriptor as its default, so that whoever reads the template sees it."""
    before = parameter.items.get("Default")
    told = before.story if isinstance(before, Leaf) else ()
    settings, written = settings_of(value), write_value(plain(value))
    if len(settings) == 1:
        said = settings[0].history
    else:  # a list: each item has a setting of its own
        said = tuple(Said(setting.origin, written, fed_by=settings) for setting in settings[-1:])
    return MapNode({**parameter.items, "Default": Leaf(written, (*told, *said))})


def _grow(part: TemplatePart, body: Json, path: Path) -> Node:
    def tell(inner: Path, value: Json) -> tuple[Said, ...]:
        here = (*path, *inner)
        span: Span = part.document.value_span(here)
        return (Said(Origin("addition", span), value, here),)

    return grow(body, tell)
