"""promote, rollback and history as people and machines see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.exceptions import Exit
from click.testing import CliRunner, Result

from compiler.bucket import open_bucket
from compiler.cli import cli
from compiler.promote import ChannelMoved, promote_release
from compiler.screen import Reporting, make_screen
from tests.promotions import make_wish, publish_release


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in a bucket with the releases r1 and r2."""
    bucket = tmp_path / "bucket"
    for release in ("r1", "r2"):
        publish_release(open_bucket(str(bucket)), release)
    for name in ("GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR", "GITHUB_RUN_ID", "CI_JOB_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITLAB_USER_LOGIN", "anna")
    return lambda words: CliRunner().invoke(cli, [*words.split(), "--bucket", str(bucket)])


def told(done: Result) -> Any:
    assert 0 == done.exit_code, done.output
    return json.loads(done.stdout)["result"]


def test_a_promotion_and_a_rollback_are_told_and_listed(run: Any) -> None:
    said = [
        run("promote recipes r1 --to staging").stdout,
        run("promote recipes r2 --to staging --actor bob --reason because").stdout,
        run("promote recipes r2 --to staging").stdout,
        run("rollback recipes --env staging --reason slow").stdout,
    ]
    assert [
        "recipes in staging runs r1 from now on (move 1)\n",
        "recipes in staging runs r2 from now on, after r1 (move 2)\n",
        "recipes in staging runs r2 already\n",
        "recipes in staging runs r1 from now on, after r2 (move 3)\n",
    ] == said
    lines = run("history recipes --env staging").stdout.splitlines()
    assert ["AT", "BY", "ACTION", "FROM", "TO", "WHY"] == lines[0].split()
    assert [
        ["anna", "rollback", "r2", "r1", "slow"],
        ["bob", "promote", "r1", "r2", "because"],
        ["anna", "promote", "-", "r1", "-"],
    ] == [line.split()[1:] for line in lines[1:]]


def test_a_machine_gets_the_same_as_data(run: Any) -> None:
    move = told(run("promote recipes r1 --to production --force --reason outage --format json"))
    at = move["move"].pop("at")
    expected = {
        "number": 1,
        "action": "promote",
        "release": "r1",
        "from": None,
        "by": "anna",
        "run": None,
        "reason": "outage",
        "forced": True,
        "skipped": ["staging"],
        "rivals": [],
    }
    assert {"service": "recipes", "environment": "production", "release": "r1", "move": expected} == move
    listed = told(run("history recipes --env production --format json"))
    assert [{**expected, "at": at}] == listed["history"] and "r1" == listed["release"]
    assert None is told(run("promote recipes r1 --to production --format json"))["move"]
    assert "promote (forced past staging)" in run("history recipes --env production").stdout


def test_a_name_that_is_mistyped_gets_the_nearest(run: Any) -> None:
    run("promote recipes r1 --to staging")
    assert run("history recipe --env staging").stderr.endswith(": did you mean `recipes`?\n")
    assert run("history recipes --env stagin").stderr.endswith(": did you mean `staging`?\n")
    assert run("releases recipe").stderr.endswith(": did you mean `recipes`?\n")
    assert "hint: did you mean `recipes`?" in run("promote recipe r1 --to staging").stderr
    assert "hint: did you mean `staging`?" in run("rollback recipes --env stagin").stderr


def test_a_bucket_that_is_not_there_is_told_with_a_hint(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["releases", "recipes", "--bucket", str(tmp_path / "nowhere")])
    assert 3 == done.exit_code and f"error D802: there is no folder `{tmp_path}/nowhere`" in done.stderr
    assert "hint: see whether its name is right; the first publish makes it" in done.stderr


def test_a_damaged_channel_hides_no_other(run: Any, tmp_path: Path) -> None:
    run("promote recipes r1 --to staging")
    run("promote recipes r1 --to production")
    (tmp_path / "bucket/environments/staging/recipes.json").unlink()
    (tmp_path / "bucket/environments/staging/recipes.json").write_text("{}")
    (tmp_path / "bucket/environments/staging/-x.json").write_text("{}")
    for words, shown in (("releases recipes", "production"), ("releases --stats", "recipes")):
        done = run(words)
        assert 3 == done.exit_code and shown in done.stdout
        assert "error D802: `environments/staging/recipes.json` in the bucket is damaged" in done.stderr
    assert "`environments/staging/-x.json` in the bucket is damaged: no channel can have this name" in done.stderr
    said = json.loads(run("releases recipes --format json").stdout)
    assert [["production"], []] == [each["runsIn"] for each in said["result"]["releases"][::-1]]


