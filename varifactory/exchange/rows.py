"""What the page of an exchange rate shows, grouped by pool and base."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from varifactory.exchange.figures import Control, ExchangeRate, Fit, Parameter, Rate, Substitution
from varifactory.exchange.surface import REAL
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.scale import Mark, Ratios, Scale, around_zero, ratios
from varifactory.statistics import Interval

SLIGHT = 0.005
"""Half the least width, in shares, of the scale of differences: smaller ones look small."""


@dataclass(frozen=True, slots=True)
class RateLine:
    """One rate and its place on the scale."""

    rate: Rate
    mark: Mark | None
    """None where it is not reached."""
    more_than: float
    """Synthetic images a real one that were tried at most."""
    start: float
    """Place of ``more_than``, percent of the width."""

    @property
    def kind(self) -> str:
        """Class of its bar: controls are quiet, what was read beyond the grid is hollow."""
        if self.rate.state == "beyond":
            return "open"
        return "control" if self.rate.pool in CONTROLS else "arm"

    @property
    def images(self) -> float | None:
        """Images of the pool that it takes altogether."""
        found = self.rate.per_real
        return None if found is None else found.estimate * self.rate.gain * self.rate.base


@dataclass(frozen=True, slots=True)
class RateBlock:
    """The rates of one pool."""

    pool: str
    bases: tuple[tuple[int, tuple[RateLine, ...]], ...]
    control: Control | None
    """What a pool whose rate is known came to."""


def rate_scale(rates: Sequence[Rate]) -> Ratios:
    """One scale for all rates, so that pools can be compared."""
    return ratios(
        [one.per_real for one in rates if one.per_real],
        [one.most / one.gain for one in rates if one.per_real is None],
    )


def rate_blocks(found: ExchangeRate, scale: Ratios) -> list[RateBlock]:
    """Rates by pool, generators before controls, then by base."""
    told = {one.pool: one for one in found.controls}
    return [
        RateBlock(pool, tuple(
            (base, tuple(_line(one, scale) for one in found.rates
                         if (one.pool, one.base) == (pool, base)))
            for base in dict.fromkeys(one.base for one in found.rates if one.pool == pool)
        ), told.get(pool))
        for pool in ordered(one.pool for one in found.rates)
    ]  # fmt: skip


def _line(rate: Rate, scale: Ratios) -> RateLine:
    tried = rate.most / rate.gain
    mark = scale.mark(rate.per_real) if rate.per_real else None
    return RateLine(rate, mark, tried, scale.place(tried))


def ordered(pools: Iterable[str]) -> list[str]:
    """Each pool once: real images, generators as they come, controls last."""
    found = dict.fromkeys(pools)
    return sorted(found, key=lambda pool: (pool != REAL, pool in CONTROLS))


@dataclass(frozen=True, slots=True)
class SubstitutionLine:
    """What replacing real images does, and its place on the scale."""

    found: Substitution
    interval: Interval
    mark: Mark
    outcome: str
    """Class of its bar; ``open`` where the interval spans zero."""


def substitutions(found: ExchangeRate) -> tuple[Scale, dict[str, list[SubstitutionLine]]]:
    """Pool -> what its images do in the place of real ones, and the scale they share."""
    intervals = [one.effect.interval(found.confidence) for one in found.substitutions]
    scale = around_zero(intervals, SLIGHT)
    lines: dict[str, list[SubstitutionLine]] = {
        pool: [] for pool in ordered(one.pool for one in found.substitutions)
    }
    for one, interval in zip(found.substitutions, intervals, strict=True):
        lines[one.pool].append(
            SubstitutionLine(one, interval, scale.mark(interval), _outcome(interval))
        )
    return scale, lines


def _outcome(interval: Interval) -> str:
    if interval.spans_zero:
        return "open"
    return "above" if interval.low > 0 else "below"


def best_forms(fits: Sequence[Fit]) -> dict[str, str]:
    """Pool -> the form that left-out points speak for; of two forms at least."""
    best: dict[str, str] = {}
    for pool in dict.fromkeys(one.pool for one in fits):
        scored = [(one.left_out, one.form) for one in fits
                  if one.pool == pool and one.left_out is not None]  # fmt: skip
        if len(scored) > 1:
            best[pool] = min(scored)[1]
    return best


def limits(found: ExchangeRate) -> dict[str, tuple[Parameter, Interval]]:
    """Pool -> its ceiling, with its bounds: in the order of the pools that were fitted."""
    pools = dict.fromkeys(one.pool for one in found.fits)
    return {
        pool: (one, Interval(one.value, one.low, one.high, found.confidence))
        for pool, one in zip(pools, found.ceilings, strict=True)
    }
