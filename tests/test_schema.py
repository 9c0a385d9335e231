"""The schemas of service.yml and of the platform's files: strict, explained, and true to what stands in those files."""

from __future__ import annotations

import copy
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent
RECIPES = ROOT.parent / "shared" / "examples" / "recipes" / "service.yml"
ORDERS = ROOT / "examples" / "service-repo" / "service.yml"
SCHEMAS = {
    name: json.loads((ROOT / "service_schema" / f"{name}.v1.schema.json").read_text())
    for name in ("service", "environment", "platform", "prices")
}
# Closed, so that a misspelled keyword, which a validator passes over in silence, is found. What is not here makes
# errors that nobody can explain (anyOf, oneOf, not), or names that no message can suggest (patternProperties).
KEYWORDS = {
    *("$schema", "$id", "$ref", "$defs", "title", "description", "default", "examples", "type", "enum"),
    *("properties", "propertyNames", "additionalProperties", "required", "minProperties", "maxProperties"),
    *("items", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "minLength", "maxLength", "pattern"),
    *("if", "else"),  # their errors come as those of the keywords inside
}
SMALLEST = {
    "service": "orders",
    "owner": "squad-orders",
    "platform": "1.0",
    "processes": {"web": {"runtime": "instances", "command": "./bin/web"}},
}
every_schema = pytest.mark.parametrize("name", SCHEMAS)


