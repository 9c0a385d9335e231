"""Guardrails: `guardrails.yml` and the modules of `rules/` are read, or what is wrong with them is said at its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compiler.diagnostics import CompileError
from compiler.guardrails import read_guardrails
from compiler.library import load_library
from compiler.lint_rules import check_types
from compiler.load import load_document

TOY = Path(__file__).parent / "library"
SOUND = """\
keep-it:
  type: AWS::SQS::Queue
  path: Properties.A?.*.B
  sealed: true
  must: {atLeast: 1, oneOf: [1, 2]}
  reason: it has to be so
  severity: warning
  since: 1.0.0
"""


def read(text: str) -> list[tuple[int, str]]:
    """Read a text as `guardrails.yml` of version 1.2.0; return the line of each fault, and what it says."""
    document, faults = load_document(text.encode(), "platform/guardrails.yml", dialect="plain")
    assert () == faults
    _, found = read_guardrails(document, "1.2.0")
    assert {"D403"} >= {fault.code for fault in found}
    return [(fault.span.line if fault.span else 0, fault.message) for fault in found]


def test_a_guardrail_that_says_all_that_can_be_said_is_read() -> None:
    document, _ = load_document(SOUND.encode(), "platform/guardrails.yml", dialect="plain")
    guardrails, faults = read_guardrails(document, "1.0.0")
    assert () == faults
    [found] = guardrails
    assert ("keep-it", "AWS::SQS::Queue", ("Properties", "A?", "*", "B")) == (found.name, found.type, found.path)
    assert (True, {"atLeast": 1, "oneOf": [1, 2]}) == (found.is_sealed, found.must)
    assert ("it has to be so", "warning", "1.0.0", 1) == (found.reason, found.severity, found.since, found.span.line)


def test_what_is_left_out_is_an_error_that_seals_nothing() -> None:
    text = "a-rule: {type: '*', path: '**.A', must: {present: true}, reason: it has to be so, since: 0.1.0}"
    document, _ = load_document(text.encode(), "platform/guardrails.yml", dialect="plain")
    [found] = read_guardrails(document, "1.0.0")[0]
    assert ("error", False) == (found.severity, found.is_sealed)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("keep-it:", "Keep_It:", 1, "guardrail `Keep_It` has a name that is not lower-case words joined by dashes"),
        ("severity:", "severty:", 7, "guardrail `keep-it` has an unknown key `severty`"),
        ("  type: AWS::SQS::Queue\n", "", 1, "guardrail `keep-it` lacks `type`"),
        ("  reason: it has to be so\n  severity: warning\n", "", 1, "guardrail `keep-it` lacks `reason`"),
        ("  since: 1.0.0\n", "", 1, "guardrail `keep-it` lacks `since`"),
        ("sealed: true", "sealed: yes please", 4, "guardrail `keep-it` has a `sealed` that is not `true` or `false`"),
        ("warning", "fatal", 7, "guardrail `keep-it` has a `severity` that is not `error` or `warning`"),
        ("1.0.0", '"1.0"', 8, "guardrail `keep-it` has a `since` that is not a version such as 1.0.0"),
        ("1.0.0", "1.10.0", 8, "guardrail `keep-it` holds since 1.10.0, and this is 1.2.0"),
        ("it has to be so", "so", 6, "guardrail `keep-it` has a `reason` that is not a sentence"),
        ("{atLeast: 1, oneOf: [1, 2]}", "[1]", 5, "guardrail `keep-it` has a `must` that is not a map of operators"),
        ("{atLeast: 1, oneOf: [1, 2]}", "{}", 5, "guardrail `keep-it` has a `must` that is not a map of operators"),
        ("atLeast", "atleast", 5, "guardrail `keep-it` has an unknown operator `atleast`"),
        ("atLeast: 1", "atLeast: one", 5, "guardrail `keep-it` has an operand of `atLeast` that is not a number"),
        ("atLeast: 1", "atMost: true", 5, "guardrail `keep-it` has an operand of `atMost` that is not a number"),
        ("oneOf: [1, 2]", "oneOf: []", 5, "guardrail `keep-it` has an operand of `oneOf` that is not a list of values"),
        ("oneOf: [1, 2]", "oneOf: 1", 5, "guardrail `keep-it` has an operand of `oneOf` that is not a list of values"),
        ("oneOf: [1, 2]", "equals: null", 5, "guardrail `keep-it` has an operand of `equals` that is not a value"),
        (
            "oneOf: [1, 2]",
            "matches: 1",
            5,
            "guardrail `keep-it` has an operand of `matches` that is not a text in which",
        ),
        (
            "oneOf: [1, 2]}",
            "oneOf: [1, 2]}\n  unless: A",
            6,
            "guardrail `keep-it` has a `unless` that is not a list of",
        ),
        ("oneOf: [1, 2]", "present: 1", 5, "guardrail `keep-it` has an operand of `present` that is not `true` or"),
        ("  sealed: true\n  must: {atLeast: 1, oneOf: [1, 2]}\n", "", 1, "guardrail `keep-it` asks for nothing"),
        (
            "  sealed: true\n  must: {atLeast: 1, oneOf: [1, 2]}\n",
            "  sealed: false\n",
            1,
            "guardrail `keep-it` asks for nothing",
        ),
        ("AWS::SQS::Queue", "Queue", 2, "guardrail `keep-it` has a `type` that is not a resource type such as"),
        ("AWS::SQS::Queue", "AWS::SQS::[QT]*", 2, "guardrail `keep-it` has a `type` that is not a resource type"),
        ("Properties.A?.*.B", "[A, B]", 3, "guardrail `keep-it` has a `path` that is not steps joined by dots"),
        ("Properties.A?.*.B", "A..B", 3, "guardrail `keep-it` has a `path` that is not steps joined by dots"),
        ("Properties.A?.*.B", "A.B*", 3, "guardrail `keep-it` has a `path` that is not steps joined by dots"),
        ("Properties.A?.*.B", "A.**", 3, "guardrail `keep-it` has a `path` that is not steps joined by dots"),
        ("Properties.A?.*.B", "A.**.*.B", 3, "guardrail `keep-it` has a `path` that is not steps joined by dots"),
    ],
)
def test_a_guardrail_with_a_fault_is_told_at_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in SOUND
    [found] = read(SOUND.replace(old, new))
    assert (line, True) == (found[0], found[1].startswith(message)), found


def test_all_faults_come_at_once_and_the_sound_ones_are_kept() -> None:
    text = SOUND + "two: {type: Queue, path: '', must: {like: x}, note: y}\nthree: 3\n"
    assert [9] * 5 + [10] == [line for line, _ in read(text)]
    document, _ = load_document(text.encode(), "platform/guardrails.yml", dialect="plain")
    assert ["keep-it"] == [guardrail.name for guardrail in read_guardrails(document, "1.2.0")[0]]


def test_near_names_are_hinted() -> None:
    text = SOUND.replace("severity:", "severty:").replace("atLeast", "atleast")
    document, _ = load_document(text.encode(), "platform/guardrails.yml", dialect="plain")
    hints = [str(fault.hint) for fault in read_guardrails(document, "1.2.0")[1]]
    assert [True, True] == [hints[0] == "did you mean `severity`?", hints[1].startswith("did you mean `atLeast`")]


def test_a_type_that_does_not_exist_is_found_with_the_nearest_names() -> None:
    text = SOUND.replace("SQS::Queue", "SQS::Queu") + SOUND.replace("keep-it", "other").replace("SQS::Queue", "S*::B*t")
    document, _ = load_document(text.encode(), "platform/guardrails.yml", dialect="plain")
    [fault] = check_types(read_guardrails(document, "1.2.0")[0])
    assert "guardrail `keep-it` is for `AWS::SQS::Queu`, which is no resource type" == fault.message
    assert "`AWS::SQS::Queue`" in str(fault.hint)


# The modules of rules


def faults_of(folder: Path, **modules: str) -> list[tuple[str, int, str]]:
    root = folder / "platform"
    shutil.copytree(TOY, root)
    shutil.rmtree(root / "rules", ignore_errors=True)
    (root / "rules").mkdir()
    for name, text in modules.items():
        (root / "rules" / f"{name}.py").write_text(text)
    try:
        load_library(root)
    except CompileError as error:
        return [(d.span.path, d.span.line, d.message) for d in error.diagnostics if d.span]
    return []


def test_rules_are_known_by_their_ids_before_any_code_is_loaded(tmp_path: Path) -> None:
    body = 'raise SystemExit\n\nclass A(Rule):\n    id = "E9001"\n\nclass B(Rule):\n    id: str = "W9002"\n'
    assert [] == faults_of(tmp_path, one=body, _shared="raise SystemExit\n")
    [module] = load_library(tmp_path / "platform").rules
    assert "one" == module.name
    spans = {rule: (span.path, span.line, span.column, span.end_column) for rule, span in module.ids.items()}
    assert {"E9001": ("platform/rules/one.py", 4, 11, 16), "W9002": ("platform/rules/one.py", 7, 16, 21)} == spans


def test_an_id_of_cfn_lint_and_a_second_rule_of_one_id_are_errors(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path,
        one='class A:\n    id = "E3012"\n\nclass B:\n    id = "E9001"\n',
        two='class C:\n    x = 1\n\n    id = "E9001"\n',
    )
    foreign = "`platform/rules/one.py` has a rule `E3012`, whose id is not E9 or W9 and three digits"
    second = "`platform/rules/two.py` has a second rule `E9001`"
    assert [("platform/rules/one.py", 2, foreign), ("platform/rules/two.py", 4, second)] == found


def test_a_module_without_a_rule_is_an_error(tmp_path: Path) -> None:
    message = '`platform/rules/one.py` has no line `    id = "E9..."`'
    assert [("platform/rules/one.py", 1, message)] == faults_of(tmp_path, one="x = 1\n")
