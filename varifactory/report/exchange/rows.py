"""What the page of an exchange rate shows, grouped by pool and base."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.exchange.figures import Control, ExchangeRate, Fit, Parameter, Rate, Substitution
from varifactory.exchange.surface import ordered
from varifactory.exchange.wording import ratio, ratio_bounds
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.scale import Mark, Ratios, Scale, around_zero, ratios
from varifactory.statistics import Interval

SLIGHT = 0.005
"""Half the least width, in shares, of the scale of differences: smaller ones look small."""


@dataclass(frozen=True, slots=True)
class RateLine:
    """The rate at one gain, of bases where it is the same."""

    rates: tuple[Rate, ...]
    """One a base; they differ in what the real images gain."""
    mark: Mark | None
    """None where no number is told."""
    end: float
    """Place of what it costs at most, or of ``tried``, percent of the width."""

    @property
    def one(self) -> Rate:
        """The first of them."""
        return self.rates[0]

    @property
    def tried(self) -> float:
        """Most images a real one that were tried."""
        return self.one.most / self.one.gain

    @property
    def kind(self) -> str:
        """Class of its bar: controls are quiet, what was read beyond the grid is hollow."""
        if self.one.state == "beyond":
            return "open"
        return "control" if self.one.pool in CONTROLS else "arm"

    @property
    def pill(self) -> str:
        """Class of its state: a control that gains nothing is no bad news."""
        if self.one.state == "not reached" and self.one.pool not in CONTROLS:
            return "below"
        return "equivalent" if self.one.state == "reached" else "open"

    @property
    def images(self) -> list[float]:
        """Images of the pool that it takes altogether, one a base; at most, or what was tried."""
        found, limit = self.one.per_real, self.one.at_most or self.tried
        each = limit if found is None else found.estimate
        return [each * rate.gain * rate.base for rate in self.rates]


@dataclass(frozen=True, slots=True)
class RateGroup:
    """Bases of one pool that have the same rates at all gains."""

    bases: tuple[int, ...]
    lines: tuple[RateLine, ...]


@dataclass(frozen=True, slots=True)
class RateBlock:
    """The rates of one pool."""

    pool: str
    groups: tuple[RateGroup, ...]
    control: Control | None
    """What a pool whose rate is known came to."""

    @property
    def known(self) -> bool:
        """Whether its rate is known beforehand."""
        return self.pool in CONTROLS


def rate_scale(rates: Sequence[Rate]) -> Ratios:
    """One scale for all rates, so that pools can be compared."""
    return ratios(
        [one.per_real for one in rates if one.per_real],
        [one.at_most or one.most / one.gain for one in rates
         if one.state in ("at most", "not reached")],
    )  # fmt: skip


def rate_blocks(found: ExchangeRate) -> list[RateBlock]:
    """Rates by pool, generators before controls, bases together where they do not differ."""
    scale, told = rate_scale(found.rates), {one.pool: one for one in found.controls}
    return [
        RateBlock(pool, tuple(_groups([one for one in found.rates if one.pool == pool], scale)),
                  told.get(pool))
        for pool in ordered(one.pool for one in found.rates)
    ]  # fmt: skip


def _groups(rates: Sequence[Rate], scale: Ratios) -> Iterator[RateGroup]:
    alike: dict[tuple[Any, ...], list[list[Rate]]] = {}
    for base in dict.fromkeys(one.base for one in rates):
        own = [one for one in rates if one.base == base]
        alike.setdefault(tuple(map(_shown, own)), []).append(own)
    for bases in alike.values():
        lines = (_line(at, scale) for at in zip(*bases, strict=True))
        yield RateGroup(tuple(own[0].base for own in bases), tuple(lines))


def _shown(one: Rate) -> tuple[float, str, float, str, str]:
    """What a line shows of a rate, but for its base and what that gains."""
    found = one.per_real
    limit = "" if one.at_most is None else ratio(one.at_most)
    each = (ratio(found.estimate), ratio_bounds(found)) if found else (limit, "")
    return one.gain, one.state, one.most, *each


def _line(rates: tuple[Rate, ...], scale: Ratios) -> RateLine:
    one = rates[0]
    mark = scale.mark(one.per_real) if one.per_real else None
    return RateLine(rates, mark, scale.place(one.at_most or one.most / one.gain))


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
    """Pool -> its ceiling, with its bounds."""
    told = {one.name: one for one in found.ceilings}
    return {
        pool: (told[pool], Interval(told[pool].value, told[pool].low, told[pool].high,
                                    found.confidence))
        for pool in ordered(told)
    }  # fmt: skip
