"""Catalog, entry: one diagnostic explained, with files that show it.

In: nothing.    Out: Entry, and short ways to write its example files.
Never: knows what the compiler does with them; a test runs them through it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.diagnostics import Severity

Files = Mapping[str, str]

OVERRIDE = "cloudFormation/overrides/web.yml"
ADDITION = "cloudFormation/additions/archive.yml"

_HEAD = """\
service: shop
owner: platform
platform: "1.0"
processes:
  web:
    runtime: instances
    command: ./bin/serve
    port: 8080
"""
_PRODUCTION = """\
environments:
  production: {}
"""

# The repository that every example is laid over: a file of the example replaces the one of that path.
BASE_FILES: Files = {"service.yml": _HEAD + _PRODUCTION}


@dataclass(frozen=True, slots=True)
class Entry:
    """`wrong` yields the code and `right` does not; both are empty where files of a service cannot show it."""

    code: str
    title: str
    explanation: str
    wrong: Files = field(default_factory=dict)
    right: Files = field(default_factory=dict)
    severity: Severity = "error"
    is_shown_by_files: bool = True


def in_web(lines: str) -> Files:
    """The base repository with lines added to its process `web`."""
    return {"service.yml": _HEAD + _indented(lines, "    ") + _PRODUCTION}


def in_service(lines: str) -> Files:
    """The base repository with lines added to the top level of `service.yml`."""
    return {"service.yml": _HEAD + _indented(lines, "") + _PRODUCTION}


def in_production(lines: str) -> Files:
    """The base repository with lines that hold in production only."""
    return {"service.yml": _HEAD + "environments:\n  production:\n" + _indented(lines, "    ")}


def with_head(head: str) -> Files:
    """The base repository with other lines in place of service, owner, platform and processes."""
    return {"service.yml": _indented(head, "") + _PRODUCTION}


def file(path: str, text: str) -> Files:
    """The base repository with one file more, or with another text in the place of one."""
    return {path: _indented(text, "")}


def _indented(text: str, indent: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", indent)
