"""Copies: images that are nearly a real one of the reference, or nearly another of the set."""

from collections.abc import Sequence

import numpy as np

from varifactory.diagnosis.chance import least_excess
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import share
from varifactory.diagnosis.raising import examples, pictured, raised
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Measure
from varifactory.metrics.vectors import Flags
from varifactory.report.wording import percent

TELLING = ("few-modes", "narrow", "few-wrong")
"""Kinds of flags that say already that images are alike."""


def measures(one: Examined) -> list[Measure]:
    """Share of copies of real images, and of near-duplicates in the set."""
    return [
        share("memorised", one, one.asked.of_real[one.side.at], _usual(one)),
        share("duplicates", one, one.asked.of_each_other[one.side.at]),
    ]


def flag(
    one: Examined, evidence: tuple[Measure, ...], others: Sequence[Flag | None]
) -> Flag | None:
    """Raised where more images are copies of real ones than real ones are of each other, or else
    where many repeat each other and none of the other flags tells of it.

    Args:
        others: what else is raised of the group.
    """
    made, real = one.asked.of_real[one.side.at], _usual(one)
    excess = float(made.mean()) - float(real.mean())
    if excess >= limit("memorised") and least_excess(made, one.kin, real, one.asked.chance) > 0:
        told = {"share": percent(made.mean()), "n": len(made)}
        return raised(one, "memorised", told, evidence, examples(one, made))
    told_already = any(other and other.kind in TELLING for other in others)
    return None if told_already else _same(one, evidence)


def _same(one: Examined, evidence: tuple[Measure, ...]) -> Flag | None:
    """The flag of a class that shows few pictures again and again."""
    number, sizes = np.unique(one.pictures, return_inverse=True, return_counts=True)[1:]
    real_pictures = len(np.unique(one.real_pictures))
    usual = 1 - real_pictures / len(one.real_pictures)
    if 1 - len(sizes) / len(number) - usual < limit("repeated"):
        return None
    told = {"n": len(number), "pictures": pictured(len(sizes)), "most": int(sizes.max()),
            "usual": percent(usual)}  # fmt: skip
    return raised(one, "few-pictures", told, evidence, examples(one, sizes[number] > 1))


def _usual(one: Examined) -> Flags:
    """So many of all real images as are nearly another one."""
    count = one.asked.memorised.n_real
    return np.arange(count) < round(count * (one.asked.memorised.reference or 0.0))
