"""A channel moves only to a release that is whole, meant for the environment and next in order, one move at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from compiler.bucket import Bucket, BucketUnreachable, Conflict, DamagedObject, open_bucket
from compiler.channel import Channel, mark_swept, parse_channel, render_channel
from compiler.diagnostics import CompileError
from compiler.promote import ChannelMoved, Moved, promote_release, read_channel, roll_back
from compiler.publish import ReleaseNameError
from tests.ministack import BucketAtHand
from tests.promotions import Interposed, make_wish, publish_release

KEY = "environments/{}/recipes.json"


def promote(bucket: Bucket, release: str, environment: str = "staging", **said: Any) -> Moved:
    return promote_release(bucket, "recipes", release, environment, make_wish(**said))


def roll(bucket: Bucket, release: str | None = None, environment: str = "staging") -> Moved:
    return roll_back(bucket, "recipes", environment, release, make_wish())


def running(bucket: Bucket, environment: str = "staging") -> list[str]:
    return [move.release for move in read_channel(bucket, "recipes", environment)[0].history]


def refusal(act: Callable[[], object]) -> list[tuple[str, str, str | None]]:
    with pytest.raises(CompileError) as raised:
        act()
    return [(fault.code, fault.message, fault.hint) for fault in raised.value.diagnostics]


@pytest.fixture
def bucket(tmp_path: Any) -> Bucket:
    bucket = open_bucket(str(tmp_path / "bucket"))
    for release in ("r1", "r2", "r3"):
        publish_release(bucket, release)
    return bucket


def test_a_release_goes_from_environment_to_environment_and_back(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    publish_release(bucket, "r1")
    publish_release(bucket, "r2")
    for release in ("r1", "r2"):
        for environment in ("staging", "production"):
            moved = promote(bucket, release, environment, reason=f"{release} it is")
            assert moved.move and (release, f"{release} it is") == (moved.channel.release, moved.move.reason)
    assert ["r1", "r2"] == running(bucket, "production")

    back = roll(bucket, environment="production")

    assert back.move and ("rollback", "r2", "r1") == (back.move.action, back.move.before, back.move.release)
    assert ["r1", "r2", "r1"] == running(bucket, "production") and ["r1", "r2"] == running(bucket)
    content = bucket.read(KEY.format("production"))
    assert back.channel == parse_channel(content, "recipes", "production")


def test_what_runs_already_is_fine_and_no_move(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    publish_release(bucket, "r1")
    promote(bucket, "r1")
    before = at_hand.take_snapshot()

    assert None is promote(bucket, "r1").move
    assert None is roll(bucket, "r1").move
    assert before == at_hand.take_snapshot()


def test_a_release_that_is_not_there_is_refused_with_the_nearest(bucket: Bucket) -> None:
    bucket.create("services/recipes/half/staging/template.json", b"{}", "application/json")
    for name, hint in (
        ("R1", "did you mean `r1`?"),
        ("half", "the newest is `r3`, and `flagstone releases recipes` lists all"),
    ):
        message = f"there is no release `{name}` of `recipes` in the bucket"
        assert [("D840", message, hint)] == refusal(partial(promote, bucket, name))
    assert [] == running(bucket)


def test_a_release_for_other_environments_is_refused_though_forced(bucket: Bucket) -> None:
    publish_release(bucket, "r4", environments=["production"])
    expected = ("D841", "release `r4` was not compiled for `staging`", "it was compiled for production")
    assert [expected] == refusal(lambda: promote(bucket, "r4", is_forced=True, reason="now"))


def test_a_release_with_one_flipped_byte_is_refused_though_forced(tmp_path: Any) -> None:
    bucket = open_bucket(str(tmp_path))
    for release, path in (("r1", "staging/template.json"), ("r2", "manifest.json"), ("r3", "production/template.json")):
        publish_release(bucket, release)
        file = tmp_path / "services/recipes" / release / path
        content = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(content.replace(b'"', b"'", 1))
        [(code, message, _)] = refusal(partial(promote, bucket, release, is_forced=True, reason="now"))
        assert "D842" == code and f"services/recipes/{release}/{path}" in message
    assert [] == list(bucket.list_keys("environments/"))


def test_what_runs_is_told_of_where_it_was_damaged_since(bucket: Bucket) -> None:
    promote(bucket, "r1")
    bucket.create("services/recipes/r1/more.json", b"{}", "application/json")
    [(code, message, _)] = refusal(partial(promote, bucket, "r1"))
    assert ("D842", True) == (code, "services/recipes/r1/more.json" in message)
    assert ["r1"] == running(bucket)


def test_a_release_that_was_damaged_since_is_not_rolled_back_to(bucket: Bucket) -> None:
    promote(bucket, "r1")
    promote(bucket, "r2")
    bucket.create("services/recipes/r1/more.json", b"{}", "application/json")
    [(code, message, _)] = refusal(lambda: roll(bucket))
    assert ("D842", True) == (code, "services/recipes/r1/more.json" in message)
    assert ["r1", "r2"] == running(bucket)


def test_an_environment_is_not_skipped_unless_forced_and_that_is_recorded(bucket: Bucket) -> None:
    message = "release `r2` has not run in `staging`, and the platform puts that before `production`"
    hint = "promote it to `staging` first, or pass over that with --force and a --reason"
    promote(bucket, "r1")  # another one has run there
    assert [("D843", message, hint)] == refusal(lambda: promote(bucket, "r2", "production"))
    forced = promote(bucket, "r2", "production", is_forced=True, reason="outage").move
    assert forced and (True, ("staging",), "outage") == (forced.is_forced, forced.skipped, forced.reason)

    promote(bucket, "r3")
    promote(bucket, "r1")  # it need not run there still
    needless = promote(bucket, "r3", "production", is_forced=True, reason="outage").move
    assert needless and not needless.is_forced


@pytest.mark.parametrize(
    ("environments", "promotion", "to"),
    [
        (["staging", "production"], [], "production"),
        (["staging", "production"], ["production", "staging"], "production"),
        (["production"], ["staging", "production"], "production"),
        (["staging", "env-search"], ["staging", "production"], "env-search"),
    ],
)
def test_what_has_no_order_has_no_first(environments: list[str], promotion: list[str], to: str, bucket: Bucket) -> None:
    publish_release(bucket, "r4", environments=environments, promotion=promotion)
    assert ["r4"] == [move.release for move in promote(bucket, "r4", to).channel.history]


def publish_family(bucket: Bucket, *promotion: str) -> None:
    """Put a release `r4` there that serves two tenants of each of two families, all of them in the region `eu`."""
    tenants = [f"{file}-{tenant}-eu" for file in ("staging", "production") for tenant in ("acme", "globex")]
    families = {name: [name.split("-")[0], f"{name.split('-')[0]}-eu", name.removesuffix("-eu")] for name in tenants}
    publish_release(bucket, "r4", environments=tenants, promotion=promotion, families=families)


def test_a_tenant_has_the_place_of_its_family_in_the_order_and_all_of_a_family_come_first(bucket: Bucket) -> None:
    publish_family(bucket, "staging", "production")
    promote(bucket, "r4", "staging-acme-eu")
    ((code, message, hint),) = refusal(lambda: promote(bucket, "r4", "production-acme-eu"))
    assert ("D843", True) == (code, "has not run in `staging-globex-eu`, " in message)
    assert "promote it to `staging-globex-eu` first" in str(hint)
    promote(bucket, "r4", "staging-globex-eu")
    promote(bucket, "r4", "production-globex-eu")
    assert (["r4"], []) == (running(bucket, "production-globex-eu"), running(bucket, "production-acme-eu"))


@pytest.mark.parametrize("first", ["production-globex", "production-globex-eu"])
def test_a_tenant_may_have_a_place_of_its_own_in_the_order(first: str, bucket: Bucket) -> None:
    publish_family(bucket, first, "production")
    ((code, message, _),) = refusal(lambda: promote(bucket, "r4", "production-acme-eu"))
    assert ("D843", True) == (code, "`production-globex-eu`" in message)
    promote(bucket, "r4", "production-globex-eu")
    promote(bucket, "r4", "production-acme-eu")


@pytest.mark.parametrize("family", ["production", "production-acme", "production-eu"])
def test_a_family_has_no_channel_of_its_own(family: str, bucket: Bucket) -> None:
    publish_family(bucket)
    ((code, message, hint),) = refusal(lambda: promote(bucket, "r4", family))
    assert ("D841", f"release `r4` was not compiled for `{family}`") == (code, message)
    assert "promote to `production-acme-eu`" in str(hint)


@pytest.mark.parametrize("families", [[], {"production": "x"}, {"production": [1]}, "staging", None])
def test_families_of_another_shape_are_none(families: Any, bucket: Bucket) -> None:
    publish_release(bucket, "r4", families=families)
    assert "D843" == refusal(lambda: promote(bucket, "r4", "production"))[0][0]


def test_a_manifest_of_another_shape_orders_and_serves_nothing(bucket: Bucket) -> None:
    publish_release(bucket, "r4", promotion=[])
    publish_release(bucket, "r5", **cast(Any, {"environments": [], "also": 1}))
    assert promote(bucket, "r4", "production").move
    assert "D841" == refusal(lambda: promote(bucket, "r5"))[0][0]


def test_there_is_no_way_back_to_what_has_not_run(bucket: Bucket) -> None:
    nowhere = "nothing has run for `recipes` in `staging` yet"
    assert [("D844", nowhere, "promote the release that should run")] == refusal(lambda: roll(bucket))
    promote(bucket, "r1")
    first = "nothing ran before what `recipes` in `staging` runs"
    assert [("D844", first, "promote the release that should run")] == refusal(lambda: roll(bucket))
    never = "release `r2` has never run for `recipes` in `staging`"
    assert [("D844", never)] == [fault[:2] for fault in refusal(lambda: roll(bucket, "r2"))]


def test_who_loses_a_race_is_told_who_won_and_changes_nothing(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    for release in ("r1", "r2", "r3"):
        publish_release(bucket, release)
    for before in ([], ["r1"]):
        for release in before:
            promote(bucket, release)
        late = cast(Bucket, Interposed(bucket, lambda: promote(bucket, "r2", name="bob")))
        with pytest.raises(ChannelMoved) as raised:
            promote(late, "r3")
        number, at = len(before) + 1, "2026-11-21T12:00:00Z"
        said = f"`recipes` in `staging` runs `r2` now: move {number}, a promote by `bob` at {at}, was faster"
        assert said == str(raised.value)
        assert [*before, "r2"] == running(bucket)
        bucket.delete(KEY.format("staging"))


def test_of_two_who_want_the_same_the_second_has_nothing_to_do_and_says_who_was_faster(bucket: Bucket) -> None:
    # The same person at the same second: but for the word of chance, the bytes would be the same.
    late = cast(Bucket, Interposed(bucket, lambda: promote(bucket, "r1", nonce="m2")))
    with pytest.raises(ChannelMoved):
        promote(late, "r1")
    assert ["r1"] == running(bucket)
    assert None is promote(bucket, "r1").move


def test_a_refusal_that_changed_no_history_is_tried_again(bucket: Bucket) -> None:
    """`gc` writes to a channel to stop moves that it does not know of, and a store may refuse for no reason."""

    def sweep() -> None:
        channel, tag = read_channel(bucket, "recipes", "staging")
        bucket.replace(channel.key, render_channel(mark_swept(channel)), "application/json", tag=tag)

    for count in (1, 2):
        channel = promote(cast(Bucket, Interposed(bucket, sweep)), f"r{count}").channel
        assert (count, count) == (len(channel.history), channel.sweeps)

    class Refusing(Interposed):
        def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
            raise Conflict(key)

    with pytest.raises(BucketUnreachable, match="keeps refusing to replace `environments/staging/recipes.json`"):
        promote(cast(Bucket, Refusing(bucket, sweep)), "r3")


def test_a_damaged_channel_is_told_of_and_stays(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    publish_release(bucket, "r1")
    damaged = render_channel(Channel("orders", "staging"))
    bucket.replace(KEY.format("staging"), damaged, "application/json", tag=None)
    acts: list[Callable[[], object]] = [lambda: promote(bucket, "r1"), lambda: roll(bucket), lambda: running(bucket)]
    for act in acts:
        with pytest.raises(DamagedObject, match="`environments/staging/recipes.json` in the bucket is damaged"):
            act()
    assert damaged == bucket.read(KEY.format("staging"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\n", "a" * 129, "ä"])
def test_a_name_cannot_lead_elsewhere(name: str, bucket: Bucket) -> None:
    acts: list[Callable[[], object]] = [
        lambda: promote_release(bucket, name, "r1", "staging", make_wish()),
        lambda: promote_release(bucket, "recipes", name, "staging", make_wish()),
        lambda: promote_release(bucket, "recipes", "r1", name, make_wish()),
        lambda: roll_back(bucket, "recipes", "staging", name, make_wish()),
    ]
    for act in acts:
        with pytest.raises(ReleaseNameError):
            act()


def test_a_history_that_was_written_is_never_changed(bucket: Bucket) -> None:
    seen: list[Any] = []
    acts: list[Callable[[], object]] = [
        lambda: promote(bucket, "r1", hours=5),
        lambda: promote(bucket, "r2"),
        lambda: roll(bucket),
        lambda: promote(bucket, "r3", hours=9),
        lambda: roll(bucket, "r2"),
    ]
    for act in acts:
        act()
        written = json.loads(bucket.read(KEY.format("staging")))["history"]
        assert seen == written[:-1]
        seen = written
    assert ["r1", "r2", "r1", "r3", "r2"] == [entry["release"] for entry in seen]
    assert [17, 17, 17, 21, 21] == [int(entry["at"][11:13]) for entry in seen]


# Mutes that are over


@pytest.mark.parametrize(("ends", "is_over"), [("2026-11-21T12:01", False), ("2026-11-21T12:00", True), ({}, False)])
def test_a_release_whose_mute_is_over_runs_all_the_same_and_that_is_told(
    ends: object, is_over: bool, bucket: Bucket
) -> None:
    rule = {"Type": "AWS::CloudWatch::AlarmMuteRule", "Properties": {"ExpireDate": ends}}
    publish_release(bucket, "r4", resources={"WebDownAlarmMuteRule": rule, "Other": 1})
    told = [promote(bucket, "r4")]
    assert () == promote(bucket, "r1").found
    told.append(roll(bucket))
    said = "release `r4` has a mute of an alarm in `staging` that is over: `WebDownAlarmMuteRule` (2026-11-21T12:00)"
    for moved in told:
        assert "r4" == moved.channel.release and moved.move
        assert [("D846", said, "warning")] * is_over == [
            (each.code, each.message, each.severity) for each in moved.found
        ]


# Names that only one service of an environment can have


def claim(bucket: Bucket, service: str, release: str, *names: str) -> None:
    contract = {"publishes": [], "consumes": [], "claims": {"dns": list(names), "topics": [], "priorities": []}}
    publish_release(bucket, release, service=service, promotion=[], contracts={"staging": contract})


def test_a_name_that_another_service_has_is_not_promoted_unless_forced_and_that_is_recorded(bucket: Bucket) -> None:
    claim(bucket, "menu", "m1", "a.example", "b.example")
    claim(bucket, "recipes", "r4", "a.example", "c.example")
    promote_release(bucket, "menu", "m1", "staging", make_wish())
    said = "DNS name `a.example` is taken by `menu` in `staging`, where it runs `m1`"
    hint = "ask who owns `menu` to promote a release without it, or pass over that with --force and a --reason"
    assert [("D861", said, hint)] == refusal(lambda: promote(bucket, "r4"))
    assert [] == running(bucket)
    assert promote(bucket, "r4", "production").move  # menu is not there

    forced = promote(bucket, "r4", is_forced=True, reason="menu is gone")
    assert forced.move and (True, (), ("menu",)) == (forced.move.is_forced, forced.move.skipped, forced.move.rivals)
    assert [("D861", said, "warning")] == [(each.code, each.message, each.severity) for each in forced.found]
    assert forced.channel == read_channel(bucket, "recipes", "staging")[0]

    claim(bucket, "menu", "m2")  # without the name, it is free
    promote(bucket, "r1")
    assert promote_release(bucket, "menu", "m2", "staging", make_wish()).move
    free = promote(bucket, "r4", is_forced=True, reason="needless").move
    assert free and not free.is_forced


def test_no_other_service_stands_in_the_way_of_a_rollback_and_it_is_told(bucket: Bucket) -> None:
    claim(bucket, "menu", "m1", "a.example")
    claim(bucket, "recipes", "r4", "a.example")
    for release in ("r4", "r1"):
        promote(bucket, release)
    promote_release(bucket, "menu", "m1", "staging", make_wish())
    back = roll(bucket)
    assert "r4" == back.channel.release and not back.channel.history[-1].is_forced
    hint = "the deployment fails or takes it away from `menu`: settle it with who owns that"
    assert [("D861", "warning", hint)] == [(each.code, each.severity, each.hint) for each in back.found]


def speak(bucket: Bucket, service: str, release: str, publishes: list[str], consumes: list[str]) -> None:
    contract = {"publishes": publishes, "consumes": consumes, "claims": {}}
    publish_release(bucket, release, service=service, promotion=[], contracts={"staging": contract})


def test_an_event_is_not_taken_from_who_consumes_it_unless_forced_and_a_rollback_is_told(bucket: Bucket) -> None:
    speak(bucket, "menu", "m1", [], ["recipes.made", "recipes.never"])
    speak(bucket, "recipes", "r4", ["made", "other"], [])
    speak(bucket, "recipes", "r5", ["made"], [])
    speak(bucket, "recipes", "r6", [], [])
    promote_release(bucket, "menu", "m1", "staging", make_wish())
    assert promote(bucket, "r6").move  # what was never there is not taken away
    for release in ("r4", "r5"):
        assert () == promote(bucket, release).found
    said = "`menu` consumes `made` in `staging`, where it runs `m1`, and this release does not publish it any more"
    hint = "ask who owns `menu` to promote a release without it, or pass over that with --force and a --reason"
    assert [("D863", said, hint)] == refusal(lambda: promote(bucket, "r6"))
    assert "r5" == read_channel(bucket, "recipes", "staging")[0].release
    back = roll(bucket, "r6")
    assert [("D863", said, "warning")] == [(each.code, each.message, each.severity) for each in back.found]
    promote(bucket, "r5")
    forced = promote(bucket, "r6", is_forced=True, reason="menu is gone")
    assert forced.move and (True, ("menu",)) == (forced.move.is_forced, forced.move.rivals)
    assert [("D863", "warning")] == [(each.code, each.severity) for each in forced.found]


def test_a_neighbor_that_cannot_be_read_is_told_of_and_holds_nobody_up(bucket: Bucket) -> None:
    claim(bucket, "menu", "m1", "a.example")
    promote_release(bucket, "menu", "m1", "staging", make_wish())
    bucket.delete("services/menu/m1/manifest.json")
    for moved in (promote(bucket, "r1"), promote(bucket, "r2"), roll(bucket)):
        assert moved.move and [("D862", "warning")] == [(each.code, each.severity) for each in moved.found]
