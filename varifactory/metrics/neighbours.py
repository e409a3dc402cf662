"""Where synthetic images lie among real ones, by nearest neighbours.

Every image has a ball that reaches to its k-th nearest neighbour of its own kind; the balls of a
set are its manifold (Kynkäänniemi et al., 2019). Being inside is strict, as in the published
``prdc``: a ball of no radius, of an image with k copies, holds nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from varifactory.metrics.tiles import SAME, blocks, over, reach, table
from varifactory.metrics.vectors import Flags, Numbers, Places, Vectors, shared_width

REALISM_NEIGHBOURS = 3
"""k of realism, as published (Kynkäänniemi et al., 2019)."""
LARGEST = 0.9
"""Quantile of the radii that realism cuts them to."""


@dataclass(frozen=True, slots=True)
class Manifold:
    """Two sets within each other's balls, image by image."""

    inside: Flags
    """A synthetic image each: within the ball of a real one. Its mean is precision."""
    density: Numbers
    """A synthetic image each: balls of real ones that it lies in, over k (Naeem et al., 2020)."""
    recalled: Flags
    """A real image each: within the ball of a synthetic one. Its mean is recall."""
    covered: Flags
    """A real image each: a synthetic one lies in its ball. Its mean is coverage (Naeem et al.)."""


def radii(vectors: Vectors, k: int = 5) -> Numbers:
    """(n,) Euclidean distances to the k-th nearest other row; 0 of a row with k copies.

    Raises:
        TooFew: k below 1, or no more than k rows.
    """
    shared_width(vectors)
    found: Numbers = np.sqrt(reach(table(vectors, vectors), k).astype(np.float64))
    return found


def manifold(real: Vectors, synthetic: Vectors, k: int = 5, own: Places | None = None) -> Manifold:
    """Which synthetic images lie among the real ones, and which real ones they reach.

    Args:
        real: (n, width).
        synthetic: (m, width).
        own: place in ``real`` of the image each synthetic one was made from, or -1; the two are
            not held against each other, since an edit is near its source whatever it shows.

    Raises:
        TooFew: no more than k rows on a side.
        ValueError: widths that differ.
    """
    shared_width(real, synthetic)
    ours, theirs = table(real, real), table(synthetic, real)
    ball, balls = _rim(reach(ours, k)), _rim(reach(theirs, k))

    def within(rows: slice, columns: slice) -> tuple[NDArray[np.intp], ...]:
        close = ours.near(rows, theirs, columns)
        if own is not None:
            close[_own_pairs(rows, columns, own)] = -np.inf
        real_at, synthetic_at = np.nonzero(close > ball[rows, None])
        return real_at, synthetic_at, np.flatnonzero((close > balls[columns]).any(axis=1))

    count = np.zeros(len(synthetic), np.int64)
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    tiles = [(rows, columns) for rows in blocks(len(real)) for columns in blocks(len(synthetic))]
    for rows, columns, (real_at, synthetic_at, reached) in over(tiles, within):
        covered[rows][real_at] = True
        recalled[rows][reached] = True
        count[columns] += np.bincount(synthetic_at, minlength=columns.stop - columns.start)
    return Manifold(count > 0, count / k, recalled, covered)


def realism(
    real: Vectors,
    synthetic: Vectors,
    k: int = REALISM_NEIGHBOURS,
    own: Places | None = None,
) -> Numbers:
    """(m,) how far inside the real manifold each synthetic image lies; at least 1 is inside.

    The largest ratio of a real image's radius to its distance (Kynkäänniemi et al., 2019, equation
    3). The ball of an outlier would make anything real, so the paper leaves out the half of the
    real images with the larger radii. Here the largest radii shrink to their 90 % quantile instead:
    a copy of an outlier is real, and as published only 31 % of unseen digits are, here 65 %, with
    all radii 69 % (900 digits, k 3). A copy scores at most 1000.

    Raises:
        TooFew: no more than k real rows.
        ValueError: widths that differ.
    """
    shared_width(real, synthetic)
    ours, theirs = table(real, real), table(synthetic, real)
    least = np.float32(SAME * ours.scale)
    squares = np.maximum(reach(ours, k), least)
    squares = np.minimum(squares, np.quantile(squares, LARGEST).astype(np.float32))
    # Squared distances in units of each real image's own radius, straight from the product.
    scaled = replace(ours, right=ours.right * (-2 / squares)[:, None])

    def nearest(rows: slice, columns: slice) -> Vectors:
        away = theirs.near(rows, scaled, columns)
        if own is not None:
            away[_own_pairs(columns, rows, own)[::-1]] = np.inf
        found: Vectors = away.min(axis=1)
        return found

    best = np.full(len(synthetic), np.inf, np.float32)
    tiles = [(rows, columns) for rows in blocks(len(synthetic)) for columns in blocks(len(real))]
    for rows, _, found in over(tiles, nearest):
        np.minimum(best[rows], found, out=best[rows])
    scores: Numbers = 1 / np.sqrt(np.maximum(best, SAME).astype(np.float64))
    return scores


def _rim(squares: Vectors) -> Vectors:
    """The nearness that lies on the rim of each ball; none exceeds that of a ball of no radius."""
    return np.where(squares > 0, -squares / 2, np.float32(np.inf))


def _own_pairs(
    rows: slice, columns: slice, own: Places
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in a tile of real rows and synthetic columns an image meets its source."""
    sources = own[columns]
    at = np.flatnonzero((sources >= rows.start) & (sources < rows.stop))
    return sources[at] - rows.start, at
