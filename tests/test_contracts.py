"""What a service takes from its neighbors is compared with what they run, at the word that asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compiler.bucket import Bucket, open_bucket
from compiler.channel import Channel, mark_swept, render_channel
from compiler.cli import cli
from compiler.contracts import Neighbor, check_contracts, describe_contract, read_neighbor
from compiler.diagnostics import Diagnostic
from compiler.model import Json
from compiler.promote import promote_release
from tests.describing import LIBRARY, SERVICE, resolve
from tests.promotions import make_wish, publish_release
from tests.stacks_by_hand import said, stack_of

CONSUMER = SERVICE + "messages: {publish: [made], consume: {customer.moved: {process: web}, orders.made: {}}}\n"
LISTENER = "{{resolve:ssm:/platform/production/edge/listener}}"


def topic(name: Json) -> Json:
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}


def record(name: Json, **properties: Json) -> Json:
    return {"Type": "AWS::Route53::RecordSet", "Properties": {"Name": name, **properties}}


def rule(priority: Json, listener: Json = LISTENER) -> Json:
    return {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {"Priority": priority, "ListenerArn": listener},
    }


def neighbor(
    service: str = "customer", *publishes: str, consumes: Json = None, ordered: Json = None, **claims: list[str]
) -> Neighbor:
    contract = {"publishes": list(publishes), "consumes": consumes, "ordered": ordered, "claims": claims}
    return read_neighbor(service, "r1", "production", {"contracts": {"production": contract}})


def check(
    *neighbors: Neighbor, resources: Json = None, text: str = CONSUMER, is_strict: bool = False
) -> list[Diagnostic]:
    return list(check_contracts(resolve(text), stack_of(resources or {}), neighbors, is_strict=is_strict))


def test_what_is_published_is_fine_and_own_events_are_the_compiler_s_matter() -> None:
    assert [] == check(neighbor("customer", "moved"))


@pytest.mark.parametrize(
    ("neighbors", "message", "hint"),
    [
        (
            [neighbor("customer", "move", "born")],
            "`customer` does not publish `moved` in `production`, where it runs `r1`",
            "did you mean `move`?",
        ),
        (
            [neighbor("customer")],
            "`customer` does not publish `moved` in `production`, where it runs `r1`",
            "it publishes nothing",
        ),
        (
            [neighbor("customers", "moved")],
            "nothing is promoted for `customer` in `production`, which should publish `moved`",
            "did you mean `customers`?",
        ),
        (
            [],
            "nothing is promoted for `customer` in `production`, which should publish `moved`",
            "promote `customer` there first, or its topic is missing and the deployment fails",
        ),
    ],
)
def test_what_nobody_publishes_is_told_at_the_word_that_consumes_it(
    neighbors: list[Neighbor], message: str, hint: str
) -> None:
    [found] = check(*neighbors)
    assert ("D860", message, hint, "warning") == (found.code, found.message, found.hint, found.severity)
    line = CONSUMER.splitlines()[-1]
    assert found.span and (9, line.index("customer.moved") + 1) == (found.span.line, found.span.column)
    assert ["error"] == [each.severity for each in check(*neighbors, is_strict=True)]


@pytest.mark.parametrize(
    ("resource", "claims", "message"),
    [
        (topic("production-a"), {"topics": ["production-a"]}, "topic name `production-a` is taken"),
        (record("A.internal."), {"dns": ["a.internal"]}, "DNS name `a.internal` is taken"),
        (
            {"Type": "AWS::Route53::RecordSetGroup", "Properties": {"RecordSets": [{"Name": "b."}, {"Name": "a."}]}},
            {"dns": ["a"]},
            "DNS name `a` is taken",
        ),
        (
            rule(7),
            {"priorities": [f"7 of {LISTENER}"]},
            "listener priority `7` at `/platform/production/edge/listener` is taken",
        ),
        (topic("production-a"), {"dns": ["production-a"]}, None),
        (topic({"Ref": "AWS::StackName"}), {"topics": ["production-a"]}, None),
        (record("a.internal", SetIdentifier="blue"), {"dns": ["a.internal"]}, None),
        (rule(7, {"Ref": "WebListener"}), {"priorities": [f"7 of {LISTENER}"]}, None),
        (rule(8), {"priorities": [f"7 of {LISTENER}"]}, None),
        ({"Type": "AWS::Logs::LogGroup", "Properties": {"Name": "a"}}, {"dns": ["a"]}, None),
        ("?", {"dns": ["a"]}, None),
    ],
)
def test_a_name_that_another_service_has_is_refused(resource: Json, claims: Any, message: str | None) -> None:
    found = check(neighbor("menu", **claims), resources={"Mine": resource}, text=SERVICE)
    where = " by `menu` in `production`, where it runs `r1`"
    assert ([("D861", message + where, "error")] if message else []) == [
        (each.code, each.message, each.severity) for each in found
    ]
    assert [] == check(neighbor("orders", **claims), resources={"Mine": resource}, text=SERVICE)


def test_what_others_consume_and_is_not_published_is_told() -> None:
    consuming = neighbor("customer", "moved", consumes=["orders.placed", "orders.made", "menu.placed"])
    [found] = check(consuming)
    message = "`customer` consumes `placed` in `production`, where it runs `r1`, and this service does not publish it"
    assert ("D863", message, "warning") == (found.code, found.message, found.severity)
    assert "publish it, or promote a `customer` that does without first" == found.hint
    assert found.span and (9, CONSUMER.splitlines()[-1].index("made") + 1) == (found.span.line, found.span.column)
    assert ["error"] == [each.severity for each in check(consuming, is_strict=True)]
    [bare] = check(neighbor("customer", consumes=["orders.made"]), text=SERVICE)
    assert ("D863", 1) == (bare.code, bare.span and bare.span.line)
    assert [] == check(neighbor("orders", consumes=["orders.placed"]), neighbor(consumes=[7, None]), text=SERVICE)


def test_a_name_is_refused_where_it_is_written() -> None:
    stack = stack_of({"Mine": topic("a")}, {("Mine", "Properties", "TopicName"): said("override", 3)})
    [found] = check_contracts(resolve(SERVICE), stack, [neighbor("menu", topics=["a"])], is_strict=False)
    assert found.span and ("override.yml", 3) == (found.span.path, found.span.line)


ASKING = SERVICE + "    permissions: {a: {publish: audit.made}}\n"
ORDERED = (
    SERVICE
    + """messages:
  publish: {made: {ordered: true}, paid: {}}
  consume: {customer.moved: {process: web, ordered: true}}
