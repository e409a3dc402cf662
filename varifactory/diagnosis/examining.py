"""What is known of the images of one class and attribute before anything is concluded."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.chance import least_seen
from varifactory.diagnosis.copies import copies
from varifactory.diagnosis.figures import Copy
from varifactory.diagnosis.judging import Judged, judged
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import (
    ROWS,
    Numbers,
    Places,
    Sides,
    distances,
    kin,
    pictures,
    to_nearest,
)
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Manifold, Measure, manifold, pairwise_distance, radii, realism
from varifactory.recipe.diagnosis import Diagnosis as Settings

Flags = NDArray[np.bool_]
REALISM_NEIGHBOURS = 3
"""k of realism, as published (Kynkäänniemi et al., 2019)."""
SAME = 1e-6
"""Mean cosine distance below which vectors are equal but for rounding in float32."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What all groups share."""

    population: Population
    judged: Judged
    settings: Settings
    confidence: float
    chance: float
    """Of a false flag of one issue in one group."""
    copies: tuple[Copy, ...]
    memorised: Measure
    """Share of all synthetic images that are nearly a real one."""

    def real(self, number: int) -> NDArray[np.float32]:
        """Vectors of a class's real images."""
        label = self.population.class_names[number]
        at = [place for place, one in enumerate(self.population.real.labels) if one == label]
        found: NDArray[np.float32] = self.population.real.vectors[at]
        return found


def asked(population: Population, settings: Settings, confidence: float, groups: int) -> Asked:
    """Ask the judges, once for all groups."""
    return Asked(
        population, judged(population, settings.seed), settings, confidence,
        limit("chance") / max(1, groups),
        *copies(population, least=settings.least, confidence=confidence),
    )  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """One group. What takes time is worked out when it is first asked for."""

    asked: Asked
    side: Sides

    @property
    def label(self) -> str:
        """Class name."""
        return self.side.label

    @property
    def needed(self) -> int:
        """Images a side below which no flag is raised."""
        return max(self.asked.settings.least, self.asked.settings.neighbours + 1)

    @property
    def enough(self) -> bool:
        """Whether both sides have as many images as anything is said of."""
        return self.side.fewest >= self.needed

    @cached_property
    def unjudged(self) -> str:
        """Why no flag can be raised; empty where one can."""
        if not self.enough:
            return f"fewer than {self.needed} synthetic or real images"
        return "real images that are all the same" if _alike(self.side.real) else ""

    @cached_property
    def seen_from(self) -> float | None:
        """Share of the images from which strays are surely flagged; None where no share is."""
        real = (self.real_given >= 0) & (self.real_given != self.side.number)
        return least_seen(self.kin, real, self.asked.chance, limit("stray"))

    @cached_property
    def kin(self) -> Places:
        """A number each, the same for images that count as one observation."""
        return kin(self.side, limit("alike"))

    @cached_property
    def pictures(self) -> Places:
        """A number each, the same for images that are nearly one picture.

        Edits of one source are pictures of their own: they share what was not to be changed.
        """
        return pictures(self.side.made, self.side.real, limit("alike"), self.side.own)

    @cached_property
    def real_pictures(self) -> Places:
        """The same of the class's real images."""
        return pictures(self.side.real, self.side.real, limit("alike"))

    @cached_property
    def given(self) -> Places:
        """The class number that each image is taken for."""
        return self.asked.judged.synthetic[self.side.at]

    @cached_property
    def real_given(self) -> Places:
        """The same of the class's real images, by judges that have not seen them."""
        return self.asked.judged.real[self.side.real_at]

    @cached_property
    def manifold(self) -> Manifold:
        """The images among the class's real ones; ``enough`` must hold."""
        side = self.side
        return manifold(side.real, side.made, self.asked.settings.neighbours, side.own)

    @cached_property
    def real_inside(self) -> Flags:
        """Whether each real image lies in the ball of another real one of its class."""
        real, found = self.side.real, np.zeros(len(self.side.real), bool)
        reach = radii(real, self.asked.settings.neighbours)
        for start in range(0, len(real), ROWS):
            rows = slice(start, min(start + ROWS, len(real)))
            away = distances(real[rows], real)
            at = np.arange(len(away))
            away[at, start + at] = np.inf
            found[rows] = (away < reach).any(axis=1)
        return found

    @cached_property
    def depth(self) -> tuple[Numbers, Numbers]:
        """Mean distance to the k nearest real images, of synthetic ones and of real ones."""
        side, k = self.side, self.asked.settings.neighbours
        made = to_nearest(side.made, side.real, k, side.own).mean(axis=1)
        return made, to_nearest(side.real, side.real, k, same=True).mean(axis=1)

    def real_as(self, number: int, at: Places) -> Flags:
        """Which of these images have a realism of at least 1 among the real ones of a class.

        The balls of outliers are left out, in which noise lies. Of few real images none has.
        """
        real = self.asked.real(number)
        if len(real) <= REALISM_NEIGHBOURS:
            return np.zeros(len(at), bool)
        own = self.side.own[at] if number == self.side.number else None
        return realism(real, self.side.made[at], REALISM_NEIGHBOURS, own) >= 1

    @property
    def real_usual(self) -> float:
        """Share of the class's real images with a realism of at least 1 among the others."""
        real = self.side.real
        scores = realism(real, real, REALISM_NEIGHBOURS, np.arange(len(real)))
        return float((scores >= 1).mean())


def _alike(real: NDArray[np.float32]) -> bool:
    """Whether real images have no spread that others could be held against."""
    return pairwise_distance(real) < SAME
