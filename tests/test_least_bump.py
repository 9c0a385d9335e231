"""The least honest bump of a library: a table of changes to the toy library, each with what it asks for and why."""

from __future__ import annotations

import copy
import functools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.least_bump import Bump, Reason, judge_libraries, worst_bump
from compiler.library import load_schema
from compiler.model import Json, Library, RuleModule
from compiler.pipeline import open_library
from compiler.release_gate import compare_libraries, find_services, list_examples

TOY = Path(__file__).parent / "library"
SCHEMA = load_schema("service.v1")

SERVICE = """\
service: orders
owner: squad-toy
description: Takes orders
platform: "1.0"
processes:
  web:
    runtime: instances
    command: ./serve
    logs:
      app: {path: /var/log/app.log}
messages:
  publish: [order-placed]
environments:
  production: {}
  staging: {}
"""
OVERRIDE = "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: 100}}}\n"
# What the environments themselves have, which the toy library lacks otherwise.
NETWORK = '''\
"""A network, as small as it can be."""

from collections.abc import Iterator

from troposphere import AWSObject, Output, Ref
from troposphere.ec2 import VPC
from troposphere.rds import DBInstance
from troposphere.ssm import Parameter

from compiler.authoring import Environment

SCOPE = "environment"


def build(environment: Environment) -> Iterator[AWSObject]:
    yield VPC("Network", CidrBlock="10.0.0.0/16")
    yield Parameter("NetworkParameter", Name="/platform/network/vpc-id", Type="String", Value=Ref("Network"))
    yield DBInstance(
        "Database",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage="20",
        DBName="orders",
        MasterUsername="toy",
        ManageMasterUserPassword=True,
        UpdateReplacePolicy="Retain",
    )
    yield Output("NetworkId", Value=Ref("Network"))
'''

Edit = Callable[[Path], None]


def edited(file: str, old: str, new: str) -> Edit:
    """Exchange a text in a file of the library, which has to hold it."""

    def edit(library: Path) -> None:
        text = (library / file).read_text()
        assert old in text, f"{file} lacks {old}"
        (library / file).write_text(text.replace(old, new))

    return edit


def added(file: str, text: str) -> Edit:
    """Add to the end of a file of the library, or make one."""

    def edit(library: Path) -> None:
        path = library / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)

    return edit


def removed(file: str) -> Edit:
    return lambda library: (library / file).unlink()


def nothing(library: Path) -> None:
    """Leave the library as it is."""


TOPICS, LOGS, GROUPS = "templates/topics.py", "templates/logs.py", "templates/groups.py"
NETWORKS = "templates/network.py"
ROLE = "ansible/roles/{}/tasks/main.yml"
STRICT = """
small-groups:
  type: AWS::AutoScaling::AutoScalingGroup
  path: Properties.MaxSize
  must: {atMost: 1}
  reason: the toy has no money
  since: 1.0.0
"""
HARMLESS = STRICT.replace("atMost: 1}", "atMost: 1000}")
WARNING = HARMLESS.replace("  since", "  severity: warning\n  since")
VARIABLES = "ansible/roles/agent/templates/platform.env.j2"
TASK = "- name: Nothing\n  ansible.builtin.debug: {msg: nothing}\n"


def moved(file: str, name: str) -> Edit:
    def edit(library: Path) -> None:
        (library / file).rename((library / file).parent.parent / name)

    return edit


def replace_database(library: Path) -> None:
    edited(NETWORKS, '"orders"', '"sales"')(library)
    edited(NETWORKS, '        UpdateReplacePolicy="Retain",\n', "")(library)


def add_environment(library: Path) -> None:
    added("environments/preview.yml", (library / "environments/staging.yml").read_text())(library)


