"""Renames: an old logical id leads to the one that exists, along the table, and nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compiler.diagnostics import CompileError, Source, Span
from compiler.library import find_content, load_library
from compiler.model import Rename
from compiler.renames import find_new_name

TOY = Path(__file__).parent / "library"
SPAN = Span(Source("platform/renames.yml"), 1, 1, 1, 2)


def table(*lines: str) -> tuple[Rename, ...]:
    """Make a table of lines such as `WebLb WebBalancer 1.1.0`."""
    words = [line.split() for line in lines]
    return tuple(Rename(old, new, since, SPAN) for old, new, since in words)


@pytest.mark.parametrize(
    ("old", "known", "expected"),
    [
        ("WebNetworkLoadBalancer", ["WebBalancer"], ("WebBalancer", "1.1.0")),
        ("WebNetworkLoadBalancer", ["WorkerBalancer"], None),  # a new name is offered only where there is one
        ("NetworkLoadBalancer", ["Balancer"], None),  # a placeholder stands for at least one letter
        ("WebNetworkLoadBalancers", ["WebBalancer"], None),
        ("Topic", ["Events"], ("Events", "2.0.0")),
        ("OrderTopic", ["OrderEvents"], None),  # what has no placeholder is meant as it is
        ("WebOldest", ["WebNewest"], ("WebNewest", "1.3.0")),  # renamed twice
        ("WebOldest", ["WebNewer"], ("WebNewer", "1.2.0")),  # and the library in use knows the first
        ("WebRound", ["Web"], None),  # a circle ends
        ("SecretWebKey", ["WebSecret"], ("WebSecret", "1.5.0")),
        ("WebNewer", ["WebNewer"], None),  # what exists is called what it is called
    ],
)
def test_an_old_name_leads_to_the_one_that_exists(old: str, known: list[str], expected: tuple[str, str] | None) -> None:
    renames = table(
        "<Process>NetworkLoadBalancer <Process>Balancer 1.1.0",
        "Topic Events 2.0.0",
        "<Process>Oldest <Process>Newer 1.2.0",
        "<Process>Newer <Process>Newest 1.3.0",
        "<Process>Round <Process>Circle 1.4.0",
        "<Process>Circle <Process>Round 1.4.1",
        "Secret<Process>Key <Process>Secret 1.5.0",
    )
    assert expected == find_new_name(renames, old, known)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("Old: New", "rename of `Old` needs `to`, a logical id, and `since`, a version such as 1.1.0"),
        ("Old: {to: New}", "rename of `Old` needs `to`, a logical id, and `since`, a version such as 1.1.0"),
        (
            "Old: {to: New, since: 1.1}",
            "rename of `Old` needs `to`, a logical id, and `since`, a version such as 1.1.0",
        ),
        ("Old: {to: Old, since: 1.1.0}", "rename of `Old` leads to itself"),
        (
            "Old: {to: <Process>New, since: 1.1.0}",
            "rename of `Old` leads to `<Process>New`, and nothing says what `<Process>` stands for",
        ),
        (
            "<A><B>Old: {to: <A>New, since: 1.1.0}",
            "rename of `<A><B>Old` speaks of `<A><B>Old`, which is no logical id with at most one placeholder in it",
        ),
        (
            "<A>: {to: <A>New, since: 1.1.0}",
            "rename of `<A>` speaks of `<A>`, which is no logical id with at most one placeholder in it",
        ),
        (
            "Old.*: {to: New, since: 1.1.0}",
            "rename of `Old.*` speaks of `Old.*`, which is no logical id with at most one placeholder in it",
        ),
    ],
)
def test_a_table_that_says_too_little_or_too_much_is_refused_at_its_line(line: str, fault: str, tmp_path: Path) -> None:
    shutil.copytree(TOY, tmp_path / "library")
    (tmp_path / "library" / "renames.yml").write_text(f"# names\n{line}\n")
    with pytest.raises(CompileError) as raised:
        load_library(tmp_path / "library")
    [found] = raised.value.diagnostics
    assert ("D403", f"`platform/renames.yml` {fault}") == (found.code, found.message)
    assert found.span and 2 == found.span.line


def test_the_packaged_table_is_empty_and_a_library_may_have_none(tmp_path: Path) -> None:
    assert () == load_library(find_content("platform")).renames
    shutil.copytree(TOY, tmp_path / "library")
    (tmp_path / "library" / "renames.yml").unlink()
    assert () == load_library(tmp_path / "library").renames
