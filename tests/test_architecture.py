"""The corridor: who may import whom, which library belongs to which room, and what must never be there.

The tables are the architecture; the functions read sources with `ast` and say where they disagree. A new file of
the compiler needs a place in CORRIDOR. The last tests hold made-up sources against the functions, so that none
of them can fall silent.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A row may import the rows above it, never one below and never its own.
CORRIDOR = [
    row.split()
    for row in """
    diagnostics
    model outlets alarm_types
    service changes trace known catalog layers cause share node archive tree checkout yaml11 wording hidden versions
    inputs names events needs hours time_zones mistyped
    decision containment days variables blame processors manifest resource_schema update_facts lookups schema_parts
    risk
    graph calls listening
    authoring load identity limits lint_words renames rival pattern guardrails watch asked behavior permissions watched
    routes priorities playbooks asking destinations confined suppressions subscriptions alarms own_alarms budget logs
    pointer alignment safeguards balancers
    reference
    stack_pair
    aftermath
    compare counterpart consequence attribution conceal
    wiring parameters follow ingress schema_change worlds
    override addition refusals security
    library repository bases validate rules parts resolve build merge guard lock render output explain diff waivers
    places
    contracts reach families
    lint_rules unused schema cost least_bump
    lint rulebook
    pipeline
    bucket_contract unpack
    folder_bucket s3_bucket channel
    bucket aws frequency
    upload
    publish deploy fleet
    release_check
    offers ended_mutes library_release chapters
    library_cache promote actor
    library_source recompile callers
    template_shape
    bundle_side
    sides review sweep neighbors
    picture
    release_gate
    report_safe
    report_words
    report_snippet report_table report_outline report_story_json report_unused report_library
    report_diff_json report_github report_sarif report_frequency report_bump
    report_text report_story report_cost
    report_graph report_changes
    report_markdown report_findings report_html report_diff handbook
    report
    screen
    commands_service commands_explain commands_diff commands_graph commands_schema
    commands_lock commands_release commands_channel commands_platform
    commands_cost commands_verify
    cli
    """.strip().splitlines()
]

COMMANDS = {
    *("commands_service", "commands_explain", "commands_diff", "commands_graph", "commands_schema"),
    *("commands_lock", "commands_release", "commands_channel", "commands_platform", "commands_cost"),
    "commands_verify",
}

# What only the named may import, although its row lies above many.
RESERVED = {
    "authoring": set(),  # for the templates of the library alone
    "load": {
        "library",
        "repository",
        "bases",
        "playbooks",
        "sides",
        "chapters",
    },  # text is parsed once, at the entrance
    "pipeline": {
        *("release_gate", "library_source", "callers", "recompile", "sides", "screen", "deploy", "fleet", "chapters"),
        *COMMANDS,
    },
    "catalog": {"commands_explain", "report_sarif"},
}

LIBRARIES = {
    "yaml": {"load"},
    "packaging": {"versions"},
    "cronsim": {"cost"},
    "jsonschema": {"validate"},
    "deepmerge": {"resolve", "merge"},
    "troposphere": {"build"},
    "cfnlint": {"lint", "lint_rules"},
    "boto3": {"s3_bucket", "aws"},
    "botocore": {"s3_bucket", "aws"},
    "rich": {"report", "report_safe", "report_table"},
    "jinja2": {"report_html", "report_frequency"},
    "tzdata": {"time_zones"},
    "click": {"cli", "screen", *COMMANDS},
}
# What content may import beside `compiler.authoring`; `pathlib` finds files/*.j2.
CONTENT_LIBRARIES = {"templates": {"troposphere", "jinja2", "pathlib"}, "rules": {"cfnlint"}}

# Between the entrance and the exit nothing reads a file, the clock, the environment or chance.
PURE = set(
    """
    priorities asking suppressions processors alarms own_alarms watched budget days hours needs events logs
    subscriptions balancers
    diagnostics service changes trace known authoring layers cause share node identity limits renames pattern guardrails
    alignment reference stack_pair aftermath compare counterpart consequence behavior template_shape
    pointer follow override addition archive blame validate rules refusals parts resolve build merge guard waivers
    lock manifest render explain diff watch contracts unused schema update_facts behavior versions offers inputs
    conceal decision containment worlds permissions safeguards ingress security risk graph routes schema_parts
    listening mistyped playbooks
    schema_change least_bump calls reach families places alarm_types
    """.split()
)
IMPURE = set("datetime glob os pathlib random secrets shutil socket subprocess tempfile time urllib uuid".split())

HEAVY = {"boto3", "botocore", "cfnlint", "deepmerge", "jinja2", "jsonschema", "rich", "troposphere"}
LONGEST = 400


def read_sources(folder: Path) -> dict[str, str]:
    """Map every Python file below a folder, named from there, to its text."""
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))}


def module_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything imported, also inside functions; relative names as they are."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if base == "compiler":
                yield from ((node.lineno, f"compiler.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base


def own_imports(sources: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and module for each import of one module of the compiler by another."""
    for path, source in sources.items():
        for line, name in imports_of(source):
            top, _, rest = name.partition(".")
            target = rest.split(".")[0]
            if top == "compiler" and not target.startswith("__") and target != module_of(path):
                yield path, line, target


