"""How far the images of a class lie off its real ones, and how far those of the whole set do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from varifactory.diagnosis.chance import farther
from varifactory.diagnosis.examining import Examined

LOW = 0.5
"""Median precision, over that of real images, below which the set as a whole lies off them;
and half of what fresh real images have of density, and the strangeness that they have."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How far the images that are taken for their class lie off its real ones."""

    strange: float
    """Chance that one lies farther out than a real image; 0.5 as real ones do."""
    error: float
    """Standard error of ``strange``."""
    precision: float
    """Over that of real images among each other."""
    density: float
    """1 as fresh real images have."""

    def beyond(self, usual: float) -> float:
        """Chance of so high a strangeness where it truly is ``usual``, one-sided."""
        if not self.error:
            return 1.0
        return 1 - NormalDist().cdf((self.strange - usual) / self.error)


def depth_of(one: Examined) -> Depth | None:
    """None where there are too few images."""
    if not one.enough:
        return None
    made, real = one.depth
    right = one.given == one.side.number
    precision = float(one.manifold.inside.mean()) / max(1e-12, float(one.real_inside.mean()))
    if right.sum() < 2:
        return Depth(1.0, 0.0, precision, 0.0)
    density = float(one.manifold.density[right].mean())
    strange, error = farther(made[right], one.kin[right], real)
    return Depth(strange, error, precision, density)


def usual(depths: Mapping[int, Depth | None], attributes: Sequence[str], but: int) -> Depth | None:
    """The median of the other groups of its attribute: what the generator, or changing this
    attribute, does to every class. Of all others where no other group has the attribute.

    Args:
        attributes: of all groups, by place.
    """
    others = {place: one for place, one in depths.items() if place != but and one is not None}
    alike = [one for place, one in others.items() if attributes[place] == attributes[but]]
    found = alike or list(others.values())
    if not found:
        return None
    return Depth(
        strange=median(one.strange for one in found),
        error=0.0,
        precision=median(one.precision for one in found),
        density=median(one.density for one in found),
    )
