"""Versions: put versions in order, choose one of many, and tell whether one is in a range.

In: versions and ranges as people write them.    Out: versions as they were written.
Never: takes a pre-release that nobody named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def is_final(text: str) -> bool:
    """Tell whether a version is one that can be published, and no pre-release.

    >>> [is_final(text) for text in ("1.0.0", "1.1.0-rc.1", "1.0")]
    [True, False, False]
    """
    return is_version(text) and not Version(text).is_prerelease


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
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # takes longer to import than all else here

    try:
        return SpecifierSet(bounds).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion) as error:
        raise ValueError(f"`{bounds}` is no range of versions, such as `>=0.1,<2`") from error


def admits_versions(wide: str | None, narrow: str | None) -> bool:
    """Tell whether one range admits all that another one does; None admits any. Raises ValueError where it is none.

    >>> admits_versions(">=0.1,<3", ">=0.2,<2"), admits_versions(">=0.2", ">=0.1"), admits_versions("<2", None)
    (True, False, False)
    """
    if wide is None or narrow is None:
        return wide is None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        bounds = [SpecifierSet(text) for text in (wide, narrow)]
        edges = [Version(each.version.removesuffix(".*")) for bound in bounds for each in bound]
    except (InvalidSpecifier, InvalidVersion) as error:
        raise ValueError(f"`{wide}` or `{narrow}` is no range of versions, such as `>=0.1,<2`") from error
    # Whether a version is in a range changes at the edges alone, or where one of their numbers grows by one.
    points = ["0.dev0", "999999"]
    for edge in edges:
        grown = [(*edge.release[:at], number + 1) for at, number in enumerate(edge.release)]
        for release in (edge.release, *grown):
            text = ".".join(map(str, release))
            points += [f"{text}.dev0", text, f"{text}.0.0.1"]
    return all(
        bounds[0].contains(each, prereleases=True) or not bounds[1].contains(each, prereleases=True) for each in points
    )


def bump_version(version: str, part: str) -> str:
    """Return the least version that is greater by its "major", "minor" or "patch" part.

    What was a pre-release may bring anything until its version is out.

    >>> bump_version("1.4.2", "minor"), bump_version("1.4.2", "major"), bump_version("2.0.0-rc.1", "major")
    ('1.5.0', '2.0.0', '2.0.0')
    """
    parsed = Version(version)
    major, minor, patch = parsed.release
    if parsed.is_prerelease:
        return f"{major}.{minor}.{patch}"
    return {"major": f"{major + 1}.0.0", "minor": f"{major}.{minor + 1}.0"}.get(part, f"{major}.{minor}.{patch + 1}")


def reaches_version(version: str, least: str) -> bool:
    """Tell whether a version, or the one that it is a pre-release of, is at least another.

    >>> reaches_version("2.0.0-rc.1", "2.0.0"), reaches_version("1.9.0", "2.0.0")
    (True, False)
    """
    return Version(version).release >= Version(least).release


def find_older(versions: Iterable[str], version: str) -> str | None:
    """Return the newest of the versions that are older than another; None where all are newer.

    >>> find_older(["1.0.0", "2.0.0", "1.1.0"], "1.1.1")
    '1.1.0'
    """
    return next((each for each in order_versions(versions) if Version(each) < Version(version)), None)
