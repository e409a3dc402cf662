"""How often intervals hold a known truth, how wide they are, and how long the bootstrap takes.

``python -m bench.statistics 4000`` simulates as many studies a line; a group of the bench takes
``STUDIES``. Lines of 8,000 images and of several generation seeds take half as many.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from bench.figures import show
from varifactory.statistics import Hits, Interval, accuracy, bootstrap_difference, paired_effect
from varifactory.statistics.simulation import World

STUDIES = 400
RESAMPLES = 400
"""Of a simulated study's bootstrap: coverage is measured, not the last digit of a bound."""
LEAST, MOST = 0.93, 0.98
GOAL = 2.0
"""Seconds for 10,000 draws of the paired difference of 5 seeds x 8,000 images."""
SPREADS = {"no": 0.0, "low": 0.002, "middle": 0.007, "high": 0.02}
"""Standard deviation between seeds of the difference of two arms, as a share."""
TIMES = 3
Way = Callable[[Hits, Hits], Interval]


def main() -> None:
    """The coverage of every design, then the time of the bootstrap."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    _time_the_bootstrap()
    _differences(studies)
    _generations(studies // 2)
    _rare(studies)
    _accuracies(studies)
    _same_models(studies)
    _promised_power(studies)


def _differences(studies: int) -> None:
    for images, count in ((600, studies), (8000, studies // 2)):
        for seeds in (3, 5, 10):
            for name, spread in SPREADS.items():
                world = World(images, seeds, between_seeds=spread)
                case = f"{seeds} seeds x {images} images, {name} spread between seeds"
                _coverage("crossed draws", case, world, count, _crossed)
                _coverage("bootstrap", case, world, count, _drawn)


def _generations(studies: int) -> None:
    for generations, seeds in ((2, 3), (2, 5), (3, 3), (3, 5)):
        for name, spread in SPREADS.items():
            world = World(600, seeds, generations, between_generations=spread)
            case = (
                f"{generations} generation seeds x {seeds} seeds x 600 images, {name} spread "
                "between generation seeds"
            )
            _coverage("crossed draws", case, world, studies, _crossed)
            _coverage("bootstrap", case, world, studies, _drawn)


def _rare(studies: int) -> None:
    """Two arms that nearly always answer alike."""
    for seeds in (1, 3, 5):
        world = World(600, seeds, gain=0.0, between_seeds=0.0, arm_by_image=0.0,
                      seed_by_image=0.0, chance=0.03)  # fmt: skip
        arm, other = world.draw(np.random.default_rng(1))
        case = f"{seeds} seeds x 600 images, {(arm != other).sum()} answers differ"
        _coverage("crossed draws", case, world, studies, _crossed)
        _coverage("bootstrap", case, world, studies, _drawn)


def _accuracies(studies: int) -> None:
    for top1 in (0.6, 0.97):
        for seeds in (1, 3, 5, 10):
            for name, spread in SPREADS.items():
                if seeds == 1 and spread:
                    continue  # its interval is of images alone, and says so
                world = World(600, seeds, top1=top1, gain=0.0, between_seeds=spread)
                case = f"accuracy {top1}, {seeds} seeds x 600 images, {name} spread between seeds"
                _coverage("Wilson of crossed draws", case, world, studies,
                          lambda arm, _: accuracy(arm), top1)  # fmt: skip


def _same_models(studies: int) -> None:
    """How often two arms of the same accuracy are called different, at most 5 %."""
    for seeds in (1, 3, 5):
        random, world = np.random.default_rng(6), World(600, seeds, gain=0.0)
        called = [paired_effect(*world.draw(random)).verdict(0.005) for _ in range(studies)]
        show(f"same models called different, {seeds} seeds x 600 images",
             called.count("different") / studies, "share", studies, goal=0.05)  # fmt: skip


def _promised_power(studies: int) -> None:
    """How often an effect is found that studies say they find with a chance of 80 %."""
    for seeds in (3, 5, 10):
        for name, spread in SPREADS.items():
            random = np.random.default_rng(7)
            none = World(600, seeds, gain=0.0, between_seeds=spread)
            said = np.median([paired_effect(*none.draw(random)).detectable() for _ in range(100)])
            world = World(600, seeds, gain=float(said), between_seeds=spread)
            found = [paired_effect(*world.draw(random)).p_value < 0.05 for _ in range(studies)]
            show(f"power, promised 80 %, {seeds} seeds x 600 images, {name} spread between seeds",
                 float(np.mean(found)), "share", studies,
                 effect_points=round(100 * float(said), 2))  # fmt: skip


def _coverage(
    way: str, case: str, world: World, studies: int, interval: Way, truth: float | None = None
) -> None:
    random = np.random.default_rng(5)
    truth = world.gain if truth is None else truth
    found = [interval(*world.draw(random)) for _ in range(studies)]
    share = sum(one.low <= truth <= one.high for one in found) / studies
    width = float(np.median([one.half_width for one in found]))
    # The figure is a draw, too: it is outside where two standard errors of it are.
    doubt = 2 * float(np.sqrt(share * (1 - share) / studies))
    show(f"coverage of 95 %, {way}, {case}", share, "share", studies,
         within=LEAST - doubt <= share <= MOST + doubt, doubt=round(doubt, 4),
         half_width_points=round(100 * width, 3))  # fmt: skip


def _crossed(arm: Hits, other: Hits) -> Interval:
    return paired_effect(arm, other).interval()


def _drawn(arm: Hits, other: Hits) -> Interval:
    return bootstrap_difference(arm, other, resamples=RESAMPLES)


def _time_the_bootstrap() -> None:
    for generations in (1, 3):
        arm, other = World(8000, 5, generations).draw(np.random.default_rng(8))
        case = f"{generations} generation seeds x 5 seeds x 8,000 images"
        for name, interval in (
            ("10,000 bootstrap draws", bootstrap_difference),
            ("the report's interval", _crossed),
        ):
            taken = []
            for _ in range(TIMES):
                began = time.perf_counter()
                interval(arm, other)
                taken.append(time.perf_counter() - began)
            show(f"{name}, {case}", sorted(taken)[TIMES // 2], "s", arm.size, goal=GOAL)


if __name__ == "__main__":
    main()
