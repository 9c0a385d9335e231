"""Resolve: which layer decides, and what is still known of the others."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from compiler.layers import find_member
from compiler.model import Document
from compiler.pipeline import open_library, plan_service
from compiler.resolve import resolve_environment, resolve_settings
from compiler.trace import plain, settings_of
from tests.describing import LIBRARY, SERVICE, describe, history, resolve, toy_library

LAYERED = (
    SERVICE
    + """\
    scaling: {max: 5}
    logs: {app: {path: /var/log/app.log}}
  worker: {runtime: instances, command: ./bin/work}
messages: {publish: [a, b]}
config: {LOG_LEVEL: info, REGION: eu}
environments:
  production:
    processes:
      web: {instanceType: m7g.large, scaling: {max: 9}, logs: {app: {retentionDays: 90}}}
    messages: {publish: [c]}
    config: {LOG_LEVEL: warn}
  env-default:
    processes:
      web: {scaling: {max: 3}, deployment: {style: inPlace}}
    config: {LOG_LEVEL: debug}
  env-search:
    processes:
      web: {scaling: {max: 4}}
      extra: {runtime: instances, command: ./bin/extra}
"""
)


def web(environment: str, text: str = LAYERED) -> Any:
    return resolve(text, environment).data["processes"]["web"]


def test_the_strongest_layer_that_speaks_decides_and_all_are_remembered() -> None:
    process = web("production")
    assert [("platform", 12, 2), ("service", 9, 5), ("service", 17, 9)] == history(process["scaling"]["max"])
    assert [("platform", 12, 1)] == history(process["scaling"]["min"])
    assert [("platform", 8, "t4g.small"), ("service", 17, "m7g.large")] == history(process["instanceType"])
    assert [("platform", 17, 30), ("service", 17, 90)] == history(process["logs"]["app"]["retentionDays"])
    assert [("service", 8, 8080)] == history(process["port"])


def test_each_word_says_where_it_stands_in_its_own_file() -> None:
    (setting,) = settings_of(web("production")["scaling"]["max"])
    assert ("processes", "web", "scaling", "max") == setting.path
    assert [
        ("platform/platform.yml", ("defaults", "process", "scaling", "max")),
        ("service.yml", ("processes", "web", "scaling", "max")),
        ("service.yml", ("environments", "production", "processes", "web", "scaling", "max")),
    ] == [(said.origin.span.path, said.pointer) for said in setting.history]


def test_maps_merge_and_lists_are_replaced() -> None:
    data = resolve(LAYERED).data
    assert {"LOG_LEVEL": "warn", "REGION": "eu"} == plain(data["config"])
    assert ["c"] == plain(data["messages"]["publish"])
    assert [("service", 18, "c")] == history(data["messages"]["publish"][0])
    assert ["a", "b"] == plain(resolve(LAYERED, "staging").data["messages"]["publish"])


@pytest.mark.parametrize(
    ("environment", "most", "style", "level"),
    [
        ("staging", 5, "rolling", "info"),
        ("env-default", 3, "inPlace", "debug"),
        ("env-other", 3, "inPlace", "debug"),
        ("env-search", 4, "inPlace", "debug"),
    ],
)
def test_a_branch_environment_hears_env_default_and_then_itself(
    environment: str, most: int, style: str, level: str
) -> None:
    settings = resolve(LAYERED, environment)
    process = settings.data["processes"]["web"]
    assert (most, style, level) == (
        process["scaling"]["max"],
        process["deployment"]["style"],
        settings.data["config"]["LOG_LEVEL"],
    )
    assert environment == settings.environment_name


def test_a_process_of_one_environment_has_the_defaults_too_and_stands_in_no_other() -> None:
    assert 2 == resolve(LAYERED, "env-search").data["processes"]["extra"]["scaling"]["max"]
    assert {"web", "worker"} == set(resolve(LAYERED, "env-other").data["processes"])


def test_null_gives_the_value_back_to_the_weaker_layer() -> None:
    text = LAYERED.replace("scaling: {max: 9}", "scaling: {max: ~}").replace("{LOG_LEVEL: warn}", "~")
    assert [("platform", 12, 2), ("service", 9, 5)] == history(web("production", text)["scaling"]["max"])
    assert "info" == resolve(text).data["config"]["LOG_LEVEL"]
    without = LAYERED.replace("scaling: {max: 5}", "scaling:")
    assert [("platform", 12, 2)] == history(web("staging", without)["scaling"]["max"])


def test_an_empty_map_clears_nothing_and_an_empty_list_does() -> None:
    text = LAYERED.replace("publish: [c]", "publish: []").replace("config: {LOG_LEVEL: warn}", "config: {}")
    data = resolve(text).data
    assert ({"LOG_LEVEL": "info", "REGION": "eu"}, []) == (plain(data["config"]), data["messages"]["publish"])


def test_names_are_traced_to_the_line_that_introduced_them() -> None:
    data = resolve(LAYERED, "env-search").data
    lines = {str(name): settings_of(name)[0].origin.span.line for name in data["processes"]}
    assert {"web": 5, "worker": 11, "extra": 27} == lines
    (log,) = data["processes"]["web"]["logs"]
    assert [("service", 10, "app")] == history(log)


def test_the_order_of_keys_decides_nothing() -> None:
    blocks = {
        "processes": "processes: {web: {port: 80, command: a, runtime: instances}, api: {command: b}}\n",
        "config": "config: {B: '1', A: '2'}\n",
        "rest": "service: orders\nplatform: '1.0'\nowner: squad-toy\n",
        "environments": "environments: {production: {config: {C: '3', A: '4'}}}\n",
    }
    results = set()
    for order in itertools.permutations(blocks):
        data = resolve("".join(blocks[name] for name in order)).data
        results.add(repr(plain(data)))
    assert 1 == len(results)
    assert ["api", "web"] == list(resolve("".join(blocks.values())).data["processes"])


def test_resolving_changes_neither_the_descriptor_nor_the_library() -> None:
    descriptor, _ = describe(LAYERED)
    library = toy_library()
    before = repr((descriptor, library.defaults, library.environments))
    first = resolve_settings(descriptor, library, "production")
    again = resolve_settings(descriptor, library, "production")
    assert before == repr((descriptor, library.defaults, library.environments))
    assert plain(first.data) == plain(again.data)


# The platform's side


def edited_library(folder: Path, path: str, old: str, new: str) -> Path:
    shutil.copytree(LIBRARY, folder / "library", ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "library" / path).read_text()
    assert old in text
    (folder / "library" / path).write_text(text.replace(old, new))
    return folder / "library"


def settle(folder: Path, library: Path, text: str = LAYERED) -> Any:
    (folder / "service.yml").write_text(text)
    return plan_service(folder, open_library(library), with_archives=False).settings


def test_the_file_of_an_environment_is_stronger_than_the_platform_and_weaker_than_the_service(tmp_path: Path) -> None:
    defaults = "defaults: {process: {scaling: {min: 2, max: 8}, rootVolumeSize: 20}}\n"
    library = edited_library(tmp_path, "environments/production.yml", "tier:", f"{defaults}tier:")
    settings = settle(tmp_path, library)
    process = settings["production"].data["processes"]["web"]
    assert [("platform", 9, 8), ("environment", 3, 20)] == history(process["rootVolumeSize"])
    spoke = [layer for layer, _, _ in history(process["scaling"]["max"])]
    assert ["platform", "environment", "service", "service"] == spoke
    assert 8 == settings["env-default"].data["processes"]["worker"]["rootVolumeSize"]


def test_a_null_in_a_default_says_nothing_either(tmp_path: Path) -> None:
    library = edited_library(tmp_path, "platform.yml", "    rootVolumeSize: 8\n", "    rootVolumeSize: 8\n    dns: ~\n")
    assert "dns" not in settle(tmp_path, library)["production"].data["processes"]["web"]


def test_logs_that_the_platform_gives_every_process_stand_beside_its_own(tmp_path: Path) -> None:
    logs = "    logs: {system: {path: /var/log/messages}}\n    alarms:"
    library = edited_library(tmp_path, "platform.yml", "    alarms:", logs)
    processes = settle(tmp_path, library)["production"].data["processes"]
    assert {"path": "/var/log/messages", "retentionDays": 30} == processes["worker"]["logs"]["system"]
    assert {"app", "system"} == set(processes["web"]["logs"])


def test_the_environment_itself_is_traced_to_the_file_that_serves_it() -> None:
    own = resolve(LAYERED, "env-search").environment
    assert [("environment", 2, "eu-west-1")] == history(own["region"])
    assert [("platform", 4, "Etc/UTC")] == history(own["businessHours"]["timeZone"])
    assert "env-default.internal" == own["privateZone"]
    assert {} == resolve_environment(toy_library(), "staging").data


def found(files: Mapping[str, Document], name: str) -> tuple[str, tuple[str, ...]]:
    member = find_member(files, name)
    assert member is not None
    return member.shared, member.layers


def test_which_file_serves_an_environment_and_which_sections_speak_about_it() -> None:
    known = toy_library().environments
    assert ("production", ("production",)) == found(known, "production")
    assert ("env-default", ("env-default",)) == found(known, "env-default")
    assert ("env-default", ("env-default", "env-a-1")) == found(known, "env-a-1")
    for name in ("prod", "env", "env-", "env--a", "env-A", "env-../x", "env-a/b", "env-a\n", "env-" + "a" * 29):
        assert find_member(known, name) is None, name
    assert find_member({"production": known["production"]}, "env-a") is None
