"""Containment: whether all that one pattern, or several, fit is fit by others.

In: texts with wildcards, ranges of addresses.    Out: whether one holds the other.
Never: knows what the texts are about.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=65536)
def covers_text(pattern: str, other: str) -> bool:
    """Tell whether whatever fits the other pattern fits this one.

    >>> covers_text("s3:*", "s3:Get*"), covers_text("s3:Get?", "s3:Get*"), covers_text("*a*", "b*a")
    (True, False, True)
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == other
    # The states of matching the other, symbol by symbol: how much of the pattern may be used up.
    states = _skip({0}, pattern)
    for symbol in other:
        following = set()
        for at in states:
            if at < len(pattern):
                if pattern[at] == "*":
                    following.add(at)
                elif pattern[at] == symbol or (pattern[at] == "?" and symbol != "*"):
                    following.add(at + 1)
        states = _skip(following, pattern)
    return len(pattern) in states


def _skip(states: Iterable[int], pattern: str) -> set[int]:
    """Add what is reached where a `*` stands for nothing."""
    found = set(states)
    for at in sorted(found):
        end = at
        while end < len(pattern) and pattern[end] == "*":
            end += 1
            found.add(end)
    return found


@lru_cache(maxsize=65536)
def meet(first: str, second: str) -> bool:
    """Tell whether some text fits both patterns.

    >>> meet("a*c", "ab*"), meet("a*", "b*")
    (True, False)
    """
    reached = [[False] * (len(second) + 1) for _ in range(len(first) + 1)]
    reached[0][0] = True
    for at, to in itertools.product(range(len(first) + 1), range(len(second) + 1)):
        if not reached[at][to]:
            continue
        ours, theirs = first[at : at + 1], second[to : to + 1]
        if ours == "*" or theirs == "*":
            if ours:
                reached[at + 1][to] = True
            if theirs:
                reached[at][to + 1] = True
        elif ours and theirs and (ours == theirs or "?" in (ours, theirs)):
            reached[at + 1][to + 1] = True
    return reached[len(first)][len(second)]


def _covers_address(ours: frozenset[str], theirs: str) -> bool:
    network = _read_network(theirs)
    return network is not None and is_within(network, _read_networks(ours))


@lru_cache(maxsize=65536)
def _read_network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _read_networks(texts: frozenset[str]) -> tuple[Network, ...]:
    return tuple(network for text in texts if (network := _read_network(text)) is not None)


def _covers_one(ours: frozenset[str], theirs: str) -> bool:
    return any(covers_text(pattern, theirs) for pattern in ours)


def is_within(network: Network, others: Sequence[Network]) -> bool:
    """Tell whether a range of addresses is within others taken together.

    >>> halves = [ipaddress.ip_network("10.0.0.0/25"), ipaddress.ip_network("10.0.0.128/25")]
    >>> is_within(ipaddress.ip_network("10.0.0.0/24"), halves), is_within(ipaddress.ip_network("10.0.0.0/23"), halves)
    (True, False)
    """
    alike = [other for other in others if other.version == network.version]
    return any(network.subnet_of(other) for other in ipaddress.collapse_addresses(alike))  # type: ignore[arg-type, type-var]


# How a value of a condition is held by the values of another, by the operator.
FITS: dict[str, Callable[[frozenset[str], str], bool]] = {
    "stringlike": _covers_one,
    "arnlike": _covers_one,
    "arnequals": _covers_one,  # which takes wildcards as ArnLike does
    "ipaddress": _covers_address,
}
