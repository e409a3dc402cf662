"""What is known of the images of one class and attribute before anything is concluded."""

from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np

from varifactory.diagnosis.chance import least_seen
from varifactory.diagnosis.copies import copies
from varifactory.diagnosis.figures import Copy
from varifactory.diagnosis.judging import Judged, judged
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import Sides, different, kin, pictures, to_nearest
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import (
    REALISM_NEIGHBOURS,
    Manifold,
    Measure,
    manifold,
    pairwise_distance,
    realism,
)
from varifactory.metrics.vectors import Flags, Numbers, Places, Vectors
from varifactory.recipe.diagnosis import Diagnosis as Settings

SAME = 1e-6
"""Mean cosine distance below which vectors are equal but for rounding in float32."""


@dataclass(frozen=True)
class Asked:
    """What all groups share. What takes time is worked out when it is first asked for."""

    population: Population
    judged: Judged
    settings: Settings
    confidence: float
    chance: float
    """Of a false flag of one issue in one group."""
    copies: tuple[Copy, ...]
    memorised: Measure
    """Share of all synthetic images that are nearly a real one."""

    def real(self, number: int) -> Vectors:
        """Vectors of a class's real images, of equal ones the first."""
        found: Vectors = self.population.real.vectors[self._real_at[number]]
        return found

    @property
    def repeats(self) -> int:
        """Real images that equal another of their class, and do not count."""
        return len(self.population.real) - sum(map(len, self._real_at))

    @cached_property
    def usual_distance(self) -> float:
        """Median over the classes of the mean cosine distance of two real images."""
        classes = (self.real(number) for number in range(len(self._real_at)))
        return median(pairwise_distance(real) for real in classes if len(real) > 1)

    @cached_property
    def of_real(self) -> Flags:
        """Whether each synthetic image is nearly a real one."""
        return self._among({copy.image for copy in self.copies if copy.of == "real"})

    @cached_property
    def of_each_other(self) -> Flags:
        """Whether each synthetic image is nearly another one of the set."""
        pairs = [copy for copy in self.copies if copy.of == "synthetic"]
        return self._among({name for copy in pairs for name in (copy.image, copy.other)})

    def _among(self, names: set[str]) -> Flags:
        return np.array([one in names for one in self.population.synthetic.pixels], bool)

    @cached_property
    def _real_at(self) -> list[Places]:
        return different(self.population)[0]


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
    def reach(self) -> float:
        """Distance within which images are nearly one picture: ``alike`` times the median distance
        of real images to their nearest; 0 of fewer than two."""
        away = self._between[:, 0]
        return limit("alike") * float(np.median(away)) if len(away) > 1 else 0.0

    @cached_property
    def kin(self) -> Places:
        """A number each, the same for images that count as one observation."""
        return kin(self.side, self.reach)

    @cached_property
    def pictures(self) -> Places:
        """A number each, the same for images that are nearly one picture.

        Edits of one source are pictures of their own: they share what was not to be changed.
        """
        return pictures(self.side.made, self.reach, self.side.sources)

    @cached_property
    def real_pictures(self) -> Places:
        """The same of the class's real images."""
        return pictures(self.side.real, self.reach)

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
        real = self.side.real
        return manifold(real, real, self.asked.settings.neighbours, np.arange(len(real))).inside

    @cached_property
    def depth(self) -> tuple[Numbers, Numbers]:
        """Mean distance to the k nearest real images, of synthetic ones and of real ones."""
        side, k = self.side, self.asked.settings.neighbours
        made = to_nearest(side.made, side.real, k, side.own).mean(axis=1)
        return made, self._between.mean(axis=1)

    @cached_property
    def _between(self) -> Numbers:
        """(real images, k) distances to the nearest other ones, nearest first."""
        real = self.side.real
        return to_nearest(real, real, self.asked.settings.neighbours, same=True)

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


def _alike(real: Vectors) -> bool:
    """Whether real images have no spread that others could be held against."""
    return pairwise_distance(real) < SAME
