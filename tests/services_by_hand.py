"""Services and environments made by hand, and the stacks that the library's service templates make of them.

Plain values and no room of the compiler, so that what is tested here is the library alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from compiler.alarm_types import Mute, Watched
from compiler.outlets import Destination, Egress, Permission
from compiler.service import (
    BusinessHours,
    Deployment,
    Environment,
    HealthCheck,
    LogFile,
    LogFilter,
    MixedInstances,
    Network,
    Process,
    Routing,
    Scaling,
    Scheduled,
    Service,
    Subscription,
)

TEMPLATES = (
    *("alarms", "autoscaling", "config", "dashboard", "load_balancing", "logs", "message_alarms", "messaging"),
)
_PACKAGE = "_flagstone_library_test"
_FOLDER = Path(__file__).parent.parent / "platform" / "templates"
_RULES = _FOLDER.parent / "rules"

PREFIX_LISTS = {"s3": "pl-6da54004", "dynamodb": "pl-6fa54006"}
PRODUCTION = Environment(
    name="production",
    shared="production",
    account="111122223333",
    region="eu-west-1",
    tier="production",
    private_zone="production.internal",
    public_zone="recipes.example",
    network=Network("10.16.0.0/16", ("a", "b", "c"), "perZone", ("ssm", "logs"), 365, prefix_lists=PREFIX_LISTS),
    images={"arm64": 1, "x86_64": 4},
    bucket="platform-deployment-111122223333-eu-west-1",
    business_hours=BusinessHours("Europe/London", "0 7 * * 1-5", "0 19 * * 1-5"),
    owners=("platform", "squad-menu"),
)
STAGING = replace(
    PRODUCTION,
    name="staging",
    shared="staging",
    account="444455556666",
    tier="staging",
    private_zone="staging.internal",
    network=Network("10.32.0.0/16", ("a", "b"), "single", ("ssm", "logs"), 90),
    bucket="platform-deployment-444455556666-eu-west-1",
)
BRANCHES = replace(
    STAGING,
    name="env-default",
    shared="env-default",
    account="777788889999",
    tier="branch",
    private_zone="env-default.internal",
    bucket="platform-deployment-777788889999-eu-west-1",
)
BRANCH = replace(BRANCHES, name="env-new-menu")

WORKER = Process(
    name="worker",
    runtime="instances",
    command="./bin/work",
    port=None,
    exposure="private",
    dns=None,
    instance_type="t4g.micro",
    root_volume_size=16,
    health_check=HealthCheck("/ping", 10, 5, 2, 3, 300),
    scaling=Scaling(1, 4, {"queueAge": 120}),
    availability="alwaysOn",
    deployment=Deployment("rolling", 1, 1),
    alarms={
        "cpu": Watched(70, 85, 300, (3, 3)),
        "memory": Watched(85, None, 300, (3, 3)),
        "disk": Watched(85, None, 300, (2, 2)),
        "agentReports": Watched(1, None, 300, (3, 3)),
        "statusChecks": Watched(0, None, 60, (10, 10)),
        "capacity": Watched(100, None, 60, (10, 10)),
        "missingInstances": Watched(None, 0, 60, (10, 10)),
        "latency": Watched(1, 2, 60, (4, 5)),
        "errors": Watched(1, 5, 60, (3, 5)),
        "healthyHosts": Watched(None, None, 60, (3, 3)),
        "unhealthyHosts": Watched(0, 1, 60, (5, 5)),
        "connectionErrors": Watched(5, None, 60, (3, 5)),
        "rejectedConnections": Watched(None, 0, 60, (1, 1)),
        "queueAge": Watched(300, 900, 60, (5, 5)),
        "undeliverable": Watched(0, None, 60, (1, 1)),
        "inFlight": Watched(75, None, 60, (15, 15)),
        "maxAge": Watched(),
        "down": Watched(),
        "degraded": Watched(),
    },
    logs=(),
)
WEB = replace(
    WORKER,
    name="web",
    command="./bin/serve",
    port=8080,
    dns="recipes",
    instance_type="m7g.large",
    health_check=HealthCheck("/ping", 10, 4, 2, 5, 300),
    scaling=Scaling(3, 12, {"cpu": 60}),
    alarms={**WORKER.alarms, "cpu": Watched(61, 80, 300, (3, 3)), "latency": Watched(0.8, 1.2, 60, (4, 5))},
    logs=(LogFile("app", "/var/log/recipes/app.log", 30, (LogFilter("errors", '{ $.level = "error" }', 5),)),),
)
RECIPES = Service(
    name="recipes",
    owner="squad-menu",
    description="Recipes and menus",
    processes=(WEB, WORKER),
    publishes=("recipe-created", "recipe-withdrawn"),
    consumes=(Subscription("customer", "address-changed", "worker", {"country": ["GB", "IE"]}),),
    config={"LOG_LEVEL": "info"},
    secrets={"DATABASE_PASSWORD": "/recipes/database-password"},
    runbook="https://runbooks.recipes.example/{service}/{alarm}",
)


def with_process(process: Process) -> Service:
    """The recipes service with this one process, which consumes nothing."""
    return replace(RECIPES, processes=(process,), consumes=())


LONG = "a-name-that-goes-on-" + "and-" * 9 + "more"  # 60 characters
STAGING_RECIPES = replace(
    RECIPES,
    processes=(
        replace(
            WEB,
            scaling=Scaling(1, 2, {"cpu": 60}),
            availability="businessHours",
            alarms={**WEB.alarms, "requests": Watched(300, 50, 300, (3, 3))},
        ),
        replace(WORKER, availability="businessHours"),
    ),
)
BRANCH_RECIPES = replace(
    RECIPES,
    processes=(
        replace(WEB, scaling=Scaling(1, 1, {"cpu": 60}), deployment=Deployment("inPlace", 1, 1)),
        WORKER,
    ),
)
LONG_NAMED = replace(
    RECIPES,
    name=LONG,
    owner=LONG,
    processes=(replace(WEB, name=LONG, dns=LONG, logs=(LogFile(LONG, "/a", 30, (LogFilter(LONG, "x", 1),)),)),),
    publishes=(LONG,),
    consumes=(Subscription(LONG, LONG, LONG, {}),),
    config={LONG.upper().replace("-", "_"): "x"},
)
GREEDY = replace(
    RECIPES,
    consumes=tuple(Subscription("customer", f"event-{number}", "worker", {}) for number in range(12)),
)
ORDERED = replace(
    RECIPES,
    ordered=frozenset({"recipe-created"}),
    consumes=(
        Subscription("customer", "address-changed", "worker", {"to.country": ["GB"]}, filter_on="body", ordered=True),
        Subscription("recipes", "recipe-created", "worker", {}, ordered=True, max_age=600, max_silence=3500),
        Subscription("recipes", "recipe-withdrawn", "worker", {}, timeout=7200, max_receive_count=3),
    ),
)
PUBLIC = with_process(
    replace(
        WEB,
        exposure="public",
        scaling=Scaling(2, 6, {"requests": 1000, "cpu": 50}),
        alarms={**WEB.alarms, "requests": Watched(None, 50, 300, (3, 3))},
    )
)
SHARED = with_process(
    replace(WEB, load_balancer="shared", routing=Routing(120), scaling=Scaling(2, 6, {"requests": 1000}))
)
SHARED_PATHS = with_process(
    replace(SHARED.processes[0], exposure="public", dns=None, routing=Routing(7, "shop", ("/recipes", "/recipes/*")))
)
PERMITTED = with_process(
    replace(
        WEB,
        permissions=(
            Permission("invoices", "readWrite", bucket="acme-invoices", prefix="2026/"),
            Permission("exports", "write", bucket="acme-exports"),
            Permission("archive", bucket="acme-archive", key="arn:aws:kms:eu-west-1:111122223333:key/11111111"),
            Permission("tariffs", "readWrite", parameters="/tariffs"),
            Permission("terminal", secret="payments/terminal"),
            Permission("audit", publish="audit.entry-made"),
            Permission("legacy", consume="legacy-orders.fifo"),
        ),
    )
)
CLOSED = with_process(replace(WEB, egress=Egress("closed", (Destination("ledger", "10.9.0.0/16", 5432),))))
REFRESH = with_process(replace(WEB, deployment=Deployment("refresh", 1, 1, 900)))
MIXED = with_process(
    replace(
        WEB,
        mixed=MixedInstances(("m6g.large", "c7g.xlarge"), None, 70),
        scaling=Scaling(
            3, 12, {"cpu": 60}, (Scheduled("lunch", "0 11 * * *", 6), Scheduled("night", "0 22 * * *", 0, 2))
        ),
    )
)
MUTE = Mute("2026-12-31", "the tables move to another place until then")
MUTED = with_process(
    replace(
        REFRESH.processes[0],
        alarms={**WEB.alarms, **{name: replace(WEB.alarms[name], mute=MUTE) for name in ("latency", "cpu", "down")}},
    )
)
CASES = {
    "production": (RECIPES, PRODUCTION),
    "staging": (STAGING_RECIPES, STAGING),
    "env-default": (BRANCH_RECIPES, BRANCHES),
    "a-branch": (BRANCH_RECIPES, BRANCH),
    "public": (PUBLIC, PRODUCTION),
    "no-name": (with_process(replace(WEB, dns=None)), PRODUCTION),
    "shared": (SHARED, PRODUCTION),
    "shared-paths": (SHARED_PATHS, PRODUCTION),
    "permitted": (PERMITTED, PRODUCTION),
    "closed": (CLOSED, PRODUCTION),
    "refresh": (REFRESH, PRODUCTION),
    "refresh-worker": (with_process(replace(WORKER, deployment=Deployment("refresh", 1, 1))), STAGING),
    "mixed": (MIXED, PRODUCTION),
    "warm-pool": (with_process(replace(REFRESH.processes[0], warm_pool=2)), PRODUCTION),
    "no-port": (with_process(replace(WORKER, scaling=Scaling(0, 2, {}))), PRODUCTION),
    "muted": (MUTED, PRODUCTION),
    "immutable": (with_process(replace(WEB, deployment=Deployment("immutable", 1, 1))), PRODUCTION),
    "twelve-queues": (GREEDY, PRODUCTION),
    "ordered": (ORDERED, PRODUCTION),
    "own-event": (replace(RECIPES, consumes=(Subscription("recipes", "recipe-created", "web", {}),)), PRODUCTION),
    "long-names": (LONG_NAMED, PRODUCTION),
    "bare": (replace(with_process(WORKER), publishes=(), config={}, secrets={}), PRODUCTION),
}


def load_template(name: str) -> Any:
    """Load a template by path under a private package, as the compiler does."""
    package = sys.modules.setdefault(_PACKAGE, types.ModuleType(_PACKAGE))
    package.__path__ = [str(_FOLDER)]
    return importlib.import_module(f"{_PACKAGE}.{name}")


@cache
def known_attributes(*kinds: str) -> dict[str, frozenset[str]]:
    """Name the attributes of some kinds of load balancers and what belongs to them, by the property that lists them;
    of those that the platform makes where no kind is named.

    To CloudFormation and its linter any word will do; the table is that of the library's own rule.
    """
    spec = importlib.util.spec_from_file_location(_PACKAGE + "_attributes", _RULES / "_balancer_attributes.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    tables = {
        "LoadBalancerAttributes": module.LOAD_BALANCERS,
        "TargetGroupAttributes": module.TARGET_GROUPS,
        "ListenerAttributes": module.LISTENERS,
    }
    asked = kinds or ("application",)
    return {name: frozenset(key for kind in asked for key in table[kind]) for name, table in tables.items()}


def build_stack(service: Service, environment: Environment = PRODUCTION) -> dict[str, Any]:
    """Run every service template, and put what they yield into one CloudFormation template."""
    stack: dict[str, dict[str, Any]] = {"Parameters": {}, "Resources": {}, "Outputs": {}}
    for name in TEMPLATES:
        for thing in load_template(name).build(service, environment):
            section = stack[_section(thing)]
            assert thing.title not in section, thing.title
            section[thing.title] = thing.to_dict()
    return {name: section for name, section in stack.items() if section}


def build_resources(service: Service, environment: Environment = PRODUCTION) -> dict[str, Any]:
    resources: dict[str, Any] = build_stack(service, environment)["Resources"]
    return resources


def stuck_on_rollback(stack: Mapping[str, Any]) -> Iterator[str]:
    """Name the resources that CloudFormation could not delete after a failed create, or that would block the next."""
    for name, resource in stack["Resources"].items():
        properties = resource.get("Properties", {})
        attributes = {item["Key"]: item["Value"] for item in properties.get("LoadBalancerAttributes", ())}
        is_protected = (
            properties.get("DeletionProtectionEnabled", False)
            or attributes.get("deletion_protection.enabled", "false") != "false"
            or properties.get("DeletionProtection") == "prevent-all-deletion"
        )
        if is_protected or resource.get("DeletionPolicy") == "Retain":
            yield name


def properties_of(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def render_json(stack: Mapping[str, Any]) -> str:
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", **stack})


def _section(thing: object) -> str:
    is_resource = hasattr(type(thing), "resource_type")
    return "Resources" if is_resource else {"Parameter": "Parameters", "Output": "Outputs"}[type(thing).__name__]


def ssm(path: str, environment: Environment = PRODUCTION) -> str:
    return f"{{{{resolve:ssm:/platform/{environment.shared}/{path}}}}}"
