"""Listening: for which requests a rule of a shared load balancer asks.

In: the settings of a process.    Out: a Rule, or None where the process has none.
Never: judges, or knows in which order rules are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.blame import map_at
from compiler.containment import covers_text
from compiler.trace import plain

_ALL = "/*"


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests for any of the names, which are first labels of hosts, on any of the paths. Words keep their origin."""

    exposure: str
    names: tuple[str, ...]
    paths: tuple[str, ...] = ()

    def cells(self) -> Iterator[tuple[str, str]]:
        """Yield each name with each path; `/*` stands for all paths."""
        for name in self.names:
            for path in self.paths or (_ALL,):
                yield name, path

    @property
    def is_for_all_paths(self) -> bool:
        """Tell whether there is no path that the rule leaves to others."""
        return not self.paths or any(_covers(path, _ALL) for path in self.paths)

    def takes(self, name: str, path: str) -> bool:
        """Tell whether the rule is for every request for a name that a path fits.

        >>> Rule("private", ("shop",), ("/api/*",)).takes("shop", "/api/v1/*")
        True
        >>> Rule("private", ("shop",), ("/api/*",)).takes("shop", "/api")
        False
        """
        return name in self.names and any(_covers(pattern, path) for pattern in self.paths or (_ALL,))

    def covers(self, other: Rule) -> bool:
        """Tell whether the rule is for every request that another is for."""
        is_near = bool(other.names) and self.exposure == other.exposure
        return is_near and all(self.takes(name, path) for name, path in other.cells())


def read_rule(process: Mapping[str, Any]) -> Rule | None:
    """Read the rule that a process has on a shared load balancer; it names nothing where a name is missing."""
    if plain(process.get("loadBalancer")) != "shared":
        return None
    routing = map_at(process, "routing")
    names = tuple(label for label in (process.get("dns"), routing.get("host")) if isinstance(label, str))
    paths = routing.get("paths")
    return Rule(
        str(plain(process.get("exposure"))),
        names,
        tuple(path for path in paths if isinstance(path, str)) if isinstance(paths, list) else (),
    )


def _covers(pattern: str, other: str) -> bool:
    return covers_text(_tidy(plain(pattern)), _tidy(plain(other)))


def _tidy(pattern: str) -> str:
    """Write each run of wildcards in one way: `*?` fits what `?*` does."""
    return re.sub(r"[*?]{2,}", lambda run: "?" * run[0].count("?") + "*" * ("*" in run[0]), pattern)
