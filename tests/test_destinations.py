"""Where instances may open connections to: what becomes of `egress`, and which words of it say nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compiler.destinations import check_destinations
from compiler.diagnostics import Diagnostic
from compiler.load import load_document
from compiler.model import Json, Library
from compiler.outlets import Destination, Egress
from compiler.pipeline import open_library
from compiler.resolve import resolve_settings
from compiler.service import Environment
from compiler.validate import validate_document
from tests.services_by_hand import PRODUCTION, WEB, build_resources, with_process
from tests.spans import cut, show

LEDGER = Destination("ledger", "10.9.0.0/16", 5432)
WITHOUT_NAT = replace(PRODUCTION, network=replace(PRODUCTION.network, nat="none"))
INSIDE = [("10.16.0.0/16", 443), ("pl-6da54004", 443), ("pl-6fa54006", 443)]


@pytest.mark.parametrize(
    ("environment", "egress", "leads"),
    [
        (PRODUCTION, Egress("open"), [("0.0.0.0/0", 443)]),
        (PRODUCTION, Egress("open", (LEDGER,)), [("0.0.0.0/0", 443), ("10.9.0.0/16", 5432)]),
        (PRODUCTION, Egress("closed"), INSIDE),
        (PRODUCTION, Egress("closed", (LEDGER,)), [*INSIDE, ("10.9.0.0/16", 5432)]),
        (WITHOUT_NAT, Egress("open"), INSIDE),
    ],
)
def test_nothing_leads_further_than_was_asked(
    environment: Environment, egress: Egress, leads: list[tuple[str, int]]
) -> None:
    group = build_resources(with_process(replace(WEB, egress=egress)), environment)["WebSecurityGroup"]["Properties"]
    rules = group["SecurityGroupEgress"]
    assert leads == [(rule.get("CidrIp") or rule["DestinationPrefixListId"], rule["ToPort"]) for rule in rules]
    assert all(rule["FromPort"] == rule["ToPort"] and rule["IpProtocol"] == "tcp" for rule in rules)


@cache
def library(nat: str, region: str) -> Library:
    packaged = open_library(None)
    data = packaged.environments["production"].data
    changed = {**data, "region": region, "network": {**data["network"], "nat": nat}}
    document, _ = load_document(json.dumps(changed).encode(), "production.yml", dialect="plain")
    return replace(packaged, environments={**packaged.environments, "production": document})


def judge(egress: Any, nat: str = "perZone", region: str = "eu-west-1", **staged: Json) -> list[Diagnostic]:
    """Find what is said of the `egress` of a process in production, where it may differ."""
    process = {"runtime": "instances", "command": "./a", "egress": egress}
    text = {"service": "shop", "owner": "squad-menu", "platform": "1.0", "processes": {"web": process}}
    if staged:
        text["environments"] = {"production": {"processes": {"web": {"egress": staged}}}}
    document, _ = load_document(json.dumps(text, indent=0).encode(), "service.yml", dialect="plain")
    chosen = library(nat, region)
    descriptor, faults = validate_document(document, chosen.schema)
    assert () == faults
    settings = resolve_settings(descriptor, chosen, "production")
    return list(check_destinations(settings, settings.data["processes"]))


def to(cidr: str, **more: int) -> Json:
    return {"cidr": cidr, **more}


@pytest.mark.parametrize(
    ("egress", "shown"),
    [
        ({"a": to("10.9.3.7/16")}, ['D365 "10.9.3.7/16"']),
        ({"a": to("10.9.0.0/16"), "b": to("10.9.0.0/16", port=443)}, ['D365 "10.9.0.0/16"']),
        ({"a": to("10.9.0.0/16"), "b": to("10.9.0.0/16", port=444)}, []),
        ({"a": to("0.0.0.0/0")}, ['D365 "0.0.0.0/0"']),
        ({"a": to("128.0.0.0/1")}, ['D365 "128.0.0.0/1"']),
        ({"a": to("0.0.0.0/0", port=587)}, []),
        ({"a": to("10.16.0.0/16")}, ['D365 "10.16.0.0/16"']),
        ({"a": to("10.16.0.0/16", port=5432)}, []),
        ({"internet": False, "a": to("10.16.4.0/24")}, []),
    ],
)
def test_a_destination_says_something_or_is_refused(egress: Json, shown: list[str]) -> None:
    assert shown == [f"{each.code} {cut(each.span)}" for each in judge(egress) if each.span]


def test_without_a_way_out_the_internet_reaches_nobody() -> None:
    assert [] == judge({}, nat="none")
    (found,) = judge({"internet": True}, nat="none")
    assert ("D366", "warning") == (found.code, found.severity)
    assert [] == judge({"internet": True}, nat="none", internet=False)
    assert ["D366 19 true"] == show(judge({"internet": False}, nat="none", internet=True))
    (public,) = judge({"inside": to("10.9.0.0/16"), "outside": to("8.8.8.8/32")}, nat="none")
    assert public.span and ("D366", '"8.8.8.8/32"') == (public.code, cut(public.span))
    assert [] == judge({"outside": to("8.8.8.8/32")})


def test_a_region_whose_prefix_lists_are_unknown_is_refused_where_they_are_needed() -> None:
    assert [] == judge({}, region="eu-north-1")
    assert ["D399 19 false"] == show(judge({"internet": True}, region="eu-north-1", internet=False))
    (found,) = judge({}, nat="none", region="eu-north-1")
    assert found.span and ("D399", "production.yml") == (found.code, found.span.path)
    assert "eu-north-1" in found.message


def test_the_defaults_say_that_the_internet_is_reached() -> None:
    text = (Path(__file__).parent.parent / "platform/platform.yml").read_text()
    assert "egress: {internet: true}" in text
