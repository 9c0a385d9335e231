"""A load balancer of a process's own forwards what is for the process's name and paths, and answers 404 otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from compiler.service import Deployment, Environment, Process, Routing
from tests.describing import judge
from tests.services_by_hand import BRANCH, PRODUCTION, SHARED_PATHS, WEB, build_resources, build_stack, with_process

RULE, LISTENER = "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::ElasticLoadBalancingV2::Listener"
PUBLIC = replace(WEB, exposure="public")
NAMELESS = replace(WEB, dns=None)
OF_ANOTHER = replace(PUBLIC, routing=Routing(host="shop", paths=("/api", "/api/*")))
# What an environment that turns `shared` off leaves behind.
ONCE_SHARED = replace(PUBLIC, dns=None, routing=Routing(7, "shop", ("/recipes/*",)))
PATHS = replace(NAMELESS, routing=Routing(paths=("/recipes", "/menu?")))
OF_AWS = "internal-web-1.eu-west-1.elb.amazonaws.com"


def answer(resources: Mapping[str, Any], host: str, path: str) -> str:
    """Say who answers a request over HTTPS: the name of a target group, or the status of a fixed answer.

    Names are compared as AWS does, whatever their case, paths as they are written.
    """
    rules = [body["Properties"] for body in resources.values() if body["Type"] == RULE]
    for rule in sorted(rules, key=lambda each: each["Priority"]):
        assert rule["ListenerArn"] == {"Ref": "WebListener"}
        asked = {each["Field"]: each for each in rule["Conditions"]}
        hosts = asked["host-header"]["HostHeaderConfig"]["Values"] if "host-header" in asked else ["*"]
        paths = asked["path-pattern"]["PathPatternConfig"]["Values"] if "path-pattern" in asked else ["*"]
        fits = any(fnmatchcase(host.lower(), each.lower()) for each in hosts)
        if fits and any(fnmatchcase(path, each) for each in paths):
            return _outcome(rule["Actions"])
    return _outcome(resources["WebListener"]["Properties"]["DefaultActions"])


def _outcome(actions: list[dict[str, Any]]) -> str:
    (action,) = actions
    fixed: str = action.get("FixedResponseConfig", {}).get("StatusCode", "")
    return fixed or str(action["TargetGroupArn"]["Ref"])


@pytest.mark.parametrize(
    ("process", "environment", "host", "path", "answered"),
    [
        (WEB, PRODUCTION, "recipes.production.internal", "/", True),
        (WEB, PRODUCTION, "Recipes.PRODUCTION.internal", "/", True),
        (WEB, PRODUCTION, OF_AWS, "/", False),
        (WEB, PRODUCTION, "10.16.64.7", "/", False),
        (WEB, PRODUCTION, "shop.production.internal", "/", False),
        (WEB, PRODUCTION, "recipes.recipes.example", "/", False),
        (WEB, BRANCH, "recipes-env-new-menu.env-default.internal", "/", True),
        (WEB, BRANCH, "recipes.env-default.internal", "/", False),
        (PUBLIC, PRODUCTION, "recipes.recipes.example", "/", True),
        (PUBLIC, PRODUCTION, "recipes.recipes.example.evil.example", "/", False),
        (PUBLIC, PRODUCTION, "recipes-recipes.example", "/", False),
        (OF_ANOTHER, PRODUCTION, "recipes.recipes.example", "/api/x", True),
        (OF_ANOTHER, PRODUCTION, "shop.recipes.example", "/api", True),
        (OF_ANOTHER, PRODUCTION, "shop.recipes.example", "/", False),
        (OF_ANOTHER, PRODUCTION, "recipes.recipes.example", "/API/x", False),
        (OF_ANOTHER, PRODUCTION, OF_AWS, "/api/x", False),
        (ONCE_SHARED, PRODUCTION, "shop.recipes.example", "/recipes/1", True),
        (ONCE_SHARED, PRODUCTION, "shop.recipes.example", "/", False),
        (PATHS, PRODUCTION, OF_AWS, "/recipes", True),
        (PATHS, PRODUCTION, OF_AWS, "/menus", True),
        (PATHS, PRODUCTION, OF_AWS, "/recipes/1", False),
        (NAMELESS, PRODUCTION, OF_AWS, "/", True),
        (NAMELESS, PRODUCTION, "whatever.example", "/recipes", True),
    ],
)
def test_what_is_for_the_process_reaches_it_and_nothing_else(
    process: Process, environment: Environment, host: str, path: str, answered: bool
) -> None:
    resources = build_resources(with_process(process), environment)
    assert ("WebTargetGroup" if answered else "404") == answer(resources, host, path)


@pytest.mark.parametrize(
    ("process", "way"),
    [(WEB, "WebListenerRule"), (PATHS, "WebListenerRule"), (ONCE_SHARED, "WebListenerRule"), (NAMELESS, "WebListener")],
)
@pytest.mark.parametrize("style", ["rolling", "refresh"])
def test_instances_wait_for_what_puts_their_targets_to_use(process: Process, way: str, style: str) -> None:
    resources = build_resources(with_process(replace(process, deployment=Deployment(style, 1, 1))))
    waited_for = {*resources["WebGroup"]["DependsOn"]} & {"WebListener", "WebListenerRule"}
    assert {way} == waited_for
    assert '"WebTargetGroup"' in str(resources[way]["Properties"]).replace("'", '"')


@pytest.mark.parametrize(
    ("process", "outputs"),
    [
        (WEB, {"WebUrl": "https://recipes.production.internal"}),
        (NAMELESS, {"WebUrl": {"Fn::Sub": "https://${WebLoadBalancer.DNSName}"}}),
        (ONCE_SHARED, {"WebUrl": {"Fn::Sub": "https://${WebLoadBalancer.DNSName}"}}),
        (SHARED_PATHS.processes[0], {}),
    ],
)
def test_the_stack_says_where_the_process_is_reached(process: Process, outputs: dict[str, Any]) -> None:
    stack = build_stack(with_process(process))
    assert outputs == {name: each["Value"] for name, each in stack.get("Outputs", {}).items()}


def test_rules_of_additions_come_first() -> None:
    resources = build_resources(with_process(replace(WEB, routing=Routing(7))))
    assert 50_000 == resources["WebListenerRule"]["Properties"]["Priority"]


def test_plain_http_is_sent_to_https_whatever_its_host() -> None:
    resources = build_resources(with_process(PUBLIC))
    (redirect,) = resources["WebRedirectListener"]["Properties"]["DefaultActions"]
    assert ("redirect", "HTTPS") == (redirect["Type"], redirect["RedirectConfig"]["Protocol"])
    assert [{"Ref": "WebListener"}] == [
        each["Properties"]["ListenerArn"] for each in resources.values() if each["Type"] == RULE
    ]


# What is said of it

HEAD = 'service: shop\nowner: squad-toy\nplatform: "1.0"\nprocesses:\n'
PROCESS = "  web: {{runtime: instances, command: ./x, port: 80, {0}}}\n"


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("dns: a, routing: {paths: [/x]}", []),
        ("dns: a, routing: {host: b}", []),
        ("routing: {host: b, paths: [/x]}", ["D369"]),
        ("dns: a, routing: {priority: 5, paths: [/x]}", ["D340"]),
    ],
)
def test_a_rule_of_its_own_has_names_and_paths_and_no_priority(said: str, codes: list[str]) -> None:
    assert codes == [found.code for found in judge(HEAD + PROCESS.format(said))]
