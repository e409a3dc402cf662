"""Simulated studies whose truth is known, as large as real ones: generation seeds, many arms."""

import numpy as np

from tests.simulated_study import SETTLED, Noise
from tests.varifactory.study.test_known_truth import POINT, different, studies, trained
from varifactory.statistics.power import chance
from varifactory.training.grid import Factors

STUDIES = 40
MOST = 4
"""5 % of the studies, and two standard errors of so many."""
GRID = ["real", "copy-real", "real+feasible", "real+infeasible", "real+mixed", "feasible",
        "infeasible", "mixed"]  # fmt: skip


def test_the_same_models_on_edits_of_three_seeds_are_hardly_ever_different() -> None:
    """Edits of one generation seed are better than another's by chance, in every arm its own."""
    settings = trained(["real", "real+feasible", "real+infeasible"], 3)
    settings["study"] = {"generation_seeds": [0, 1, 2]}
    noise = Noise(generations=0.05, seeds=0.03)
    wrong = different(studies(STUDIES, settings, lambda _: 0.8, images=500, noise=noise))
    assert wrong["primary"] <= MOST
    assert wrong["other"] <= MOST


def test_the_power_is_kept_in_a_grid_of_eight_arms() -> None:
    """The arms of whole studies: what is asked besides must not cost the primary comparison."""

    def accuracy(cell: Factors) -> float:
        return 0.8 + POINT if cell.arm == "real+mixed" else 0.8

    found, promised, detectable = 0, [], []
    noise = Noise(generations=0.0, seeds=0.0135, answers=0.108)
    for study in studies(STUDIES, trained(GRID, 8), accuracy, images=1000, noise=noise):
        (one,) = [one for one in study.comparisons if one.primary and one.question == "helps"]
        assert (one.arm, one.family_size) == ("real+mixed", 2)
        assert len([other for other in study.comparisons if other.family == "other"]) > 9
        found += one.verdict == "different" and one.winner == "above"
        confidence = 1 - (1 - study.plan.confidence) / one.family_size
        promised.append(chance(POINT, one.effect.error, one.effect.freedom, confidence))
        detectable.append(one.detectable)
    power = float(np.mean(promised))
    assert abs(found / STUDIES - power) < 2 * (power * (1 - power) / STUDIES) ** 0.5
    assert abs(np.median(detectable) - POINT) < 0.15 * POINT
    assert abs(power - SETTLED["power"]) < 0.08
