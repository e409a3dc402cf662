"""A sample of a version's edits that shows all kinds of them, the same for the same seed."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from varifactory import keys
from varifactory.stages import Row

SHARE, LEAST = 0.01, 5
"""Of the edits, and edits at least: 1 % of 1,000 finds what spoils one edit in three, 5 what
spoils all."""
Kind = TypeVar("Kind", bound=Hashable)


def stratified(
    rows: Sequence[Row], kind: Callable[[Row], Kind], share: float, least: int, seed: int
) -> list[Row]:
    """``share`` of the rows, at least ``least``, of every kind its part and one if there is room.

    Rows of a kind are taken in an order that follows from the seed and their keys, so that a
    larger share of the same seed holds most of the smaller one.
    """
    wanted = min(len(rows), max(least, math.ceil(share * len(rows))))
    strata: dict[Kind, list[Row]] = defaultdict(list)
    for row in rows:
        strata[kind(row)].append(row)
    names = sorted(strata, key=lambda name: (-len(strata[name]), str(name)))
    counts = _allocated([len(strata[name]) for name in names], wanted)
    chosen: list[Row] = []
    for name, count in zip(names, counts, strict=True):
        chosen += sorted(strata[name], key=lambda row: _lot(row, seed))[:count]
    return chosen


def _lot(row: Row, seed: int) -> tuple[float, str]:
    return keys.share(str(row["key"]), f"reproduce/{seed}"), str(row["key"])


def _allocated(sizes: Sequence[int], wanted: int) -> list[int]:
    """One each, the largest first, then one at a time to whoever has the least for its size."""
    taken = [0] * len(sizes)
    for at in range(min(wanted, len(sizes))):
        taken[at] = 1
    for _ in range(wanted - sum(taken)):
        free = [at for at, size in enumerate(sizes) if taken[at] < size]
        most = max(free, key=lambda at: (sizes[at] / (2 * taken[at] + 1), -at))
        taken[most] += 1
    return taken
