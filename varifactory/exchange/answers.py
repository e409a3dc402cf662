"""Right answers by place of the grid, the same seeds and test images at every place."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ExchangeError
from varifactory.exchange.surface import REAL, Cell, Surface, Way

ENOUGH = 0.5
"""Share of seeds that must be complete for those that are not to be left out; else the places that
lack a seed are."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A cell of the grid without its seed."""

    base: int
    way: Way
    pool: str
    multiple: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered at every place."""

    places: tuple[Place, ...]
    real: NDArray[np.float64]
    """(places) real images of all classes, the mean over seeds."""
    other: NDArray[np.float64]
    """(places) images of the pool."""
    right: NDArray[np.bool_]
    """(places, seeds, test images)."""
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def at(self, *, pool: str, way: Way, base: int | None = None) -> NDArray[np.intp]:
        """Positions of the places of one pool and way, of one base where given, by images added."""
        found = [
            at
            for at, place in enumerate(self.places)
            if (place.pool, place.way) == (pool, way) and base in (None, place.base)
        ]
        found.sort(key=lambda at: (self.places[at].base, self.real[at] + self.other[at]))
        return np.array(found, dtype=np.intp)

    @property
    def bases(self) -> dict[int, float]:
        """Images of a base a class -> its real images of all classes; the smallest first."""
        return {
            place.base: float(self.real[at])
            for at, place in sorted(enumerate(self.places), key=lambda one: one[1])
            if (place.pool, place.multiple) == (REAL, 0)
        }

    def base_at(self, base: int) -> int:
        """The position of a base to which nothing was added."""
        return self.places.index(Place(base, "real", REAL, 0))

    def multiples(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Images that were added as multiples of the base, as they were: a pool may have run out.

        Of substituted images, the share of the base.
        """
        whole = np.array([self.bases[self.places[one].base] for one in at])
        real = np.array([self.places[one].pool == REAL for one in at], dtype=bool)
        found: NDArray[np.float64] = np.where(real, self.real[at] - whole, self.other[at]) / whole
        return found


def answers_of(surface: Surface) -> Answers:
    """The grid of a surface; what lacks a seed is left out with a note.

    Raises:
        ExchangeError: a cell twice, no base without additions, or no seed at all places.
    """
    by_place: dict[Place, dict[int, int]] = defaultdict(dict)
    for at, cell in enumerate(surface.cells):
        held = by_place[Place(cell.base, cell.way, cell.pool, cell.multiple)]
        if cell.seed in held:
            raise ExchangeError(f"{_words(cell)} is there twice: give each cell of the grid once")
        held[cell.seed] = at
    _checked(surface, by_place)
    places, seeds, notes = _complete(by_place)
    cells = np.array([[by_place[place][seed] for seed in seeds] for place in places], dtype=np.intp)
    counts = np.array([surface.real, surface.other], dtype=np.float64)[:, cells].mean(axis=2)
    kept = _different(places, counts)
    return Answers(
        tuple(places[one] for one in kept), counts[0, kept], counts[1, kept],
        np.asarray(surface.hits, dtype=np.bool_)[cells[kept]], tuple(seeds), tuple(notes),
    )  # fmt: skip


def _checked(surface: Surface, by_place: dict[Place, dict[int, int]]) -> None:
    if surface.hits.ndim != 2 or not surface.hits.size or len(surface.hits) != len(surface.cells):
        raise ExchangeError(
            f"{len(surface.cells)} cells with right answers of shape {surface.hits.shape}: give "
            "(cells, test images), at least one of each"
        )
    without = {place.base for place in by_place} - {
        place.base for place in by_place if (place.pool, place.multiple) == (REAL, 0)
    }
    if without:
        raise ExchangeError(
            f"base sizes {sorted(without)} have no training of the base alone, to which everything "
            "is compared: train it"
        )


def _complete(
    by_place: dict[Place, dict[int, int]],
) -> tuple[list[Place], list[int], list[str]]:
    """Places and seeds that make a whole grid, and what was left out for it."""
    seeds = sorted({seed for held in by_place.values() for seed in held})
    places = sorted(by_place)
    lacking = {seed: [one for one in places if seed not in by_place[one]] for seed in seeds}
    whole = [seed for seed in seeds if not lacking[seed]]
    if len(whole) == len(seeds):
        return places, seeds, []
    if len(whole) >= ENOUGH * len(seeds):
        return places, whole, [
            f"Seed {seed} was left out: {_few(lacking[seed])} of it was not trained."
            for seed in seeds if lacking[seed]
        ]  # fmt: skip
    kept = [one for one in places if len(by_place[one]) == len(seeds)]
    left = [one for one in places if len(by_place[one]) < len(seeds)]
    if bare := [one for one in left if (one.pool, one.multiple) == (REAL, 0)]:
        raise ExchangeError(
            f"{_few(bare)} was not trained with all of the seeds {seeds}, and too few seeds are "
            "complete to leave others out: train again what failed"
        )
    return kept, seeds, [f"{_few(left)} was left out: it was not trained with every seed."]


def _different(places: Sequence[Place], counts: NDArray[np.float64]) -> list[int]:
    """Positions without those that repeat a smaller multiple, for its images had run out."""
    seen: dict[tuple[object, ...], int] = {}
    for at, place in enumerate(places):
        seen.setdefault((place.base, place.way, place.pool, *counts[:, at]), at)
    return sorted(seen.values())


def _few(places: Sequence[Place]) -> str:
    told = ", ".join(_words(one) for one in places[:3])
    return told if len(places) <= 3 else f"{told} and {len(places) - 3} more"


def _words(one: Cell | Place) -> str:
    return f"{one.pool} {one.way} x {one.multiple:g} at {one.base} a class"
