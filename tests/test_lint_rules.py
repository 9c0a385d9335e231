"""Lint rules: a library's own rules run with cfn-lint's, for the stacks and resources that they are for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.library import load_library
from compiler.lint import lint_stack
from compiler.model import Breach, Json, Library, Origin, Said, Stack, walk_leaves

TOY = Path(__file__).parent / "library"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}
HEAD = "from cfnlint.rules import CloudFormationLintRule, RuleMatch\n\n\nclass Named(CloudFormationLintRule):\n"
BODY = """\
    id = "E9001"
    shortdesc = "Queues have names"
{more}
    def match(self, cfn):
        for name, resource in cfn.get_resources().items():
            if resource["Type"] == "AWS::SQS::Queue" and "QueueName" not in resource["Properties"]:
                yield RuleMatch(["Resources", name], "'QueueName' is missing.", hint="name it")
"""


def library_with(folder: Path, code: str, **others: str) -> Library:
    root = folder / "platform"
    shutil.copytree(TOY, root, ignore=shutil.ignore_patterns("rules", "__pycache__"))
    (root / "rules").mkdir()
    for name, text in {"named": code, **others}.items():
        (root / "rules" / f"{name}.py").write_text(text)
    return load_library(root)


def stack_of(layer: str = "template", metadata: Json = None, **resources: Json) -> Stack:
    template = {"AWSTemplateFormatVersion": "2010-09-09", **({"Metadata": metadata} if metadata else {})}
    template["Resources"] = resources or {"Queue": QUEUE}
    said = Said(Origin(layer, Span(Source(f"{layer}.yml"), 7, 1, 7, 2)), None)
    stories = {path: (said,) for path, _ in walk_leaves(template)}
    return Stack(template, {**stories, ("Resources", "Queue"): (said,)}, {})


def lint(stack: Stack, library: Library, scope: str = "service") -> list[Diagnostic]:
    return list(lint_stack(stack, region="eu-west-1", environment="production", library=library, scope=scope))


def codes(stack: Stack, library: Library, scope: str = "service") -> list[str]:
    return [found.code for found in lint(stack, library, scope)]


def test_a_rule_of_the_library_is_found_at_its_cause_with_its_own_hint_and_place(tmp_path: Path) -> None:
    [found] = lint(stack_of("addition"), library_with(tmp_path, HEAD + BODY.format(more="")))
    assert isinstance(found, Breach)
    assert ("E9001", "`Resources.Queue`: `QueueName` is missing", "name it") == (found.code, found.message, found.hint)
    assert ("E9001", "Queue", "error") == (found.rule, found.resource, found.severity)
    assert found.span is not None
    assert ("addition.yml", 7) == (found.span.path, found.span.line)
    assert [("the rule", "platform/rules/named.py", 5)] == [
        (note.message, note.span.path, note.span.line) for note in found.related
    ]


def test_it_runs_beside_those_of_cfn_lint_and_one_with_w_warns(tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more="").replace("E9001", "W9001"))
    wrong = {**QUEUE, "Properties": {"DelaySeconds": 901}}
    found = [(each.code, each.severity) for each in lint(stack_of(Queue=wrong), library)]
    assert [("E3034", "error"), ("W9001", "warning")] == sorted(found)


def test_a_rule_may_be_for_one_kind_of_stack(tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more='    scope = "environment"\n'))
    assert ([], ["E9001"]) == (codes(stack_of(), library), codes(stack_of(), library, "environment"))


def test_a_rule_may_spare_additions_but_not_what_is_done_to_the_platform(tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more="    spares_additions = True\n"))
    assert ([], ["E9001"]) == (codes(stack_of("addition"), library), codes(stack_of(), library))
    overridden = stack_of()
    word = Said(Origin("override", Span(Source("override.yml"), 3, 1, 3, 2)), None)
    stories = {path: (*story, word) if len(path) > 2 else story for path, story in overridden.stories.items()}
    assert ["E9001"] == codes(Stack(overridden.template, stories, {}), library)


@pytest.mark.parametrize("silence", ["E9001", "E9", "E"])
def test_no_metadata_silences_it(silence: str, tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more=""))
    metadata = {"cfn-lint": {"config": {"ignore_checks": [silence], "configure_rules": {"E9001": {"x": 1}}}}}
    assert ["E9001"] == codes(stack_of(metadata=metadata), library)
    assert ["E9001"] == codes(stack_of(Queue={**QUEUE, "Metadata": metadata}), library)


def test_a_rule_that_trips_is_told_whatever_else_is_found_and_whoever_wants_it_hidden(tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more="").replace('resource["Type"]', 'resource["Kind"]'))
    wrong = {**QUEUE, "Properties": {"DelaySeconds": 901}}
    assert ["E0002", "E3034"] == sorted(codes(stack_of(Queue=wrong), library))
    hidden = {"cfn-lint": {"config": {"ignore_checks": ["E0002"]}}}
    [found] = lint(stack_of(metadata=hidden), library)
    assert ("E0002", True) == (found.code, "E9001" in found.message)


def test_a_template_that_cannot_be_transformed_is_told_even_if_that_is_to_be_hidden(tmp_path: Path) -> None:
    library = library_with(tmp_path, HEAD + BODY.format(more=""))
    loop = {"Fn::ForEach::Names": "text"}
    stack = stack_of(Queue=QUEUE, **loop)
    hidden = {"cfn-lint": {"config": {"ignore_checks": ["E0001"]}}}
    template = {**stack.template, "Transform": "AWS::LanguageExtensions", "Metadata": hidden}
    assert ["E0001"] == codes(Stack(template, stack.stories, {}), library)


def test_modules_share_code_and_two_libraries_do_not(tmp_path: Path) -> None:
    shared = HEAD.replace("from cfnlint.rules", "from ._shared import MESSAGE\nfrom cfnlint.rules")
    code = shared + BODY.format(more="").replace("\"'QueueName' is missing.\"", "MESSAGE")
    found = []
    for word in ("one", "two"):
        (tmp_path / word).mkdir()
        library = library_with(tmp_path / word, code, _shared=f'MESSAGE = "{word}"\n')
        found += [each.message for each in lint(stack_of(), library)]
    assert ["`Resources.Queue`: one", "`Resources.Queue`: two"] == found


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_like_it\n" + HEAD + BODY, "ModuleNotFoundError: No module named 'nothing_like_it'"),
        (HEAD.replace("(CloudFormationLintRule)", "") + BODY, "TypeError: no class that is a CloudFormationLintRule"),
        ('x = """\n' + HEAD + BODY + '"""\n', "TypeError: no class that is a CloudFormationLintRule has the id E9001"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_a_fault_of_the_library(code: str, reason: str, tmp_path: Path) -> None:
    library = library_with(tmp_path, code.replace("{more}", ""))
    with pytest.raises(CompileError) as refused:
        lint(stack_of(), library)
    [fault] = refused.value.diagnostics
    assert ("D403", True) == (fault.code, fault.message.startswith(f"rules `named` cannot be loaded: {reason}"))
    assert fault.span is not None
    assert "platform/rules/named.py" == fault.span.path


def test_without_rules_of_its_own_a_library_changes_nothing() -> None:
    assert [] == codes(stack_of(), replace(load_library(TOY), rules=()))
