"""Any descriptor that the schema admits compiles without a finding of the linter, or is refused at one of its lines.

`FLAGSTONE_DESCRIPTORS=2000 pytest tests/test_every_descriptor.py` looks for longer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compiler.diagnostics import CompileError, Diagnostic
from compiler.model import Library
from compiler.pipeline import Plan, build_stack, open_library, plan_service
from tests.descriptors import descriptors, mend_descriptor, write_descriptor

TRIES = int(os.environ.get("FLAGSTONE_DESCRIPTORS", "12"))
# What a service can be told: that it is not valid, that values contradict each other, guardrails and limits.
REFUSED = re.compile("D104|D20[2-8]|D3[0-9][0-9]|D402|D601|D602")
LIBRARY = open_library(None)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def plan(folder: Path, text: str, library: Library) -> Plan:
    (folder / "service.yml").write_text(text)
    return plan_service(folder, library, with_archives=False, is_locking=True)


def refuse(folder: Path, text: str) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a descriptor as far as the linter is not needed."""
    try:
        made = plan(folder, text, LIBRARY)
        return tuple(fault for name in made.settings for fault in build_stack(made, LIBRARY, name, lint=False)[1])
    except CompileError as error:
        return error.diagnostics


# Not shrunk: what failed is shown as it was mended, and each step of a search for less would compile and lint.
@settings(
    max_examples=TRIES, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(st.data())
def test_every_descriptor_compiles_without_a_finding_or_is_refused_at_a_line(folder: Path, data: st.DataObject) -> None:
    drawn = data.draw(descriptors(LIBRARY.schema))
    sound, faults = mend_descriptor(drawn, LIBRARY.schema, lambda text: refuse(folder, text), data.draw)
    for fault in faults:
        assert REFUSED.fullmatch(fault.code), fault
        assert fault.span is not None and fault.span.path.endswith("service.yml"), fault
    made = plan(folder, write_descriptor(sound), LIBRARY)
    environment = data.draw(st.sampled_from(sorted(made.settings)))
    found = build_stack(made, LIBRARY, environment, lint=True)[1]
    assert [] == [fault for fault in found if fault.code[0] != "D"], json.dumps(sound)
