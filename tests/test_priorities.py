"""Priorities: what `flagstone lock` chooses for rules on shared load balancers, and that it stays."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.priorities import fill_priorities, list_priorities
from compiler.routes import check_routes
from compiler.trace import plain, settings_of
from tests.describing import resolve
from tests.locked_service import compile_, findings, lock, make_library, make_repo, read_lock

HEAD = 'service: shop\nowner: squad-toy\nplatform: "1.0"\nprocesses:\n'
SHARED = "runtime: instances, command: ./x, port: 80, loadBalancer: shared"


def descriptor(processes: dict[str, str]) -> str:
    return HEAD + "".join(f"  {name}: {{{SHARED}, {rest}}}\n" for name, rest in processes.items())


def choose(processes: dict[str, str]) -> dict[str, int]:
    settings = {"production": resolve(descriptor(processes))}
    return list_priorities(fill_priorities(settings, None, choose=True))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_library(tmp_path / "library")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = make_repo(tmp_path / "repo")
    text = descriptor({"web": "dns: shop", "api": "routing: {host: shop, paths: [/api/*]}"})
    (folder / "service.yml").write_text(text + "environments: {production: {}}\n")
    for path in (folder / "cloudFormation").rglob("*.yml"):
        path.unlink()
    return folder


def test_without_a_lock_a_priority_is_asked_for_and_the_lock_has_one(repo: Path, library: Path) -> None:
    assert {"D342"} == codes(repo, library)
    assert 0 == lock(repo, library).exit_code
    chosen = read_lock(repo)["priorities"]
    assert ["api", "web"] == list(chosen)
    assert set() == codes(repo, library)


def test_a_place_stays_when_the_service_changes(repo: Path, library: Path) -> None:
    lock(repo, library)
    before = read_lock(repo)
    before["priorities"]["web"] = 31_000  # as an older flagstone may have chosen
    (repo / "flagstone.lock").write_text(json.dumps(before))
    text = (repo / "service.yml").read_text()
    (repo / "service.yml").write_text(text.replace("environments:", f"  more: {{{SHARED}, dns: more}}\nenvironments:"))
    assert {"D342"} == codes(repo, library)
    assert 0 == lock(repo, library).exit_code
    after = read_lock(repo)["priorities"]
    assert before["priorities"] == {name: place for name, place in after.items() if name != "more"}
    assert "more" in after


@pytest.mark.parametrize("value", ['"7"', "0", "50001", "true", "null"])
def test_a_place_that_is_none_is_refused(repo: Path, library: Path, value: str) -> None:
    lock(repo, library)
    text = (repo / "flagstone.lock").read_text()
    place = read_lock(repo)["priorities"]["web"]
    (repo / "flagstone.lock").write_text(text.replace(f'"web": {place}', f'"web": {value}'))
    assert "D330" in codes(repo, library)


def test_what_service_yml_says_goes_before_the_lock() -> None:
    settings = {"production": resolve(descriptor({"web": "dns: shop, routing: {priority: 9}", "api": "dns: api"}))}
    filled = fill_priorities(settings, None, choose=True)
    processes = filled["production"].data["processes"]
    assert 9 == processes["web"]["routing"]["priority"]
    assert ["api"] == list(list_priorities(filled))
    (word,) = settings_of(processes["api"]["routing"]["priority"])
    assert ("lock", ("processes", "api", "routing", "priority")) == (word.origin.layer, word.path)


def test_the_narrower_paths_come_first() -> None:
    chosen = choose({"web": 'dns: sh, routing: {paths: ["/*"]}', "api": "routing: {host: sh, paths: [/api/v1/*]}"})
    assert chosen["api"] < 25_000 <= chosen["web"]
    texts = {"a": "routing: {host: a, paths: [/x/1]}", "b": "dns: a, routing: {paths: [/x/*]}", "c": "dns: c"}
    wide = choose(texts)
    other = choose({**texts, "a": texts["b"], "b": texts["a"]})
    assert wide["a"] < wide["b"]
    assert (wide["a"], wide["b"], wide["c"]) == (other["b"], other["a"], other["c"])


def test_rules_for_some_paths_come_first() -> None:
    chosen = choose({"web": "dns: shop", "api": "routing: {host: shop, paths: [/api/*]}"})
    assert chosen["api"] < 25_000 <= chosen["web"]


PATTERNS = ["'/*'", "/a", "/a*", "/a/*", "/a/b*", "/a/b/*", "/a/?", "/a/b/c"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
def test_a_rule_comes_before_those_that_take_all_it_is_for(rules: list[list[str]], random: Random) -> None:
    names = [f"p{at}" for at in range(len(rules))]
    random.shuffle(names)
    texts = {
        name: f"routing: {{host: a{', paths: [' + ', '.join(paths) + ']' if paths else ''}}}"
        for name, paths in zip(names, rules, strict=True)
    }
    filled = fill_priorities({"production": resolve(descriptor(texts))}, None, choose=True)
    processes = filled["production"].data["processes"]
    found = [each for each in check_routes(filled["production"], processes) if each.severity == "error"]
    # Only where two ask for the same does one of them get nothing, whatever comes first.
    assert all("ask for the same" in str(each.hint) or "between them" in each.message for each in found), found


def test_lock_leaves_a_place_that_is_in_the_way_and_says_so(repo: Path, library: Path) -> None:
    lock(repo, library)
    wrong = read_lock(repo)
    wrong["priorities"]["web"] = 5
    (repo / "flagstone.lock").write_text(json.dumps(wrong))
    assert {"D343"} == codes(repo, library)
    said = lock(repo, library)
    assert 1 == said.exit_code
    assert "flagstone.lock:" in said.output
    assert "remove `api` from `priorities` there and run `flagstone lock`, which finds one below 5" in said.output
    assert wrong == read_lock(repo)
    del wrong["priorities"]["api"]
    (repo / "flagstone.lock").write_text(json.dumps(wrong))
    assert 0 == lock(repo, library).exit_code
    assert {"api", "web"} == read_lock(repo)["priorities"].keys()
    assert set() == codes(repo, library)


def test_every_environment_has_the_same_place() -> None:
    texts = {name: resolve(descriptor({"web": "dns: shop"}), name) for name in ("production", "staging")}
    filled = fill_priorities(texts, None, choose=True)
    assert 1 == len({plain(each.data["processes"]["web"]["routing"]["priority"]) for each in filled.values()})


@given(st.lists(st.from_regex("[a-z][a-z0-9]{0,8}", fullmatch=True), min_size=1, max_size=12, unique=True))
def test_places_are_unique_and_depend_on_names_alone(names: list[str]) -> None:
    chosen = choose({name: f"dns: {name}" for name in names})
    assert len(names) == len(set(chosen.values()))
    assert chosen == choose({name: f"dns: {name}" for name in sorted(names)})
    assert all(1 <= place <= 50_000 for place in chosen.values())


def codes(repo: Path, library: Path) -> set[str]:
    return {found.partition(":")[0] for found in findings(compile_(repo, library))}
