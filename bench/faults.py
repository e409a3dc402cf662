"""How often an injected fault raises the right flag, and how often a flag is raised that is wrong.

Seeds are others than those that the thresholds of ``varifactory/diagnosis/flags.yaml`` were chosen
on. ``python -m bench.faults 100`` takes as many.
"""

import sys
from collections import Counter

from bench.figures import show
from tests.injected_faults import FAULTS, issue_of, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.figures import Flag
from varifactory.recipe.diagnosis import Diagnosis

SEEDS, FIRST = 20, 400
DESIGNS = ((10, 40), (10, 30), (10, 100), (5, 60), (3, 40))
"""Classes, and synthetic images a class; the first is that of the issue."""


def main(seeds: int = SEEDS) -> None:
    """Every fault of every design, then the set without one."""
    for classes, images in DESIGNS:
        design = f"{classes} classes, {images} images a class"
        for fault in FAULTS:
            found = [raised(fault, seed, classes, images) for seed in range(FIRST, FIRST + seeds)]
            report(fault, design, found)
        clean = [raised("clean", seed, classes, images)[1] for seed in range(FIRST, FIRST + seeds)]
        sets = [one for one in clean if one]
        show(f"clean sets that raise a flag, {design}", len(sets) / seeds, "share", seeds,
             goal=0.0, kinds=kinds(clean))  # fmt: skip


def raised(fault: str, seed: int, classes: int, images: int) -> tuple[str, tuple[Flag, ...]]:
    """The spoiled class, and the flags."""
    population = spoiled(fault, seed, n=images, classes=classes)
    return population.class_names[1], flags(population, Diagnosis())


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
