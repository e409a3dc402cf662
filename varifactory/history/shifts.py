"""How the share of accepted edits moved between two versions."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from varifactory.items import surplus
from varifactory.stages import Row
from varifactory.statistics import Interval, proportion

ALL = "all edits"


@dataclass(frozen=True, slots=True)
class Shift:
    """The share accepted in both versions, of one group of edits."""

    group: str
    """``all edits``, an attribute or a class."""
    before: Interval
    after: Interval
    difference: Interval
    totals: tuple[int, int]

    @property
    def moved(self) -> bool:
        """Whether zero lies outside of the interval of the difference."""
        return not self.difference.spans_zero


def shifts(
    before: Iterable[Row], after: Iterable[Row], column: str, confidence: float = 0.95
) -> list[Shift]:
    """All edits first, then one group a value of ``column`` that both versions have."""
    first, second = _counted(before, column), _counted(after, column)
    found = []
    for group in sorted(first.keys() & second.keys(), key=lambda name: (name != ALL, name)):
        one, two = (proportion(*counted[group], confidence) for counted in (first, second))
        totals = first[group][1], second[group][1]
        found.append(Shift(group, one, two, difference(one, two), totals))
    return found


def _counted(rows: Iterable[Row], column: str) -> dict[str, tuple[int, int]]:
    """Group -> accepted and all edits; what was left out as surplus was accepted."""
    good: Counter[str] = Counter()
    every: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["kind"] == "edit":
            for group in (ALL, str(row[column])):
                good[group] += row["status"] == "ok" or surplus(row)
                every[group] += 1
    return {group: (good[group], every[group]) for group in every}


def difference(before: Interval, after: Interval) -> Interval:
    """``after`` minus ``before`` of two shares with their Wilson intervals.

    Newcombe's hybrid score interval (1998, method 10). It takes the two for independent: where
    both versions hold the same edits the truth lies closer together than it says.
    """
    shift = after.estimate - before.estimate
    down = sqrt((after.estimate - after.low) ** 2 + (before.high - before.estimate) ** 2)
    up = sqrt((after.high - after.estimate) ** 2 + (before.estimate - before.low) ** 2)
    return Interval(shift, shift - down, shift + up, after.confidence, "edits")
