"""Logs: groups that instances write to, filters that arrive as they were written, where logs are sent, questions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compiler.diagnostics import CompileError, Diagnostic
from compiler.library import load_library, load_schema
from compiler.logs import fault_of_pattern
from compiler.model import Library
from compiler.pipeline import build_stack as build_whole
from compiler.pipeline import open_library, plan_service
from compiler.service import LogDelivery, LogFile
from tests.environments_by_hand import STAGING as WHOLE_STAGING
from tests.environments_by_hand import build_template
from tests.services_by_hand import (
    CASES,
    PRODUCTION,
    RECIPES,
    STAGING,
    WEB,
    WORKER,
    build_resources,
    properties_of,
    with_process,
)

PLATFORM = Path(__file__).parent.parent / "platform"
HEAD = {"service": "recipes", "owner": "squad-menu", "platform": "1.0"}
DESTINATION = "arn:aws:logs:eu-west-1:999988887777:destination:archive"
STREAM = "arn:aws:firehose:eu-west-1:444455556666:deliverystream/archive"
ROLE = "arn:aws:iam::444455556666:role/logs-to-archive"
# Each is a pattern that CloudWatch takes, with what YAML, JSON, Fn::Sub or a shell would make something of.
PATTERNS = (
    '{ $.level = "error" }',
    "ERROR",
    '"Out of memory"',
    '?ERROR ?"not found" -DEBUG',
    '{ $.path = "C:\\\\temp\\\\*" }',
    '{ $.message = "say \\"no\\"" }',
    '{ $.message = "${x} $HOME ${Region}" }',
    "{ $.a = %b% && $.c = %d% }",
    '{ $.a = "%b% %c% %d%" }',
    '{ $.message = "{ unbalanced ( [" }',
    '{ ($.a.b[0] = 1) && ($.c != "d" || $.e IS NULL) }',
    "{ $.message = %[0-9]{3} (a|b)% }",
    '[ip, id, user, time, request="GET *", status=5*, size]',
    "[..., status = 4* || status = 5*, size > 1000]",
    "%AUTHORIZED|erlaubt%",
    '{ $.message = "Grüße, 料理, 🍲" }',
    "'single' & # : - ! | > @ ` \\n",
    " { $.level = fatal } ",
)
WRONG = {
    '{ $.level = "error }': "a quotation mark has no second one",
    'say "no': "a quotation mark has no second one",
    '{ ($.level = "error" }': "a `(` is not closed",
    '{ $.level = "error"': "a `{` is not closed",
    "{ $.a = 1 } }": "something follows the last `}`",
    '{ $.a = 1 } && { $.b = "x" }': "something follows the last `}`",
    "[ip, user": "a `[` is not closed",
    "{ level = error }": "no field such as `$.level` is named",
    '{ $.message = "${AWS::Region}" }': "CloudFormation would want a value for `${AWS::Region}`",
    "{ $.a = %b% || $.c = %d% || $.e = %f% }": "there are more than 2 expressions between `%`",
    "%a% %b% %c%": "there are more than 2 expressions between `%`",
    '{ $.message = "{{resolve:ssm:/a}}" }': "CloudFormation would look up `{{resolve:`",
}


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


def plan(folder: Path, library: Library, web: dict[str, Any], environment: str = "production") -> Any:
    process = {"runtime": "instances", "command": "./bin/web", "port": 8080, **web}
    described = {**HEAD, "environments": {environment: {}}, "processes": {"web": process}}
    (folder / "service.yml").write_text(json.dumps(described))
    return plan_service(folder, library, with_archives=False)


def faults(folder: Path, library: Library, web: dict[str, Any], environment: str = "production") -> list[Diagnostic]:
    """What is wrong with a service, errors only."""
    try:
        found = plan(folder, library, web, environment).diagnostics
    except CompileError as error:
        found = error.diagnostics
    return [each for each in found if each.severity == "error"]


# Retention


def test_logs_are_kept_for_a_number_of_days_that_cloudwatch_knows() -> None:
    known = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    days = set(known["properties"]["RetentionInDays"]["enum"])
    service, environment = (load_schema(f"{name}.v1") for name in ("service", "environment"))
    assert days == set(service["$defs"]["log"]["properties"]["retentionDays"]["enum"]) - {None}
    assert days == set(environment["properties"]["logs"]["properties"]["retentionDays"]["enum"]) - {None}
    assert days == set(environment["properties"]["network"]["properties"]["flowLogRetention"]["enum"])


def test_an_environment_may_ask_for_a_year_and_says_so_to_who_asks_for_less(tmp_path: Path, library: Library) -> None:
    asking = library_with(tmp_path, "staging", "logs: {fewestDays: 365}\ndefaults: {log: {retentionDays: 365}}")
    log = {"path": "/var/log/recipes/app.log"}
    brief = {"logs": {"app": {**log, "retentionDays": 30}}}
    assert [] == faults(tmp_path, asking, {"logs": {"app": log}}, "staging")
    (fault,) = faults(tmp_path, asking, brief, "staging")
    assert fault.span is not None
    assert ("D363", "service.yml") == (fault.code, fault.span.path)
    assert "for 30 days, `staging` asks for 365" in fault.message
    assert [] == faults(tmp_path, library, brief, "staging")


def library_with(folder: Path, environment: str, text: str) -> Library:
    """The library of this repository, with more in the file of an environment."""
    shutil.copytree(PLATFORM, folder / "platform", ignore=shutil.ignore_patterns("__pycache__", "ansible"))
    (folder / "platform/ansible").mkdir()
    file = folder / f"platform/environments/{environment}.yml"
    file.write_text(f"{file.read_text()}{text}\n")
    return load_library(folder / "platform")


# Groups


@pytest.mark.parametrize("case", CASES)
def test_an_instance_writes_to_groups_that_its_stack_makes(case: str) -> None:
    resources = build_resources(*CASES[case])
    made = {group["LogGroupName"] for group in properties_of(resources, "AWS::Logs::LogGroup").values()}
    templates = properties_of(resources, "AWS::EC2::LaunchTemplate")
    assert templates
    told_of: set[str] = set()
    for title, template in templates.items():
        facts = facts_of(template)
        told = [log["group"] for log in facts["logs"]] + [facts[name] for name in ("access_log", "system_log")]
        assert (facts["access_log"] is None) is (facts["port"] is None)
        policy = resources[title.removesuffix("LaunchTemplate") + "Policy"]["Properties"]["PolicyDocument"]
        (write,) = (each for each in policy["Statement"] if each["Sid"] == "WriteLogs")
        allowed = {re.sub(r"^.*:log-group:(.*):\*$", r"\1", str(each)) for each in write["Resource"]}
        assert {each for each in told if each} == allowed
        told_of |= allowed
    assert told_of == {name for name in made if not name.startswith("sns/")}  # which SNS writes to


def test_what_a_process_prints_is_kept_and_watched_whether_it_has_a_log_for_it_or_not() -> None:
    """A log of another name receives what the process writes there, not what it prints."""
    other = replace(WEB, name="other", dns=None, logs=(LogFile("audit", "/var/log/recipes/audit.log", 30, ()),))
    silent = replace(WORKER, name="silent", logs=())
    assert "OutputLogGroup" not in build_resources(with_process(WEB))
    resources = build_resources(replace(RECIPES, processes=(WEB, other, silent), consumes=()))
    printed = [
        (log["path"], log["group"])
        for title in ("Web", "Other", "Silent")
        for log in facts_of(resources[f"{title}LaunchTemplate"]["Properties"])["logs"]
        if log["name"] == "app"
    ]
    shared = ("/var/log/recipes/output.log", "/service/production/recipes/output")
    assert [("/var/log/recipes/app.log", "/service/production/recipes/web/app"), shared, shared] == printed
    filters = properties_of(resources, "AWS::Logs::MetricFilter")
    counted = [filters[f"Output{what}MetricFilter"] for what in ("Errors", "Tracebacks")]
    assert all(fault_of_pattern(each["FilterPattern"]) is None for each in counted)
    watched = resources["OutputErrorsAlarm"]["Properties"]["MetricName"]
    assert {watched} == {each["MetricTransformations"][0]["MetricName"] for each in counted}


def facts_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """What a launch template has written into /etc/platform/instance.json."""
    text = template["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    facts: dict[str, Any] = json.loads(text.partition("'END_OF_INSTANCE'\n")[2].partition("\nEND_OF_INSTANCE")[0])
    return facts


def test_a_panic_is_told_wherever_a_process_prints_it() -> None:
    made = properties_of(build_resources(RECIPES), "AWS::Logs::MetricFilter")
    panics = {name: each for name, each in made.items() if name.endswith("PanicsMetricFilter")}
    assert {"WebAppLogGroup", "OutputLogGroup"} == {each["LogGroupName"]["Ref"] for each in panics.values()}
    told = build_resources(RECIPES)["PanicsAlarm"]["Properties"]
    for each in panics.values():
        assert fault_of_pattern(each["FilterPattern"]) is None
        (counted,) = each["MetricTransformations"]
        assert (told["Namespace"], told["MetricName"]) == (counted["MetricNamespace"], counted["MetricName"])


def test_what_is_counted_in_the_access_log_is_what_nginx_writes() -> None:
    template = (PLATFORM / "ansible/roles/nginx/templates/nginx.conf.j2").read_text()
    written = set(re.findall(r'"(\w+)":', template))
    filters = properties_of(build_resources(RECIPES), "AWS::Logs::MetricFilter")
    asked = {field for each in filters.values() for field in re.findall(r"\$\.(\w+)", json.dumps(each))}
    assert {"status", "process", "upstream_response_time", "level"} == asked
    assert asked <= written


def test_the_same_filters_count_requests_and_output_of_all_processes() -> None:
    many = replace(RECIPES, processes=tuple(replace(WEB, name=f"web-{n}", dns=f"w-{n}", logs=()) for n in range(9)))
    made = properties_of(build_resources(many), "AWS::Logs::MetricFilter")
    requests, output = ["ServerErrors", "SlowRequests"], ["OutputErrors", "OutputTracebacks"]
    assert {f"{name}MetricFilter" for name in (*requests, *output, "OutputPanics", "OutOfMemory")} == set(made)


def test_a_log_without_filters_has_one_for_errors() -> None:
    plain = with_process(replace(WEB, logs=(LogFile("app", "/var/log/recipes/app.log", 30, ()),)))
    made = properties_of(build_resources(plain), "AWS::Logs::MetricFilter")["WebAppErrorsMetricFilter"]
    assert fault_of_pattern(made["FilterPattern"]) is None
    assert all(f'"{level}"' in made["FilterPattern"] for level in ("error", "ERROR", "critical", "CRITICAL"))


# Patterns


def test_a_pattern_arrives_as_it_was_written(tmp_path: Path, library: Library) -> None:
    filters = {f"filter-{n}": {"pattern": pattern, "threshold": 5} for n, pattern in enumerate(PATTERNS)}
    planned = plan(tmp_path, library, {"logs": {"app": {"path": "/var/log/a/a.log", "filters": filters}}})
    stack, found = build_whole(planned, library, "production", lint=False)
    assert [] == [fault.message for fault in found if fault.severity == "error"]
    arrived = [
        stack.template["Resources"][f"WebAppFilter{n}MetricFilter"]["Properties"]["FilterPattern"]
        for n in range(len(PATTERNS))
    ]
    assert list(PATTERNS) == arrived
    assert list(PATTERNS) == json.loads(json.dumps(arrived))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_is_said_of_a_pattern_that_cloudwatch_takes(pattern: str) -> None:
    assert fault_of_pattern(pattern) is None


@pytest.mark.parametrize("pattern", WRONG)
def test_a_pattern_that_cloudwatch_refuses_is_refused_on_its_line(pattern: str) -> None:
    assert WRONG[pattern] == fault_of_pattern(pattern)


def test_the_sixth_pattern_with_an_expression_is_one_too_many_for_a_log(tmp_path: Path, library: Library) -> None:
    def find(expressions: int) -> list[str]:
        words = {f"word-{n}": {"pattern": f"word{n}", "threshold": 5} for n in range(9)}
        costly = {f"filter-{n}": {"pattern": f"{{ $.a = %{n}% }}", "threshold": 5} for n in range(expressions)}
        logs = {name: {"path": f"/var/log/{name}", "filters": {**costly, **words}} for name in ("a", "b")}
        return [f"{fault.code} {fault.message}" for fault in faults(tmp_path, library, {"logs": logs})]

    assert [] == find(5)
    said = "D362 `processes.web.logs.{}` has 6 patterns with expressions, and CloudWatch takes 5"
    assert [said.format(name) for name in ("a", "b")] == find(6)


# Where they are sent


def test_each_group_sends_all_of_its_lines_to_one_or_two_places() -> None:
    both = LogDelivery(30, DESTINATION, STREAM, ROLE)
    resources = build_resources(RECIPES, replace(STAGING, logs=both))
    sent: dict[str, list[dict[str, Any]]] = {}
    for each in properties_of(resources, "AWS::Logs::SubscriptionFilter").values():
        sent.setdefault(each["LogGroupName"]["Ref"], []).append(each)
    groups = properties_of(resources, "AWS::Logs::LogGroup").items()
    assert {name for name, _ in groups} == set(sent)
    assert {30} == {group["RetentionInDays"] for _, group in groups}
    for pair in sent.values():
        assert [DESTINATION, STREAM] == [each["DestinationArn"] for each in pair]
        assert [None, ROLE] == [each.get("RoleArn") for each in pair]
        assert {("", "ByLogStream")} == {(each["FilterPattern"], each["Distribution"]) for each in pair}
    assert {} == properties_of(build_resources(RECIPES, STAGING), "AWS::Logs::SubscriptionFilter")


def test_the_platform_hears_of_logs_that_do_not_arrive() -> None:
    sending = replace(WHOLE_STAGING, logs=LogDelivery(destination=DESTINATION))
    more = build_template("notifications", sending)["Resources"].keys()
    assert {"LogDeliveryErrorsAmberAlarm", "LogDeliveryThrottlingAmberAlarm"} == (
        more - build_template("notifications", WHOLE_STAGING)["Resources"].keys()
    )


@pytest.mark.parametrize(
    ("logs", "codes"),
    [
        (f"{{destination: '{DESTINATION}'}}", []),
        (f"{{stream: {{arn: '{STREAM}', role: '{ROLE}'}}}}", []),
        (f"{{destination: '{DESTINATION.replace('eu-west-1', 'us-east-1')}'}}", ["D364"]),
        (f"{{stream: {{arn: '{STREAM.replace('4444', '9999')}', role: '{ROLE}'}}}}", ["D364"]),
        (f"{{stream: {{arn: '{STREAM}', role: '{ROLE.replace('4444', '9999')}'}}}}", ["D364"]),
    ],
)
def test_what_logs_are_sent_to_can_be_reached(tmp_path: Path, logs: str, codes: list[str]) -> None:
    found = faults(tmp_path, library_with(tmp_path, "staging", f"logs: {logs}"), {}, "staging")
    assert codes == [fault.code for fault in found]
    assert all(fault.span is not None and fault.span.path.endswith("staging.yml") for fault in found)


# Questions


def test_three_questions_are_saved_for_a_service() -> None:
    made = properties_of(build_resources(RECIPES), "AWS::Logs::QueryDefinition")
    asked = {each["Name"]: [group["Ref"] for group in each["LogGroupNames"]] for each in made.values()}
    assert {
        "production/recipes/errors": ["WebAppLogGroup", "OutputLogGroup"],
        "production/recipes/slowest requests": ["AccessLogGroup"],
        "production/recipes/one request": ["AccessLogGroup", "WebAppLogGroup", "OutputLogGroup"],
    } == asked
    logs = tuple(LogFile(f"log-{n}", f"/a/{n}", 30, ()) for n in range(60))
    most = properties_of(
        build_resources(with_process(replace(WEB, logs=logs)), PRODUCTION), "AWS::Logs::QueryDefinition"
    )
    assert {1, 50} == {len(each["LogGroupNames"]) for each in most.values()}
