"""How often an injected fault raises the right flag, and how often a flag is raised that is wrong.

Seeds are others than those that the thresholds of ``varifactory/diagnosis/flags.yaml`` were chosen
on. ``python -m bench.faults 100`` takes as many.
"""

import sys
from collections import Counter

import numpy as np

from bench.figures import show
from tests.injected_faults import FAULTS, examined, issue_of, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.figures import Flag
from varifactory.recipe.diagnosis import Diagnosis

SEEDS, FIRST = 20, 400
DESIGNS = ((10, 40, 60), (10, 30, 60), (10, 100, 60), (5, 60, 60), (3, 40, 60), (10, 20, 20))
"""Classes, synthetic and real images a class; the first is that of the issue, the last the least
of which anything is said."""


def main(seeds: int = SEEDS) -> None:
    """Every fault of every design, then the set without one."""
    for classes, images, real in DESIGNS:
        every = range(FIRST, FIRST + seeds)
        design = f"{classes} classes, {images} images a class against {real}"
        for fault in FAULTS:
            found = [raised(fault, seed, classes, images, real) for seed in every]
            report(fault, design, found)
        clean = [raised("clean", seed, classes, images, real)[1] for seed in every]
        sets = [one for one in clean if one]
        show(f"clean sets that raise a flag, {design}", len(sets) / seeds, "share", seeds,
             goal=0.0, kinds=kinds(clean))  # fmt: skip
        shares = [share for seed in every for share in seen(seed, classes, images, real)]
        show(f"share of a class from which wrong images are surely seen, {design}",
             float(np.median(shares)), "share", len(shares), highest=max(shares))  # fmt: skip


def raised(
    fault: str, seed: int, classes: int, images: int, real: int
) -> tuple[str, tuple[Flag, ...]]:
    """The spoiled class, and the flags."""
    population = spoiled(fault, seed, n=images, real=real, classes=classes)
    return population.class_names[1], flags(population, Diagnosis())


def seen(seed: int, classes: int, images: int, real: int) -> list[float]:
    """Of every class of a clean set the share from which its strays are surely flagged; 1 where
    not even all are."""
    population = spoiled("clean", seed, n=images, real=real, classes=classes)
    return [one.seen_from or 1.0 for one in examined(population)]


def report(fault: str, design: str, found: list[tuple[str, tuple[Flag, ...]]]) -> None:
    """The rate of right flags, of further ones in the spoiled class, and of any in the others."""
    own = [[flag for flag in some if flag.label == name] for name, some in found]
    others = [[flag for flag in some if flag.label != name] for name, some in found]
    right = [any(flag.issue == issue_of(fault) for flag in some) for some in own]
    more = [[flag for flag in some if flag.issue != issue_of(fault)] for some in own]
    count = len(found)
    show(f"right flag of {fault}, {design}", sum(right) / count, "share", count, goal=1.0,
         missed_seeds=[FIRST + at for at, hit in enumerate(right) if not hit])  # fmt: skip
    show(f"sets with a flag in another class, {fault}, {design}",
         sum(map(bool, others)) / count, "share", count, goal=0.0, kinds=kinds(others))  # fmt: skip
    show(f"sets with a second issue in the class, {fault}, {design}",
         sum(map(bool, more)) / count, "share", count, kinds=kinds(more))  # fmt: skip


def kinds(found: list[list[Flag]] | list[tuple[Flag, ...]]) -> dict[str, int]:
    """How often each kind of flag was raised."""
    return dict(Counter(flag.kind for some in found for flag in some))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
