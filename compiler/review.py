"""Review: the order in which two sides are compared and judged, and nothing else.

In: two Sides, the Library that names the items of lists.    Out: a Diff.
Never: reads a side, or draws a diff.
"""

from __future__ import annotations

from compiler.changes import Diff, Side
from compiler.compare import ListRules
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.model import Library


def review_sides(before: Side, after: Side, library: Library) -> Diff:
    """Find all that differs between two sides, and say what it means."""
    rules = ListRules(IdentityTable(library.identities), lambda kind, path: False)
    return diff_sides(before, after, rules)
