"""Handbook: docs/templates says what the templates make, read and cost now, and leaves out nothing that they can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.chapters import Chapter, write_chapters
from compiler.handbook import INDEX, render_handbook, write_pages
from compiler.library import load_library, load_schema
from compiler.load import load_document
from compiler.model import Json, Library, value_at
from compiler.names import Names
from compiler.offers import describe_offers
from compiler.pipeline import build_stack, plan_service

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "templates"

# Options that are for the compiler, not for templates, each for a reason.
NOT_FOR_TEMPLATES = {
    "extends": "names descriptors to merge with",
    "logs.fewestDays": "is what the days of services are held against",
    "logs.destination": "is for templates of services, and the sample of one runs in the library's own environments",
    "logs.stream": "is the same",
    "platform": "names the line of the library",
    "description": "goes into the description of the stack",
    "additions": "are merged beside what templates make",
    "waivers": "are for guardrails",
    "environments": "hold the same options once more",
    "regions": "hold the same options of environments once more",
    "tenants": "hold the same options of environments once more",
    "processes.*.uses": "needs an addition",
    "images.x86_64": "is as `images.arm64`, for instances of another kind than those of the sample",
    "alarms.add.*.filter": "is of the logs of processes",
    **{
        f"alarms.{metric}": "is said of each process, where templates look for it"
        for metric in load_schema("service.v1")["$defs"]["alarms"]["properties"]
        if metric != "add"
    },
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(ROOT / "platform")


@pytest.fixture(scope="module")
def chapters(library: Library) -> tuple[Chapter, ...]:
    return write_chapters(library, FOLDER / "sample")


def test_the_pages_are_what_the_library_makes(chapters: tuple[Chapter, ...], update_expectations: bool) -> None:
    pages = render_handbook(chapters)
    if update_expectations:
        write_pages(FOLDER, pages)
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    assert pages == committed, "run `python -m compiler.handbook docs/templates`"


def test_the_sample_of_a_service_runs_in_that_of_an_environment(library: Library) -> None:
    document, _ = load_document((FOLDER / "sample/environment.yml").read_bytes(), "environment.yml", dialect="plain")
    extended = replace(library, environments={**library.environments, "sample": document})
    plan = plan_service(FOLDER / "sample", extended, with_archives=False)
    _, found = build_stack(plan, extended, "sample", lint=False)
    assert [] == [each for each in found if each.severity != "notice"]


def test_every_template_has_a_page_that_the_index_leads_to(library: Library, chapters: tuple[Chapter, ...]) -> None:
    pages = render_handbook(chapters)
    assert {INDEX, *(f"{template.name}.md" for template in library.templates)} == set(pages)
    assert [] == [name for name in pages if name != INDEX and f"]({name})" not in pages[INDEX]]


def test_every_option_goes_into_some_template(library: Library, chapters: tuple[Chapter, ...]) -> None:
    """What is missing here is of no use, or the samples do not say it."""
    told = {each for chapter in chapters for option in chapter.options for each in _parts(option.path)}
    environment = load_schema("environment.v1")
    options = {*_leaves(library.schema, library.schema), *_leaves(environment, environment)}
    options = {each for path in options for each in _parts(path)}
    exempt = tuple(NOT_FOR_TEMPLATES)
    assert set() == {path for path in options - told if not path.startswith((*exempt, "defaults."))}


def test_every_logical_id_that_code_names_is_made_by_the_samples(
    library: Library, chapters: tuple[Chapter, ...]
) -> None:
    made = {name for chapter in chapters for each in chapter.made for name in each.names}
    named = {each for ids in describe_offers(library, {})["logicalIds"]["service"]["ids"].values() for each in ids}
    assert [] == [each for each in sorted(named) if not any(re.fullmatch(_expression(each), name) for name in made)]


def test_what_is_read_is_written_by_some_template(chapters: tuple[Chapter, ...]) -> None:
    written = {path for chapter in chapters for path in chapter.writes}
    read = {path for chapter in chapters for path in chapter.reads if path.startswith("/platform/")}
    assert set() == read - written


def test_a_changed_template_changes_its_page(library: Library, chapters: tuple[Chapter, ...]) -> None:
    first, *others = chapters
    before, after = (render_handbook(each) for each in (chapters, (replace(first, about="Else."), *others)))
    assert {INDEX, f"{first.name}.md"} == {name for name in before if before[name] != after[name]}


def test_the_page_of_a_template_that_is_gone_goes(tmp_path: Path) -> None:
    write_pages(tmp_path, {"a.md": "a", "b.md": "b"})
    write_pages(tmp_path, {"b.md": "c"})
    assert {"b.md": "c"} == {path.name: path.read_text() for path in tmp_path.iterdir()}


NAMES = Names({"web": "Process", "web-admin": "Process", "a": "Zone", "LOG_LEVEL": "Key", "shop.sold": "ConsumedEvent"})


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("WebGroup", "<Process>Group"),
        ("WebAdminGroup", "<Process>Group"),
        ("WebsiteBucket", "WebsiteBucket"),
        ("SubnetA", "Subnet<Zone>"),
        ("NatABandwidthAlarm", "Nat<Zone>BandwidthAlarm"),
        ("AclAssociation", "AclAssociation"),
        ("LogLevelConfig", "<Key>Config"),
        ("WebShopSoldQueue", "<Process><ConsumedEvent>Queue"),
    ],
)
def test_a_name_becomes_a_pattern_where_it_is_a_word_of_an_id(name: str, pattern: str) -> None:
    assert pattern == NAMES.in_id(name)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/web/x/web", "/web/x/<process>"),
        ("/x/subnet-a/web-admin", "/x/subnet-<zone>/<process>"),
        ("/x/website", "/x/website"),
        ("/x/WEB_SHOP_SOLD_QUEUE_URL", "/x/<PROCESS>_<CONSUMED_EVENT>_QUEUE_URL"),
    ],
)
def test_a_name_becomes_a_pattern_where_it_is_a_word_of_a_path(path: str, pattern: str) -> None:
    assert pattern == NAMES.in_path(path)


def test_short_names_stay_in_sentences() -> None:
    assert "what a <process> says" == NAMES.in_text("what a web says")


def _parts(path: str) -> tuple[str, ...]:
    """What is said of one metric is said of each alike: a sample says it once, and something of every metric."""
    match path.split("."):
        case ["processes", "*", "alarms", metric, *rest]:
            return f"processes.*.alarms.{metric}", ".".join(("processes.*.alarms.*", *rest))
        case ["messages", kind, "*", "alarms", metric, *rest]:
            return f"messages.{kind}.*.alarms.{metric}", ".".join(("processes.*.alarms.*", *rest))
        case ["alarms", metric, *rest]:
            return f"alarms.{metric}", ".".join(("processes.*.alarms.*", *rest))
        case ["processes", "*", "logs", "*", "filters", "*", "alarm", *rest]:
            return "processes.*.logs.*.filters.*.alarm", ".".join(("processes.*.alarms.*", *rest))
    return (path,)


def _expression(pattern: str) -> str:
    return re.sub(r"<\w+>", "[A-Za-z0-9]+", pattern)


def _leaves(node: Json, schema: Json, path: str = "") -> Iterator[str]:
    """Yield the paths of options that hold a value."""
    while "$ref" in node:
        node = value_at(schema, tuple(node["$ref"].removeprefix("#/").split("/")))
    inner = dict(node.get("properties", {}))
    if isinstance(node.get("additionalProperties"), dict):
        inner["*"] = node["additionalProperties"]
    for key, each in inner.items():
        yield from _leaves(each, schema, f"{path}.{key}" if path else key)
    if not inner:
        yield path
