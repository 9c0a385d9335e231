"""Guarded: two services that show every guardrail and every rule of the platform.

`guarded/broken` breaks them all, by overrides and by additions, and what a line breaks stands behind it.
`guarded/sound` comes as close as it may. Both go through the whole compiler with the platform's own library, and
through guard and lint once more as though the platform itself had made what the additions hold. `guarded/cases` has a
folder for each guardrail and each rule, named after it, which breaks it with little around, and what the screen says of
that; `pytest --update` rewrites what is expected.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.guard import guard_stack
from compiler.lint import lint_stack
from compiler.load import load_document
from compiler.model import Breach, Library, Origin, Said, Stack, walk_leaves
from compiler.pipeline import compile_platform, compile_service, open_library
from tests.commits import commit_folder

GUARDED = Path(__file__).parent / "guarded"
CASES = sorted((GUARDED / "cases").iterdir())
# Where the platform says so changes with every line that is written above it.
NOTE = re.compile(r"^  note: platform/.*\n(?: *\d* +\|.*\n)*", re.MULTILINE)
ADDITIONS, OVERRIDES = "cloudFormation/additions/everything.yml", "cloudFormation/overrides/web.yml"
# An addition is spared, and the platform's own resources are not.
FOR_PLATFORM_ONLY = {"E9002", "E9003", "E9009"}
Place = tuple[str, int, str]


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


@pytest.fixture(scope="module")
def found(library: Library) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as refused:
        compile_service(GUARDED / "broken", library)
    return refused.value.diagnostics


def read_shown(path: str) -> Counter[Place]:
    """Read what each line of a file says that it breaks."""
    lines = (GUARDED / "broken" / path).read_text().splitlines()
    shown = [(number, line.partition(" # breaks ")[2]) for number, line in enumerate(lines, start=1)]
    return Counter((path, number, rule) for number, rules in shown if rules for rule in rules.split(", "))


def places(diagnostics: Iterable[Diagnostic]) -> Counter[Place]:
    return Counter(
        (each.span.path, each.span.line, each.rule) for each in diagnostics if isinstance(each, Breach) and each.span
    )


def names(library: Library) -> set[str]:
    return {guardrail.name for guardrail in library.guardrails} | own_rules(library)


def own_rules(library: Library) -> set[str]:
    return {rule for module in library.rules for rule in module.ids}


def test_one_run_finds_all_that_is_broken_each_on_its_line(found: tuple[Diagnostic, ...]) -> None:
    assert read_shown("service.yml") + read_shown(OVERRIDES) + read_shown(ADDITIONS) == places(found)


def test_nothing_else_is_wrong_with_it(found: tuple[Diagnostic, ...]) -> None:
    others = [each for each in found if not isinstance(each, Breach)]
    assert [] == [f"{each.code} {each.message}" for each in others if each.severity == "error"]


def test_every_guardrail_and_rule_is_broken_by_an_addition_or_holds_for_the_platform_alone(library: Library) -> None:
    shown = {rule for _, _, rule in read_shown(ADDITIONS)}
    of_overrides = {each.name for each in library.guardrails if not each.must or each.must.keys() == {"keeps"}}
    assert names(library) - of_overrides - FOR_PLATFORM_ONLY == shown


def test_every_seal_and_every_rule_is_broken_by_an_override(library: Library) -> None:
    shown = {rule for _, _, rule in (*read_shown(OVERRIDES), *read_shown("service.yml"))}
    sealed = {each.name for each in library.guardrails if each.is_sealed or "keeps" in (each.must or ())}
    assert set() == (sealed | own_rules(library)) - shown


def made_by(service: str, layer: str) -> Stack:
    """The resources of a service's additions, as though a layer had made them all on line 7."""
    document, _ = load_document((GUARDED / service / ADDITIONS).read_bytes(), ADDITIONS, dialect="template")
    said = Said(Origin(layer, Span(Source(f"{layer}.py"), 7, 1, 7, 2)), None)
    data = {**document.data, "Resources": {**document.data["Resources"], "WebTargetGroup": TARGET}}
    stories = {path: (said,) for path, _ in walk_leaves(data)}
    return Stack(data, stories | {("Resources", name): (said,) for name in data["Resources"]}, {})


TARGET = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Port": 80, "Protocol": "HTTP"}}


