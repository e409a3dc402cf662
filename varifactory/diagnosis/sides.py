"""The images of a class and attribute beside the real ones of the class, ready to be measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.diagnosis.population import Population
from varifactory.metrics.vectors import Numbers, Places, Vectors

NO_ATTRIBUTE = "no attribute"
"""Name of the images without one, in a set where others have one."""
CELLS = 500_000
"""Distances that are held at a time (4 MB), whatever the number of images."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One class and attribute."""

    label: str
    number: int
    """Of the class."""
    attribute: str
    """Empty: of the class whatever the attribute; ``NO_ATTRIBUTE``: of its images without one."""
    at: Places
    """Rows of ``population.synthetic``."""
    real_at: Places
    """Rows of ``population.real``, of equal ones the first."""
    made: Vectors
    real: Vectors
    own: Places
    """A synthetic image each: place in ``real`` of the one it was made from, or -1."""
    sources: Places
    """``population.made_of`` of them."""

    @property
    def fewest(self) -> int:
        """Images of the smaller side."""
        return min(len(self.at), len(self.real_at))


def sides(population: Population) -> Iterator[Sides]:
    """Every class by attribute, then whatever the attribute where it has several.

    Images without an attribute are a group of their own where any image of the set has one. A class
    without synthetic images comes once, with none.
    """
    attributes = np.array(population.attributes)
    if attributes.any():
        attributes = np.where(attributes == "", NO_ATTRIBUTE, attributes)
    made, (real, place) = _by_class(population, population.synthetic.labels), different(population)
    for number, (at, real_at) in enumerate(zip(made, real, strict=True)):
        there = np.unique(attributes[at]).tolist()
        groups = [(str(one), at[attributes[at] == one]) for one in there]
        for attribute, some in groups if len(groups) == 1 else [*groups, ("", at)]:
            own = population.own[some]
            yield Sides(
                population.class_names[number], number, attribute, some, real_at,
                population.synthetic.vectors[some], population.real.vectors[real_at],
                _placed(own, place, real_at), population.made_of[some],
            )  # fmt: skip


def different(population: Population) -> tuple[list[Places], Places]:
    """Rows of the real images of each class, of equal ones the first; and (real images,) the row
    that stands for each.

    One picture has one vector and says one thing, however often the reference holds it: else its
    copies would be each other's nearest, and every other image far away. Where all real images of a
    class are equal all stay, so that this is what is told of the class.
    """
    every, stands = _by_class(population, population.real.labels), np.arange(len(population.real))
    for at in every:
        first = at[firsts(population.real.vectors[at])]
        if len(np.unique(first)) > 1:
            stands[at] = first
    return [at[stands[at] == at] for at in every], stands


def firsts(vectors: Vectors) -> Places:
    """(n,) place of the first row that equals each; its own where none before does."""
    rows = np.ascontiguousarray(vectors)
    whole = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    _, first, number = np.unique(whole, return_index=True, return_inverse=True)
    return np.asarray(first[number], np.int64)


def _by_class(population: Population, labels: Sequence[str]) -> list[Places]:
    """Rows of each class, ascending."""
    number = {name: place for place, name in enumerate(population.class_names)}
    numbers = np.array([number[label] for label in labels], np.int64)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(1, len(number))))


def _placed(own: Places, stands: Places, real_at: Places) -> Places:
    """Where among a class's real images the sources stand; -1 of one of another class, or none."""
    place = np.full(len(stands), -1, np.int64)
    place[real_at] = np.arange(len(real_at))
    return np.where(own >= 0, place[stands[own]], -1)


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
    for rows in _blocks(len(some), len(others)):
        away = distances(some[rows], others)
        at = np.arange(len(away))
        if same:
            away[at, rows.start + at] = np.inf
        if own is not None:
            has = np.flatnonzero(own[rows] >= 0)
            away[has, own[rows][has]] = np.inf
        kept = min(k, away.shape[1])
        found[rows, :kept] = np.sort(np.partition(away, kept - 1, axis=1)[:, :kept], axis=1)
    return found


def kin(side: Sides, reach: float) -> Places:
    """(n,) a number each, the same for images that say one thing together.

    Those of one source, and those within ``reach`` of each other: a picture that was made forty
    times is one observation.
    """
    own = _joined(np.arange(len(side.at)), *_of_sources(side.sources))
    return _joined_near(side.made, reach, own)


def pictures(some: Vectors, reach: float, sources: Places | None = None) -> Places:
    """(n,) a number each, the same for images within ``reach``, which are nearly one picture.

    Args:
        sources: a number each, or -1 of none; two of one source are no repetition.
    """
    return _joined_near(some, reach, np.arange(len(some)), sources)


def _joined_near(
    some: Vectors, reach: float, number: Places, sources: Places | None = None
) -> Places:
    """Parts that are joined already, joined further by every two images within reach.

    Block by block, and no pair of one part: of a class that is one picture all are near.
    """
    for rows in _blocks(len(some), len(some)):
        rest = slice(rows.start, None)
        near = distances(some[rows], some[rest]) <= reach
        near &= number[rows, None] != number[rest]
        if sources is not None:
            near &= (sources[rows, None] < 0) | (sources[rows, None] != sources[rest])
        one, other = np.nonzero(near)
        number = _joined(number, one + rows.start, other + rows.start)
    return number


def _joined(number: Places, one: Places, other: Places) -> Places:
    """Parts, joined where a place of one pair is in each; numbered as they come."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(one):
        return number
    count = int(number.max()) + 1
    links = (np.ones(len(one), bool), (number[one], number[other]))
    graph = coo_array(links, shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)[number]


def _of_sources(sources: Places) -> tuple[Places, Places]:
    """Each image of a known source, and the first one of that source."""
    at = np.flatnonzero(sources >= 0)
    _, first, number = np.unique(sources[at], return_index=True, return_inverse=True)
    return at, at[first][number]


def _blocks(count: int, others: int) -> Iterator[slice]:
    """Slices of so many rows that their distances to the others are at most ``CELLS``."""
    step = max(1, CELLS // max(1, others))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
