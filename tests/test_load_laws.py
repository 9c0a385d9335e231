"""Laws of reading: what a dumper writes is read back, and every place holds what it is the place of."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.diagnostics import CompileError, Source, Span
from compiler.load import Dialect, load_document
from compiler.model import Document, Path
from tests.spans import cut

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).filter(
    lambda text: not set("\u2028\u2029\ufeff\ufffe\uffff") & set(text)
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: number == 0 or 1e-4 < abs(number) < 1e15  # others are written with an exponent, a text in YAML 1.1
)
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def keep_every_place(document: Document, text: str, parse: Any) -> None:
    # A document shows its lines without what may be a secret; here they are as they were read.
    source = Source("as-read", tuple(text.splitlines()))

    def written(span: Span) -> str:
        return cut(replace(span, source=source))

    def visit(value: Any, path: Path) -> None:
        span = document.values[path]
        found = " " * (span.column - 1) + written(span)  # the first line gets back what stands before it
        assert value == parse(found), (path, found)
        if isinstance(value, dict):
            for key, item in value.items():
                assert key == parse(written(document.keys[(*path, key)]))
                visit(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                visit(item, (*path, index))

    visit(document.data, ())


@settings(max_examples=120)
@given(DATA, st.sampled_from([True, False, None]), st.booleans())
def test_what_yaml_dumps_is_read_back_and_every_span_holds_its_value(
    data: Any, flow: bool | None, unicode: bool
) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=unicode, width=30)
    document, faults = load_document(text.encode(), "a.yml", dialect="template")
    assert (data, ()) == (document.data, faults)
    keep_every_place(document, text, yaml.safe_load)


@settings(max_examples=120)
@given(st.dictionaries(TEXT, DATA, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
@example({"secrets": {"TOKEN": ["plain", None]}}, None, False)
def test_what_json_dumps_is_read_back_and_every_span_holds_its_value(
    data: Any, indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    document, faults = load_document(text.encode(), "a.json", dialect="plain")
    assert (data, ()) == (document.data, faults)
    keep_every_place(document, text, json.loads)


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text("abn: -[]{}#&*!|>'\"\\\n\t%@1.~?,<=_", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_place(content: bytes) -> None:
    dialects: tuple[Dialect, ...] = ("plain", "template")
    for dialect in dialects:
        try:
            _, faults = load_document(content, "a.yml", dialect=dialect)
        except CompileError as error:
            faults = error.diagnostics
        for fault in faults:
            assert fault.span is not None and "\n" not in fault.message
            assert fault.code.startswith("D1") and fault.span.line > 0 and fault.span.column > 0


@settings(max_examples=100)
@given(st.text("0123456789+-_:.xbeEnaif", min_size=1, max_size=12))
def test_a_number_in_a_template_is_what_pyyaml_reads(text: str) -> None:
    try:
        expected = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):  # such as `0b_` and `2020-99-99`, or a text that is no scalar
        return
    if isinstance(expected, (int, float)) and math.isfinite(expected):
        document, faults = load_document(text.encode(), "a.yml", dialect="template")
        assert ((), expected) == (faults, document.data)