"""
)


@pytest.mark.parametrize(
    ("text", "other", "places"),
    [
        (CONSUMER, neighbor("customer", "moved", ordered=["customer.moved"]), [(9, "customer.moved")]),
        (ORDERED, neighbor("customer", "moved", ordered=["customer.moved"]), []),
        (ORDERED, neighbor("customer", "moved"), [(11, "customer.moved")]),
        (ORDERED, neighbor(consumes=["orders.made", "orders.paid"], ordered=["orders.made"]), []),
        (ORDERED, neighbor(consumes=["orders.made"]), [(10, "made")]),
        (ORDERED, neighbor(consumes=["orders.paid"], ordered=["orders.paid"]), [(10, "paid")]),
        (CONSUMER, neighbor(consumes=["orders.made"], ordered=["orders.made"]), [(9, "made")]),
        (ASKING, neighbor("audit", "made", ordered=["audit.made"]), [(9, "audit.made")]),
        (ASKING.replace("made", "made, ordered: true"), neighbor("audit", "made", ordered=["audit.made"]), []),
        (ASKING, neighbor("audit", "made"), []),
        (ASKING, neighbor("audit", "read", ordered=["audit.read"]), []),
    ],
)
def test_both_sides_of_an_event_say_whether_it_is_ordered(
    text: str, other: Neighbor, places: list[tuple[int, str]]
) -> None:
    for is_strict, severity in ((False, "warning"), (True, "error")):
        found = [each for each in check(other, text=text, is_strict=is_strict) if each.code == "D347"]
        assert [severity] * len(places) == [each.severity for each in found]
        at = [(each.span.line, each.span.source.lines[each.span.line - 1]) for each in found if each.span]
        assert [line for line, _ in places] == [line for line, _ in at]
        for (_, word), each in zip(places, found, strict=True):
            assert each.span and f"`{word}`" in each.message
            assert at[0][1][each.span.column - 1 :].startswith(word)


def test_a_release_of_before_orders_nothing() -> None:
    old = read_neighbor("customer", "r1", "production", {"contracts": {"production": {"publishes": ["moved"]}}})
    assert [] == check(old)


def test_a_contract_is_read_as_it_was_described() -> None:
    resources = {"A": topic("t"), "B": record("D."), "C": rule(7), "D": record("D.", Type="AAAA")}
    contract = describe_contract(resolve(CONSUMER), stack_of(resources))
    assert {
        "publishes": ["made"],
        "consumes": ["customer.moved", "orders.made"],
        "ordered": [],
        "calls": [],
        "claims": {"dns": ["d"], "topics": ["t"], "priorities": [f"7 of {LISTENER}"]},
    } == contract
    read = read_neighbor("menu", "r1", "production", json.loads(json.dumps({"contracts": {"production": contract}})))
    assert contract["claims"] == {kind: sorted(names) for kind, names in read.claims.items()}
    assert ["made"] == sorted(read.publishes)


@pytest.mark.parametrize("contracts", [None, [], {"production": 7}, {"production": {"publishes": 7, "claims": [1]}}])
def test_a_manifest_of_another_shape_promises_nothing(contracts: Json) -> None:
    read = read_neighbor("menu", "r1", "production", {"contracts": contracts, "publishes": [7, "old"]})
    assert {frozenset()} == set(read.claims.values())
    assert read.publishes == (set() if contracts == {"production": {"publishes": 7, "claims": [1]}} else {"old"})


# As a team sees it


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """A bucket where `menu-card` runs in staging and in production, with the topic of its event `created`."""
    bucket = open_bucket(str(tmp_path / "bucket"))
    contracts = {
        name: {"publishes": ["created"], "consumes": [], "claims": {"topics": [f"{name}-menu-card-created"]}}
        for name in ("staging", "production")
    }
    publish_release(bucket, "r1", service="menu-card", contracts=contracts)
    for environment in ("staging", "production"):
        promote_release(bucket, "menu-card", "r1", environment, make_wish())
    return bucket


def run(command: str, folder: Path, messages: str, *words: str, service: str = "menu") -> Result:
    (folder / "service/src").mkdir(parents=True, exist_ok=True)
    text = SERVICE.replace("orders", service) + f"messages:\n  {messages}\n"
    (folder / "service/service.yml").write_text(text + "environments: {staging: {}, production: {}}\n")
    (folder / "service/src/run").write_text("x")
    where = ["--bucket", str(folder / "bucket"), "--platform", str(LIBRARY)]
    return CliRunner().invoke(cli, [command, str(folder / "service"), *where, *words])


def test_validate_compares_with_the_bucket(tmp_path: Path, bucket: Bucket) -> None:
    swept = render_channel(mark_swept(Channel("ghost", "staging")))  # by `gc`, before anything was promoted
    bucket.replace("environments/staging/ghost.json", swept, "application/json", tag=None)
    consumes = "consume: {menu-card.create: {process: web}}"
    done = run("validate", tmp_path, consumes)
    assert 0 == done.exit_code and "menu is valid in production, staging\n" == done.stdout
    message = "warning D860: `menu-card` does not publish `create` in `production` and `staging`, where it runs `r1`"
    assert f"service.yml:10:13: {message}" in done.stderr.replace(str(tmp_path / "service") + "/", "")
    assert 1 == run("validate", tmp_path, consumes, "--strict").exit_code
    done = run("validate", tmp_path, "consume: {menu-card.created: {process: web}}", "--strict")
    assert (0, "") == (done.exit_code, done.stderr)
    words = ["validate", str(tmp_path / "service"), "--platform", str(LIBRARY), "--strict"]
    assert 2 == CliRunner().invoke(cli, words).exit_code
    assert 0 == CliRunner().invoke(cli, words, env={"FLAGSTONE_BUCKET": str(tmp_path / "bucket")}).exit_code


def test_two_services_cannot_have_one_topic(tmp_path: Path, bucket: Bucket) -> None:
    done = run("validate", tmp_path, "publish: [card-created]")
    assert 1 == done.exit_code and 2 == done.stderr.count("error D861: topic name `")
    assert "service.yml:10:13: error D861: topic name `production-menu-card-created` is taken by `menu-card`" in (
        done.stderr.replace(str(tmp_path / "service") + "/", "")
    )


def test_publish_refuses_a_name_that_is_taken_and_tells_of_a_neighbor_that_cannot_be_read(
    tmp_path: Path, bucket: Bucket
) -> None:
    done = run("publish", tmp_path, "publish: [card-created]", "--release", "r1")
    assert 1 == done.exit_code and "error D861" in done.stderr
    assert [] == list(bucket.list_keys("services/menu/"))
    (tmp_path / "bucket/services/menu-card/r1/manifest.json").unlink()
    done = run("publish", tmp_path, "publish: [card-created]", "--release", "r1")
    assert 0 == done.exit_code
    said = "warning D862: what `menu-card` runs in `production` and `staging` cannot be read: "
    assert f"{said}`services/menu-card/r1/manifest.json` is not in the bucket" in done.stderr
    manifest = json.loads(bucket.read("services/menu/r1/manifest.json"))
    claims = {"dns": [], "topics": ["staging-menu-card-created"], "priorities": []}
    contract = {"publishes": ["card-created"], "consumes": [], "ordered": [], "calls": [], "claims": claims}
    assert contract == manifest["contracts"]["staging"]


def test_a_branch_environment_is_compiled_for_by_name_and_then_promoted_to(tmp_path: Path, bucket: Bucket) -> None:
    done = run("publish", tmp_path, "publish: [made]", "--release", "r1", "--env", "env-search")
    assert 0 == done.exit_code, done.stderr
    manifest = json.loads(bucket.read("services/menu/r1/manifest.json"))
    assert ["env-search", "production", "staging"] == manifest["environments"]
    assert promote_release(bucket, "menu", "r1", "env-search", make_wish()).move
    assert (
        0
        == CliRunner()
        .invoke(cli, ["verify", "menu", "r1", "--bucket", str(tmp_path / "bucket"), "--platform", str(LIBRARY)])
        .exit_code
    )
    assert 2 == run("publish", tmp_path, "publish: [made]", "--release", "r2", "--env", "prod").exit_code
