"""Unused: what a service says in vain is listed, and what does something is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from compiler.library import find_content
from compiler.model import Library, Origin, Said, Setting, Settings
from compiler.pipeline import list_unused, open_library, plan_service
from compiler.trace import TracedStr, join, plain, settings_of, trace_value
from compiler.unused import BOOKKEEPING
from compiler.watch import watch_settings
from tests.merging import NOWHERE

SERVICE = """\
service: shop
owner: platform
platform: "1.0"
processes:
  web: {runtime: instances, command: ./bin/web, port: 8080, exposure: public}
  worker:
    runtime: instances
    command: ./bin/work
    availability: businessHours
    deployment: {minInService: 1, batch: 2}
config: {DEBUG: true, LEVEL: info}
environments:
  production: {processes: {worker: {deployment: {style: immutable}}}}
  staging: {processes: {worker: {deployment: {style: immutable}}}}
"""
OVERRIDE = "cloudFormation/overrides/web.yml"
IN_PRODUCTION = "cloudFormation/overrides/production/web.yml"


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(find_content("platform"))


def write(folder: Path, **files: str) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def find(folder: Path, library: Library, files: dict[str, str], *environments: str) -> dict[str, list[str]]:
    """Map each unused place, as file:pointer, to the places that replace it."""
    write(folder, **{"service.yml": SERVICE, **files})
    plan = plan_service(folder, library, with_archives=False, environments=environments)
    return {
        f"{each.span.path}:{'.'.join(map(str, each.pointer))}": [
            f"{said.origin.span.path}:{said.origin.span.line}" for said in each.replaced_by
        ]
        for each in list_unused(plan, library, environments=environments)
    }


def in_both(*, production: str = "", staging: str = "") -> str:
    """The service with other sections for its environments."""
    head = SERVICE[: SERVICE.index("  production:")]
    return f"{head}  production: {{{production}}}\n  staging: {{{staging}}}\n"


WORKER = "service.yml:processes.worker"
ALWAYS: dict[str, list[str]] = {f"{WORKER}.deployment": []}


def test_what_no_template_reads_is_listed_as_the_largest_map_of_it(tmp_path: Path, library: Library) -> None:
    assert ALWAYS == find(tmp_path, library, {})


def test_a_value_that_stands_in_no_template_but_decides_what_is_built_is_used(tmp_path: Path, library: Library) -> None:
    found = find(tmp_path, library, {})
    assert not [place for place in found if "exposure" in place or "availability" in place or "style" in place]


def test_what_one_of_the_environments_uses_is_used(tmp_path: Path, library: Library) -> None:
    staging = in_both(production="processes: {worker: {deployment: {style: immutable}}}")
    assert {} == find(tmp_path, library, {"service.yml": staging})
    assert ALWAYS == find(tmp_path, library, {"service.yml": staging}, "production")


def test_what_every_environment_says_otherwise_names_all_who_do(tmp_path: Path, library: Library) -> None:
    text = in_both(production="config: {LEVEL: warn, KEPT: y}", staging="config: {LEVEL: debug}")
    found = find(tmp_path, library, {"service.yml": text.replace("info", "info, KEPT: x")})
    assert {"service.yml:config.LEVEL": ["service.yml:13", "service.yml:14"]} == {
        place: winners for place, winners in found.items() if winners
    }


def test_items_of_a_list_that_another_list_replaces_are_unused(tmp_path: Path, library: Library) -> None:
    text = in_both(production="messages: {publish: [c]}", staging="messages: {publish: [c]}")
    found = find(tmp_path, library, {"service.yml": text.replace("config:", "messages: {publish: [a, b]}\nconfig:", 1)})
    winners = ["service.yml:14", "service.yml:15"]
    assert {"service.yml:messages.publish.0": winners, "service.yml:messages.publish.1": winners} == {
        place: winners for place, winners in found.items() if "publish" in place
    }


def test_a_setting_that_an_override_replaces_everywhere_is_unused(tmp_path: Path, library: Library) -> None:
    volume = "{DeviceName: /dev/xvda, Ebs: {VolumeSize: 30}}"
    data = f"LaunchTemplateData: {{BlockDeviceMappings: [{volume}]}}"
    text = f"Resources: {{WorkerLaunchTemplate: {{Properties: {{{data}}}}}}}"
    service = SERVICE.replace("command: ./bin/work\n", "command: ./bin/work\n    rootVolumeSize: 20\n")
    everywhere = find(tmp_path, library, {"service.yml": service, OVERRIDE: text})
    assert [f"{OVERRIDE}:1"] == everywhere[f"{WORKER}.rootVolumeSize"]
    (tmp_path / OVERRIDE).unlink()
    assert f"{WORKER}.rootVolumeSize" not in find(tmp_path, library, {"service.yml": service, IN_PRODUCTION: text})


def test_a_base_that_is_replaced_is_not_listed_and_one_that_nobody_reads_is(tmp_path: Path, library: Library) -> None:
    base = "config: {LEVEL: warn}\nprocesses: {worker: {deployment: {minInService: 1}}}\n"
    service = SERVICE.replace("{minInService: 1, batch: 2}", "{batch: 2}")
    found = find(tmp_path, library, {"service.yml": f"extends: ./team/base.yml\n{service}", "team/base.yml": base})
    assert {**ALWAYS, "team/base.yml:processes": []} == found


# Overrides

GROUP = "Resources: {{WebGroup: {{Properties: {{{}}}}}}}"


@pytest.mark.parametrize(
    ("general", "special", "environments", "expected"),
    [
        ("Cooldown: '60'", "Cooldown: '90'", ["production"], {f"{OVERRIDE}:Resources.WebGroup.Properties.Cooldown"}),
        ("Cooldown: '60'", "Cooldown: '90'", ["production", "staging"], set()),
        ("Cooldown: '60'", "MaxInstanceLifetime: 86400", ["production"], set()),
        (
            "InstanceMaintenancePolicy: {MinHealthyPercentage: 90, MaxHealthyPercentage: 110}",
            "InstanceMaintenancePolicy: {$remove: true}",
            ["production"],
            {
                f"{OVERRIDE}:Resources.WebGroup.Properties.InstanceMaintenancePolicy.MinHealthyPercentage",
                f"{OVERRIDE}:Resources.WebGroup.Properties.InstanceMaintenancePolicy.MaxHealthyPercentage",
            },
        ),
        (
            "Tags: [{Key: a, Value: b}]",
            "Tags: [{Key: a, Value: c}]",
            ["production"],
            {f"{OVERRIDE}:Resources.WebGroup.Properties.Tags.0.Value"},
        ),
    ],
)
def test_an_override_that_a_later_layer_replaces_in_every_environment_is_unused(
    tmp_path: Path, library: Library, general: str, special: str, environments: list[str], expected: set[str]
) -> None:
    files = {OVERRIDE: GROUP.format(general), IN_PRODUCTION: GROUP.format(special)}
    found = find(tmp_path, library, files, *environments)
    assert expected == {place for place in found if place.startswith("cloudFormation")}
    assert all(found[place] == [f"{IN_PRODUCTION}:1"] for place in expected)


# The command


def test_the_command_lists_and_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, **{"service.yml": SERVICE})
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["explain", "--unused", "--env", "production"])
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("shop: 1 value reaches nothing in production\n\n")
    assert "\nservice.yml:10:5  processes.worker.deployment\n  no template reads it\n" in done.stdout


def test_the_command_says_so_where_nothing_is_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, **{"service.yml": SERVICE.replace("minInService: 1, batch: 2", "")})
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["explain", "--unused"])
    assert (0, "all that shop says in service.yml and overrides has an effect in production, staging\n") == (
        done.exit_code,
        done.stdout,
    )


def test_as_json_each_has_its_place_and_the_reason(tmp_path: Path) -> None:
    text = in_both(production="config: {LEVEL: warn}, processes: {worker: {deployment: {style: immutable}}}")
    write(tmp_path, **{"service.yml": text})
    done = CliRunner().invoke(cli, ["explain", "--unused", str(tmp_path), "--env", "production", "--format", "json"])
    result = json.loads(done.stdout)["result"]
    assert ["shop", ["production"]] == [result["service"], result["environments"]]
    assert {
        "file": "service.yml",
        "line": 11,
        "column": 30,
        "pointer": "config.LEVEL",
        "why": "replaced",
        "replacedBy": [{"file": "service.yml", "line": 13, "column": 32}],
    } in result["unused"]
    assert {"unread", "replaced"} == {each["why"] for each in result["unused"]}


@pytest.mark.parametrize("words", [[], ["a", "b", "c"], ["--unused", "a", "b"]])
def test_the_command_wants_a_pointer_or_the_question(words: list[str]) -> None:
    assert 2 == CliRunner().invoke(cli, ["explain", *words]).exit_code


def test_a_pointer_is_explained_in_one_environment_at_a_time() -> None:
    example = str(Path(__file__).parent.parent / "examples/service-repo")
    pointer = "Resources.WebGroup.Properties.MinSize"
    twice = ["--env", "staging", "--env", "production"]
    done = CliRunner().invoke(cli, ["explain", example, pointer, *twice])
    assert (2, "") == (done.exit_code, done.stdout)
    assert "one environment at a time: name one environment with --env: staging, production" in done.stderr
    assert 0 == CliRunner().invoke(cli, ["explain", example, pointer, *twice[:2], *twice[:2]]).exit_code


def test_a_service_with_faults_is_told_those(tmp_path: Path) -> None:
    write(tmp_path, **{"service.yml": SERVICE, OVERRIDE: "Resources: {Nothing: {DeletionPolicy: Retain}}"})
    done = CliRunner().invoke(cli, ["explain", "--unused", str(tmp_path)])
    assert (1, True) == (done.exit_code, "error D501" in done.stderr)


# Watching


def traced(value: object) -> object:
    return trace_value(value, Setting(("x",), (Said(Origin("service", NOWHERE), value),)))


@pytest.mark.parametrize(
    "look",
    [
        "value == 'a'",
        "value != 'a'",
        "value in {'a', 'b'}",
        "value in ('a', 'b')",
        "value.startswith('a')",
        "'a' in value",
        "bool(value)",
        "f'{value}!'",
        "value + 'b'",
        "sorted([value, 'b'])",
    ],
)
def test_looking_at_a_text_is_noticed_and_changes_nothing(look: str) -> None:
    settings, looks = watch_settings(Settings("production", {"x": [traced("a")]}, {}))
    value = settings.data["x"][0]
    assert eval(look, {"value": "a"}) == eval(look, {"value": value})
    assert [("x",)] == [setting.path for setting in looks.compared | looks.converted]


@pytest.mark.parametrize(
    "look", ["value > 2", "2 < value", "value + 1", "1 + value", "max(value, 2)", "-value", "int(value)"]
)
@pytest.mark.parametrize("number", [3, 3.5])
def test_looking_at_a_number_is_noticed_and_changes_nothing(look: str, number: float) -> None:
    settings, looks = watch_settings(Settings("production", {"x": traced(number)}, {}))
    value = settings.data["x"]
    assert eval(look, {"value": number}) == eval(look, {"value": value})
    assert [("x",)] == [setting.path for setting in looks.compared | looks.converted]


def test_handing_a_value_on_is_not_looking_at_it() -> None:
    settings, looks = watch_settings(Settings("production", {"x": traced("a"), "y": traced(3), "z": True}, {}))
    text, number = settings.data["x"], settings.data["y"]
    joined = join("<", text, number, ">")
    assert "<a3>" == plain(joined) and 2 == len(settings_of(joined))
    assert isinstance(text, TracedStr) and [plain(text), plain(number)] and json.dumps({"k": [text, number]})
    assert set() == looks.compared | looks.converted


def test_each_entry_of_the_bookkeeping_has_its_reason() -> None:
    assert all(len(reason) > 15 for reason in BOOKKEEPING.values())
