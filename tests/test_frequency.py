"""How often a service is deployed: the same numbers and the same plot for the same history, quiet weeks included."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from compiler.bucket import open_bucket
from compiler.channel import Action, Actor, Channel, Wish, find_previous, move_channel, render_channel
from compiler.cli import cli
from compiler.frequency import Frequency, Week, count_deployments
from compiler.report_frequency import draw_frequency
from tests.promotions import make_wish, publish_release

SUNDAY = datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC)


def channel_of(days: list[int], *, service: str = "recipes", environment: str = "production", back: int = 0) -> Channel:
    """Promote a release on each of these days after Sunday, then roll back on the last day."""
    channel = Channel(service, environment)
    for number, day in enumerate(days):
        channel = move_channel(channel, "promote", f"r{number}", Wish(Actor("a"), SUNDAY + timedelta(days=day), "m"))
    for _ in range(back):
        action: Action = "rollback"
        channel = move_channel(channel, action, find_previous(channel) or "", make_wish())
    return channel


def weeks_of(frequency: Frequency) -> list[tuple[str, int, int]]:
    return [(week.name, week.deployments, week.rollbacks) for week in frequency.weeks]


def test_weeks_begin_on_monday_and_those_without_a_deployment_are_zero() -> None:
    recipes = [channel_of([0, 1, 2], environment="staging"), channel_of([1, 22, 23], back=1)]
    orders, recipe = count_deployments([*recipes, channel_of([8], service="orders")])
    assert ("orders", "recipes") == (orders.service, recipe.service)
    assert [("2026-W44", 1, 0), ("2026-W45", 3, 0), ("2026-W46", 0, 0), ("2026-W47", 0, 0), ("2026-W48", 2, 1)] == (
        weeks_of(recipe)
    )
    assert [week.monday for week in recipe.weeks] == [week.monday for week in orders.weeks]
    assert [0, 0, 1, 0, 0] == [week.deployments for week in orders.weeks]


def test_counting_may_begin_on_any_day() -> None:
    channel = channel_of([0, 9])
    assert ["2026-W45", "2026-W46"] == [w.name for w in count_deployments([channel], since=date(2026, 11, 8))[0].weeks]
    assert 5 == len(count_deployments([channel], since=date(2026, 10, 17))[0].weeks)
    assert () == count_deployments([channel], since=date(2027, 1, 1))[0].weeks
    assert () == count_deployments([]) == count_deployments([Channel("recipes", "production")])


def test_a_year_ends_within_a_week() -> None:
    [counted] = count_deployments([channel_of([56, 61])])
    assert [("2026-W52", 1, 0), ("2026-W53", 1, 0)] == weeks_of(counted)


def test_the_plot_shows_every_number_to_people_and_to_screen_readers() -> None:
    counted = count_deployments([channel_of([0, 1, 1, 1, 22]), channel_of([1, 23], service="orders", back=1)])
    text = draw_frequency(counted)
    assert text == draw_frequency(counted)
    root = ET.fromstring(text)
    space = {"s": "http://www.w3.org/2000/svg"}
    assert "img" == root.get("role") and "title desc" == root.get("aria-labelledby")
    titles = [title.text for title in root.findall(".//s:g/s:g/s:title", space)]
    assert [
        f"{week.name}: {week.deployments} promoted, {week.rollbacks} rolled back"
        for each in counted
        for week in each.weeks
    ] == titles
    heights = [float(bar.get("height") or 0) for bar in root.findall(".//s:g/s:g/s:rect[1]", space)]
    assert [0, 20, 0, 0, 20] == heights[:5] and [20, 60, 0, 0, 20] == heights[5:]
    for bar in root.findall(".//s:rect[@x]", space):
        assert float(bar.get("y") or 0) >= 0 and float(bar.get("height") or 0) <= 60


def test_a_name_cannot_write_into_the_plot() -> None:
    text = draw_frequency([Frequency("</text><script>", (Week(date(2026, 11, 2), 1, 0),))])
    assert "<script>" not in text and "&lt;/text&gt;&lt;script&gt;: 1" in text


def test_releases_tell_where_they_run_and_how_often_they_change(tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path / "bucket"))
    for release in ("r0", "r1", "r2"):
        publish_release(bucket, release)
    for channel in (channel_of([0, 8]), channel_of([0], environment="staging"), channel_of([0], service="orders")):
        bucket.replace(channel.key, render_channel(channel), "application/json", tag=None)

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["releases", *words, "--bucket", str(tmp_path / "bucket")])
        assert 0 == done.exit_code, done.output
        return done.stdout

    lines = run("recipes").splitlines()
    assert re.match(r"RELEASE  RUNS IN +COMMIT", lines[0])
    assert [["r2", "-"], ["r1", "production"], ["r0", "staging"]] == [line.split()[:2] for line in lines[1:]]
    listed = json.loads(run("recipes", "--format", "json"))["result"]["releases"]
    assert [[], ["production"], ["staging"]] == [row["runsIn"] for row in listed]

    svg = tmp_path / "plot.svg"
    table = run("recipes", "--stats", "--env", "production", "--svg", str(svg))
    assert ["recipes 2026-W44 1 0", "recipes 2026-W45 0 0", "recipes 2026-W46 1 0"] == [
        " ".join(line.split()) for line in table.splitlines()[1:]
    ]
    assert "2026-W46: 1 promoted" in svg.read_text()
    for name in ("", "-", "."):
        words = ["releases", "--stats", "--svg", name, "--bucket", str(tmp_path)]
        done = CliRunner().invoke(cli, words)
        assert 2 == done.exit_code and "Invalid value for '--svg'" in done.stderr, name
    everything = json.loads(run("--stats", "--format", "json", "--since", "2026-11-09"))["result"]["deployments"]
    week = {"week": "2026-W46", "deployments": 0, "rollbacks": 0}
    assert [("orders", [week]), ("recipes", [{**week, "deployments": 1}])] == [
        (each["service"], each["weeks"]) for each in everything
    ]


def test_what_goes_with_stats_alone_is_refused_without(tmp_path: Path) -> None:
    for words, said in ((["recipes", "--since", "2026-11-09"], "go with --stats"), ([], "name a service")):
        done = CliRunner().invoke(cli, ["releases", *words, "--bucket", str(tmp_path)])
        assert 2 == done.exit_code and said in done.stderr
