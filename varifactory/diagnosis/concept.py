"""Concept: whether the class is there at all, and whether it looks as real images of it do."""

from statistics import NormalDist

import numpy as np

from varifactory.diagnosis.depth import LOW, Depth
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import of_manifold, shown_share, too_few
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.strays import Strays
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Measure
from varifactory.report.wording import percent
from varifactory.statistics import Interval

SURELY = 0.05
"""Chance of so high a strangeness of a class without a fault, for images that lie sparsely."""
TAKEN = 0.5
"""Share of a class's images that must be taken for it to be there in such a set."""


def measures(one: Examined, own: Depth | None, others: Depth | None) -> list[Measure]:
    """Precision, recall, density, coverage, strangeness, and what a classifier learns of them.

    Strangeness stands beside that of the other groups; among real images alone it is 0.5.
    """
    judged, at = one.asked.judged, one.side.real_at
    return [
        *of_manifold(one),
        _strangeness(one, own, others),
        shown_share("s2r", one, judged.transferred[at], judged.matched[at]),
        shown_share("r2r", one, judged.matched[at], judged.real[at]),
    ]


def _strangeness(one: Examined, own: Depth | None, others: Depth | None) -> Measure:
    if own is None:
        return too_few("strange", one)
    count, n_real = int((one.given == one.side.number).sum()), len(one.side.real_at)
    if count < 2:
        why = f"n too small: {count} images that are taken for their class, at least 2"
        return Measure("strange", None, count, n_real, None, why)
    half = NormalDist().inv_cdf((1 + one.asked.confidence) / 2) * own.error
    bounds = max(0.0, own.strange - half), min(1.0, own.strange + half)
    interval = Interval(own.strange, *bounds, one.asked.confidence, "synthetic and real images")
    usual = others.strange if others else None
    return Measure("strange", interval, count, n_real, usual)


def absent(
    one: Examined, strays: Strays, own: Depth | None, others: Depth | None,
    evidence: tuple[Measure, ...],
) -> Flag | None:  # fmt: skip
    """Raised where no image is as real as real ones of the class, nor as those of another class.

    Besides, they must lie off the real ones, or be taken for other classes; where all classes lie
    off the real ones, they must be taken for others.
    """
    if own is None:
        return None
    as_real = one.real_as(one.side.number, np.arange(len(one.side.at)))
    if as_real.mean() > limit("unreal"):
        return None
    taken = float((one.given == one.side.number).mean())
    set_apart = others is not None and others.precision < LOW
    if taken > TAKEN and (set_apart or own.precision > limit("absent")):
        return None
    if elsewhere(one, strays):
        return None
    told = {"n": len(as_real), "inside": int(as_real.sum()), "usual": percent(one.real_usual)}
    return raised(one, "absent", told, evidence, examples(one, ~as_real))


def blurred(
    one: Examined, own: Depth | None, others: Depth | None, evidence: tuple[Measure, ...]
) -> Flag | None:
    """Raised where images are taken for their class and lie farther out than those of others.

    Either they do so often, or, less often but more than by chance, where few real images have one
    near.
    """
    if own is None or own.strange < LOW:
        return None
    common = LOW if others is None else max(LOW, others.strange)
    dense = 1.0 if others is None else min(1.0, others.density)
    p_value = own.beyond(common)
    often = own.strange >= max(limit("strange"), common + limit("beyond_set"))
    # Where the whole set lies sparsely the ratio of two small densities says little.
    sparse = dense >= LOW and own.density <= limit("sparse") * dense
    if not (often and p_value <= one.asked.chance) and not (sparse and p_value <= SURELY):
        return None
    made, real = one.depth
    told = {"strange": percent(own.strange), "usual": percent(common),
            "density": f"{own.density:.2f}", "dense": f"{dense:.2f}"}  # fmt: skip
    far = (one.given == one.side.number) & (made > np.median(real))
    return raised(one, "blurred", told, evidence, examples(one, far))


def elsewhere(one: Examined, strays: Strays) -> bool:
    """Whether the strays are about as real as real images of the classes they are taken for."""
    at = np.flatnonzero(strays.at & (one.given >= 0) & (one.given != one.side.number))
    real = [
        one.real_as(int(number), at[one.given[at] == number]).sum()
        for number in np.unique(one.given[at])
    ]
    return bool(sum(real) > limit("elsewhere") * len(at))
