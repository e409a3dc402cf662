"""Simulated studies whose truth is known: how often the whole of a report is right.

``python -m bench.known_truth 300`` simulates as many studies a line.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bench.figures import show
from tests.simulated_study import Accuracy, Noise, simulated
from varifactory.statistics.power import chance
from varifactory.store import Store
from varifactory.study.counting import count_predictions
from varifactory.study.figures import Study
from varifactory.study.predictions import read_predictions

STUDIES = 300
SEEDS = (3, 5, 8)
POINT = 0.01
ARMS = ["real", "real+feasible", "real+infeasible", "real+mixed"]
GRID = [*ARMS, "copy-real", "feasible", "infeasible", "mixed"]
QUIET, LOUD = Noise(0.0, 0.01, 0.1), Noise(0.0, 0.05, 0.1)
"""Little and much variance between seeds: accuracies of a seed spread by 0.3 and 1.4 points."""
MOVED = Noise(0.05, 0.01, 0.1)
"""Edits of a generation seed move an arm by 1.4 points."""


def studies(
    count: int, arms: list[str], seeds: int, accuracy: Accuracy, noise: Noise, made: int = 1
) -> Iterator[Study]:
    settings = {"training": {"arms": arms, "seeds": list(range(1, seeds + 1))},
                "study": {"generation_seeds": list(range(made))}}  # fmt: skip
    for number in range(count):
        with tempfile.TemporaryDirectory() as place:
            store = Store(place)
            manifest = simulated(
                store, settings, accuracy, images=1000, noise=noise, seed=number, logits=False
            )
            yield count_predictions(read_predictions(store, manifest), manifest)


def equal(count: int, seeds: int, noise: Noise, name: str, made: int = 1) -> None:
    """Four arms of the same models: none of the comparisons of either family is truly different."""
    wrong: Counter[str] = Counter()
    for study in studies(count, ARMS, seeds, lambda _: 0.8, noise, made):
        wrong.update({one.family for one in study.comparisons if one.verdict == "different"})
    for family in ("primary", "other"):
        show(f"studies of equal models that call one different, {family} family",
             wrong[family] / count, "share", count, goal=0.05, seeds=seeds,
             generation_seeds=made, between_seeds=name)  # fmt: skip


def planted(count: int, seeds: int, arms: list[str]) -> None:
    """One point more of the primary arm, found as often as promised."""
    found, promised = 0, []
    right = {"real+mixed": 0.8 + POINT}
    for study in studies(count, arms, seeds, lambda one: right.get(one.arm, 0.8), QUIET):
        (one,) = [one for one in study.comparisons if one.primary and one.question == "helps"]
        found += one.verdict == "different" and one.winner == "above"
        effect = one.effect
        confidence = 1 - (1 - study.plan.confidence) / one.family_size
        promised.append(chance(POINT, effect.error, effect.freedom, confidence))
    show("planted point found", found / count, "share", count, goal=float(np.mean(promised)),
         seeds=seeds, arms=len(arms))  # fmt: skip


def main(count: int = STUDIES) -> None:
    """Each design alone."""
    for seeds in SEEDS:
        equal(count, seeds, QUIET, "little")
        equal(count, seeds, LOUD, "much")
        planted(count, seeds, ["real", "real+mixed"])
        planted(count, seeds, GRID)
    equal(count, 3, MOVED, "little", made=3)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
