"""Nearness of many rows to many others, a tile at a time: the whole would be 10 GB of 50,000 rows.

Nearness is minus half of the squared Euclidean distance: one product of float32 matrices gives it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from varifactory.metrics.vectors import TooFew, Vectors
from varifactory.shards.prefetch import in_order

TILE = 1024
"""Rows and columns of a tile: 4 MB, which stay in a core's cache from the product to its use."""
SAME = 1e-6
"""Squared distances below this share of the rows' mean square are none: float32 leaves as much of
equal rows."""
Found = TypeVar("Found")
Close = tuple[NDArray[np.int64], Vectors]
"""Rows, ascending, and a nearness each."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows made ready for tiles."""

    left: Vectors
    """(n, width + 2): a row, minus half of its square, 1."""
    right: Vectors
    """(n, width + 2): a row, 1, minus half of its square."""
    scale: float
    """Mean square of the rows."""

    def __len__(self) -> int:
        return len(self.left)

    def near(self, rows: slice, other: "Table", columns: slice) -> Vectors:
        """Nearness of these rows to those of the other."""
        found: Vectors = self.left[rows] @ other.right[columns].T
        return found


def table(vectors: Vectors, around: Vectors) -> Table:
    """Rows less the mean of ``around``: the difference of large near squares would lose digits."""
    moved = (vectors - around.mean(axis=0, dtype=np.float64)).astype(np.float32)
    halves = -np.square(moved).sum(axis=1, keepdims=True) / 2
    ones = np.ones_like(halves)
    return Table(
        np.concatenate([moved, halves, ones], axis=1),
        np.concatenate([moved, ones, halves], axis=1),
        float(-2 * halves.mean(dtype=np.float64)) or 1.0,
    )


def blocks(count: int) -> list[slice]:
    """Slices of at most ``TILE`` that cover so many rows."""
    return [slice(start, min(start + TILE, count)) for start in range(0, count, TILE)]


def over(
    tiles: list[tuple[slice, slice]], work: Callable[[slice, slice], Found]
) -> Iterator[tuple[slice, slice, Found]]:
    """Every tile with what was made of it, in order, on as many threads as there are cores."""
    if len(tiles) < 2:  # small sets come by the thousand, and threads cost more than the work
        return ((*tile, work(*tile)) for tile in tiles)
    made = in_order(lambda tile: work(*tile), tiles, threads=os.cpu_count() or 1)
    return ((*tile, found) for tile, found in zip(tiles, made, strict=True))


def reach(of: Table, k: int) -> Vectors:
    """(n,) squared distances to the k-th nearest other row; 0 of a row with k copies.

    A tile serves its rows and its columns, so that half of all tiles do. What is nearer than a
    row's k-th nearest so far is rare, and sought out by one comparison.

    Raises:
        TooFew: k below 1, or no more than k rows.
    """
    enough(len(of), k)
    nearest = np.full((len(of), k), -np.inf, np.float32)
    # Beside, since threads read it while ``nearest`` is written: an older bound lets more pass.
    bound = np.full(len(of), -np.inf, np.float32)

    def alone(rows: slice, _: slice) -> Vectors:
        close = of.near(rows, of, rows)
        np.fill_diagonal(close, -np.inf)
        kept = min(k, len(close))
        return np.partition(close, -kept, axis=1)[:, -kept:]

    def nearer(rows: slice, columns: slice) -> tuple[Close, Close]:
        close = of.near(rows, of, columns)
        return _beyond(close, bound[rows]), _beyond(close.T, bound[columns])

    cut = blocks(len(of))
    for rows, _, found in over([(one, one) for one in cut], alone):
        nearest[rows, : found.shape[1]] = found
        bound[rows] = nearest[rows].min(axis=1)
    pairs = [(one, two) for at, one in enumerate(cut) for two in cut[at + 1 :]]
    for rows, columns, (ours, theirs) in over(pairs, nearer):
        _merge(nearest[rows], bound[rows], ours)
        _merge(nearest[columns], bound[columns], theirs)
    squares = -2 * bound
    return np.where(squares < SAME * of.scale, np.float32(0), squares)


def enough(count: int, k: int) -> None:
    """Refuse a k that so many images have no k-th neighbour for.

    Raises:
        TooFew: k below 1, or no more than k images.
    """
    if k < 1:
        raise TooFew(f"k {k}: give at least 1 neighbour")
    if k >= count:
        raise TooFew(
            f"n too small: {count} image{'s' if count != 1 else ''}, and {k} "
            f"neighbour{'s need' if k != 1 else ' needs'} at least {k + 1}"
        )


def _beyond(close: Vectors, bound: Vectors) -> Close:
    """What exceeds its row's bound."""
    rows, columns = np.nonzero(close > bound[:, None])
    return rows, close[rows, columns]


def _merge(nearest: Vectors, bound: Vectors, found: Close) -> None:
    """Put what was found among the k nearest of its rows."""
    rows, values = found
    if not len(rows):
        return
    which, starts, counts = np.unique(rows, return_index=True, return_counts=True)
    k = nearest.shape[1]
    wide = np.full((len(which), k + counts.max()), -np.inf, np.float32)
    wide[:, :k] = nearest[which]
    slots = k + np.arange(len(rows)) - np.repeat(starts, counts)
    wide[np.repeat(np.arange(len(which)), counts), slots] = values
    kept = np.partition(wide, -k, axis=1)[:, -k:]
    nearest[which], bound[which] = kept, kept.min(axis=1)
