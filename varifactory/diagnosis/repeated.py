"""Copies: images that are nearly a real one of the reference."""

import numpy as np

from varifactory.diagnosis.chance import least_excess
from varifactory.diagnosis.examining import Examined, Flags
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import share
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.sides import to_nearest
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Measure


def repeated(one: Examined) -> tuple[Flags, Flags]:
    """Which synthetic images, and which real ones, are nearly another real image."""
    side = one.side
    real = to_nearest(side.real, side.real, 1, same=True)[:, 0]
    reach = limit("alike") * float(np.median(real)) if len(real) > 1 else 0.0
    made = to_nearest(side.made, side.real, 1, side.own)[:, 0]
    return made < reach, real < reach


def measures(one: Examined) -> list[Measure]:
    """Share of copies of real images."""
    return [share("memorised", one, *repeated(one))]


def flag(one: Examined, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where more images are copies than real ones are of each other."""
    if not one.enough:
        return None
    made, real = repeated(one)
    excess = float(made.mean()) - float(real.mean())
    if excess < limit("memorised") or least_excess(made, one.kin, real, one.asked.chance) <= 0:
        return None
    told = {"share": f"{made.mean():.0%}", "n": len(made)}
    return raised(one, "memorised", told, evidence, examples(one, made))
