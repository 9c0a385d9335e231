"""Time zones: the names that IANA has for them, as a library brings them, so that every machine knows the same.

In: nothing.    Out: names.
Never: asks the machine, whose own list may be older or missing.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def list_time_zones() -> frozenset[str]:
    """
    >>> [name in list_time_zones() for name in ("Europe/London", "Mars/X", "Factory")]
    [True, False, False]
    """
    # "Factory" is what a machine has whose owner has named none.
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory"}
