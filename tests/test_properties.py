"""Laws of the whole compiler: the same input gives the same bytes, no room changes what it is given, and nothing that
the schema admits ends in anything but a result or a diagnostic."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.build import build_fragments
from compiler.diagnostics import CompileError
from compiler.explain import explain_value
from compiler.guard import guard_stack
from compiler.load import load_document
from compiler.merge import merge_fragments
from compiler.model import Json, Library
from compiler.pipeline import build_stack, compile_service, open_library, plan_service
from compiler.repository import read_repository
from compiler.resolve import resolve_settings
from compiler.rules import check_settings
from compiler.trace import derive
from compiler.validate import validate_document
from tests.describing import toy_library

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "service-repo"

RICH: dict[str, Any] = {
    "service": "orders",
    "owner": "squad-toy",
    "description": "takes orders",
    "platform": "1.0",
    "processes": {
        "web": {
            "runtime": "instances",
            "command": "./bin/serve",
            "port": 8080,
            "exposure": "private",
            "dns": "orders",
            "instanceType": "t4g.small",
            "rootVolumeSize": 16,
            "healthCheck": {"path": "/up", "interval": 10, "timeout": 4, "healthyThreshold": 2, "gracePeriod": 10},
            "scaling": {"min": 1, "max": 3, "target": {"cpu": 50, "requests": 100}},
            "availability": "alwaysOn",
            "deployment": {"style": "rolling", "minInService": 1, "batch": 1},
            "alarms": {"cpu": {"amber": 1, "red": 2}, "latency": {"amber": 0.5, "red": 2}},
            "uses": ["store"],
            "logs": {"app": {"path": "/a/b", "retentionDays": 30, "filters": {"e": {"pattern": "x", "threshold": 1}}}},
        },
        "worker": {"runtime": "instances", "command": "y", "scaling": {"min": 1, "max": 3, "target": {"queueAge": 50}}},
    },
    "messages": {
        "publish": ["a-b", "c"],
        "consume": {"orders.c": {"process": "worker"}, "other.e": {"process": "worker", "filter": {"k": ["a", 1]}}},
    },
    "config": {"A": "b", "C": 1, "D": True},
    "secrets": {"S": "/a/b"},
    "additions": {"store": {"Days": 3}},
    "environments": {
        "production": {
            "processes": {"web": {"scaling": {"min": 2}}},
            "config": {"A": "c"},
            "additions": {"disable": []},
        },
        "env-default": {"processes": {"web": {"deployment": {"style": "inPlace"}}}},
    },
}
STORE = "Parameters: {Days: {Type: Number, Default: 1}}\nOutputs: {StoreName: {Value: x}}\n"


def write_rich(folder: Path, text: str) -> Path:
    (folder / "cloudFormation" / "additions").mkdir(parents=True, exist_ok=True)
    (folder / "cloudFormation" / "additions" / "store.yml").write_text(STORE)
    (folder / "service.yml").write_text(text)
    return folder


def compile_rich(folder: Path, text: str, library: Library) -> dict[str, str]:
    """Compile a text in all its environments; returns the templates as they are rendered."""
    plan = plan_service(write_rich(folder, text), library, with_archives=False)
    stacks = {name: build_stack(plan, library, name, lint=False)[0] for name in plan.settings}
    return {name: json.dumps(stack.template) for name, stack in stacks.items()}


# The same bytes


def start(folder: Path, number: int) -> subprocess.Popen[bytes]:
    """Compile in a process of its own that differs in all that must not matter."""
    repository = folder / f"place {number}" / "réposi"
    shutil.copytree(EXAMPLE, repository)
    broken = folder / f"place {number}" / "broken"
    shutil.copytree(EXAMPLE, broken)
    text = (broken / "service.yml").read_text()
    (broken / "service.yml").write_text(
        text.replace("exposure: private", "exposure: privat\n    a: 1\n    b: 2\n    c: on")
    )
    surroundings = {
        "TZ": ("UTC", "Pacific/Chatham")[number],
        "PYTHONHASHSEED": ("0", "1234")[number],
        "LC_ALL": ("C", "C.UTF-8")[number],
        "HOME": str(folder),
    }
    program = (
        "import os, sys; os.umask(int(sys.argv.pop(1), 8)); from compiler.cli import cli;"
        "[cli(['compile', each, '--no-lint', '--out', sys.argv[-1]], standalone_mode=False)"
        " if each != 'broken' else cli(['compile', each, '--no-lint', '--format', 'json'])"
        " for each in sys.argv[1:-1]]"
    )
    arguments = [("022", "077")[number], "réposi", "broken", "out"]
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", program, *arguments],
        cwd=repository.parent,
        env={**os.environ, **surroundings, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_another_folder_time_zone_hash_seed_locale_and_umask_give_the_same_bytes(tmp_path: Path) -> None:
    running = [start(tmp_path, number) for number in range(2)]
    said = [process.communicate() for process in running]
    assert [1, 1] == [process.returncode for process in running], said  # the second of the two is broken
    files = [
        {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        for out in (tmp_path / "place 0" / "out", tmp_path / "place 1" / "out")
    ]
    assert files[0] == files[1] and {"manifest.json", "production/template.json", "source.tar.gz"} <= files[0].keys()
    assert said[0] == said[1] and b"D205" in b"".join(said[0])


def test_compiling_twice_gives_the_same_bytes_and_no_trace_of_the_first_time() -> None:
    library = real_library()
    first, second = (compile_service(EXAMPLE, library, lint=False).bundle.files for _ in range(2))
    assert first == second and list(first) == list(second)


# The order and the notation of service.yml


def shuffled(value: Json, chance: random.Random) -> Json:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return value  # the order of a list has a meaning


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.sampled_from(["block", "flow", "json"]))
def test_neither_the_order_of_keys_nor_the_notation_changes_anything(chance: random.Random, notation: str) -> None:
    data = shuffled(RICH, chance)
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=notation == "flow")
    with TemporaryDirectory() as name:
        expected = compile_rich(Path(name), json.dumps(RICH), toy_library())
        assert expected == compile_rich(Path(name), json.dumps(data) if notation == "json" else text, toy_library())
    assert {"production", "env-default"} == set(expected)


# No room changes what it is given


def test_no_room_changes_its_argument(tmp_path: Path) -> None:
    library = toy_library()
    override = "Resources: {WebGroup: {Properties: {MaxSize: '9', AvailabilityZones: {$append: [c]}}}}\n"
    write_rich(tmp_path, json.dumps(RICH))
    (tmp_path / "cloudFormation" / "overrides").mkdir()
    (tmp_path / "cloudFormation" / "overrides" / "web.yml").write_text(override)
    repository, _ = read_repository(tmp_path, with_archives=True)
    seen: list[tuple[object, str]] = []

    def watch(*values: Any) -> None:
        seen.extend((value, repr(value)) for value in values)

    watch(library, repository)
    document, _ = load_document(json.dumps(RICH).encode(), "service.yml", dialect="plain")
    watch(document)
    descriptor, _ = validate_document(document, library.schema)
    watch(descriptor)
    resolved = resolve_settings(descriptor, library, "production")
    watch(resolved)
    assert () == tuple(check_settings(descriptor, resolved))
    fragments, _ = build_fragments(resolved, library)
    watch(fragments)
    stack, _ = merge_fragments(
        fragments,
        description=derive("orders", resolved.data["service"]),
        overrides=repository.overrides,
        additions=repository.additions,
        identities=library.identities,
        environment="production",
    )
    watch(stack)
    assert "9" == stack.template["Resources"]["WebGroup"]["Properties"]["MaxSize"]
    guard_stack(stack, library)
    explain_value(stack, "Resources.WebGroup", "production")
    merge_fragments(fragments, description=derive("x", resolved.data["service"]), environment="production")
    for value, before in seen:
        assert before == repr(value)


# Whatever the schema admits, and whatever it does not

NAMES = st.sampled_from(["web", "worker", "a-b", "ab", "x1"])
SERVICES = st.sampled_from(["orders", "other"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)
VARIABLES = ["A", "LOG_LEVEL", "A1_", "B"]


class Admitted:
    """Strategies for what the schema admits; what is sound says all that is needed and rarely contradicts itself."""

    def __init__(self, *, is_sound: bool) -> None:
        self.is_sound = is_sound

    def section(self, needed: dict[str, Any], may: dict[str, Any]) -> st.SearchStrategy[Any]:
        if self.is_sound:
            return st.fixed_dictionaries(needed, optional=may)
        may = {key: st.none() | value for key, value in {**needed, **may}.items()}
        return st.none() | st.fixed_dictionaries({}, optional=may)

    def pair(self, most: int) -> st.SearchStrategy[Any]:
        sound = st.floats(1, most).map(lambda red: {"amber": red / 2, "red": red})
        both = {"amber": st.integers(0, most), "red": st.floats(0, most, allow_nan=False)}
        return sound if self.is_sound else self.section({}, both)

    def log(self) -> st.SearchStrategy[Any]:
        pattern = {"pattern": st.text("[]{}$= x", min_size=1), "threshold": st.integers(1)}
        filters = st.dictionaries(NAMES, self.section(pattern, {}), max_size=2)
        days = st.sampled_from([1, 30, 3653])
        path = st.sampled_from(["/a", "/var/log/x.log"])
        return self.section({"path": path}, {"retentionDays": days, "filters": filters})

    def process(self) -> st.SearchStrategy[Any]:
        small = st.integers(1, 3)
        check = {
            "path": st.sampled_from(["/", "/a?b=c&d='e'", "/%20(x)*"]),
            "interval": st.integers(5, 300),
            "timeout": st.integers(2, 4 if self.is_sound else 120),
            "healthyThreshold": st.integers(2, 10),
            "unhealthyThreshold": st.integers(2, 10),
            "gracePeriod": st.integers(0, 600 if self.is_sound else 7200),
        }
        target = {"cpu": st.floats(1, 100), "requests": st.floats(1, 1e300), "queueAge": st.integers(1)}
        sound_target = {"cpu": st.floats(1, 100), "requests": st.floats(1, 1e300)}
        bounds = {"min": st.integers(0, 3) | st.integers(0), "max": st.integers(1, 6) | st.integers(1)}
        sound_bounds = {"min": st.integers(0, 3), "max": st.integers(4, 10**30)}
        times = st.sampled_from(["0 7 * * 1-5", "*/5 0 1 1 *"])
        hours = st.dictionaries(NAMES, self.section({"at": times}, {"min": st.integers(0, 4)}), max_size=2)
        style = st.sampled_from(["rolling", "immutable", "inPlace", "refresh"])
        rest = st.integers(0, 3) if self.is_sound else st.integers(0, 3) | st.integers(0)
        metrics = ["cpu", "latency", "errors", "unhealthyHosts"] + ["queueAge"] * (not self.is_sound)
        command = st.sampled_from(["./bin/serve", "a 'b' $C \"d\" {{e}} ${F} %G"])
        needed = {"runtime": st.just("instances"), "command": command, "port": st.integers(1, 65535)}
        may = {
            "exposure": st.sampled_from(["private", "public"]),
            "dns": st.sampled_from(["a", "b-c", "d--e"]),
            "instanceType": st.sampled_from(["t4g.micro", "m7g.large", "c7i-flex.large", "u-6tb1.metal", "z.z"]),
            "rootVolumeSize": st.integers(8, 16384),
            "healthCheck": self.section({}, check),
            "scaling": self.section(
                {**sound_bounds, "target": self.section({}, sound_target)} if self.is_sound else {},
                {"schedule": hours}
                if self.is_sound
                else {**bounds, "target": self.section({}, target), "schedule": hours},
            ),
            "availability": st.sampled_from(["alwaysOn", "businessHours"]),
            "deployment": self.section({}, {"style": style, "minInService": rest, "batch": small}),
            "alarms": self.section({}, {metric: self.pair(100) for metric in metrics}),
            "uses": st.lists(st.sampled_from(["store"] if self.is_sound else ["store", "none"]), unique=True),
            "logs": st.dictionaries(NAMES, self.log(), max_size=1 if self.is_sound else 2),
            "permissions": st.dictionaries(NAMES, self.permission(), max_size=3),
        }
        if not self.is_sound:
            may["loadBalancer"], may["routing"] = st.sampled_from(["own", "shared"]), self.routing()
            may["mixedInstances"], may["warmPool"] = self.mixed(), self.section({"min": rest}, {})
            return self.section(needed, may)
        # What only goes together is there together or not at all.
        shared = {"loadBalancer": st.just("shared"), "dns": may["dns"], "routing": self.routing()}
        mixed = {"instanceType": st.just("t4g.small"), "mixedInstances": self.mixed()}
        pooled = {"deployment": st.just({"style": "refresh"}), "warmPool": st.just({"min": 1})}
        alone: st.SearchStrategy[Any] = st.fixed_dictionaries({})
        return st.tuples(
            self.section(needed, may),
            alone | st.fixed_dictionaries(shared),
            alone | st.fixed_dictionaries(mixed) | st.fixed_dictionaries(pooled),
        ).map(lambda parts: {**parts[0], **parts[1], **parts[2]})

    def routing(self) -> st.SearchStrategy[Any]:
        paths = st.lists(st.sampled_from(["/", "/a/*", "/b?c", "/d.$-~\"'@:+&"]), min_size=1, max_size=3, unique=True)
        return self.section(
            {"priority": st.integers(1, 50_000)}, {"host": st.sampled_from(["x", "y-z"]), "paths": paths}
        )

    def mixed(self) -> st.SearchStrategy[Any]:
        types = st.lists(st.sampled_from(["t4g.medium", "m7g.large", "m6gd.large"]), min_size=2, unique=True)
        return self.section({"types": types}, {"onDemandBase": st.integers(0, 9), "spotPercent": st.integers(0, 100)})

    def permission(self) -> st.SearchStrategy[Any]:
        things = {
            "bucket": st.sampled_from(["acme-a", "a.b-c"]),
            "parameters": st.sampled_from(["/a", "/a/b.c-d_e"]),
            "secret": st.sampled_from(["a", "a/b_+=.@-"]),
            "publish": st.just("other.event"),
            "consume": st.sampled_from(["queue", "queue.fifo"]),
        }
        access = st.sampled_from(["read", "write", "readWrite"])
        if self.is_sound:
            each = [st.fixed_dictionaries({name: value}) for name, value in things.items()]
            detailed = {"bucket": things["bucket"], "access": access, "prefix": st.sampled_from(["a/", "a/b/"])}
            return st.one_of(*each, st.fixed_dictionaries(detailed))
        return self.section({}, {**things, "access": access, "prefix": st.just("a/")})

    def rest(self) -> dict[str, st.SearchStrategy[Any]]:
        items = st.text() | st.integers(0, 9)
        values = st.text() | st.integers(-(10**9), 10**9) | st.lists(items, min_size=1, unique=True)
        wanted = st.dictionaries(st.sampled_from(["country", "a.b", "_-"]), values)
        process = st.just("web") if self.is_sound else NAMES
        event = st.tuples(st.just("other") if self.is_sound else SERVICES, NAMES).map(".".join)
        consume = st.dictionaries(event, self.section({"process": process}, {"filter": wanted}), max_size=3)
        days = st.integers() if self.is_sound else st.integers() | TEXT | st.lists(TEXT) | st.booleans()
        additions = st.just("store") if self.is_sound else st.sampled_from(["store", "none"])
        paths = st.sampled_from(["/a", "/a/b.c-d_e"])
        return {
            "messages": self.section({}, {"publish": st.lists(NAMES, unique=True), "consume": consume}),
            "config": st.dictionaries(st.sampled_from(VARIABLES[:2]), st.none() | TEXT | st.integers() | st.booleans()),
            "secrets": st.dictionaries(st.sampled_from(VARIABLES[2:] if self.is_sound else VARIABLES), paths),
            "additions": st.dictionaries(additions, self.section({}, {"Days": days})),
        }

    def descriptor(self) -> st.SearchStrategy[Any]:
        processes = st.dictionaries(NAMES, self.process().map(lambda process: process or {}), min_size=1, max_size=3)
        if self.is_sound:
            processes = st.tuples(self.process(), processes).map(lambda pair: {**pair[1], "web": pair[0]})
        overlay = self.section({}, {"processes": st.dictionaries(NAMES, self.process(), max_size=2), **self.rest()})
        environments = st.dictionaries(st.sampled_from(["production", "env-default", "env-x"]), overlay, max_size=2)
        head = {
            "service": SERVICES,
            "owner": st.sampled_from(["squad-orders"] if self.is_sound else ["squad-orders", "nobody"]),
            "platform": st.just("1.0"),
        }
        return st.fixed_dictionaries(
            {**head, "processes": processes},
            optional={"description": st.none() | TEXT, "environments": environments, **self.rest()},
        )


def outcome(folder: Path, data: Json, library: Library) -> set[str]:
    """Compile data; returns the codes of what is wrong with it. Anything but a diagnostic fails the test."""
    try:
        compile_rich(folder, json.dumps(data), library)
    except CompileError as error:
        return {diagnostic.code for diagnostic in error.diagnostics} or {"nothing"}
    return set()


@cache
def real_library() -> Library:
    return open_library(None)


# The schema admits it, and no template of the library may fail on it.
IMPOSSIBLE = {"D203", "D204", "D205", "D206", "D207", "D401", "nothing"}


def test_what_the_schema_admits_compiles_or_is_refused_with_a_reason() -> None:
    compiled = 0

    @settings(max_examples=30)
    @given(Admitted(is_sound=True).descriptor())
    def hold_sound(data: Json) -> None:
        nonlocal compiled
        with TemporaryDirectory() as name:
            found = outcome(Path(name), data, real_library())
        compiled += not found
        assert not IMPOSSIBLE & found, found

    @settings(max_examples=30)
    @given(Admitted(is_sound=False).descriptor())
    def hold_any(data: Json) -> None:
        with TemporaryDirectory() as name:
            assert not IMPOSSIBLE & outcome(Path(name), data, real_library())

    hold_sound()
    hold_any()
    assert compiled > 10  # or else nothing was built


def places(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from places(item, (*path, key))


def replaced(value: Json, path: tuple[str | int, ...], new: Json) -> Json:
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = replaced(value[path[0]], path[1:], new)
    return value


STRANGE: list[Json] = [
    None,
    True,
    -1,
    0,
    10**9,
    1.5,
    "",
    "x",
    "a b\n",
    [],
    {},
    [1],
    [True],
    [None],
    ["x", "x"],
    {"a": 1},
    {"a": {"b": []}},
]


@settings(max_examples=100)
@given(st.sampled_from(list(places(RICH))), st.sampled_from(STRANGE))
def test_a_strange_value_anywhere_is_refused_or_meant(path: tuple[str | int, ...], value: Json) -> None:
    with TemporaryDirectory() as name:
        assert "D401" not in outcome(Path(name), replaced(RICH, path, value), toy_library())
