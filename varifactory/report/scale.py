"""A scale from numbers to places in percent of a width: plots that stretch with the page.

Marks at places in percent of an SVG without a view box move with its width while letters, circles
and strokes keep their size, so that the same plot is legible on a phone and on paper.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log2, log10
from statistics import median

from varifactory.statistics import Interval

EDGE = 3.0
"""Percent of the width left free at both ends, for half a circle and a number."""
TICKS = 5
OUTLYING = 5.0
"""A bound so many times farther out than the middle one is cut off, with an arrow; of ratios, one
so many doublings beyond every estimate."""
FARTHEST = 60.0
"""Doublings: stands for ratios that are 0 or infinite."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An interval on a scale; places in percent of the width."""

    low: float
    at: float
    high: float
    cut_low: bool
    cut_high: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """From ``low`` to ``high``, in shares."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Percent of the width, kept inside it."""
        share = (value - self.low) / (self.high - self.low)
        return round(EDGE + (100 - 2 * EDGE) * min(1.0, max(0.0, share)), 2)

    def mark(self, interval: Interval) -> Mark:
        """Where an interval lies."""
        low, at, high = (
            self.place(value) for value in (interval.low, interval.estimate, interval.high)
        )
        return Mark(low, at, high, interval.low < self.low, interval.high > self.high)

    @property
    def ticks(self) -> list[float]:
        """About ``TICKS`` round numbers, in shares."""
        step = _round_step((self.high - self.low) / TICKS)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [step * at for at in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """A tick in points, with as many decimals as their distance needs."""
        step = 100 * _round_step((self.high - self.low) / TICKS)
        return f"{100 * tick + 0.0:.{max(0, -floor(log10(step) + 1e-9))}f}".replace("-", "−")


def _round_step(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return power * next(nice for nice in (1, 2, 5, 10) if nice * power >= step * 0.999)


def around_zero(intervals: Sequence[Interval], margin: float) -> Scale:
    """Zero and the margin in sight, all bounds too, but for those that would crush the others."""
    outer = [max(abs(one.low), abs(one.high)) for one in intervals]
    limit = OUTLYING * max(median(outer), 2 * margin)
    kept = [bound for bound in outer if bound <= limit]
    inside = [one for one, bound in zip(intervals, outer, strict=True) if bound in kept]
    low = min([-1.5 * margin, *(one.low for one in inside)])
    high = max([1.5 * margin, *(one.high for one in inside)])
    return Scale(low, high)


def around(intervals: Iterable[Interval]) -> Scale:
    """All bounds of shares, and a little room."""
    found = list(intervals)
    low, high = min(one.low for one in found), max(one.high for one in found)
    room = max(0.02, 0.06 * (high - low))
    return Scale(max(0.0, low - room), min(1.0, high + room))


@dataclass(frozen=True, slots=True)
class Ratios:
    """A logarithmic scale of ratios: twice and half lie equally far from 1."""

    low: float
    high: float
    """Both above 0."""

    def place(self, ratio: float) -> float:
        """Percent of the width, kept inside it; 0 lies at the low end."""
        return self._logarithms.place(_logarithm(ratio))

    def mark(self, interval: Interval) -> Mark:
        """Where an interval of ratios lies; bounds may be 0 or infinite."""
        bounds = (interval.low, interval.estimate, interval.high)
        low, at, high = (self.place(ratio) for ratio in bounds)
        return Mark(low, at, high, interval.low < self.low, interval.high > self.high)

    @property
    def ticks(self) -> list[float]:
        """Powers of two, of four or more where those would crowd."""
        first, last = (round(_logarithm(bound)) for bound in (self.low, self.high))
        step = max(1, ceil((last - first) / (TICKS + 1)))
        # Multiples of the step, so that 1 is among them.
        return [2.0**at for at in range(first, last + 1) if at % step == 0]

    def label(self, tick: float) -> str:
        """A tick as a number: 1/4, 1/2, 1, 2."""
        return f"{tick:,.0f}" if tick >= 1 else f"1/{1 / tick:,.0f}"

    @property
    def _logarithms(self) -> Scale:
        return Scale(_logarithm(self.low), _logarithm(self.high))


def _logarithm(ratio: float) -> float:
    return max(-FARTHEST, min(FARTHEST, log2(ratio))) if ratio > 0 else -FARTHEST


def ratios(intervals: Iterable[Interval], others: Iterable[float] = ()) -> Ratios:
    """1 and ``others`` in sight, all finite bounds too, out to whole powers of two.

    Bounds farther than ``2 ** OUTLYING`` from every estimate are cut off.
    """
    found = list(intervals)
    told = [1.0, *others, *(one.estimate for one in found)]
    estimates = [_logarithm(one) for one in told if 0 < one < inf]
    near, far = min(estimates) - OUTLYING, max(estimates) + OUTLYING
    bounds = [_logarithm(bound) for one in found for bound in (one.low, one.high)]
    kept = [*estimates, *(bound for bound in bounds if near <= bound <= far)]
    return Ratios(2.0 ** floor(min(kept) - 1e-9), 2.0 ** ceil(max(kept) + 1e-9))
