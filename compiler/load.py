"""Load: turn the bytes of a YAML or JSON file into plain data that knows where every key and value stands.

In: bytes, the path to name them by, a dialect.    Out: a Document, and the faults that could be stepped over.
Faults: D101 to D108, D113, D116.
Never: opens a file, or lets a hostile text exhaust memory or the stack: size, depth and nodes are bounded.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, Literal

import yaml

from compiler.diagnostics import CompileError, Diagnostic, Related, Source, Span, suggest
from compiler.hidden import hide_quotes, hide_secrets
from compiler.mistyped import guess_intent
from compiler.model import Document, Json, Path
from compiler.yaml11 import is_surprise, parse_bool, parse_float, parse_int

# "plain" has no tags and no YAML 1.1 surprises; "override" adds CloudFormation's short forms; "template" is a
# CloudFormation template as its author wrote it for AWS, YAML 1.1 surprises included, and "ansible" what Ansible reads.
Dialect = Literal["plain", "override", "template", "ansible"]

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 100_000

_FUNCTIONS = """
    And Base64 Cidr Equals FindInMap GetAtt GetAZs If ImportValue Join Length Not Or Select Split Sub ToJsonString
    Transform
"""
_SHORT_FORMS = {"Ref": "Ref", "Condition": "Condition"} | {name: f"Fn::{name}" for name in _FUNCTIONS.split()}
_ANSIBLE_TAGS = ("!vault", "!vault-encrypted", "!unsafe")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)
_JSON_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_CORE = "tag:yaml.org,2002:"


def load_document(content: bytes, path: str, *, dialect: Dialect) -> tuple[Document, tuple[Diagnostic, ...]]:
    """Parse a text once, keeping positions.

    Raises CompileError where nothing of the text can be used. Lesser faults are returned with the document: of two
    equal keys the first is kept, and a YAML 1.1 surprise is read as the text that stands there.
    """
    if len(content) > MAX_BYTES:
        start = Span(Source(path), 1, 1, 1, 1)
        raise CompileError(
            [Diagnostic("D105", f"file of {len(content):,} bytes is larger than {MAX_BYTES:,}", start, "split it")]
        )
    return _Composer(path, content, dialect).compose()


def _decode(content: bytes, path: str) -> str:
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # Without its byte order mark the content is shorter, and the error counts from there.
        before = error.object[: error.start].decode(encoding, errors="replace")
        source = Source(path, hide_secrets(content.decode(encoding, errors="replace").splitlines()))
        message = f"byte 0x{error.object[error.start]:02x} is not {encoding.removesuffix('-sig').upper()}"
        fault = Diagnostic("D104", message, _span_after(source, before), "save the file as UTF-8")
        raise CompileError([fault]) from None
    found = _UNPRINTABLE.search(text)
    if found:
        span = _span_after(Source(path, hide_secrets(text.splitlines())), text[: found.start()])
        message = f"control character U+{ord(found.group()):04X} in a text file"
        raise CompileError([Diagnostic("D104", message, span, "remove it, CloudFormation takes none")])
    return text


def _span_after(source: Source, before: str) -> Span:
    lines = (before + "x").splitlines()
    return Span(source, len(lines), len(lines[-1]), len(lines), len(lines[-1]) + 1)


class _Composer:
    """Build data from the parser's events: PyYAML's own composer overflows the C stack on deep nesting."""

    def __init__(self, path: str, content: bytes, dialect: Dialect) -> None:
        self.content = content
        self.text = text = _decode(content, path)
        self.dialect = dialect
        self.is_for_others = dialect in ("template", "ansible")  # who read YAML 1.1
        self.is_json = _is_json(text)
        # YAML breaks lines at three characters more than JSON, which may stand in a string.
        self.lines = tuple(re.split("\r\n|\r|\n", text) if self.is_json else text.splitlines())
        self.source = Source(path, hide_secrets(self.lines) if dialect == "plain" else self.lines)
        self.faults: list[Diagnostic] = []
        self.values: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}
        self.nodes = 0
        self.characters = 0
        self.events: list[Any] = []
        self.targets: dict[int, int] = {}
        self.open_nodes: set[int] = set()
        self.resolve: Any = None

    def compose(self) -> tuple[Document, tuple[Diagnostic, ...]]:
        self.events = self._parse()
        if not self.events:
            span = Span(self.source, 1, 1, 1, 1)
            raise CompileError([Diagnostic("D116", "file is empty", span, "fill it or delete it")])
        self.targets = self._find_targets()
        data, _ = self._node(0, ())
        return Document(self.source, data, self.values, self.keys, self.content), tuple(self.faults)

    def _find_targets(self) -> dict[int, int]:
        """Map each alias to what it stands for: the last node of that name before it."""
        anchors: dict[str, int] = {}
        targets: dict[int, int] = {}
        for at, event in enumerate(self.events):
            if isinstance(event, yaml.AliasEvent):
                targets[at] = anchors.get(str(event.anchor), at)
            elif isinstance(event, yaml.NodeEvent) and event.anchor:
                anchors[event.anchor] = at
        return targets

    def _parse(self) -> list[Any]:
        # In JSON, strings are replaced by as many letters before YAML sees them, because YAML reads some escapes
        # differently; their values are then read from the real text.
        text = (
            _JSON_STRING.sub(lambda m: '"' + "x" * (len(m.group()) - 2) + '"', self.text) if self.is_json else self.text
        )
        directive = _TAG_DIRECTIVE.search(text)
        if directive:
            span = _span_after(self.source, text[: directive.start()])
            raise CompileError([Diagnostic("D107", "`%TAG` is not supported", span, "write tags out")])
        events: list[Any] = []
        depth = 0
        try:
            loader = yaml.CSafeLoader(text)
            self.resolve = loader.resolve
            while loader.check_event():
                event = loader.get_event()
                if isinstance(event, yaml.DocumentStartEvent) and events:
                    raise self._fatal("D113", "second YAML document in one file", event, "keep one, without `---`")
                if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                    events.append(event)
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH:  # at once, for YAML takes ever longer the deeper it gets
                    raise self._fatal("D105", f"nested deeper than {MAX_DEPTH} levels", event, "flatten it")
                if len(events) > 2 * MAX_NODES:
                    raise self._fatal("D105", f"more than {MAX_NODES:,} values", event, "split the file")
        except yaml.MarkedYAMLError as error:
            raise CompileError([self._syntax_fault(error)]) from None
        except yaml.YAMLError as error:
            raise CompileError(
                [Diagnostic("D101", f"not valid YAML: {error}".splitlines()[0], Span(self.source, 1, 1, 1, 2))]
            ) from None
        return events

    def _syntax_fault(self, error: yaml.MarkedYAMLError) -> Diagnostic:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        first = error.context_mark.line + 1 if error.context_mark else line
        hint = guess_intent(error.problem or "", self.lines, first, line, column)
        related: tuple[Related, ...] = ()
        if error.context and error.context_mark and error.context_mark.line + 1 != line:
            start = error.context_mark
            span = Span(self.source, start.line + 1, start.column + 1, start.line + 1, start.column + 2)
            related = (Related(error.context, span),)
        span = Span(self.source, line, column, line, column + 1)
        if self.is_json:  # so it is the one thing that JSON may do and YAML may not
            return Diagnostic("D105", "a key is longer than 1,024 characters", span, "shorten it")
        return Diagnostic("D101", f"not valid YAML: {error.problem or error.context}", span, hint, related=related)

    def _span(self, event: Any, end: int | None = None) -> Span:
        """Tell where a node stands; `end` is the place of its last event."""
        while end is not None and _is_block_end(self.events[end]):  # it stands where the next node begins
            end -= 1
        start, stop = event.start_mark, (event if end is None else self.events[end]).end_mark
        line, column = stop.line + 1, stop.column + 1
        if column == 1 and line > start.line + 1:  # a block ends where the next line begins: end it on its own line
            line -= 1
            column = len(self.source.lines[line - 1]) + 1 if line <= len(self.source.lines) else 1
        return Span(self.source, start.line + 1, start.column + 1, line, column)

    def _fatal(self, code: str, message: str, event: Any, hint: str | None = None) -> CompileError:
        return CompileError([*self.faults, hide_quotes(Diagnostic(code, message, self._span(event), hint), self.lines)])

    def _fault(self, code: str, message: str, span: Span, hint: str | None, *related: Related) -> None:
        self.faults.append(hide_quotes(Diagnostic(code, message, span, hint, related=related), self.lines))

    # Each of the following reads the node that starts at an event and returns its value and the event after it.

    def _node(self, at: int, path: Path) -> tuple[Json, int]:
        event = self.events[at]
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._fatal("D105", f"aliases expand to more than {MAX_NODES:,} values", event, "write fewer aliases")
        if len(path) > MAX_DEPTH:
            raise self._fatal("D105", f"nested deeper than {MAX_DEPTH} levels", event, "flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(at, path), at + 1
        self.open_nodes.add(at)
        try:
            return self._tagged(at, path)
        finally:
            self.open_nodes.discard(at)

    def _alias(self, at: int, path: Path) -> Json:
        event, target = self.events[at], self.targets[at]
        if target == at:
            raise self._fatal("D101", f"alias `*{event.anchor}` names no anchor before it", event)
        if target in self.open_nodes:
            raise self._fatal("D101", f"alias `*{event.anchor}` contains itself", event)
        value, _ = self._node(target, path)
        return value

    def _tagged(self, at: int, path: Path) -> tuple[Json, int]:
        event = self.events[at]
        tag: str = event.tag or ""
        if tag.startswith(_CORE) and not self._fits(tag.removeprefix(_CORE), event):
            message = f"tag `!!{tag.removeprefix(_CORE)}` does not fit here"
            self._fault("D107", message, self._span(event), "write a plain value")
        if not tag.startswith("!") or tag == "!" or (self.dialect == "ansible" and tag in _ANSIBLE_TAGS):
            return self._untagged(at, path)
        long_form = _SHORT_FORMS.get(tag[1:])
        if self.dialect in ("plain", "ansible") or long_form is None:
            if self.dialect in ("plain", "ansible"):
                hint = "write a plain value"
            else:
                hint = suggest(tag, [f"!{name}" for name in _SHORT_FORMS]) or "write the long form of the function"
            self._fault("D107", f"tag `{tag}` is not known here", self._tag_span(event), hint)
            return self._untagged(at, path)
        inner = (*path, long_form)
        value, after = self._untagged(at, inner)
        self.values[path] = self.keys[inner] = self.values[inner]
        if long_form == "Fn::GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
            for index in range(len(value)):
                self.values[(*inner, index)] = self.values[inner]
        return {long_form: value}, after

    def _fits(self, kind: str, event: Any) -> bool:
        if isinstance(event, yaml.CollectionStartEvent):
            return kind == ("map" if isinstance(event, yaml.MappingStartEvent) else "seq")
        return kind == "str" or bool(self.resolve(yaml.ScalarNode, event.value, (True, False)) == _CORE + kind)

    def _tag_span(self, event: Any) -> Span:
        span = self._span(event)
        return Span(span.source, span.line, span.column, span.line, span.column + len(event.tag))

    def _untagged(self, at: int, path: Path) -> tuple[Json, int]:
        event = self.events[at]
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(at, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at, path)
        self.values[path] = self._span(event)
        return self._scalar(event), at + 1

    def _sequence(self, at: int, path: Path) -> tuple[Json, int]:
        first = self.events[at]
        items: list[Json] = []
        at += 1
        while not isinstance(self.events[at], yaml.SequenceEndEvent):
            value, at = self._node(at, (*path, len(items)))
            items.append(value)
        self.values[path] = self._span(first, at)
        return items, at + 1

    def _mapping(self, at: int, path: Path) -> tuple[Json, int]:
        first = self.events[at]
        data: dict[str, Json] = {}
        at += 1
        while not isinstance(self.events[at], yaml.MappingEndEvent):
            event = self.events[at]
            key = self._key(event)
            if key is None:  # read the key and its value only to step over them
                at = self._step_over(self._step_over(at))
                continue
            if key in data:
                again = Related("first written here", self.keys[(*path, key)])
                self._fault("D102", f"key `{key}` is written twice", self._span(event), "keep one of the two", again)
                at = self._step_over(at + 1)
                continue
            data[key] = None  # holds the key's place, and shows a second one of the same name
            self.keys[(*path, key)] = self._span(event)
            data[key], at = self._node(at + 1, (*path, key))
        self.values[path] = self._span(first, at)
        return data, at + 1

    def _step_over(self, at: int) -> int:
        depth = 0
        while True:
            event = self.events[at]
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            at += 1
            if depth == 0:
                return at

    def _key(self, event: Any) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._fault("D106", "key is not a string", self._span(event), "write a plain word as key")
            return None
        if self.is_json:
            return str(self._scalar(event))
        if event.tag and event.tag != "!" and not (event.tag.startswith(_CORE) and self._fits("str", event)):
            self._fault("D107", "a key has a tag", self._span(event), "write a plain word as key")
        tag = self._resolved(event)
        if tag == "merge" and event.value == "<<":
            self._fault("D107", "merge key `<<` is not supported", self._span(event), "write the keys out")
            return None
        if tag != "str" and not self.is_for_others and not self._check_surprise(tag, event, is_key=True):
            self._fault("D106", f"key `{event.value}` is not a string", self._span(event), "put it in quotes")
        self._check_text(event.value, event)
        return str(event.value)

    def _scalar(self, event: Any) -> Json:
        self.characters += len(event.value)
        if self.characters > MAX_BYTES:
            raise self._fatal("D105", f"aliases expand to more than {MAX_BYTES:,} characters", event, "write them out")
        if self.is_json:
            raw = self.text[event.start_mark.index : event.end_mark.index]
            value = json.loads(raw)
            if isinstance(value, str):
                self._check_text(value, event)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                return self._finite(value, raw, event)
            return value
        tag, text = self._resolved(event), event.value
        if not self.is_for_others and self._check_surprise(tag, event):
            return text
        if tag == "null":
            return None
        if tag == "bool":
            return parse_bool(text)
        if tag in ("int", "float"):
            return self._number(tag, event)
        self._check_text(text, event)
        return text

    def _resolved(self, event: Any) -> str:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.resolve(yaml.ScalarNode, event.value, event.implicit)
        elif tag.startswith("!") or not self._fits(tag.removeprefix(_CORE), event):
            return "str"
        return str(tag).removeprefix(_CORE)

    def _check_surprise(self, tag: str, event: Any, *, is_key: bool = False) -> bool:
        if event.tag is not None or not is_surprise(tag, event.value):
            return False
        meant = {"bool": "a boolean", "timestamp": "a date"}.get(tag, "another number")
        bare = event.value.replace("_", "")
        is_grouped = bare != event.value and not is_surprise(tag, bare)
        hint = f"write {bare}, or " if is_grouped else "write "
        message = f"YAML reads `{event.value}` as {meant}"
        instead = f", or {str(parse_bool(event.value)).lower()}" if tag == "bool" and not is_key else ""
        self._fault("D103", message, self._span(event), f'{hint}"{event.value}" in quotes{instead}')
        return True

    def _number(self, tag: str, event: Any) -> Json:
        try:
            value = parse_int(event.value) if tag == "int" else parse_float(event.value)
        except (ValueError, OverflowError):
            value = math.inf
        return self._finite(value, event.value, event)

    def _finite(self, value: Json, text: str, event: Any) -> Json:
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, int) and abs(value) < 2**1024:
            return value
        self._fault("D108", f"number `{text[:40]}` is not finite", self._span(event), "write a number in range")
        return text

    def _check_text(self, text: str, event: Any) -> None:
        found = _UNPRINTABLE.search(text)
        if found:
            message = f"text holds the control character U+{ord(found.group()):04X}"
            self._fault("D104", message, self._span(event), "remove the escape")


def _is_block_end(event: Any) -> bool:
    return bool(event.start_mark.index == event.end_mark.index) and isinstance(event, yaml.CollectionEndEvent)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)
