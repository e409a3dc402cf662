"""How far the images of a class lie off its real ones, and how far those of the whole set do."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from varifactory.diagnosis.chance import farther
from varifactory.diagnosis.examining import Examined

LOW = 0.5
"""Median precision, over that of real images, below which the set as a whole lies off them."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How far the images that are taken for their class lie off its real ones."""

    strange: float
    """Chance that one lies farther out than a real image; 0.5 as real ones do."""
    p_value: float
    error: float
    """Standard error of ``strange``."""
    precision: float
    """Over that of real images among each other."""


def depth_of(one: Examined) -> Depth | None:
    """None where there are too few images."""
    if not one.enough:
        return None
    made, real = one.depth
    right = one.given == one.side.number
    precision = float(one.manifold.inside.mean()) / max(1e-12, float(one.real_inside.mean()))
    if right.sum() < 2:
        return Depth(1.0, 1.0, 0.0, precision)
    return Depth(*farther(made[right], one.kin[right], real), precision)


def usual(depths: Mapping[int, Depth | None], but: int) -> Depth | None:
    """The median of the other groups: what a generator's own look does to all of them."""
    others = [one for place, one in depths.items() if place != but and one is not None]
    if not others:
        return None
    return Depth(
        median(one.strange for one in others), 1.0, 0.0, median(one.precision for one in others)
    )