def judge(stack: Stack, library: Library) -> tuple[Diagnostic, ...]:
    linted = lint_stack(stack, region="eu-west-1", environment="production", library=library)
    return (*guard_stack(stack, library), *linted)


def test_what_an_addition_may_not_do_the_platform_may_not_either(library: Library) -> None:
    found = places(judge(made_by("broken", "template"), library))
    broken = Counter(rule for _, _, rule in read_shown(ADDITIONS).elements())
    assert {("template.py", 7)} == {place[:2] for place in found}
    of_additions = Counter(rule for _, _, rule in found.elements() if rule not in FOR_PLATFORM_ONLY)
    assert broken == of_additions
    assert {rule for _, _, rule in found} >= FOR_PLATFORM_ONLY


def test_what_is_sound_compiles_without_any_finding(library: Library) -> None:
    assert () == compile_service(GUARDED / "sound", library).diagnostics


def test_what_is_sound_in_an_addition_is_sound_in_the_platform_but_for_its_tags(library: Library) -> None:
    found = judge(made_by("sound", "template"), library)
    assert FOR_PLATFORM_ONLY == {each.rule for each in found if isinstance(each, Breach)}


def test_the_sound_service_has_what_the_broken_one_breaks() -> None:
    """A type that is only ever wrong would not show where the line is."""
    stateless = {"AWS::AutoScaling::LaunchConfiguration", "AWS::ElasticLoadBalancing::LoadBalancer"}
    spared = {*stateless, "AWS::EC2::SecurityGroupIngress", "AWS::IAM::User"}
    broken, sound = (
        {resource["Type"] for resource in made_by(service, "template").template["Resources"].values()}
        for service in ("broken", "sound")
    )
    refused = {name for name in broken if name.startswith("AWS::CloudFormation::")}
    refused.add("AWS::ServiceCatalog::CloudFormationProvisionedProduct")
    assert spared | refused | {"AWS::Redshift::Cluster"} == broken - sound


def test_the_stacks_of_an_environment_are_sound(library: Library) -> None:
    assert () == compile_platform(library, environments=["production"]).diagnostics


def test_a_guardrail_for_a_type_that_does_not_exist_is_a_fault_of_the_platform(library: Library) -> None:
    first, *others = library.guardrails
    wrong = replace(library, guardrails=(replace(first, type="AWS::EC2::LaunchTemplat"), *others))
    with pytest.raises(CompileError) as refused:
        compile_platform(wrong, environments=["staging"])
    assert [("D403", first.span)] == [(each.code, each.span) for each in refused.value.diagnostics]


# One by one


def test_every_guardrail_and_rule_has_a_case(library: Library) -> None:
    assert names(library) == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_shows_what_is_said_of_one_guardrail_or_rule(
    case: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_expectations: bool
) -> None:
    service = shutil.copytree(case, tmp_path / "service")
    shutil.copytree(GUARDED / "sound/src", service / "src")
    monkeypatch.chdir(service)
    # cfn-lint is slow, and only rules want it.
    lint = [] if case.name in own_rules(library) else ["--no-lint"]
    done = CliRunner().invoke(cli, ["compile", ".", "--env", "production", *lint, "--out", str(tmp_path / "out")])
    actual = f"exit {done.exit_code}\n\n{NOTE.sub('', done.stderr)}"
    expected = case / "expected.txt"
    if update_expectations:
        expected.write_text(actual)
    assert expected.read_text() == actual
    assert f" {case.name}: " in done.stderr or f"guardrail `{case.name}`" in done.stderr


# The one to blame


BLAMED = """\
Parameters: {Safe: {Type: String, Default: "true", AllowedValues: ["true", "false"]}}
Resources:
  Volume:
    Type: AWS::EC2::Volume
    DeletionPolicy: Snapshot
    UpdateReplacePolicy: Snapshot
    Properties: {AvailabilityZone: eu-west-1a, Size: 8, Encrypted: !Ref Safe}
"""
REPLACED = """\
Resources:
  WebRole:
    Properties:
      $replace:
        Description: x
        AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
"""


def test_a_value_that_the_descriptor_gave_is_shown_there(library: Library, tmp_path: Path) -> None:
    service = shutil.copytree(GUARDED / "sound", tmp_path / "service")
    (service / "cloudFormation/additions/volume.yml").write_text(BLAMED)
    with (service / "service.yml").open("a") as text:
        text.write('additions: {volume: {Safe: "false"}}\n')
    line = len((service / "service.yml").read_text().splitlines())
    assert {("service.yml", line, "encrypted-volume"): 1} == places(found_in(service, library))


