"""Share: what a service says of a part of a stack is added up by section, and the longest is named."""

from __future__ import annotations

from dataclasses import replace

from compiler.model import Json, Path, Said, Setting, Stack
from compiler.share import Share, find_heaviest
from tests.stacks_by_hand import group, said, stack_of


def fed(path: Path, line: int, value: Json, layer: str = "service") -> Said:
    return replace(said("template", 7), fed_by=(Setting(path, (said(layer, line, value),)),))


def heaviest(stack: Stack, depth: int = 2) -> tuple[Path, int, int] | None:
    share: Share | None = find_heaviest(stack, ("Resources", "Logs"), depth=depth)
    return (share.section, share.span.line, share.weight) if share else None


def test_many_short_words_of_one_section_outweigh_a_long_one_of_another() -> None:
    words: dict[Path, Said] = {
        ("Logs", "Properties", "A"): fed(("config", "A"), 3, "long" * 2),
        ("Logs", "Properties", "B"): fed(("secrets", "B"), 5, "five5"),
        ("Logs", "Properties", "C"): fed(("secrets", "C"), 6, "five5", layer="base"),
    }
    assert (("secrets",), 5, 10) == heaviest(stack_of(group(A="", B="", C=""), words))


def test_what_every_resource_carries_is_nobodys() -> None:
    words: dict[Path, Said] = {
        ("Logs", "Properties", "A"): fed(("service",), 1, "a-long-name"),
        ("Logs", "Properties", "B"): fed(("processes", "web", "logs", "app"), 5, "app"),
    }
    stack = stack_of(group(A="", B=""), words)
    assert [(("processes", "web"), 5, 3), (("processes", "web", "logs"), 5, 3)] == [
        heaviest(stack, depth) for depth in (2, 3)
    ]
    assert None is heaviest(stack_of(group(A=""), {("Logs",): fed(("owner",), 2, "squad")}))
    assert None is heaviest(stack_of(group(A="")))


def test_an_override_counts_by_its_file_and_what_it_says() -> None:
    words: dict[Path, Said] = {
        ("Logs", "Properties", "A"): said("override", 4, "x"),
        ("Logs", "Properties", "B"): fed(("config", "A"), 3, "four"),
    }
    assert (("override.yml",), 4, 5) == heaviest(stack_of(group(A="five5", B=""), words))