def outside_imports(sources: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and top-level name for each import from elsewhere than the compiler."""
    for path, source in sources.items():
        for line, name in imports_of(source):
            top = name.split(".")[0]
            if top not in ("", "compiler"):
                yield path, line, top


def find_unplaced(sources: Mapping[str, str]) -> list[str]:
    placed = {module for row in CORRIDOR for module in row} | {"__init__"}
    return sorted({module_of(path) for path in sources} - placed)


def find_upward_imports(sources: Mapping[str, str]) -> list[str]:
    rows = {module: number for number, row in enumerate(CORRIDOR) for module in row}
    return [
        f"{path}:{line} imports {target}"
        for path, line, target in own_imports(sources)
        if rows.get(target, len(rows)) >= rows.get(module_of(path), -1)
    ]


def find_reserved_imports(sources: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{line} imports {target}"
        for path, line, target in own_imports(sources)
        if target in RESERVED and module_of(path) not in RESERVED[target]
    ]


def find_relative_imports(sources: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{line} imports {name}"
        for path, source in sources.items()
        for line, name in imports_of(source)
        if name.startswith(".")
    ]


def find_library_imports(sources: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{line} imports {top}"
        for path, line, top in outside_imports(sources)
        if top not in sys.stdlib_module_names and module_of(path) not in LIBRARIES.get(top, set())
    ]


def find_impure_imports(sources: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{line} imports {top}"
        for path, line, top in outside_imports(sources)
        if top in IMPURE and module_of(path) in PURE
    ]


def find_calls(sources: Mapping[str, str], function: str, *, allowed: set[str]) -> list[str]:
    return [
        f"{path}:{node.lineno} calls {function}"
        for path, source in sources.items()
        if module_of(path) not in allowed
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    ]


def find_content_imports(folder: str, sources: Mapping[str, str]) -> list[str]:
    """Find what a file of the library may not import: more of the compiler than `authoring`, or what is not pure."""
    allowed = (set(sys.stdlib_module_names) - IMPURE) | CONTENT_LIBRARIES[folder]
    return [
        f"{path}:{line} imports {name}"
        for path, source in sources.items()
        for line, name in imports_of(source)
        if not name.startswith(".") and name != "compiler.authoring" and name.split(".")[0] not in allowed
    ]


def find_long_files(sources: Mapping[str, str]) -> list[str]:
    lengths = {path: len(source.splitlines()) for path, source in sources.items()}
    return [f"{path} has {length} lines" for path, length in lengths.items() if length > LONGEST]


@pytest.fixture(scope="module")
def compiler() -> dict[str, str]:
    return read_sources(ROOT / "compiler")


def test_every_file_of_the_compiler_has_a_place_in_the_corridor(compiler: dict[str, str]) -> None:
    assert [] == find_unplaced(compiler)


def test_no_file_imports_its_own_row_or_one_below(compiler: dict[str, str]) -> None:
    assert [] == find_upward_imports(compiler)


def test_what_is_reserved_is_imported_by_those_it_is_for(compiler: dict[str, str]) -> None:
    assert [] == find_reserved_imports(compiler)


def test_the_compiler_names_its_own_files_in_full(compiler: dict[str, str]) -> None:
    assert [] == find_relative_imports(compiler)


def test_a_library_is_imported_by_its_own_room_only(compiler: dict[str, str]) -> None:
    assert [] == find_library_imports(compiler)


def test_rooms_between_load_and_render_touch_nothing_outside(compiler: dict[str, str]) -> None:
    assert [] == find_impure_imports(compiler)
    assert [] == find_calls(
        {path: text for path, text in compiler.items() if module_of(path) in PURE}, "open", allowed=set()
    )


def test_only_the_command_line_prints(compiler: dict[str, str]) -> None:
    assert [] == find_calls(compiler, "print", allowed={"cli"})


@pytest.mark.parametrize("folder", CONTENT_LIBRARIES)
def test_content_of_the_library_is_pure_and_knows_only_authoring(folder: str) -> None:
    assert [] == find_content_imports(folder, read_sources(ROOT / "platform" / folder))


def test_no_file_is_longer_than_a_reader_can_hold(compiler: dict[str, str]) -> None:
    assert [] == find_long_files(compiler) + find_long_files(read_sources(ROOT / "platform"))


def test_starting_the_command_line_loads_no_heavy_library() -> None:
    program = "import sys, compiler.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert set() == HEAVY & set(done.stdout.split())


def test_platform_is_no_package_and_shadows_nothing() -> None:
    assert [] == list((ROOT / "platform").glob("__init__.py*"))
    program = "import platform; print(platform.python_version())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert f"{sys.version_info.major}.{sys.version_info.minor}." in done.stdout


# The functions above can fail


def test_a_room_that_has_no_place_is_found() -> None:
    assert ["helpers"] == find_unplaced({"helpers.py": "", "load.py": "", "catalog/load.py": "", "__init__.py": ""})


@pytest.mark.parametrize(
    "source",
    [
        "from compiler.build import build_fragments",
        "import compiler.build",
        "from compiler import build",
        "import compiler.build as b, json",
        "def late() -> None:\n    from compiler.pipeline import compile_service",
        "from compiler.nowhere import thing",
    ],
)
def test_a_room_that_imports_a_room_is_found(source: str) -> None:
    assert 1 == len(find_upward_imports({"merge.py": source}))


def test_what_stands_above_may_be_imported() -> None:
    assert [] == find_upward_imports({"merge.py": "from compiler.model import Json\nimport json", "model.py": ""})


def test_a_package_may_import_itself_but_no_lower_row() -> None:
    sources = {"catalog/load.py": "from compiler.catalog.entry import Entry\nfrom compiler.cli import main"}
    assert ["catalog/load.py:2 imports cli"] == find_upward_imports(sources)


def test_a_second_reader_of_texts_is_found() -> None:
    source = "from compiler.load import load_document"
    assert ["merge.py:1 imports load"] == find_reserved_imports({"merge.py": source, "library.py": source})


@pytest.mark.parametrize("source", ["from . import model", "from .model import Json", "from .. import compiler"])
def test_a_relative_import_is_found(source: str) -> None:
    assert 1 == len(find_relative_imports({"merge.py": source}))


def test_a_library_in_the_wrong_room_and_an_unknown_one_are_found() -> None:
    sources = {"merge.py": "import json, yaml\nfrom yaml.nodes import Node", "load.py": "import yaml\nimport requests"}
    assert ["merge.py:1 imports yaml", "merge.py:2 imports yaml", "load.py:2 imports requests"] == find_library_imports(
        sources
    )


def test_a_clock_in_a_pure_room_is_found() -> None:
    source = "import time\nfrom os.path import join"
    assert ["render.py:1 imports time", "render.py:2 imports os"] == find_impure_imports(
        {"render.py": source, "output.py": source}
    )


def test_a_print_is_found() -> None:
    assert ["merge.py:1 calls print"] == find_calls(
        {"merge.py": "print(1)", "cli.py": "print(1)"}, "print", allowed={"cli"}
    )


def test_a_template_that_reaches_for_more_is_found() -> None:
    source = """
import time
from compiler.authoring import camel
from compiler.model import Json
from troposphere import Ref
from ._conventions import tags
import boto3
"""
    expected = ["web.py:2 imports time", "web.py:4 imports compiler.model", "web.py:7 imports boto3"]
    assert expected == find_content_imports("templates", {"web.py": source})


def test_a_long_file_is_found() -> None:
    assert ["long.py has 401 lines"] == find_long_files({"long.py": "x = 1\n" * 401, "short.py": "x = 1\n" * 400})
