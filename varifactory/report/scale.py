"""A scale from numbers to places in percent of a width: plots that stretch with the page.

Marks at places in percent of an SVG without a view box move with its width while letters, circles
and strokes keep their size, so that the same plot is legible on a phone and on paper.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from statistics import median

from varifactory.statistics import Interval

EDGE = 3.0
"""Percent of the width left free at both ends, for half a circle and a number."""
TICKS = 5
OUTLYING = 5.0
"""A bound so many times farther out than the middle one is cut off, with an arrow."""


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
