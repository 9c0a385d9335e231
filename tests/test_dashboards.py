"""Dashboards: they parse, keep to the grid and to CloudWatch's quotas, and show metrics that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from compiler.authoring import camel
from compiler.service import Environment, Subscription, Waf
from tests.deploying import Cloud
from tests.environments_by_hand import BRANCHES, TEMPLATES, build_template, with_network
from tests.environments_by_hand import PRODUCTION as WHOLE_PRODUCTION
from tests.environments_by_hand import STAGING as WHOLE_STAGING
from tests.metrics_of_aws import METRICS
from tests.services_by_hand import CASES, PRODUCTION, RECIPES, SHARED, WEB, WORKER, build_stack, ssm

# Quotas of CloudWatch, "CloudWatch service quotas" and "Dashboard body structure".
MOST_WIDGETS, MOST_METRICS_A_WIDGET, MOST_METRICS, MOST_ALARMS, MOST_GROUPS = 500, 500, 2500, 100, 50
WATCHED = [case for case, (_, environment) in CASES.items() if environment.tier != "branch"]
# Which attribute of which type of resource is the value of a dimension.
DIMENSIONS = {
    "AutoScalingGroupName": ("AWS::AutoScaling::AutoScalingGroup", ""),
    "LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer", ".LoadBalancerFullName"),
    "QueueName": ("AWS::SQS::Queue", ".QueueName"),
    "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup", ".TargetGroupFullName"),
}
MANY = replace(
    RECIPES,
    processes=(
        *(replace(WEB, name=f"a-web-process-called-{n:02}", dns=f"web-{n}") for n in range(20)),
        *(replace(WORKER, name=f"some-worker-called-{n:02}") for n in range(20)),
    ),
    consumes=tuple(Subscription("customer", f"event-{n}", "some-worker-called-07", {}) for n in range(60)),
)
ENVIRONMENTS: dict[str, Environment] = {
    "production": WHOLE_PRODUCTION,
    "branches": BRANCHES,
    "little": replace(
        with_network(WHOLE_STAGING, nat="none"),
        ingress=replace(WHOLE_STAGING.ingress, shared=()),
        waf=Waf("off"),
        owners=("squad",),
    ),
}


@pytest.mark.parametrize("case", [*WATCHED, "many"])
def test_a_service_has_a_dashboard_that_cloudwatch_takes(case: str) -> None:
    stack = build_stack(*(CASES.get(case) or (MANY, PRODUCTION)))
    check_shape(read_body(stack))


@pytest.mark.parametrize("case", WATCHED)
def test_every_metric_of_a_service_is_one_of_what_its_stack_makes(case: str) -> None:
    stack = build_stack(*CASES[case])
    resources, variables = stack["Resources"], variables_of(stack)
    seen = 0
    for namespace, metric, dimensions in metrics_of(read_body(stack)):
        if namespace.startswith("Service/"):
            assert (namespace, metric, frozenset(dimensions)) in set(counted_in_logs(resources))
            assert all(f"{camel(name)}Group" in resources for name in dimensions.values())
            continue
        assert frozenset(dimensions) in METRICS[namespace, metric], (namespace, metric)
        for name, value in dimensions.items():
            if name == "TopicName":
                assert value in [each.get("Properties", {}).get("TopicName") for each in resources.values()]
                continue
            kind, attribute = DIMENSIONS[name]
            found = re.fullmatch(r"\$\{([A-Za-z0-9]+)((?:\.[A-Za-z]+)?)\}", value)
            assert found is not None, value
            if found[1] in variables:
                exposure = found[1].removesuffix("Balancer").lower()
                assert ssm(f"ingress/{exposure}-load-balancer-arn-suffix") == variables[found[1]]
            else:
                assert (kind, attribute) == (resources[found[1]]["Type"], found[2])
        seen += 1
    assert seen >= 8


@pytest.mark.parametrize("case", WATCHED)
def test_every_alarm_of_a_service_and_every_log_of_it_is_shown(case: str) -> None:
    stack = build_stack(*CASES[case])
    made = [name for name, each in stack["Resources"].items() if each["Type"] in ALARMS]
    assert sorted(made) == sorted(re.findall(r"\$\{(\w+)\.Arn\}", json.dumps(read_body(stack))))
    names = {each["LogGroupName"] for each in of_type(stack, "AWS::Logs::LogGroup")}
    groups = {name for name in names if not name.endswith("/access")}  # which holds no errors of programs
    shown = [each["properties"]["query"] for each in read_body(stack)["widgets"] if each["type"] == "log"]
    assert groups == {group for query in shown for group in re.findall(r"SOURCE '([^']+)'", query)}


ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


def test_expressions_reckon_with_metrics_of_their_own_widget() -> None:
    for case in (*CASES, "many"):
        for widget in read_body(build_stack(*(CASES.get(case) or (MANY, PRODUCTION))))["widgets"]:
            ids = {part["id"] for part in parts_of(widget) if "id" in part}
            for part in parts_of(widget):
                used = set(re.findall(r"\b[a-z]\w*\b", part.get("expression", "")))
                assert used <= ids


def test_an_environment_that_may_be_thrown_away_has_none() -> None:
    service, environment = CASES["a-branch"]
    assert "Dashboard" not in build_stack(service, environment)["Resources"]


def test_no_two_services_of_two_environments_have_dashboards_of_one_name() -> None:
    names = [
        of_type(build_stack(replace(RECIPES, name=service), replace(PRODUCTION, name=name)), DASHBOARD)[0]
        for name, service in (("a", "b-c"), ("a-b", "c"), ("platform", "a"))
    ]
    names += of_type(build_template("environment_dashboard", replace(WHOLE_STAGING, shared="a")), DASHBOARD)
    called = [each["DashboardName"] for each in names]
    assert len(called) == len(set(called))


DASHBOARD = "AWS::CloudWatch::Dashboard"


def test_references_to_shared_load_balancers_are_few_however_many_processes_use_them() -> None:
    (shared,) = SHARED.processes
    service = replace(SHARED, processes=tuple(replace(shared, name=f"web-{n}", dns=f"web-{n}") for n in range(10)))
    (dashboard,) = of_type(build_stack(service), DASHBOARD)
    assert 1 == json.dumps(dashboard).count("{{resolve:")


# Environments


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_a_dashboard_that_cloudwatch_takes(name: str) -> None:
    stack = build_template("environment_dashboard", ENVIRONMENTS[name])
    check_shape(read_body(stack))
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(read_body(stack))))
    assert used == variables_of(stack).keys()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_alarm_of_an_environment_is_shown_by_its_name(name: str) -> None:
    environment = ENVIRONMENTS[name]
    made = [
        alarm["AlarmName"]
        for template in TEMPLATES
        for kind in ALARMS
        for alarm in of_type(build_template(template, environment), kind)
    ]
    widgets = read_body(build_template("environment_dashboard", environment))["widgets"]
    shown = [arn for widget in widgets if widget["type"] == "alarm" for arn in widget["properties"]["alarms"]]
    place = f"arn:${{AWS::Partition}}:cloudwatch:eu-west-1:{environment.account}:alarm:"
    assert sorted(f"{place}{name}" for name in made) == sorted(shown)
    assert len(made) == len(set(made))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_metric_of_an_environment_exists(name: str) -> None:
    environment = ENVIRONMENTS[name]
    body = read_body(build_template("environment_dashboard", environment))
    for namespace, metric, dimensions in metrics_of(body):
        if namespace != f"Platform/{environment.name}":
            assert frozenset(dimensions) in METRICS[namespace, metric], (namespace, metric)
    expressions = [part["expression"] for each in body["widgets"] for part in parts_of(each) if "expression" in part]
    for expression in expressions:
        query = re.fullmatch(
            r'SELECT (?:AVG|MAX|SUM)\((\w+)\) FROM SCHEMA\("([\w/]+)", (\w+)\) GROUP BY \3 '
            r"ORDER BY (?:AVG|MAX|SUM)\(\) DESC LIMIT 10",
            expression,
        )
        search = re.fullmatch(
            r"SEARCH\('\{([\w/]+),([^}]+)\} MetricName=\"(\w+)\"(?: \"[\w ]+\"=\"\$\{\w+\}\")?', 'Sum'\)", expression
        )
        assert query is not None or search is not None, expression
        if query is not None:
            assert frozenset({query[3]}) in METRICS[query[2], query[1]]
        elif search is not None:
            assert frozenset(search[2].replace('"', "").split(",")) in METRICS[search[1], search[3]]


def test_forty_processes_leave_room_in_the_template() -> None:
    (dashboard,) = of_type(build_stack(MANY, PRODUCTION), DASHBOARD)
    assert 200_000 > len(json.dumps(dashboard))


def test_the_server_takes_both_dashboards_and_gives_them_back(cloud: Cloud) -> None:
    names = {"boards-of-one": "boards_recipes", "boards-of-all": "boards"}
    for stack, name in names.items():
        text = re.sub(r"\$\{(?!AWS::)[^}]+\}", "x", json.dumps(MADE[stack]))
        template = {"Resources": {"Dashboard": {"Type": DASHBOARD, "Properties": json.loads(text)}}}
        template["Resources"]["Dashboard"]["Properties"]["DashboardName"] = name
        cloud.deploy(stack, template)
        found = cloud.client("cloudwatch").get_dashboard(DashboardName=name)
        check_shape(json.loads(found["DashboardBody"]))
        assert "${" not in found["DashboardBody"]
        cloud.remove(stack)


def _made(stack: dict[str, Any]) -> dict[str, Any]:
    (properties,) = of_type(stack, DASHBOARD)
    body = properties["DashboardBody"]["Fn::Sub"]
    return {**properties, "DashboardBody": {"Fn::Sub": body if isinstance(body, str) else body[0]}}


# Reading them


def check_shape(body: dict[str, Any]) -> None:
    assert {"start", "widgets"} == body.keys()
    widgets = body["widgets"]
    assert 0 < len(widgets) <= MOST_WIDGETS
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        columns = range(widget["x"], widget["x"] + widget["width"])
        places = {(column, line) for column in columns for line in range(widget["y"], widget["y"] + widget["height"])}
        assert 0 <= columns.start and columns.stop <= 24 and widget["width"] >= 1 and widget["height"] >= 1
        assert places.isdisjoint(taken)
        taken |= places
        properties = widget["properties"]
        assert ("region" in properties) is (widget["type"] in ("metric", "log"))
        assert 1 <= len(properties.get("alarms", "x")) <= MOST_ALARMS
        assert 1 <= len(properties.get("metrics", "x")) <= MOST_METRICS_A_WIDGET
        assert properties.get("query", "").count("SOURCE") <= MOST_GROUPS
        assert set(properties) <= KEYS[widget["type"]]
    assert sum(len(widget["properties"].get("metrics", ())) for widget in widgets) <= MOST_METRICS


KEYS = {
    "alarm": {"title", "alarms", "sortBy"},
    "log": {"title", "view", "query", "region"},
    "metric": {"title", "stat", "period", "metrics", "stacked", "yAxis", "region"},
    "text": {"markdown"},
}


def of_type(stack: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in stack["Resources"].values() if each["Type"] == kind]


def read_body(stack: dict[str, Any]) -> dict[str, Any]:
    """Parse the body, with its `${...}` as they stand."""
    if not (dashboards := of_type(stack, DASHBOARD)):
        return {"widgets": []}
    (properties,) = dashboards
    sub = properties["DashboardBody"]["Fn::Sub"]
    body: dict[str, Any] = json.loads(sub if isinstance(sub, str) else sub[0])
    return body


def variables_of(stack: dict[str, Any]) -> dict[str, Any]:
    (properties,) = of_type(stack, DASHBOARD)
    sub = properties["DashboardBody"]["Fn::Sub"]
    return {} if isinstance(sub, str) else sub[1]


def parts_of(widget: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield how each metric of a widget is drawn, where it says so."""
    for metric in widget["properties"].get("metrics", ()):
        yield from (part for part in metric if isinstance(part, dict))


def metrics_of(body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield each metric with its dimensions; a dot stands for what the metric before has in its place."""
    for widget in body["widgets"]:
        before: list[str] = []
        for metric in widget["properties"].get("metrics", ()):
            names = [part for part in metric if not isinstance(part, dict)]
            if names == ["..."]:
                names = ["."] * len(before)
            if names:
                before = [above if name == "." else name for name, above in zip_longest_left(names, before)]
                namespace, name, *pairs = before
                assert all(before) and len(pairs) % 2 == 0
                yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def zip_longest_left(names: list[str], above: list[str]) -> Iterator[tuple[str, str]]:
    for place, name in enumerate(names):
        yield name, above[place] if place < len(above) else ""


def counted_in_logs(resources: dict[str, Any]) -> Iterator[tuple[str, str, frozenset[str]]]:
    for each in resources.values():
        for made in each.get("Properties", {}).get("MetricTransformations", ()):
            dimensions = frozenset(each["Key"] for each in made.get("Dimensions", ()))
            yield made["MetricNamespace"], made["MetricName"], dimensions


MADE = {
    "boards-of-one": _made(build_stack(RECIPES)),
    "boards-of-all": _made(build_template("environment_dashboard")),
}
