"""Numbers, arms and strata in words, the same all over the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from varifactory.statistics import Interval
from varifactory.study.figures import Comparison
from varifactory.training.grid import Stratum

NBSP = "\N{NO-BREAK SPACE}"
SMALL_MARGIN = 0.005
"""Below this margin, in shares, points are told with two decimals."""
MOST_DECIMALS = 4
EXACT_DECIMALS = 6
"""Of a setting of the plan in points; what has more is rounded."""
UNSEEN = 1e-6
"""Shares nearer than this are one: ``MOST_DECIMALS`` of a point do not tell them apart."""


@cache
def words() -> Mapping[str, Any]:
    """The texts of ``words.yaml``."""
    text = files("varifactory").joinpath("report/words.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def arm_words(arm: str) -> str:
    """An arm in plain words; its name where there are none."""
    return str(words()["arms"].get(arm, arm))


@dataclass(frozen=True, slots=True)
class Numbers:
    """Shares as points of 100, as exactly as the margin asks for."""

    margin: float

    @property
    def decimals(self) -> int:
        """One; two where the margin is under half a point."""
        return 2 if self.margin < SMALL_MARGIN else 1

    def size(self, share: float, edges: Sequence[float] = ()) -> str:
        """Points without a sign; more decimals where rounding would make them one of ``edges``."""
        return f"{abs(100 * share):.{self._telling([share], edges)}f}"

    def exact(self, share: float) -> str:
        """A setting as it was given, without a sign: as many decimals as it has."""
        decimals = self.decimals
        while decimals < EXACT_DECIMALS and abs(round(100 * share, decimals) - 100 * share) > 1e-9:
            decimals += 1
        return f"{abs(100 * share):.{decimals}f}"

    def points(self, share: float) -> str:
        """Points with their sign."""
        return signed(share, self.decimals)

    def bounds(self, interval: Interval, margin: bool = True) -> str:
        """``+0.4 to +2.0``; more decimals where rounding would hide a bound's side of zero.

        With ``margin`` also of the margin, for intervals that a verdict of equivalence is on.
        """
        edges = (0.0, self.margin, -self.margin) if margin else (0.0,)
        decimals = self._telling((interval.low, interval.high), edges)
        low, high = (signed(bound, decimals) for bound in (interval.low, interval.high))
        return f"{low}{NBSP}to{NBSP}{high}"

    def _telling(self, shares: Sequence[float], edges: Sequence[float]) -> int:
        """Decimals that tell the shares from the edges that they are not."""
        decimals = self.decimals
        while decimals < MOST_DECIMALS and _hidden(shares, edges, decimals):
            decimals += 1
        return decimals


def _hidden(shares: Sequence[float], edges: Sequence[float], decimals: int) -> bool:
    return any(
        abs(share - edge) > UNSEEN and round(100 * share, decimals) == round(100 * edge, decimals)
        for share in shares
        for edge in edges
    )


def signed(share: float, decimals: int) -> str:
    """Points with a sign; nothing is minus zero."""
    value = round(100 * share, decimals)
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{abs(value):.{decimals}f}"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.1f}{NBSP}%"


def level(confidence: float) -> str:
    """A confidence in percent, with decimals only where it has some."""
    return f"{100 * confidence:.4g}{NBSP}%"


def percents(interval: Interval) -> str:
    """The bounds of a share, in percent."""
    return f"{100 * interval.low:.1f}{NBSP}to{NBSP}{100 * interval.high:.1f}"


def p_words(p_value: float) -> str:
    """A p-value as one prints it."""
    return "< 0.001".replace(" ", NBSP) if p_value < 0.001 else f"{p_value:.3f}"


def date_words(moment: str) -> str:
    """``21 November 2026, 13:04 UTC``; what is no date stays as it is."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    found = found.astimezone(UTC) if found.tzinfo else found
    return f"{found.day} {found:%B %Y, %H:%M} UTC".replace(" ", NBSP)


def compared(found: Comparison) -> str:
    """``real+feasible − real``, or the two values of a factor."""
    if any(found.values):
        first, second = (words()["values"].get(value, value) for value in found.values)
        return f"{found.arm}: {first} − {second}"
    return f"{found.arm} − {found.other}"


class Strata:
    """Names of strata: what varies over the study, in words; what does not is told once."""

    def __init__(self, strata: Iterable[Stratum]) -> None:
        seen: dict[str, dict[str, None]] = {one.name: {} for one in fields(Stratum)}
        for stratum in strata:
            for name, value in _told(stratum):
                seen[name][value] = None
        self._varies = {name for name, values in seen.items() if len(values) > 1}
        self.common = [next(iter(values)) for values in seen.values() if len(values) == 1]
        """What all cells share."""

    def name(self, stratum: Stratum) -> str:
        """``pets · background``; empty where nothing varies."""
        return " · ".join(value for name, value in _told(stratum) if name in self._varies)


def _told(stratum: Stratum) -> list[tuple[str, str]]:
    many = f"{stratum.per_source} a source" if stratum.per_source else "all pairs"
    told = {
        "dataset": stratum.dataset,
        "sweep": stratum.sweep,
        "attribute": _value(stratum.attribute),
        "per_source": many if stratum.attribute else "",
        "schedule": _value(stratum.schedule),
        "augmentation": f"augmentation {stratum.augmentation}" if stratum.augmentation else "",
        "trainee": _value(stratum.trainee),
    }
    return [(name, value) for name, value in told.items() if value]


def _value(value: str) -> str:
    return str(words()["values"].get(value, value))
