"""How sure a number is. All take what was counted on the same test images; shares are 0 to 1."""

from varifactory.statistics.accuracies import (
    accuracy,
    calibration_error,
    macro_accuracy,
    worst_classes,
)
from varifactory.statistics.bootstrap import bootstrap_difference
from varifactory.statistics.clusters import clustered_proportion
from varifactory.statistics.effect import Effect, Verdict, paired_difference, paired_effect
from varifactory.statistics.hits import (
    IMAGES_AND_GENERATIONS,
    IMAGES_AND_SEEDS,
    IMAGES_ONLY,
    IMAGES_SEEDS_AND_GENERATIONS,
    Hits,
)
from varifactory.statistics.intervals import Interval, proportion, winner
from varifactory.statistics.scaling import (
    PowerLaw,
    Scales,
    power_law,
    scaling_law,
    scaling_verdict,
)
from varifactory.statistics.significance import McNemar, false_discovery, holm, mcnemar

__all__ = [
    "IMAGES_AND_GENERATIONS", "IMAGES_AND_SEEDS", "IMAGES_ONLY", "IMAGES_SEEDS_AND_GENERATIONS",
    "Effect", "Hits", "Interval", "McNemar", "PowerLaw", "Scales", "Verdict", "accuracy",
    "bootstrap_difference", "calibration_error", "clustered_proportion", "false_discovery",
    "holm", "macro_accuracy", "mcnemar", "paired_difference", "paired_effect", "power_law",
    "proportion", "scaling_law", "scaling_verdict", "winner", "worst_classes",
]  # fmt: skip
