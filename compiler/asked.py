"""Asked: what a change in a file of overrides asks for.

In: a change as plain JSON, and what it changes.    Out: whether it is a statement, a value as a whole, or no change.
Never: changes anything.
"""

from __future__ import annotations

from compiler.model import Json, Path
from compiler.node import ListNode, MapNode, Node, alike, is_intrinsic, same

LIST_DIRECTIVES = ("$remove", "$prepend", "$append")
# IAM takes a single statement that is in no list.
MAY_BE_ONE = "Statement"


def is_statement(change: Json) -> bool:
    """Tell whether a change is a statement of its own, rather than a part of the only one that there is.

    >>> is_statement({"Effect": "Deny", "Action": "*"}), is_statement({"Resource": "b"})
    (True, False)
    """
    return isinstance(change, dict) and ("Effect" in change or "Sid" in change)


def is_atom(change: Json, at: Path) -> bool:
    """Tell whether a change is an intrinsic; of a resource or an output itself, `Condition` is an attribute."""
    return is_intrinsic(change) and not (len(at) == 2 and at[0] in ("Resources", "Outputs"))


def in_a_list(base: Node | None, at: Path) -> Node | None:
    """Put the only statement of a policy into a list, where others may join it."""
    is_one = at[-1] == MAY_BE_ONE and isinstance(base, MapNode) and "Effect" in base.items
    return ListNode((base,)) if is_one and base is not None else base


def is_no_change(base: Json, change: Json, at: Path) -> bool:
    """Tell whether a change says what is there already."""
    # CloudFormation turns a property into the type that it has; deeper down there may be JSON of somebody else's.
    is_property = len(at) == 4 and at[2] == "Properties" and not isinstance(base, (dict, list))
    return alike(base, change) if is_property and not isinstance(change, (dict, list)) else same(base, change)
