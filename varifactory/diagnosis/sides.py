"""The images of a class and attribute beside the real ones of the class, ready to be measured."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.population import Population
from varifactory.embeddings import Vectors

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]

ROWS = 2048
"""Images a block of distances: bounds memory by rows, whatever their number."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One class and attribute."""

    label: str
    number: int
    """Of the class."""
    attribute: str
    """Empty: of the class whatever the attribute."""
    at: Places
    """Rows of ``population.synthetic``."""
    real_at: Places
    """Rows of ``population.real``."""
    made: Vectors
    real: Vectors
    own: Places
    """A synthetic image each: place in ``real`` of the one it was made from, or -1."""

    @property
    def fewest(self) -> int:
        """Images of the smaller side."""
        return min(len(self.at), len(self.real_at))


def sides(population: Population) -> Iterator[Sides]:
    """Every class by attribute, then whatever the attribute where it has several.

    A class without synthetic images comes once, with none.
    """
    made = np.array(population.synthetic.labels)
    real = np.array(population.real.labels)
    attributes = np.array(population.attributes)
    for number, label in enumerate(population.class_names):
        at, real_at = np.flatnonzero(made == label), np.flatnonzero(real == label)
        there = np.unique(attributes[at]).tolist()
        for attribute in there if len(there) == 1 else [*there, ""]:
            some = at if len(there) < 2 or not attribute else at[attributes[at] == attribute]
            yield _side(population, number, str(attribute), some, real_at)


def _side(
    population: Population, number: int, attribute: str, at: Places, real_at: Places
) -> Sides:
    place = np.full(len(population.real), -1, np.int64)
    place[real_at] = np.arange(len(real_at))
    own = population.own[at]
    return Sides(
        population.class_names[number], number, attribute, at, real_at,
        population.synthetic.vectors[at], population.real.vectors[real_at],
        np.where(own >= 0, place[own], -1),
    )  # fmt: skip


def distances(one: Vectors, other: Vectors) -> Numbers:
    """(n, m) Euclidean distances of vectors of length 1."""
    squares = 2 - 2 * (one.astype(np.float64) @ other.T.astype(np.float64))
    found: Numbers = np.sqrt(np.maximum(squares, 0))
    return found


def to_nearest(
    some: Vectors, others: Vectors, k: int, own: Places | None = None, same: bool = False
) -> Numbers:
    """(n, k) distances to the nearest others, nearest first; infinite where there are too few.

    Args:
        own: place in ``others`` that is no neighbour of each row, or -1.
        same: the two are one set, and no row its own neighbour.
    """
    found = np.full((len(some), k), np.inf)
    for start in range(0, len(some), ROWS):
        rows = slice(start, min(start + ROWS, len(some)))
        away = distances(some[rows], others)
        at = np.arange(len(away))
        if same:
            away[at, start + at] = np.inf
        if own is not None:
            has = np.flatnonzero(own[rows] >= 0)
            away[has, own[rows][has]] = np.inf
        kept = min(k, away.shape[1])
        found[rows, :kept] = np.sort(np.partition(away, kept - 1, axis=1)[:, :kept], axis=1)
    return found


def kin(side: Sides, alike: float) -> Places:
    """(n,) a number each, the same for images that say one thing together.

    Those of one source, and those nearer to each other than ``alike`` times the median distance of
    real images to their nearest: a picture that was made forty times is one observation.
    """
    near = _near_pairs(side.made, alike * _between(side.real))
    return _joined(np.concatenate([_source_pairs(side.own), near]), len(side.at))


def pictures(some: Vectors, real: Vectors, alike: float, own: Places | None = None) -> Places:
    """(n,) a number each, the same for images that are nearly one picture, as ``kin`` tells them.

    Args:
        own: place of each one's source, or -1; two of one source are no repetition.
    """
    pairs = _near_pairs(some, alike * _between(real))
    if own is not None:
        one, other = own[pairs.T]
        pairs = pairs[(one < 0) | (one != other)]
    return _joined(pairs, len(some))


def _near_pairs(some: Vectors, reach: float) -> Places:
    """(m, 2) places of every two that lie within reach, in blocks that memory holds."""
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(some), ROWS):
        near = np.nonzero(distances(some[start : start + ROWS], some) <= reach)
        pairs.append(np.stack([near[0] + start, near[1]], axis=1))
    return np.concatenate(pairs)


def _joined(pairs: Places, count: int) -> Places:
    """(count,) numbers of the parts that pairs hold together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = pairs.T
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _source_pairs(own: Places) -> Places:
    """Each image with the first one of its source."""
    at = np.flatnonzero(own >= 0)
    _, first, number = np.unique(own[at], return_index=True, return_inverse=True)
    return np.stack([at, at[first][number]], axis=1).astype(np.int64).reshape(-1, 2)


def _between(real: Vectors) -> float:
    """Median distance of real images to their nearest; 0 of fewer than two."""
    if len(real) < 2:
        return 0.0
    return float(np.median(to_nearest(real, real, 1, same=True)))
