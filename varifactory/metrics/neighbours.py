"""Where synthetic images lie among real ones, by nearest neighbours.

Every image has a ball that reaches to its k-th nearest neighbour of its own kind; the balls of a
set are its manifold (Kynkäänniemi et al., 2019). Distances are Euclidean, and being inside is
strict, as in the published ``prdc``: a ball of no radius, of an image with k copies, holds nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.metrics.vectors import (
    Flags,
    Numbers,
    Places,
    Vectors,
    in_threads,
    shared_width,
)

CELLS = 16_000_000
"""Distances held at a time by one thread (64 MB of float32)."""
SAME = 1e-6
"""Squared distances below this share of the vectors' mean square are none: what float32 leaves of
equal vectors."""


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
    """(n,) distances to the k-th nearest other row.

    Raises:
        ValueError: k below 1, or no more than k rows.
    """
    shared_width(vectors)
    _enough(len(vectors), k)
    near, scale = _centred(vectors, vectors)
    return np.sqrt(_squares(near, k, scale)).astype(np.float64)


def manifold(real: Vectors, synthetic: Vectors, k: int = 5, own: Places | None = None) -> Manifold:
    """Which synthetic images lie among the real ones, and which real ones they reach.

    Args:
        real: (n, width).
        synthetic: (m, width).
        own: place in ``real`` of the image each synthetic one was made from, or -1; the two are
            not held against each other.

    Raises:
        ValueError: no more than k rows on a side, or widths that differ.
    """
    shared_width(real, synthetic)
    _enough(min(len(real), len(synthetic)), k)
    ours, scale = _centred(real, real)
    theirs, _ = _centred(synthetic, real)
    ball = _threshold(_squares(ours, k, scale))
    balls = _threshold(_squares(theirs, k, scale))
    count = np.zeros(len(synthetic), np.int64)
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows in _rows(len(real), len(synthetic)):
        close = _nearness(ours[rows], theirs)
        _leave_out(close, rows, own)
        within = close > ball[rows, None]
        count += within.sum(axis=0)
        covered[rows] = within.any(axis=1)
        recalled[rows] = (close > balls).any(axis=1)
    return Manifold(count > 0, count / k, recalled, covered)


def realism(real: Vectors, synthetic: Vectors, k: int = 3, own: Places | None = None) -> Numbers:
    """(m,) how far inside the real manifold each synthetic image lies; at least 1 is inside.

    Kynkäänniemi et al. (2019), equation 3: the largest ratio of a real image's radius to its
    distance. As published, the half of the real images with the larger radii is left out, since
    the ball of an outlier would make anything real.
    """
    shared_width(real, synthetic)
    _enough(len(real), k)
    ours, scale = _centred(real, real)
    theirs, _ = _centred(synthetic, real)
    squares = _squares(ours, k, scale)
    kept = np.flatnonzero(squares <= np.median(squares))
    best = np.zeros(len(synthetic), np.float64)
    for rows in _rows(len(synthetic), len(kept)):
        away = np.maximum(-2 * _nearness(theirs[rows], ours[kept]), SAME * scale)
        ratio = squares[kept] / away
        if own is not None:
            ratio[own[rows, None] == kept] = 0
        best[rows] = ratio.max(axis=1)
    return np.sqrt(best)


def _enough(count: int, k: int) -> None:
    if not 1 <= k < count:
        raise ValueError(f"k {k} of {count} images: give k at least 1 and more images than k")


def _centred(vectors: Vectors, real: Vectors) -> tuple[Vectors, float]:
    """Rows less the mean of the real ones, since a sum of near squares loses digits; and the real
    ones' mean square."""
    middle = real.mean(axis=0, dtype=np.float64)
    moved = (vectors - middle).astype(np.float32)
    return moved, float(np.square(real - middle).sum(axis=1).mean()) or 1.0


def _nearness(one: Vectors, other: Vectors) -> Vectors:
    """(n, m) minus half of the squared distances: largest where nearest."""
    close: Vectors = one @ other.T
    close -= (np.square(one).sum(axis=1) / 2)[:, None]
    close -= np.square(other).sum(axis=1) / 2
    return close


def _squares(vectors: Vectors, k: int, scale: float) -> Vectors:
    """Squared distances to the k-th nearest other row."""
    found = np.empty(len(vectors), np.float32)

    def work(rows: slice) -> None:
        close = _nearness(vectors[rows], vectors)
        close[np.arange(len(close)), np.arange(rows.start, rows.stop)] = -np.inf
        found[rows] = -2 * np.partition(close, -k, axis=1)[:, -k]

    in_threads(work, len(vectors), max(1, CELLS // len(vectors)))
    return np.where(found < SAME * scale, np.float32(0), found)


def _threshold(squares: Vectors) -> Vectors:
    """What nearness must exceed to lie inside; nothing exceeds that of a ball of no radius."""
    return np.where(squares > 0, -squares / 2, np.float32(np.inf)).astype(np.float32)


def _rows(count: int, others: int) -> list[slice]:
    step = max(1, CELLS // others)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _leave_out(close: Vectors, rows: slice, own: NDArray[np.int64] | None) -> None:
    if own is not None:
        at = np.flatnonzero((own >= rows.start) & (own < rows.stop))
        close[own[at] - rows.start, at] = -np.inf
