"""Simulated studies whose truth is known, counted by the code that counts real ones."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.simulated_study import SETTLED, Accuracy, Noise, simulated
from varifactory.statistics.power import chance
from varifactory.store import Store
from varifactory.study.counting import count_predictions
from varifactory.study.figures import Study
from varifactory.study.predictions import read_predictions
from varifactory.training.grid import Factors

STUDIES, PLANTED = 100, 60
POINT = 0.01


def studies(
    count: int, settings: dict[str, Any], accuracy: Accuracy, **more: Any
) -> Iterator[Study]:
    for number in range(count):
        with tempfile.TemporaryDirectory() as place:
            store = Store(place)
            manifest = simulated(store, settings, accuracy, seed=number, logits=False, **more)
            yield count_predictions(read_predictions(store, manifest), manifest)


def trained(arms: list[str], seeds: int) -> dict[str, Any]:
    return {"training": {"arms": arms, "seeds": list(range(1, seeds + 1))}}


def different(found: Iterator[Study]) -> Counter[str]:
    """Family -> studies of equal models that call one of its comparisons different."""
    wrong: Counter[str] = Counter()
    for study in found:
        for one in study.comparisons:
            assert (one.verdict == "different") >= (one.winner != "no winner")
        wrong.update({one.family for one in study.comparisons if one.verdict == "different"})
    return wrong


def test_the_same_models_are_hardly_ever_different() -> None:
    """Two primary comparisons and one besides, three seeds: Holm holds each family to 5 %."""
    arms = trained(["real", "real+feasible", "real+infeasible"], 3)
    wrong = different(studies(STUDIES, arms, lambda _: 0.8, images=500, noise=Noise(0.0)))
    assert wrong["primary"] <= 5
    assert wrong["other"] <= 5


def test_a_planted_point_is_found_as_often_as_the_report_promised() -> None:
    def accuracy(cell: Factors) -> float:
        return 0.8 if cell.arm == "real" else 0.8 + POINT

    found, promised, detectable, estimates = 0, [], [], []
    noise = Noise(generations=0.0, seeds=0.015, answers=0.1)
    arms = trained(["real", "real+feasible"], 8)
    for study in studies(PLANTED, arms, accuracy, images=1000, noise=noise):
        (one,) = study.comparisons
        assert one.primary
        found += one.verdict == "different" and one.winner == "above"
        effect = one.effect
        promised.append(chance(POINT, effect.error, effect.freedom, study.plan.confidence))
        detectable.append(one.detectable)
        estimates.append(one.interval.estimate)
    power = float(np.mean(promised))
    assert abs(np.mean(estimates) - POINT) < 3 * np.std(estimates) / PLANTED**0.5
    assert abs(found / PLANTED - power) < 2 * (power * (1 - power) / PLANTED) ** 0.5
    # What the report calls detectable is what is found with about the plan's power.
    assert abs(np.median(detectable) - POINT) < 0.15 * POINT
    assert abs(power - SETTLED["power"]) < 0.05
