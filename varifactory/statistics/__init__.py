"""How sure a number is. All take what was counted on the same test images; shares are 0 to 1."""

from varifactory.statistics.effect import Effect, Verdict, paired_effect
from varifactory.statistics.hits import IMAGES_AND_SEEDS, IMAGES_ONLY, Hits
from varifactory.statistics.intervals import (
    Interval,
    McNemar,
    accuracy,
    mcnemar,
    paired_difference,
    proportion,
    winner,
)

__all__ = [
    "IMAGES_AND_SEEDS", "IMAGES_ONLY", "Effect", "Hits", "Interval", "McNemar", "Verdict",
    "accuracy", "mcnemar", "paired_difference", "paired_effect", "proportion", "winner",
]  # fmt: skip
