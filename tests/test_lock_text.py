"""Lock: whatever stands in the file, it is read, compared or refused; and what was written is read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.load import load_document
from compiler.lock import check_lock, check_overridden, find_moves, read_lock, write_lock
from compiler.model import Library, Stack, Touch
from compiler.pipeline import open_library

TOY = Path(__file__).parent / "library"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("a.[]=", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("Ra.[]=", max_size=5), inner, max_size=3),
    max_leaves=8,
)
SHAPED = st.fixed_dictionaries(
    {
        "schema": st.just(1),
        "platform": st.just({"name": "toy", "version": "0.9.0", "digest": "0" * 64}),
        "overridden": st.dictionaries(
            st.just("production"), st.dictionaries(st.text("Ra.[]=", max_size=5), JSON, max_size=3)
        ),
    }
)


@pytest.fixture(scope="module")
def toy() -> Library:
    return open_library(TOY)


@given(data=JSON | SHAPED | st.fixed_dictionaries({"schema": JSON, "platform": JSON, "overridden": JSON}))
def test_any_text_is_a_lock_or_is_refused_and_any_lock_can_be_compared(data: Any, toy: Library) -> None:
    document, _ = load_document(json.dumps(data).encode(), "flagstone.lock", dialect="plain")
    found, faults = read_lock(document)
    assert (found is None) == bool(faults)
    if found:
        body = {"a": [{"a": 1}], "R": {"Ref": "a"}}
        stack = Stack({}, {}, {}, (Touch(("R", "a", "R"), document.value_span(())),), {("R", "a"): body})
        assert len(list(check_lock(found, toy, "1.0"))) == 1
        assert len(list(check_overridden(found, stack, toy, "production"))) == 1
        find_moves(found, toy, {"production": stack})


# Each character of a pointer may take 12 in the file, and no key of a file may have more than 1,024.
POINTERS = st.text(max_size=80)


@given(overridden=st.dictionaries(st.text("ab", min_size=1), st.dictionaries(POINTERS, JSON, max_size=3), max_size=3))
def test_a_lock_is_read_as_it_was_written(overridden: Any, toy: Library) -> None:
    content = write_lock(toy, overridden)
    document, _ = load_document(content, "flagstone.lock", dialect="plain")
    found, faults = read_lock(document)
    assert () == faults and found
    assert (toy.name, toy.version, toy.digest, overridden) == (
        found.name,
        found.version,
        found.digest,
        found.overridden,
    )
    assert content == write_lock(toy, dict(reversed(list(found.overridden.items()))))
