"""Review: the order in which two sides are compared and judged, and nothing else.

In: two Sides, the Library that names the items of lists.    Out: a Diff.
Never: reads a side, or draws a diff.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.behavior import is_ordered
from compiler.changes import Diff, Side, order_changes
from compiler.compare import ListRules
from compiler.consequence import judge_diff
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.model import Library


def review_sides(before: Side, after: Side, library: Library) -> Diff:
    """Find all that differs between two sides, and say what it means."""
    diff = judge_diff(diff_sides(before, after, ListRules(IdentityTable(library.identities), is_ordered)))
    return replace(diff, changes=order_changes(diff.changes))
