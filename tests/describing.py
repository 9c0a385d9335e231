"""Describing: a service.yml as text, read against the toy library, room by room."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from compiler.diagnostics import Diagnostic, order_diagnostics
from compiler.load import load_document
from compiler.model import Descriptor, Library, Repository, Settings
from compiler.pipeline import open_library
from compiler.refusals import check_refusals
from compiler.resolve import resolve_settings
from compiler.rules import check_settings, check_whole
from compiler.trace import settings_of
from compiler.validate import validate_document

LIBRARY = Path(__file__).parent / "library"

SERVICE = """\
service: orders
owner: squad-toy
platform: "1.0"
processes:
  web:
    runtime: instances
    command: ./bin/serve
    port: 8080
"""

SHOP = """\
service: shop
owner: squad-toy
platform: "1.0"
processes:
  web: {runtime: instances, command: ./bin/serve, port: 8080}
"""


@cache
def toy_library() -> Library:
    return open_library(LIBRARY)


def describe(text: str) -> tuple[Descriptor, tuple[Diagnostic, ...]]:
    """Load and validate a text; what `load` has against it fails the test."""
    document, faults = load_document(text.encode(), "service.yml", dialect="plain")
    assert () == faults
    return validate_document(document, toy_library().schema)


def resolve(text: str, environment: str = "production") -> Settings:
    descriptor, faults = describe(text)
    assert () == faults
    return resolve_settings(descriptor, toy_library(), environment)


def judge(text: str, environment: str = "production") -> tuple[Diagnostic, ...]:
    """Find what the schema and the rules have against a text in one environment."""
    descriptor, faults = describe(text)
    repository = Repository(descriptor.document, (), (), (), (), None)
    settings = resolve_settings(descriptor, toy_library(), environment)
    whole = check_whole(descriptor, repository, toy_library(), {environment: settings})
    return order_diagnostics([*faults, *whole, *check_settings(descriptor, settings), *check_refusals(settings)])


def history(value: Any) -> list[tuple[str, int, Any]]:
    """List who spoke about a traced value: the layer, the line and what it said, the weakest first."""
    (setting,) = settings_of(value)
    return [(said.origin.layer, said.origin.span.line, said.value) for said in setting.history]