CHANGES: dict[str, tuple[Edit, Bump | None, str]] = {
    "nothing": (nothing, None, ""),
    # what a service may count on goes
    "a logical id is renamed": (
        edited(TOPICS, '"{camel(event)}Topic"', '"{camel(event)}Events"'),
        "major",
        "is called",
    ),
    "a resource goes": (
        edited(LOGS, "for log in process.logs:", "for log in process.logs[1:]:"),
        "major",
        "`WebAppLogGroup` goes",
    ),
    "an output goes": (edited(TOPICS, "yield Output(", "Output("), "major", "output `OrderPlacedTopicArn` goes"),
    "a topic has another name": (edited(TOPICS, '"-", event)', '".", event)'), "major", "the name of the topic"),
    "a log group has another name": (edited(LOGS, '"/service/"', '"/services/"'), "major", "its data is lost"),
    "a resource has another type": (
        edited(GROUPS, "yield SecurityGroup(", "yield _other("),
        "major",
        "it compiles no longer",
    ),
    # environments
    "a parameter has another path": (edited(NETWORKS, "/network/vpc-id", "/network/vpc"), "major", "the path of the"),
    "a parameter goes": (edited(NETWORKS, "yield Parameter(", "Parameter("), "major", "`NetworkParameter` goes"),
    "an output of an environment goes": (
        edited(NETWORKS, "    yield Output(", "    Output("),
        "major",
        "`NetworkId` goes",
    ),
    "a database that is kept is replaced": (
        edited(NETWORKS, '"orders"', '"sales"'),
        "major",
        "holds data, is replaced",
    ),
    "a database that is not kept is replaced": (
        replace_database,
        "major",
        "its data is lost",
    ),
    "an environment goes": (removed("environments/staging.yml"), "major", "staging"),
    "an owner goes": (edited("platform.yml", "{squad-toy: {}}", "{squad-other: {}}"), "major", "`owner`"),
    # what refuses
    "a guardrail refuses what compiled": (added("guardrails.yml", STRICT), "major", "it compiles no longer"),
    "a guardrail is new": (added("guardrails.yml", HARMLESS), "major", "`small-groups` is new"),
    "a guardrail asks for more": (
        edited("guardrails.yml", "atMost: 400", "atMost: 90"),
        "major",
        "`short-logs` asks for",
    ),
    "a role goes": (removed(ROLE.format("agent")), "major", "the role `agent` goes"),
    # what is new
    "a resource is new": (
        edited(
            TOPICS,
            "        yield Output(",
            '        yield Topic(f"{name}Copy", KmsMasterKeyId="alias/toy")\n        yield Output(',
        ),
        "minor",
        "`OrderPlacedTopicCopy` is new",
    ),
    "an output is new": (
        added(TOPICS, '        yield Output(f"{name}Name", Value=name)\n'),
        "minor",
        "TopicName` is new",
    ),
    "an environment is new": (
        add_environment,
        "minor",
        "the stack is new",
    ),
    "a guardrail that warns is new": (added("guardrails.yml", WARNING), "minor", "`small-groups` is new"),
    "a role is new": (added(ROLE.format("logs"), TASK), "minor", "the role `logs` is new"),
    # what no service was seen to use
    "a logical id that no service uses is another": (
        edited("templates/tasks.py", "{name}Task", "{name}Job"),
        "major",
        "no template makes `<",
    ),
    "a default goes": (
        edited("platform.yml", "    scaling: {min: 1, max: 2}\n", ""),
        "major",
        "`defaults.process.scaling`",
    ),
    "fewer compilers will do": (added("platform.yml", 'compiler: ">=0.1"\n'), "major", "it asks for flagstone"),
    "a region is another": (edited("environments/staging.yml", "eu-west-1", "eu-west-2"), "major", "the region of"),
    "items of a list are told apart otherwise": (removed("identities.yml"), "major", "mean something else"),
    # what protects data, and names that others know
    "a database is kept no longer": (
        edited(NETWORKS, '        UpdateReplacePolicy="Retain",\n', ""),
        "major",
        "is protected no longer",
    ),
    "logs are kept for a shorter time": (
        edited("platform.yml", "retentionDays: 30", "retentionDays: 14"),
        "major",
        "keeps its data for a shorter time",
    ),
    "logs are kept for a longer time": (edited("platform.yml", "retentionDays: 30", "retentionDays: 60"), "patch", ""),
    "a parameter has another type": (
        edited(NETWORKS, 'Type="String"', 'Type="StringList"'),
        "major",
        "the type of the",
    ),
    # Ansible
    "a role loses its tasks": (moved(ROLE.format("agent"), "tasks/other.yml"), "major", "the role `agent` goes"),
    "a playbook goes": (removed("ansible/platform.yml"), "major", "the playbook `platform.yml` goes"),
    "a variable of processes has another name": (
        edited(VARIABLES, "PORT=", "SERVICE_PORT="),
        "major",
        "the variable of processes `PORT` goes",
    ),
    # what lets more pass
    "a guardrail asks for less": (edited("guardrails.yml", "atMost: 400", "atMost: 500"), "minor", "lets more pass"),
    # rules, judged by their code
    "a rule asks for more": (edited("rules/groups.py", "size > 10", "size > 9"), "major", "the code of the rule `E9"),
    "a comment of a rule is new": (added("rules/groups.py", "# Done.\n"), "patch", "the files of the library differ"),
    # the rest
    "a default is another": (edited("platform.yml", "rootVolumeSize: 8", "rootVolumeSize: 9"), "patch", ""),
    "a default that shows is another": (edited("platform.yml", "gracePeriod: 300", "gracePeriod: 400"), "patch", ""),
    "a database restarts": (edited(NETWORKS, "db.t4g.micro", "db.t4g.small"), "patch", ""),
    "a stateless resource is replaced": (edited(GROUPS, '"Traffic of "', '"The traffic of "'), "patch", ""),
    "a reason is in other words": (edited("guardrails.yml", "logs are not", "logs are never"), "patch", ""),
    "a comment is new": (added(LOGS, "# Done.\n"), "patch", "the files of the library differ"),
    "a role does more": (added(ROLE.format("agent"), TASK), "patch", ""),
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The toy library with an environment of its own, and a service."""
    folder = tmp_path_factory.mktemp("before")
    library = folder / "platform"
    shutil.copytree(TOY, library, ignore=shutil.ignore_patterns("__pycache__"))
    added(NETWORKS, NETWORK)(library)
    added(ROLE.format("agent"), TASK)(library)
    added(VARIABLES, "PORT={{ port }}\n")(library)
    added("ansible/platform.yml", "- hosts: localhost\n")(library)
    service = folder / "orders"
    added("service.yml", SERVICE)(service)
    added("cloudFormation/overrides/more.yml", OVERRIDE)(service)
    return library, service


@functools.cache
def opened(folder: Path) -> Library:
    return open_library(folder)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_library_asks_for(change: str, before: tuple[Path, Path], tmp_path: Path) -> None:
    edit, expected, words = CHANGES[change]
    shutil.copytree(before[0], tmp_path / "platform", ignore=shutil.ignore_patterns("__pycache__"))
    edit(tmp_path / "platform")
    reasons = compare_libraries(
        opened(before[0]),
        open_library(tmp_path / "platform"),
        services=[before[1]],
    ).reasons
    assert expected == worst_bump(reasons), reasons
    gravest = [reason for reason in reasons if reason.bump == expected]
    assert not words or any(words in reason.message for reason in gravest), gravest


def narrowed(schema: dict[str, Json]) -> None:
    schema["$defs"]["process"]["properties"]["port"]["maximum"] = 1000


def asking(schema: dict[str, Json]) -> None:
    schema["required"] = [*schema["required"], "publishes"]


def widened(schema: dict[str, Json]) -> None:
    schema["properties"]["motto"] = {"type": "string"}


def explained(schema: dict[str, Json]) -> None:
    schema["properties"]["owner"]["description"] = "Who is called at night."


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        (narrowed, "major", "`processes.*.port`: has to be at most 1000"),
        (asking, "major", "`publishes` is required"),
        (widened, "minor", "motto"),
        (explained, None, ""),
    ],
)
def test_a_change_of_the_schema_asks_for(
    change: Callable[[dict[str, Json]], None], expected: Bump | None, words: str, before: tuple[Path, Path]
) -> None:
    schema = copy.deepcopy(dict(SCHEMA))
    change(schema)
    library = opened(before[0])
    reasons = compare_libraries(library, library, services=[], schemas=(SCHEMA, schema)).reasons
    assert expected == worst_bump(reasons)
    assert all(isinstance(reason, Reason) for reason in reasons)
    assert not words or any(words in reason.message for reason in reasons)


@pytest.mark.parametrize(("rule", "expected"), [("E9002", "major"), ("W9002", "minor")])
def test_a_rule_asks_for_as_much_as_it_can_refuse(rule: str, expected: Bump, before: tuple[Path, Path]) -> None:
    library = opened(before[0])
    span = next(iter(library.rules[0].ids.values()))
    stricter = replace(library, rules=(*library.rules, RuleModule("more", {rule: span})))
    assert expected == worst_bump(judge_libraries(library, stricter))
    assert "minor" == worst_bump(judge_libraries(stricter, library))


def test_an_id_that_a_service_keeps_may_be_made_elsewhere(before: tuple[Path, Path], tmp_path: Path) -> None:
    library = tmp_path / "platform"
    shutil.copytree(before[0], library, ignore=shutil.ignore_patterns("__pycache__"))
    edited(GROUPS, "{name}Group", "{str(name)}Group")(library)  # which cannot be read off any longer
    for services, expected in (([before[1]], "patch"), ([], "major")):
        compared = compare_libraries(opened(before[0]), open_library(library), services=services)
        assert expected == worst_bump(compared.reasons)


def test_what_compiles_with_neither_is_a_fault(before: tuple[Path, Path], tmp_path: Path) -> None:
    added("service.yml", SERVICE + "nonsense: 1\n")(tmp_path / "faulty")
    library = opened(before[0])
    compared = compare_libraries(library, library, services=[tmp_path / "faulty"])
    (fault,) = compared.faults
    assert ("D825", (), "neither") == (fault.code, compared.reasons, compared.services[0].compiles)
    assert "`nonsense`" in fault.message


@pytest.mark.parametrize(
    ("service", "override", "compiles"),
    [
        (SERVICE.replace('"1.0"', '"1.1"'), OVERRIDE, "both"),  # the line that the new library will be of
        (SERVICE, OVERRIDE.replace("WebGroup", "WebFleet"), "new"),  # overrides that moved with the library
        (SERVICE, OVERRIDE, "old"),  # and those that did not
    ],
)
def test_a_service_that_moved_already_hides_nothing(
    service: str, override: str, compiles: str, before: tuple[Path, Path], tmp_path: Path
) -> None:
    library = tmp_path / "platform"
    shutil.copytree(before[0], library, ignore=shutil.ignore_patterns("__pycache__"))
    edited(
        *(
            (TOPICS, 'camel(event)}Topic"', 'camel(event)}Events"')
            if compiles == "both"
            else (GROUPS, "{name}Group", "{name}Fleet")
        )
    )(library)
    added("service.yml", service)(tmp_path / "orders")
    added("cloudFormation/overrides/more.yml", override)(tmp_path / "orders")
    compared = compare_libraries(opened(before[0]), open_library(library), services=[tmp_path / "orders"])
    assert ("major", compiles) == (worst_bump(compared.reasons), compared.services[0].compiles)
    renamed = [reason for reason in compared.reasons if "is called" in reason.message]
    assert {"orders, production", "orders, staging"} == {reason.where for reason in renamed}


def test_examples_are_found_in_a_library_and_beside_it(before: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(before[0], tmp_path / "platform")
    added("service.yml", SERVICE)(tmp_path / "examples" / "one")
    added("service.yml", SERVICE)(tmp_path / "platform" / "examples" / "two")
    found = list_examples(open_library(tmp_path / "platform"))
    assert ["two", "one"] == [path.name for path in found]
    assert (before[1],) == find_services([before[1], before[1].parent])
    added("service.yml", SERVICE)(tmp_path / "nested" / "a" / "b")
    added("service.yml", SERVICE)(tmp_path / "nested" / ".git" / "c")
    assert (tmp_path / "nested/a/b",) == find_services([tmp_path / "nested"])
