"""How sure a number is. All take what was counted on the same test images; shares are 0 to 1."""

from varifactory.statistics.effect import Effect, Verdict
from varifactory.statistics.intervals import (
    IMAGES_AND_SEEDS,
    IMAGES_ONLY,
    Hits,
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
    "accuracy", "mcnemar", "paired_difference", "proportion", "winner",
]  # fmt: skip