def test_a_seal_is_broken_where_its_own_path_is_written(library: Library, tmp_path: Path) -> None:
    service = shutil.copytree(GUARDED / "sound", tmp_path / "service")
    (service / "cloudFormation/overrides/role.yml").write_text(REPLACED)
    shown = [(line, rule) for file, line, rule in places(found_in(service, library)) if file.endswith("role.yml")]
    assert (6, "role-trust") in shown and (5, "role-trust") not in shown


def found_in(service: Path, library: Library) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as refused:
        compile_service(service, library, environments=["production"], lint=False)
    return refused.value.diagnostics


# No way around


def test_neither_the_template_nor_a_resource_can_silence_a_rule(library: Library) -> None:
    silence = {"cfn-lint": {"config": {"ignore_checks": ["E9004", "E9", "E0002", "E"]}}}
    stack = made_by("broken", "addition")
    before = places(judge(stack, library))
    resources = {name: {**body, "Metadata": silence} for name, body in stack.template["Resources"].items()}
    silenced = {**stack.template, "Metadata": silence, "Resources": resources}
    assert before == places(judge(Stack(silenced, stack.stories, {}), library))


def test_what_an_addition_puts_in_the_place_of_the_platforms_is_not_spared(library: Library, tmp_path: Path) -> None:
    service = shutil.copytree(GUARDED / "cases/E9009", tmp_path / "service")
    shutil.copytree(GUARDED / "sound/src", service / "src")
    addition = service / "cloudFormation/additions/own.yml"
    addition.parent.mkdir()
    addition.write_text(MY_POLICY)
    with pytest.raises(CompileError) as refused:
        compile_service(service, library)
    found = [place for place in places(refused.value.diagnostics) if place[0].endswith("own.yml")]
    assert [("cloudFormation/additions/own.yml", 8, "E9009")] == found


MY_POLICY = """
Resources:
  OrderPlacedTopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref OrderPlacedTopic]
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: {AWS: "1"}, Action: sns:Publish, Resource: !Ref OrderPlacedTopic}]
"""


def test_publish_lints_whatever_compile_was_told(tmp_path: Path) -> None:
    service = tmp_path / "service"
    shutil.copytree(GUARDED / "sound", service)
    addition = service / "cloudFormation" / "additions" / "bucket.yml"
    addition.write_text("Resources:\n  Careless:\n    Type: AWS::S3::Bucket\n")
    commit_folder(service, "2026-11-20")
    runner = CliRunner()
    compiled = runner.invoke(cli, ["compile", str(service), "--no-lint", "--out", str(tmp_path / "out")])
    assert (0, "") == (compiled.exit_code, compiled.stderr)
    refused = runner.invoke(cli, ["publish", str(service), "--bucket", str(tmp_path / "bucket"), "--no-lint"])
    assert 2 == refused.exit_code
    refused = runner.invoke(cli, ["publish", str(service), "--bucket", str(tmp_path / "bucket")])
    assert 1 == refused.exit_code
    assert ["E9001", "E9001"] == re.findall(r"error (\w+):", refused.stderr)
    assert not (tmp_path / "bucket").exists()


def test_all_of_it_can_be_waived_one_by_one(library: Library, found: tuple[Diagnostic, ...], tmp_path: Path) -> None:
    service = tmp_path / "service"
    shutil.copytree(GUARDED / "broken", service)
    pairs = sorted({(each.rule, each.resource) for each in found if isinstance(each, Breach)})
    lines = [line for number, (rule, resource) in enumerate(pairs) for line in waiver(f"w{number}", rule, resource)]
    with (service / "service.yml").open("a") as text:
        text.write("\n".join(["waivers:", *lines, ""]))
    commit_folder(service, "2026-11-20")
    assert [] == [each for each in compile_service(service, library).diagnostics if isinstance(each, Breach)]


def waiver(name: str, rule: str, resource: str) -> list[str]:
    said = {"guardrail": rule, "resource": resource, "reason": "shows that it can be waived", "until": '"2027-03-31"'}
    return [f"  {name}:", *(f"    {key}: {value}" for key, value in {**said, "approvedBy": "platform"}.items())]