def _subschemas(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield where, schema
    for keyword in ("properties", "$defs"):
        for name, inner in schema.get(keyword, {}).items():
            yield from _subschemas(inner, f"{where}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield from _subschemas(schema[keyword], f"{where}/{keyword}")


def _resolved(schema: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in inner:
        return inner
    found: Any = schema
    for step in inner["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return {**_resolved(schema, found), **inner}


def _all_resolved(name: str) -> list[tuple[str, dict[str, Any]]]:
    return [(where, _resolved(SCHEMAS[name], inner)) for where, inner in _subschemas(SCHEMAS[name], "#")]


def _faults(name: str, document: Any) -> list[tuple[str, str]]:
    errors = Draft202012Validator(SCHEMAS[name]).iter_errors(document)
    return [(str(error.validator), "/".join(map(str, error.absolute_path))) for error in errors]


def _changed(path: str, value: object) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(SMALLEST)
    *parents, last = path.split("/")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return document


# How the schemas are written


@every_schema
def test_a_schema_is_valid_under_the_draft_it_names(name: str) -> None:
    assert "https://json-schema.org/draft/2020-12/schema" == SCHEMAS[name]["$schema"]
    assert f"urn:flagstone:{name}:v1" == SCHEMAS[name]["$id"]
    Draft202012Validator.check_schema(SCHEMAS[name])


@every_schema
def test_only_keywords_whose_errors_can_be_explained_are_used(name: str) -> None:
    used = {keyword for _, inner in _subschemas(SCHEMAS[name], "#") for keyword in inner}
    assert set() == used - KEYWORDS


@every_schema
def test_everything_has_a_description(name: str) -> None:
    assert [] == [where for where, inner in _all_resolved(name) if len(inner.get("description", "")) < 12]


@every_schema
def test_every_map_knows_its_keys_or_what_they_hold(name: str) -> None:
    for where, inner in _all_resolved(name):
        if "object" in inner.get("type", ()):
            closed = inner.get("additionalProperties") is False and "properties" in inner
            named = isinstance(inner.get("additionalProperties"), dict) and "pattern" in inner.get("propertyNames", {})
            assert closed != named, where


@every_schema
def test_every_value_has_a_type_or_an_enumeration(name: str) -> None:
    untyped = [where for where, inner in _all_resolved(name) if not {"type", "enum"} & inner.keys()]
    assert [] == [where for where in untyped if not where.endswith("/propertyNames")]


@every_schema
def test_every_pattern_is_anchored_at_both_ends(name: str) -> None:
    for where, inner in _subschemas(SCHEMAS[name], "#"):
        pattern = inner.get("pattern", "^$")
        assert pattern[0] + pattern[-1] == "^$", where
        outside = re.sub(r"\[[^]]*\]|\\.", "", pattern)
        while "(" in outside:
            outside = re.sub(r"\([^()]*\)", "", outside)
        assert "|" not in outside, f"an alternative of {where} is anchored at one end only"


@every_schema
def test_every_text_that_becomes_part_of_something_has_a_bound(name: str) -> None:
    texts = [(where, inner) for where, inner in _all_resolved(name) if "string" in inner.get("type", ())]
    unbound = [where for where, inner in texts if "maxLength" not in inner]
    fixed_length = (
        "/account",
        "/zones/items",
        "/cidr",
        "/filter/additionalProperties",
        "/filter/additionalProperties/items",
    )
    assert [] == [where for where in unbound if not where.endswith(fixed_length)]


@every_schema
def test_every_reference_leads_somewhere_and_every_definition_is_used(name: str) -> None:
    used = {inner["$ref"] for _, inner in _subschemas(SCHEMAS[name], "#") if "$ref" in inner}
    places = {where for where, _ in _subschemas(SCHEMAS[name], "#") if "/$defs/" not in where}
    assert {f"#/$defs/{definition}" for definition in SCHEMAS[name]["$defs"]} == used - places


def test_definitions_of_one_name_are_equal_in_all_schemas() -> None:
    service, environment, platform = (SCHEMAS[name]["$defs"] for name in ("service", "environment", "platform"))
    assert platform == {name: environment[name] for name in platform}
    shared = service.keys() & platform.keys()
    assert {"process", "healthCheck", "scaling", "deployment", "alarms", "log"} <= shared
    assert {name: service[name] for name in shared} == {name: platform[name] for name in shared}


# Null, defaults, examples


def test_whatever_is_optional_in_a_descriptor_may_be_null() -> None:
    for where, inner in _all_resolved("service"):
        for name, item in inner.get("properties", {}).items():
            item = _resolved(SCHEMAS["service"], item)
            nullable = None in item.get("enum", ()) or "null" in item.get("type", ())
            assert nullable or (where == "#" and name in (*inner["required"], *inner["else"]["required"])), (
                f"{where}/{name}"
            )


def test_sections_and_named_things_may_stand_empty() -> None:
    empty = dict.fromkeys(("description", "messages", "config", "secrets", "environments"))
    assert [] == _faults("service", {**SMALLEST, **empty})
    named = {"processes": {"web": None}, "config": {"LOG_LEVEL": None}, "messages": {"consume": {"a.b": None}}}
    assert [] == _faults("service", {**SMALLEST, **named, "environments": {"staging": None, "production": named}})


@every_schema
def test_defaults_and_examples_are_valid_where_they_stand(name: str) -> None:
    validator = Draft202012Validator(SCHEMAS[name])
    for where, inner in _subschemas(SCHEMAS[name], "#"):
        for value in (*inner.get("examples", ()), *([inner["default"]] if "default" in inner else ())):
            whole = {"$defs": SCHEMAS[name]["$defs"], **inner}
            assert [] == [error.message for error in validator.evolve(schema=whole).iter_errors(value)], where


def test_defaults_are_those_of_the_platform_and_are_told_to_editors() -> None:
    platform = yaml.safe_load((ROOT / "platform" / "platform.yml").read_text())["defaults"]
    found = {name: dict(_defaults("service", name)) for name in ("process", "log")}
    assert platform == found


def _defaults(schema: str, definition: str) -> Iterator[tuple[str, object]]:
    for name, inner in SCHEMAS[schema]["$defs"][definition].get("properties", {}).items():
        if "default" in inner:
            value = inner["default"]
            text = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else f"{value}"
            text = text.lower() if isinstance(value, bool) else text
            assert inner["description"].replace("`", "").endswith(f" Default: {text}.")
            yield name, value
        elif "$ref" in inner:
            deeper = dict(_defaults(schema, inner["$ref"].removeprefix("#/$defs/")))
            if deeper:
                yield name, deeper


def test_bounds_are_those_that_aws_knows() -> None:
    known_types = importlib.import_module("cfnlint.schema").PROVIDER_SCHEMA_MANAGER
    group = known_types.get_resource_schema("eu-west-1", "AWS::ElasticLoadBalancingV2::TargetGroup").schema
    log_group = known_types.get_resource_schema("eu-west-1", "AWS::Logs::LogGroup").schema
    definitions = SCHEMAS["service"]["$defs"]
    names = {
        "interval": "HealthCheckIntervalSeconds",
        "timeout": "HealthCheckTimeoutSeconds",
        "healthyThreshold": "HealthyThresholdCount",
        "unhealthyThreshold": "UnhealthyThresholdCount",
    }
    for ours, theirs in names.items():
        mine, known = definitions["healthCheck"]["properties"][ours], group["properties"][theirs]
        assert (known["minimum"], known["maximum"]) == (mine["minimum"], mine["maximum"]), ours
    retention = log_group["properties"]["RetentionInDays"]["enum"]
    assert [*retention, None] == definitions["log"]["properties"]["retentionDays"]["enum"]
    network = SCHEMAS["environment"]["properties"]["network"]["properties"]
    assert retention == network["flowLogRetention"]["enum"]


# Documents


@pytest.mark.skipif(not RECIPES.exists(), reason="the recipes repository stands beside a checkout, not in it")
def test_the_recipes_descriptor_is_valid() -> None:
    assert [] == _faults("service", yaml.safe_load(RECIPES.read_text()))


def test_the_example_descriptor_is_valid_and_leads_editors_to_the_schema() -> None:
    text = ORDERS.read_text()
    assert [] == _faults("service", yaml.safe_load(text))
    modeline = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (ROOT / "service_schema" / "service.v1.schema.json") == (ORDERS.parent / modeline).resolve()


@pytest.mark.parametrize("path", sorted((ROOT / "platform" / "environments").glob("*.yml")), ids=lambda path: path.stem)
def test_an_environment_of_the_platform_is_valid(path: Path) -> None:
    assert [] == _faults("environment", yaml.safe_load(path.read_text()))


def test_the_platform_file_is_valid() -> None:
    assert [] == _faults("platform", yaml.safe_load((ROOT / "platform" / "platform.yml").read_text()))


def test_an_environment_may_have_defaults_and_business_hours_of_its_own() -> None:
    path = ROOT / "platform" / "environments" / "staging.yml"
    own = {
        "defaults": {"process": {"scaling": {"max": 1}}, "log": {"retentionDays": 7}},
        "businessHours": {"start": "0 8 * * *"},
    }
    assert [] == _faults("environment", {**yaml.safe_load(path.read_text()), **own})


BAD = [
    # what is wrong, where, the value, the rule that says so
    ("an unknown key", "replicas", 2, "additionalProperties"),
    ("an unknown key of a process", "processes/web/replicas", 2, "additionalProperties"),
    ("an unknown key deep inside", "processes/web/scaling/replica", 2, "additionalProperties"),
    ("an unknown key of an overlay", "environments/staging/owner", "squad-menu", "additionalProperties"),
    ("an unknown metric", "processes/web/alarms/swap", {"amber": 1}, "additionalProperties"),
    ("an unknown target", "processes/web/scaling/target/memory", 60, "additionalProperties"),
    ("a service name with capitals", "service", "Orders", "pattern"),
    ("a service name with an underscore", "service", "order_taking", "pattern"),
    ("a service name that ends in a dash", "service", "orders-", "pattern"),
    ("a service name that starts with a digit", "service", "2orders", "pattern"),
    ("a service name of 33 letters", "service", "o" * 33, "maxLength"),
    ("an owner of 49 letters", "owner", "o" * 49, "maxLength"),
    ("a number for the owner", "owner", 7, "type"),
    ("an exact release for the line", "platform", "1.0.0", "pattern"),
    ("a line with a leading zero", "platform", "01.0", "pattern"),
    ("a line without quotes", "platform", 1.0, "type"),
    ("no process", "processes", {}, "minProperties"),
    ("a list of processes", "processes", [{"name": "web"}], "type"),
    ("a process name with capitals", "processes/Web", {}, "pattern"),
    ("a process name of 25 letters", "processes/" + "w" * 25, {}, "maxLength"),
    ("an unknown runtime", "processes/web/runtime", "lambda", "enum"),
    ("a command of two lines", "processes/web/command", "./bin/web\nrm -r /", "pattern"),
    ("an empty command", "processes/web/command", "", "pattern"),
    ("a blank command", "processes/web/command", " ", "pattern"),
    ("a command as a list", "processes/web/command", ["./bin/web"], "type"),
    ("port 0", "processes/web/port", 0, "minimum"),
    ("port 65536", "processes/web/port", 65536, "maximum"),
    ("a port in quotes", "processes/web/port", "8080", "type"),
    ("a boolean port", "processes/web/port", True, "type"),
    ("an unknown exposure", "processes/web/exposure", "internal", "enum"),
    ("a name with a dot for a label", "processes/web/dns", "orders.shop", "pattern"),
    ("a label of 64 letters", "processes/web/dns", "o" * 64, "maxLength"),
    ("an instance type without a size", "processes/web/instanceType", "t4g", "pattern"),
    ("a reference for an instance type", "processes/web/instanceType", "{{resolve:ssm:/a}}", "pattern"),
    ("a volume of 7 GiB", "processes/web/rootVolumeSize", 7, "minimum"),
    ("a volume of 16385 GiB", "processes/web/rootVolumeSize", 16385, "maximum"),
    ("a volume with a unit", "processes/web/rootVolumeSize", "16 GiB", "type"),
    ("a health check path without a slash", "processes/web/healthCheck/path", "ping", "pattern"),
    ("a health check path with a space", "processes/web/healthCheck/path", "/a b", "pattern"),
    ("a grace period of 7201 seconds", "processes/web/healthCheck/gracePeriod", 7201, "maximum"),
    ("a negative minimum", "processes/web/scaling/min", -1, "minimum"),
    ("a maximum of 0", "processes/web/scaling/max", 0, "minimum"),
    ("half an instance", "processes/web/scaling/min", 1.5, "type"),
    ("a target above 100 percent", "processes/web/scaling/target/cpu", 101, "maximum"),
    ("a target of no requests", "processes/web/scaling/target/requests", 0, "minimum"),
    ("an unknown availability", "processes/web/availability", "weekdays", "enum"),
    ("an unknown style", "processes/web/deployment/style", "blueGreen", "enum"),
    ("a batch of nothing", "processes/web/deployment/batch", 0, "minimum"),
    ("a single threshold", "processes/web/alarms/cpu", 80, "type"),
    ("a threshold above 100 percent", "processes/web/alarms/errors/red", 101, "maximum"),
    ("a negative threshold", "processes/web/alarms/latency/amber", -0.1, "minimum"),
    ("a log name of 25 letters", "processes/web/logs/" + "l" * 25, {}, "maxLength"),
    ("a relative log path", "processes/web/logs/app/path", "log/app.log", "pattern"),
    ("a log path that climbs", "processes/web/logs/app/path", "/var/../etc/shadow", "pattern"),
    ("a log path with a wildcard", "processes/web/logs/app/path", "/var/log/*.log", "pattern"),
    ("a retention that CloudWatch lacks", "processes/web/logs/app/retentionDays", 31, "enum"),
    ("a filter without a threshold above 0", "processes/web/logs/app/filters/errors/threshold", 0, "minimum"),
    ("an event published twice", "messages/publish", ["order-placed", "order-placed"], "uniqueItems"),
    ("an event with a dot", "messages/publish", ["orders.placed"], "pattern"),
    ("an event of 49 letters", "messages/publish", ["o" * 49], "maxLength"),
    ("one published event without a list", "messages/publish", "order-placed", "type"),
    ("a published event that is true", "messages/publish", {"order-placed": True}, "type"),
    ("an unknown word about a published event", "messages/publish", {"a": {"sorted": True}}, "additionalProperties"),
    ("an event without its service", "messages/consume/payment-settled", {}, "pattern"),
    ("an event of two services", "messages/consume/shop.payments.settled", {}, "pattern"),
    ("a list of consumed events", "messages/consume", ["payments.payment-settled"], "type"),
    ("an unknown key of a subscription", "messages/consume/a.b/queue", "q", "additionalProperties"),
    ("a boolean in a filter", "messages/consume/a.b/filter/paid", [True], "type"),
    ("an empty list in a filter", "messages/consume/a.b/filter/country", [], "minItems"),
    ("a number that SNS cannot filter on", "messages/consume/a.b/filter/cents", 10**9 + 1, "maximum"),
    ("six attributes in a filter", "messages/consume/a.b/filter", dict.fromkeys("uvwxyz", 1), "maxProperties"),
    ("a config key in lower case", "config/logLevel", "info", "pattern"),
    ("a config key of 65 letters", "config/" + "K" * 65, "info", "maxLength"),
    ("a config value with a decimal point", "config/RATE", 1.5, "type"),
    ("a config value that is a list", "config/HOSTS", ["a"], "type"),
    ("an empty config value", "config/LOG_LEVEL", "", "minLength"),
    ("a config value of 4097 letters", "config/TEXT", "x" * 4097, "maxLength"),
    ("a secret that is a value", "secrets/DATABASE_PASSWORD", "hunter2", "pattern"),
    ("a secret path that ends in a slash", "secrets/DATABASE_PASSWORD", "/orders/", "pattern"),
    ("a secret name with a dash", "secrets/DATABASE-PASSWORD", "/orders/a", "pattern"),
    ("an environment name with capitals", "environments/Production", {}, "pattern"),
    ("a section that is a text", "messages", "order-placed", "type"),
    ("a waiver with a capital", "waivers/Old", {}, "pattern"),
    ("a waiver with an unknown key", "waivers/old/expires", "2027-03-31", "additionalProperties"),
    ("a reason of 19 letters", "waivers/old/reason", "r" * 19, "minLength"),
    ("a reason of nothing", "waivers/old/reason", " " * 20, "pattern"),
    ("a mute for nothing", "alarms/cpu/mute", {"until": "2027-03-31", "reason": " " * 20}, "pattern"),
    ("a day without its zeros", "waivers/old/until", "2027-3-31", "pattern"),
    ("two resources", "waivers/old/resource", ["A", "B"], "type"),
    ("nobody who agreed", "waivers/old/approvedBy", "", "minLength"),
]


@pytest.mark.parametrize(("path", "value", "rule"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_descriptor_breaks_one_rule(path: str, value: object, rule: str) -> None:
    assert [rule] == [found for found, _ in _faults("service", _changed(path, value))]


@pytest.mark.parametrize("key", SMALLEST)
def test_a_descriptor_lacks_nothing_that_is_required(key: str) -> None:
    assert [("required", "")] == _faults("service", {name: SMALLEST[name] for name in SMALLEST if name != key})


GOOD = [
    ("service", "o" * 32),
    ("service", "a2-3b"),
    ("platform", "10.21"),
    ("processes/web/dns", "xn--caf-dma"),
    ("processes/web/instanceType", "u-6tb1.112xlarge"),
    ("processes/web/healthCheck/path", "/ping?deep=1"),
    ("processes/web/scaling/min", 0),
    ("processes/web/alarms/unhealthyHosts", {"amber": 0, "red": 1}),
    ("processes/web/logs/access/path", "/var/log/nginx/access.log"),
    (
        "messages/consume/customer.address-changed",
        {"process": "worker", "filter": {"country": ["GB", "IE"], "age": 18}},
    ),
    ("config/MAX_LINES_PER_ORDER", 50),
    ("config/IS_OPEN", True),
    ("secrets/DATABASE_PASSWORD", "/recipes/database-password"),
    ("environments/env-default/processes/worker/deployment/style", "inPlace"),
    ("environments/production/messages/publish", []),
    ("environments/staging/secrets/TOKEN", None),
    ("waivers", None),
    ("waivers/old", {"guardrail": "E9001", "resource": "WebGroup", "reason": "r" * 20, "until": "2027-03-31"}),
    ("environments/production/waivers/old/until", "2027-03-31"),
]


@pytest.mark.parametrize(("path", "value"), GOOD)
def test_what_the_design_names_is_accepted(path: str, value: object) -> None:
    assert [] == _faults("service", _changed(path, value))
