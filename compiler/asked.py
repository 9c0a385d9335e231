"""Asked: what a change in a file of overrides asks for.

In: a change as plain JSON.    Out: whether it is about a list, or about a value as a whole.
Never: looks at what is changed.
"""

from __future__ import annotations

from compiler.model import Json, Path
from compiler.node import is_intrinsic

LIST_DIRECTIVES = ("$remove", "$prepend", "$append")
# IAM takes a single statement that is in no list.
MAY_BE_ONE = "Statement"


def is_about_list(change: Json) -> bool:
    """Tell whether a change of a single statement is about a list of them."""
    if isinstance(change, dict):
        return any(name in change and change[name] is not True for name in LIST_DIRECTIVES) or (
            not is_intrinsic(change) and not any(key.startswith("$") for key in change)
        )
    return isinstance(change, list)


def is_atom(change: Json, at: Path) -> bool:
    """Tell whether a change is an intrinsic; of a resource or an output itself, `Condition` is an attribute."""
    return is_intrinsic(change) and not (len(at) == 2 and at[0] in ("Resources", "Outputs"))
