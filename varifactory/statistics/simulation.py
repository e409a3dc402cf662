"""Simulated answers of two arms whose true difference is known: what every interval is tried on."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from varifactory.statistics.hits import Hits

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class World:
    """Images of different difficulty, answered by trainings that differ a little.

    An image is answered right where the sum of normal draws lies above zero (a probit model with
    crossed random effects; Baayen, Davidson and Bates, 2008): its difficulty, which all trainings
    share; what it gains or loses by the arm; what the training seed's start and order of batches do
    to it in both arms; and what is left to chance. A training and a set of edits are better or
    worse as a whole, besides. That makes the true accuracy of each arm exact.
    """

    images: int
    seeds: int
    generation_seeds: int = 1
    top1: float = 0.85
    """True accuracy of the second arm."""
    gain: float = 0.01
    """True accuracy of the first arm less that of the second."""
    between_seeds: float = 0.005
    """Standard deviation over training seeds of the difference of the arms, as a share of 1."""
    between_generations: float = 0.0
    """The same over generation seeds, which only move the first arm."""
    arm_by_image: float = 0.3
    """How much an image gains or loses by the arm, in standard deviations of difficulty."""
    seed_by_image: float = 0.3
    chance: float = 0.35
    """0, like ``arm_by_image`` and both spreads, makes two arms that answer all the same."""

    def draw(self, random: np.random.Generator) -> tuple[Hits, Hits]:
        """Answers of both arms, (generation seeds, training seeds, images)."""
        unit = sqrt(1 + self.arm_by_image**2 + self.seed_by_image**2 + self.chance**2)
        difficulty = random.normal(size=self.images)
        shared = self.seed_by_image * random.normal(size=(1, self.seeds, self.images))
        arms: list[Hits] = []
        for true in (self.top1 + self.gain, self.top1):
            slope = NORMAL.pdf(NORMAL.inv_cdf(true))
            seed = self.between_seeds / sqrt(2) / slope
            # Only the first arm is trained on edits.
            generation = self.between_generations / slope * (not arms)
            own = self.arm_by_image * random.normal(size=self.images)
            left = self.chance * random.normal(
                size=(self.generation_seeds, self.seeds, self.images)
            )
            ease = (difficulty + own + shared + left) / unit
            ease += seed * random.normal(size=(1, self.seeds, 1))
            ease += generation * random.normal(size=(self.generation_seeds, 1, 1))
            whole = sqrt(1 + seed**2 + generation**2)
            arms.append(ease + NORMAL.inv_cdf(true) * whole > 0)
        return arms[0], arms[1]
