"""Three hundred broken descriptors: each compiles or is refused with diagnostics, none ends in a traceback."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli

EXAMPLE = Path(__file__).parent.parent / "examples" / "service-repo"
SCALARS = [
    "null",
    "true",
    "-1",
    "0",
    "99999999999999999999",
    "1.5",
    "''",
    "x",
    "[]",
    "{}",
    "[1, a]",
    "{a: b}",
    "on",
    "2020-01-01",
]


def delete(text: bytes, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def duplicate(text: bytes, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"".join(lines)


def retype(text: bytes, chance: random.Random) -> bytes:
    lines = text.decode().splitlines(keepends=True)
    places = [index for index, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    index = chance.choice(places)
    parts = lines[index].rstrip("\n").split(": ")
    at = chance.randrange(1, len(parts))
    tail = "}" * parts[at].count("}") + "]" * parts[at].count("]") if chance.random() < 0.7 else ""
    lines[index] = ": ".join([*parts[:at], chance.choice(SCALARS) + tail, *parts[at + 1 :]]) + "\n"
    return "".join(lines).encode()


def truncate(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text))]


def scramble(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [delete, duplicate, retype, truncate, scramble]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_sixty_mutants_compile_or_are_refused(
    mutation: Callable[[bytes, random.Random], bytes], tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLE, repo)
    original = (repo / "service.yml").read_bytes()
    outcomes = []
    # Chance meets some lines more than once: what was tried is not tried again.
    mutants = {mutation(original, random.Random(seed)): seed for seed in range(60)}
    for mutant, seed in mutants.items():
        (repo / "service.yml").write_bytes(mutant)
        done = CliRunner().invoke(cli, ["compile", str(repo), "--no-lint", "--out", str(tmp_path / "out")])
        assert done.exception is None or isinstance(done.exception, SystemExit), (seed, mutant, done.exc_info)
        assert done.exit_code in (0, 1), (seed, mutant, done.stderr)
        assert done.exit_code == 0 or ": error " in done.stderr, (seed, done.stderr)
        outcomes.append(done.exit_code)
    assert 1 in outcomes
