"""Alignment: decide which items of two lists go together, where nothing but the items themselves tells.

In: two lists as plain JSON, what names each item, whether order has a meaning.    Out: pairs of indices.
Never: takes more than a bounded time, however long the lists are; prefers one of the two lists to the other.
"""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from compiler.model import Json, walk_leaves

Pair = tuple[int, int]
Leaves = Counter[tuple[tuple[str, ...], str]]

# Beyond so many combinations items are no longer held against each other one by one.
MAX_COMBINATIONS = 10_000
_LIKE = 0.5


def write_token(value: Json) -> str:
    """Write a value so that equal text means equal value and type; the order of keys has no meaning.

    >>> write_token(1) == write_token("1"), write_token({"a": 1, "b": 2}) == write_token({"b": 2, "a": 1})
    (False, True)
    """
    return json.dumps(value, sort_keys=True)


def count_leaves(value: Json) -> Leaves:
    """Count the leaves of a value by where they stand, indices aside."""
    return Counter(
        (tuple(step for step in path if isinstance(step, str)), write_token(leaf)) for path, leaf in walk_leaves(value)
    )


def measure_likeness(one: Leaves, other: Leaves) -> float:
    """Return which part of the leaves two values share: 0 for nothing, 1 for all.

    >>> measure_likeness(count_leaves({"a": 1, "b": 2}), count_leaves({"a": 1, "b": 3}))
    0.5
    """
    most = max(one.total(), other.total())
    return (one & other).total() / most if most else 1.0


def pair_alike(
    one: Sequence[tuple[int, Leaves]],
    other: Sequence[tuple[int, Leaves]],
    *,
    least: float,
    most: int = MAX_COMBINATIONS,
) -> Iterator[tuple[float, Pair]]:
    """Pair the values that are at least so alike, the most alike first; of equals, those that stand nearest.

    Where that would hold more than `most` pairs against each other, there are none.
    """
    if len(one) * len(other) > most:
        return
    found = (
        (measure_likeness(leaves, more), index, at) for index, leaves in one for at, more in other
    )  # fmt: skip
    ranked = sorted(
        (-likeness, abs(index - at), min(index, at), max(index, at), index, at)
        for likeness, index, at in found
        if likeness >= least
    )
    taken: set[int] = set()
    filled: set[int] = set()
    for likeness, _, _, _, index, at in ranked:
        if index not in taken and at not in filled:
            taken.add(index)
            filled.add(at)
            yield -likeness, (index, at)


def align_unordered(before: Sequence[Json], after: Sequence[Json], names: Sequence[Sequence[str | None]]) -> list[Pair]:
    """Pair the items of lists whose order has no meaning: by name, then what is equal, then what is alike.

    `names` are those of the items of both lists; None where an item has none.
    """
    pairs = _pair_named(*names)
    rest = _rest(before, after, pairs)
    pairs += _pair_equal(
        [(at, write_token(before[at])) for at in rest[0]], [(at, write_token(after[at])) for at in rest[1]]
    )
    rest = _rest(before, after, pairs)
    maps = [[at for at in rest[0] if _is_tree(before[at])], [at for at in rest[1] if _is_tree(after[at])]]
    leaves = [[(at, count_leaves(before[at])) for at in maps[0]], [(at, count_leaves(after[at])) for at in maps[1]]]
    pairs += [pair for _, pair in pair_alike(leaves[0], leaves[1], least=_LIKE)]
    rest = _rest(before, after, pairs)
    open_after = set(rest[1])
    pairs += [(at, at) for at in rest[0] if at in open_after and _may_be_one(before[at], after[at])]
    rest = _rest(before, after, pairs)
    if len(rest[0]) == len(rest[1]) == 1 and _may_be_one(before[rest[0][0]], after[rest[1][0]]):
        pairs.append((rest[0][0], rest[1][0]))
    return pairs


def align_ordered(before: Sequence[Json], after: Sequence[Json], names: Sequence[Sequence[str | None]]) -> list[Pair]:
    """Pair the items of lists whose order has a meaning, so that pairs never cross.

    >>> align_ordered(["a", "b", "c"], ["a", "x", "b", "c"], [[None] * 3, [None] * 4])
    [(0, 0), (1, 2), (2, 3)]
    """
    tokens = [
        [name or write_token(item) for item, name in zip(items, names_of, strict=True)]
        for items, names_of in ((before, names[0]), (after, names[1]))
    ]
    if tokens[1] < tokens[0]:  # so that the way back finds the same pairs
        return [(index, at) for at, index in _align(after, before, tokens[1], tokens[0])]
    return _align(before, after, tokens[0], tokens[1])


