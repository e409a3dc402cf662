"""Which curves stand in which plot, and the rate that is read off there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from varifactory.exchange.figures import Curve, ExchangeRate, Rate
from varifactory.exchange.surface import REAL, ordered
from varifactory.exchange.wording import multiple, pool_name
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.exchange.plots import Reading, curves
from varifactory.report.exchange.rows import limits
from varifactory.report.wording import percent


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot under its caption."""

    caption: str
    plot: Markup
    reads: bool
    """Whether a rate is read off in it."""
    levels: bool
    """Whether it shows the most that a generator can come to."""


def charts(found: ExchangeRate) -> list[tuple[int, list[Chart]]]:
    """Of each base a plot of the generators and one of the controls, real images in both."""
    drawn = []
    for number, base in enumerate(dict.fromkeys(one.base for one in found.curves)):
        own = {one.pool: one for one in found.curves if one.base == base}
        real = [own[REAL]] if REAL in own else []
        made = [own[pool] for pool in ordered(own) if pool not in (REAL, *CONTROLS)]
        known = [own[pool] for pool in ordered(own) if pool in CONTROLS]
        shown = []
        if made or not known:
            levels = _levels(found, made, real)
            reading = _reading(found, base, real)
            plot = _drawn([*real, *made], f"curves-{number}", levels, reading)
            shown.append(Chart("Generators", plot, reading is not None, bool(levels)))
        if known:
            plot = _drawn([*real, *known], f"controls-{number}", {}, None)
            shown.append(Chart("Controls", plot, reads=False, levels=False))
        drawn.append((base, shown))
    return drawn


def _drawn(
    found: Sequence[Curve], name: str, levels: Mapping[str, float], reading: Reading | None
) -> Markup:
    names = {one.pool: pool_name(one.pool) for one in found}
    text = "; ".join(map(_in_words, found))
    return curves(found, names, name=name, text=text, ceilings=levels, reading=reading)


def _in_words(one: Curve) -> str:
    places = (f"{multiple(at)} times the base {percent(top1.estimate)}" for at, top1 in one.points)
    return f"{pool_name(one.pool)}: {', '.join(places)}"


def _levels(found: ExchangeRate, made: Sequence[Curve], real: Sequence[Curve]) -> dict[str, float]:
    """Pool -> top-1 of its ceiling, where the curve of real images goes that far."""
    if not real:
        return {}
    pools = {one.pool for one in made}
    tops = {
        pool: top1_at(real[0], ceiling.value)
        for pool, (ceiling, _) in limits(found).items()
        if ceiling.identified and pool in pools
    }
    return {pool: top1 for pool, top1 in tops.items() if top1 is not None}


def _reading(found: ExchangeRate, base: int, real: Sequence[Curve]) -> Reading | None:
    """The largest gain that the first generator reaches at this base."""
    reached: list[tuple[Rate, float]] = [
        (one, one.per_real.estimate)
        for one in found.rates
        if one.base == base and one.pool not in CONTROLS and one.per_real
        and one.state == "reached"
    ]  # fmt: skip
    if not (reached and real):
        return None
    rate, each = max(
        (one for one in reached if one[0].pool == reached[0][0].pool), key=lambda one: one[0].gain
    )
    top1 = top1_at(real[0], rate.gain)
    return None if top1 is None else Reading(rate.gain, each * rate.gain, top1)


def top1_at(curve: Curve, place: float) -> float | None:
    """Top-1 of a curve at a multiple of the base, as fitted if it was; None beyond its ends."""
    line = curve.fitted or tuple((at, top1.estimate) for at, top1 in curve.points)
    for (left, low), (right, high) in pairwise(line):
        if left <= place <= right:
            return low + (high - low) * (place - left) / (right - left)
    return None


def harms(curve: Curve) -> bool:
    """Whether images that were added are surely worse than the fit, which never falls, can say."""
    fitted = {at: top1_at(curve, at) for at, _ in curve.points}
    return bool(curve.fitted) and any(
        top1.high < level for at, top1 in curve.points if (level := fitted[at]) is not None and at
    )
