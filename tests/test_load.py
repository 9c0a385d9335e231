"""Load: what a text says, and where each key and value of it stands."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest

from compiler.diagnostics import CompileError, Diagnostic
from compiler.load import MAX_BYTES, MAX_DEPTH, MAX_NODES, Dialect, load_document
from compiler.model import Document
from tests.spans import cut, place


def load(content: str | bytes, dialect: Dialect = "plain") -> tuple[Document, tuple[Diagnostic, ...]]:
    return load_document(content.encode() if isinstance(content, str) else content, "service.yml", dialect=dialect)


def read(content: str | bytes, dialect: Dialect = "plain") -> Any:
    document, faults = load(content, dialect)
    assert () == faults
    return document.data


def find(content: str | bytes, dialect: Dialect = "plain") -> list[tuple[str, int, int]]:
    """List the code, line and column of everything that is wrong with a text."""
    try:
        _, faults = load(content, dialect)
    except CompileError as error:
        faults = error.diagnostics
    for fault in faults:
        assert fault.span is not None and "\n" not in fault.message
    return [(fault.code, fault.span.line, fault.span.column) for fault in faults if fault.span]


# Where things stand


def test_keys_and_values_stand_where_an_editor_shows_them() -> None:
    document, _ = load("web:\n  port: 8080\n  targets: [cpu, {queueAge: 60}]\n")
    assert (2, 3, 2, 7) == place(document.keys["web", "port"])
    assert (2, 9, 2, 13) == place(document.values["web", "port"])
    assert (3, 12, 3, 33) == place(document.values["web", "targets"])
    assert (3, 13, 3, 16) == place(document.values["web", "targets", 0])
    assert (3, 19, 3, 27) == place(document.keys["web", "targets", 1, "queueAge"])
    assert (1, 1, 3, 33) == place(document.values[()])


def test_a_block_ends_with_its_last_value_and_not_with_what_follows() -> None:
    document, _ = load("a:\n  b:\n    c: [1,\n        2]\n\n  # about d\n  d: 2\n\n# the end\n")
    assert "c: [1,\n        2]" == cut(document.values["a", "b"])
    assert "b:\n    c: [1,\n        2]\n\n  # about d\n  d: 2" == cut(document.values["a",])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'don''t'", "don't"),
        ('"tab\\tend"', "tab\tend"),
        ("one\n    two", "one two"),
        ("|\n    one\n    two", "one\ntwo\n"),
        (">-\n    one\n    two", "one two"),
        ("", None),
    ],
)
def test_a_scalar_of_several_lines_or_in_quotes_is_covered_whole(written: str, value: object) -> None:
    document, _ = load(f"a:\n  b: {written}\n  c: 1\n")
    assert {"a": {"b": value, "c": 1}} == document.data
    span = document.values["a", "b"]
    assert written == cut(span).rstrip("\n")
    assert written.count("\n") == span.end_line - span.line
    assert "1" == cut(document.values["a", "c"])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_line_ends_and_encodings_move_nothing(newline: str, encoding: str) -> None:
    text = "# 😀 first\na: é\nb: {x: '😀', y: 1}\n".replace("\n", newline)
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    document, faults = load((mark + text).encode(encoding))
    assert ({"a": "é", "b": {"x": "😀", "y": 1}}, ()) == (document.data, faults)
    assert (2, 4, 2, 5) == place(document.values["a",])
    assert (3, 13, 3, 14) == place(document.keys["b", "y"])  # a character beyond the BMP is one column
    assert ("# 😀 first", "a: é", "b: {x: '😀', y: 1}") == document.source.lines


def test_the_span_of_what_is_missing_is_that_of_its_nearest_parent() -> None:
    document, _ = load("a: {b: 1}\n")
    assert "{b: 1}" == cut(document.value_span(("a", "x", "y")))
    assert "{b: 1}" == cut(document.key_span(("a", "x")))
    assert "a" == cut(document.key_span(("a",)))
    assert (1, None, None) == (
        document.value_at(("a", "b")),
        document.value_at(("a", "x")),
        document.value_at(("a", "b", 0)),
    )


def test_an_alias_has_the_value_and_the_place_of_what_it_names() -> None:
    document, _ = load("a: &shared {x: 1}\nb: *shared\nc: &shared 2\nd: *shared\n")
    assert {"a": {"x": 1}, "b": {"x": 1}, "c": 2, "d": 2} == document.data
    assert (1, 16, 1, 17) == place(document.values["b", "x"])


def test_a_name_given_again_changes_nothing_of_what_was_written_before() -> None:
    """An alias inside an anchored node keeps the meaning that it had there (YAML 1.2, 7.1)."""
    assert {"a": 1, "b": {"v": 1}, "c": 2, "d": {"v": 1}} == read("a: &x 1\nb: &y {v: *x}\nc: &x 2\nd: *y\n")
    assert {"a": {"v": 1}, "b": 2, "c": {"v": 1}, "d": 2} == read("a: &y {v: &x 1}\nb: &x 2\nc: *y\nd: *x\n")
    assert {"key": "key"} == read("&k key: *k\n")


# JSON


def test_json_is_read_as_json_and_not_as_yaml() -> None:
    text = (
        '{\n\t"a": "\\/ \\ud83d\\ude00 \\u00e9\\n",\n\t"no": [true, null, -1.5e3, 1E2, 12],\n\t"on": "on", "1": {} }\n'
    )
    document, faults = load(text)
    assert (json.loads(text), ()) == (document.data, faults)
    assert (3, 2, 3, 6) == place(document.keys["no",])
    assert "-1.5e3" == cut(document.values["no", 2])


def test_json_breaks_lines_only_where_editors_do() -> None:
    document, _ = load('{"a": "\u2028\u2029\u0085",\n "b": 1}')
    assert "\u2028\u2029\u0085" == document.data["a"]
    assert "1" == cut(document.values["b",])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1, "a": 2}', ("D102", 1, 10)),
        ('{"a": "\\ud800"}', ("D104", 1, 7)),
        ('{"\\u0000": 1}', ("D104", 1, 2)),
        ('{"a": 1e999}', ("D108", 1, 7)),
        ('{"a": ' + "9" * 400 + "}", ("D108", 1, 7)),
        ('{"a": "x\ny"', ("D101", 3, 1)),
    ],
)
def test_json_has_faults_of_its_own(text: str, found: tuple[str, int, int]) -> None:
    assert [found] == find(text)


def test_of_two_equal_keys_the_first_is_kept_and_shown() -> None:
    document, (fault,) = load("a: 1\nb: 2\na: {c: 3}\n")
    assert {"a": 1, "b": 2} == document.data
    assert "a" == cut(document.keys["a",]) and fault.related[0].span == document.keys["a",]


# Dialects


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Topic", {"Ref": "Topic"}),
        ("!Ref 123", {"Ref": "123"}),
        ("!GetAtt Topic.Arn", {"Fn::GetAtt": ["Topic", "Arn"]}),
        ("!GetAtt Nested.Outputs.Arn", {"Fn::GetAtt": ["Nested", "Outputs.Arn"]}),
        ("!GetAtt [Topic, Arn]", {"Fn::GetAtt": ["Topic", "Arn"]}),
        ('!Sub "${A}-b"', {"Fn::Sub": "${A}-b"}),
        ("!Condition Big", {"Condition": "Big"}),
        ("!If [Big, !Ref A, !Ref AWS::NoValue]", {"Fn::If": ["Big", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
        ("!Transform {Name: AWS::Include}", {"Fn::Transform": {"Name": "AWS::Include"}}),
        ('!GetAZs ""', {"Fn::GetAZs": ""}),
        ("{Fn::GetAtt: Topic.Arn}", {"Fn::GetAtt": "Topic.Arn"}),
    ],
)
def test_a_short_form_is_the_long_form(short: str, long: object) -> None:
    for dialect in ("override", "template"):
        document, faults = load(f"a: {short}\n", dialect)
        assert ({"a": long}, ()) == (document.data, faults)
        assert short == cut(document.values["a",])


def test_every_step_of_a_short_form_has_a_place() -> None:
    document, _ = load("a: !GetAtt Topic.Arn\nb: !Join\n  - '-'\n  - [!Ref A, b]\n", "template")
    for path in (("a", "Fn::GetAtt"), ("a", "Fn::GetAtt", 0), ("a", "Fn::GetAtt", 1)):
        assert "!GetAtt Topic.Arn" == cut(document.values[path])
    assert "!Ref A" == cut(document.values["b", "Fn::Join", 1, 0])
    assert (2, 4) == place(document.key_span(("b", "Fn::Join")))[:2]


@pytest.mark.parametrize("text", ["!Ref A", "!Reff A", "!!python/object:os.system A", "!!binary QQ==", "!local A"])
def test_a_plain_document_has_no_tags(text: str) -> None:
    assert [("D107", 1, 4)] == find(f"a: {text}\n")


@pytest.mark.parametrize(
    "text", ["!Reff A", "!ref A", "!!set {A}", "!!bool maybe", "!!null x", "!!map [1]", "!!int {}"]
)
def test_a_tag_that_does_not_fit_is_refused_in_every_dialect(text: str) -> None:
    assert [("D107", 1, 4)] == find(f"a: {text}\n", "template")


def test_a_tag_of_yaml_itself_that_fits_is_heeded() -> None:
    text = "a: !!str 12\nb: !!int '12'\nc: !!map {}\nd: !!seq []\n!!str 1: x\n"
    assert {"a": "12", "b": 12, "c": {}, "d": [], "1": "x"} == read(text)


SURPRISES = ["on", "off", "yes", "NO", "2020-01-01", "12:30", "010", "0b1", "1_000", "1_0.5", "1:30.5"]


@pytest.mark.parametrize("text", SURPRISES)
def test_what_yaml_reads_in_its_own_way_is_a_fault_and_stays_text(text: str) -> None:
    for dialect in ("plain", "override"):
        document, faults = load(f"a: {text}\n", dialect)
        assert ({"a": text}, ["D103"]) == (document.data, [fault.code for fault in faults])
        bare = f"{text.replace('_', '')}, or " if "_" in text else ""
        instead = {"on": ", or true", "off": ", or false", "yes": ", or true", "NO": ", or false"}.get(text, "")
        assert f'write {bare}"{text}" in quotes{instead}' == faults[0].hint
        assert {"a": text} == read(f'a: "{text}"\n', dialect)
        _, (fault,) = load(f"{text}: a\n", dialect)
        assert ("D103", f'write {bare}"{text}" in quotes') == (fault.code, fault.hint)
        assert fault.span and (1, 1) == (fault.span.line, fault.span.column)


def test_in_a_template_they_mean_what_cloudformation_reads() -> None:
    values = [True, False, True, False, "2020-01-01", 750, 8, 1, 1000, 10.5, 90.5]
    assert dict(zip("abcdefghijk", values, strict=True)) == read(
        "".join(f"{key}: {text}\n" for key, text in zip("abcdefghijk", SURPRISES, strict=True)), "template"
    )
    assert {"on": 1, "1": 2, "null": 3} == read("on: 1\n1: 2\nnull: 3\n", "template")


def test_plain_words_and_numbers_surprise_nobody() -> None:
    text = "{a: true, b: False, c: ~, d: 0, e: -1, f: 1.50, g: .5, h: 0x1F, i: y, j: 1e3, k: 0o7, l: <<, m: =}"
    values = [True, False, None, 0, -1, 1.5, 0.5, 31, "y", "1e3", "0o7", "<<", "="]
    assert values == list(read(text).values())


# What is wrong with a text


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a: b: c", ("D101", 1, 5)),
        ("a:\n\tb: 1", ("D101", 2, 1)),
        ("a: {b\n", ("D101", 2, 1)),
        ("a: 'b", ("D101", 1, 6)),
        ("a: *x", ("D101", 1, 4)),
        ("a: &x [*x]", ("D101", 1, 8)),
        ("a: &x {b: &y [*x]}", ("D101", 1, 15)),
        ("a: 1\nb: 2\na: 3", ("D102", 3, 1)),
        (b"a: \xff", ("D104", 1, 4)),
        (b"\xef\xbb\xbfa: \xff", ("D104", 1, 4)),
        (b"a: 1\r\nb: \xe9", ("D104", 2, 4)),
        (b"\xff\xfea\x00:\x00 ", ("D104", 1, 3)),
        (b"a\x00:\x00", ("D104", 1, 2)),
        ("a: \x1b[31m", ("D104", 1, 4)),
        ("# 😀\na: \x80", ("D104", 2, 4)),
        ('a: "\\e"', ("D104", 1, 4)),
        ('a: "\\ud800"', ("D101", 1, 7)),
        ("[a]: b", ("D106", 1, 1)),
        ("? {a: b}\n: c", ("D106", 1, 3)),
        ("1: a", ("D106", 1, 1)),
        ("null: a", ("D106", 1, 1)),
        ("<<: {a: 1}", ("D107", 1, 1)),
        ("!x a: b", ("D107", 1, 1)),
        ("%TAG ! tag:x,2020:\n--- a", ("D107", 1, 1)),
        ("a: .inf", ("D108", 1, 4)),
        ("a: -.INF", ("D108", 1, 4)),
        ("a: .nan", ("D108", 1, 4)),
        ("a: " + "9" * 400, ("D108", 1, 4)),
        ("a: " + "9" * 5000, ("D108", 1, 4)),
        ("a: 0x" + "f" * 5000, ("D108", 1, 4)),
        ("a: 1\n---\nb: 2", ("D113", 2, 1)),
        ("", ("D116", 1, 1)),
        ("# nothing\n", ("D116", 1, 1)),
        (b"\xef\xbb\xbf", ("D116", 1, 1)),
    ],
)
def test_each_fault_has_its_code_and_its_place(content: str | bytes, found: tuple[str, int, int]) -> None:
    assert [found] == find(content)


def test_what_is_wrong_with_an_alias_is_said() -> None:
    for text, words in (("[*x, &x 1]", "names no anchor before it"), ("&x [*x]", "contains itself")):
        with pytest.raises(CompileError, match=words):
            load(text)


def test_every_fault_that_can_be_stepped_over_comes_at_once() -> None:
    text = 'a: on\na: 1\nb: !x 1\n[c]: &k 2\nd: "\\e"\ne: .inf\nf: *k\n<<: 1\n'
    first_half = [("D103", 1, 4), ("D102", 2, 1), ("D107", 3, 4), ("D106", 4, 1)]
    assert [*first_half, ("D104", 5, 4), ("D108", 6, 4), ("D107", 8, 1)] == find(text)
    assert {"a": "on", "b": "1", "d": "\x1b", "e": ".inf", "f": 2} == load(text)[0].data


# Hostile texts


def nest(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth


def test_a_text_is_read_up_to_the_limits_and_refused_beyond_them() -> None:
    assert read(nest(MAX_DEPTH))
    assert [("D105", 1, MAX_DEPTH + 1)] == find(nest(MAX_DEPTH + 1))
    assert [] == find(b"a: '" + b"x" * (MAX_BYTES - 5) + b"'")
    assert [("D105", 1, 1)] == find(b"a: '" + b"x" * (MAX_BYTES - 4) + b"'")


def test_a_key_of_json_that_yaml_cannot_read_is_called_too_long() -> None:
    assert {"a" * 1000: 1} == read(json.dumps({"a" * 1000: 1}))
    assert ["D105"] == [code for code, _, _ in find(json.dumps({"a" * 1100: 1}))]


def test_depth_counts_what_aliases_and_short_forms_add() -> None:
    half = MAX_DEPTH // 2
    deep = f"a: &a {nest(half)}\nb: {'[' * half}*a{']' * half}\n"
    assert [("D105", 1)] == [(code, line) for code, line, _ in find(deep)]
    deep = "!If [a, " * (half + 1) + "b" + "]" * (half + 1)
    assert ["D105"] == [code for code, _, _ in find(deep, "template")]


@pytest.mark.parametrize("hostile", ["[", "{a: ", "- ", "? ", '{"a":', "!If [", "&a ["])
def test_a_hostile_text_is_refused_at_once(hostile: str) -> None:
    content = (hostile * (MAX_BYTES // len(hostile)))[:MAX_BYTES]
    start = time.process_time()
    assert {"D105"} == {code for code, _, _ in find(content, "template")}
    assert time.process_time() - start < 10  # it took minutes while YAML was let down to the bottom


def test_aliases_cannot_multiply_values_or_characters() -> None:
    names = "abcdefg"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in itertools.pairwise(names)
    )
    assert ["D105"] == [code for code, _, _ in find(bomb)]
    long = f"a: &a {'x' * (MAX_BYTES // 100)}\nb: [{', '.join(['*a'] * 200)}]\n"
    assert ["D105"] == [code for code, _, _ in find(long)]
    many = f"a: [{', '.join(['x'] * (MAX_NODES + 1))}]\n"
    assert ["D105"] == [code for code, _, _ in find(many)]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: @x\n", "put a value that begins with `@` in quotes"),
        ("a: `x`\n", "put a value that begins with a backtick in quotes"),
        ("a: %x\n", "put a value that begins with `%` in quotes"),
        (
            "a: 1\n<<<<<<< HEAD\nb: 2\n",
            "two branches met at line 2: keep what is right of both, and remove git's marks",
        ),
        ("a:\n\u00a0 b: 1\n  c: 2\n", "line 2 holds U+00A0, which looks like a space: write a plain one"),
        ("web:\n  port:8080\n  dns: x\n", "write a space after `port:`"),
        # Not the value: it may be a secret.
        ("a:\n  password:hunter2\n  b: 1\n", "write a space after `password:`"),
        ("a: http://x\n b: 1\n", "quote a value that contains `: `, and check the indentation"),
    ],
)
def test_text_that_is_no_yaml_gets_a_hint_of_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(CompileError) as caught:
        load_document(text.encode(), "service.yml", dialect="plain")
    (fault,) = caught.value.diagnostics
    assert ("D101", hint) == (fault.code, fault.hint)
