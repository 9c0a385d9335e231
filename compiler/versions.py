"""Versions: put versions in order, choose one of many, and tell whether one is in a range.

In: versions and ranges as people write them.    Out: versions as they were written.
Never: takes a pre-release that nobody named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

# What semantic versioning and PEP 440 put in the same order, which is not true of any other suffix.
_PUBLISHED = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(-(alpha|beta|rc)\.(0|[1-9]\d{0,5}))?")
_LINE = re.compile(r"\d+\.\d+")


def is_version(text: str) -> bool:
    """Tell whether a library can be published under a version.

    >>> [is_version(text) for text in ("1.0.0", "1.1.0-rc.1", "1.0", "1.0.0-1", "01.0.0")]
    [True, True, False, False, False]
    """
    return _PUBLISHED.fullmatch(text) is not None


def order_versions(versions: Iterable[str]) -> list[str]:
    """Order versions, the newest first.

    >>> order_versions(["1.9.0", "1.10.0-rc.1", "1.10.0"])
    ['1.10.0', '1.10.0-rc.1', '1.9.0']
    """
    return sorted(versions, key=Version, reverse=True)


def choose_version(versions: Iterable[str], wanted: str) -> str | None:
    """Choose the wanted version, or the newest of a wanted line; None where there is none.

    >>> choose_version(["1.0.0", "1.0.9", "1.0.10", "1.0.11-rc.1", "1.1.0"], "1.0")
    '1.0.10'
    """
    known = list(versions)
    if not _LINE.fullmatch(wanted):
        return wanted if wanted in known else None
    on_line = [each for each in known if each.startswith(f"{wanted}.") and not Version(each).is_prerelease]
    return next(iter(order_versions(on_line)), None)


def is_in_range(version: str, bounds: str) -> bool:
    """Tell whether a version is within comma-separated bounds. Raises ValueError where they are none.

    >>> is_in_range("0.1.0", ">=0.1,<2"), is_in_range("2.0.0", ">=0.1,<2")
    (True, False)
    """
    try:
        return SpecifierSet(bounds).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion) as error:
        raise ValueError(f"`{bounds}` is no range of versions, such as `>=0.1,<2`") from error