def _align(before: Sequence[Json], after: Sequence[Json], one: Sequence[str], other: Sequence[str]) -> list[Pair]:
    shortest = min(len(one), len(other))
    head = next((at for at in range(shortest) if one[at] != other[at]), shortest)
    tail = next((at for at in range(shortest - head) if one[-1 - at] != other[-1 - at]), shortest - head)
    pairs = [(at, at) for at in range(head)]
    middle = _align_middle(one[head : len(one) - tail], other[head : len(other) - tail])
    for (index, at), (next_index, next_at) in _gaps(middle, len(one) - head - tail, len(other) - head - tail):
        rows = range(head + index, head + next_index)
        pairs += _pair_in_order(before, after, rows, range(head + at, head + next_at))
        if next_index < len(one) - head - tail and next_at < len(other) - head - tail:
            pairs.append((head + next_index, head + next_at))
    pairs += [(len(one) - at, len(other) - at) for at in range(tail, 0, -1)]
    return pairs


def _gaps(pairs: Iterable[Pair], rows: int, columns: int) -> Iterator[tuple[Pair, Pair]]:
    """Yield what lies between pairs: where it begins, and the pair that ends it."""
    start = (0, 0)
    for index, at in (*pairs, (rows, columns)):
        yield start, (index, at)
        start = (index + 1, at + 1)


def _align_middle(one: Sequence[str], other: Sequence[str]) -> list[Pair]:
    """Find a longest common subsequence; in long lists, one of the n-th occurrences of each item."""
    if len(one) * len(other) > MAX_COMBINATIONS:
        return _longest_increasing(_pair_equal(list(enumerate(one)), list(enumerate(other)), by_index=False))
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for index in reversed(range(len(one))):
        for at in reversed(range(len(other))):
            if one[index] == other[at]:
                lengths[index][at] = lengths[index + 1][at + 1] + 1
            else:
                lengths[index][at] = max(lengths[index + 1][at], lengths[index][at + 1])
    pairs, index, at = [], 0, 0
    while index < len(one) and at < len(other):
        if one[index] == other[at]:
            pairs.append((index, at))
            index, at = index + 1, at + 1
        elif lengths[index + 1][at] >= lengths[index][at + 1]:
            index += 1
        else:
            at += 1
    return pairs


def _longest_increasing(pairs: Iterable[Pair]) -> list[Pair]:
    """Keep as many pairs as do not cross."""
    ends: list[int] = []
    chains: list[tuple[Pair, object]] = []
    for pair in sorted(pairs):
        place = bisect.bisect_left(ends, pair[1])
        chain = (pair, chains[place - 1] if place else None)
        ends[place : place + 1] = [pair[1]]
        chains[place : place + 1] = [chain]
    kept: list[Pair] = []
    link: object = chains[-1] if chains else None
    while isinstance(link, tuple):
        kept.append(link[0])
        link = link[1]
    return kept[::-1]


def _pair_in_order(before: Sequence[Json], after: Sequence[Json], rows: range, columns: range) -> list[Pair]:
    """Pair what stands between two pairs of equal items: what is alike, in order."""
    if len(rows) == len(columns):
        return [(index, at) for index, at in zip(rows, columns, strict=True) if _may_be_one(before[index], after[at])]
    if len(rows) * len(columns) > MAX_COMBINATIONS:
        return []
    one = [(index, count_leaves(before[index])) for index in rows if _is_tree(before[index])]
    other = [(at, count_leaves(after[at])) for at in columns if _is_tree(after[at])]
    return _longest_increasing(pair for _, pair in pair_alike(one, other, least=_LIKE))


def _pair_named(one: Sequence[str | None], other: Sequence[str | None]) -> list[Pair]:
    counts = [Counter(one), Counter(other)]
    places = {name: at for at, name in enumerate(other) if name is not None and counts[1][name] == 1}
    return [
        (index, places[name])
        for index, name in enumerate(one)
        if name is not None and counts[0][name] == 1 and name in places
    ]


def _pair_equal(
    one: Sequence[tuple[int, str]], other: Sequence[tuple[int, str]], *, by_index: bool = True
) -> list[Pair]:
    """Pair equal items: what stands at the same index, then the n-th of one list with the n-th of the other."""
    there = dict(other) if by_index else {}
    pairs = [(at, at) for at, token in one if there.get(at) == token]
    done = {at for at, _ in pairs}
    waiting: dict[str, list[int]] = {}
    for at, token in reversed(other):
        if at not in done:
            waiting.setdefault(token, []).append(at)
    for index, token in one:
        if index not in done and waiting.get(token):
            pairs.append((index, waiting[token].pop()))
    return pairs


def _rest(before: Sequence[Json], after: Sequence[Json], pairs: Sequence[Pair]) -> tuple[list[int], list[int]]:
    taken, filled = {index for index, _ in pairs}, {at for _, at in pairs}
    return (
        [at for at in range(len(before)) if at not in taken],
        [at for at in range(len(after)) if at not in filled],
    )


def _is_tree(value: Json) -> bool:
    return isinstance(value, (dict, list)) and bool(value)


def _may_be_one(one: Json, other: Json) -> bool:
    """Tell whether two items may be one that changed: they are alike, or differ in one leaf and nothing else."""
    leaves = count_leaves(one), count_leaves(other)
    most = max(leaves[0].total(), leaves[1].total())
    shared = (leaves[0] & leaves[1]).total()
    return most - shared <= 1 or shared >= _LIKE * most