def test_releases_are_listed_by_when_they_came_and_not_by_name(run: Any, tmp_path: Path) -> None:
    for name in ("v9", "v10", "a1"):
        publish_release(open_bucket(str(tmp_path / "bucket")), name)
    listed = told(run("releases recipes --format json"))["releases"]
    assert ["a1", "v10", "v9", "r2", "r1"] == [each["release"] for each in listed]
    assert "hint: the newest is `a1`" in run("promote recipes nothing --to staging").stderr


@pytest.mark.parametrize(
    "words", ["promote recipes {} --to staging", "verify recipes {}", "diff --before recipes/{} --after recipes/r1"]
)
def test_a_release_that_is_not_there_is_a_mistake_and_a_bucket_that_is_not_an_outage(
    words: str, run: Any, tmp_path: Path
) -> None:
    for name, hint in (("R2", "did you mean `r2`?"), ("nope", "the newest is `r2`, and `flagstone releases recipes`")):
        done = run(words.format(name))
        assert (1, True) == (done.exit_code, f"D840: there is no release `{name}` of `recipes`" in done.stderr)
        assert f"hint: {hint}" in done.stderr
    (tmp_path / "bucket").rename(tmp_path / "gone")
    done = run(words.format("r2"))
    assert (3, True) == (done.exit_code, "error D802" in done.stderr)


def test_an_environment_without_a_history_is_no_fault(run: Any) -> None:
    done = run("history recipes --env staging")
    assert (0, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("nothing was promoted to staging for recipes in ")
    assert [] == told(run("history recipes --env staging --format json"))["history"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("promote recipes r9 --to staging", 1, "error D840: there is no release `r9` of `recipes` in the bucket"),
        ("promote recipes r1 --to stagin", 1, "hint: did you mean `staging`?"),
        ("promote recipes r1 --to production", 1, "error D843: release `r1` has not run in `staging`"),
        ("rollback recipes --env staging", 1, "error D844: nothing has run for `recipes` in `staging` yet"),
        ("promote recipes r1 --to env-default", 1, "error D841: `env-default` stands for all branch environments"),
        ("promote recipes r1 --to env-x", 1, "hint: publish the commit with `--env env-x`, under an id of its own"),
        ("promote recipes r1 --to staging --reason token=x", 2, "Error: the reason holds what looks like a credential"),
        ("promote recipes r1 --to staging --force", 2, "Error: --force goes into the history with its reason"),
        ("promote recipes r1 --to staging --force --reason=", 2, "Error: the reason is empty"),
        ("promote recipes r1 --to staging --actor a\x1b[31m", 2, "Error: the actor holds an unprintable character"),
        ("promote recipes ../r1 --to staging", 2, "Error: release `../r1` is not named by up to 128 letters"),
        ("promote recipes r1 --to ../../x", 2, "Error: environment `../../x` is not named by"),
        ("history ../x --env staging", 2, "Error: service `../x` is not named by"),
        ("promote recipes r1", 2, "Missing option '--to'"),
    ],
)
def test_what_is_refused_says_why(words: str, code: int, said: str, run: Any) -> None:
    done = run(words)
    assert code == done.exit_code and said in done.stderr and "" == done.stdout
    assert [] == told(run("history recipes --env staging --format json"))["history"]


def test_a_damaged_channel_is_the_bucket_s_fault(run: Any, tmp_path: Path) -> None:
    run("promote recipes r1 --to staging")
    path = tmp_path / "bucket/environments/staging/recipes.json"
    content = path.read_text().replace("anna", "eve")
    path.unlink()
    path.write_text(content.replace('"number": 1', '"number": 2'))
    for words in ("promote recipes r2 --to staging", "rollback recipes --env staging", "history recipes --env staging"):
        done = run(words)
        assert 3 == done.exit_code and "error D802: `environments/staging/recipes.json` in the bucket is" in done.stderr


def test_who_loses_a_race_is_told_what_runs_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = open_bucket(str(tmp_path))
    publish_release(bucket, "r1")
    channel = promote_release(bucket, "recipes", "r1", "staging", make_wish("bob")).channel
    with pytest.raises(Exit) as raised, Reporting(make_screen("text")):
        raise ChannelMoved(channel)
    assert 4 == raised.value.exit_code
    said = capsys.readouterr().err
    assert "error D845: `recipes` in `staging` runs `r1` now: move 1, a promote by `bob` at 2026-11-21" in said
    assert "hint: nothing was changed; decide again with `flagstone history recipes --env staging` at hand" in said
