"""What a run is expected to find and to make: a stage, and all of them, in numbers and in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from varifactory.models.provider.estimate import Estimate
from varifactory.quantities import duration
from varifactory.recipe import Recipe
from varifactory.runs.estimating import Cost, Pace, Range, cost, words
from varifactory.runs.misses import Past, Reason
from varifactory.runs.savings import by_whom


@dataclass(slots=True)
class Stage:
    """The items of one stage: there, missing, and those that may be needed."""

    name: str
    hits: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    """Of what must be made."""
    most: Counter[tuple[str, int]] = field(default_factory=Counter)
    """What may have to be made: for which reason, after how many refusals; how many at most."""
    pace: Pace | None = None
    other: pa.Table | None = None
    """Rows of the spec that is most like the planned one, where that has none."""

    @property
    def misses(self) -> int:
        """Items that the run will make."""
        return self.reasons.total()

    @property
    def unknown(self) -> int:
        """Items that it may make, at most."""
        return self.most.total()

    @property
    def items(self) -> int:
        """All, the unknown ones at most."""
        return self.hits + self.misses + self.unknown

    def must(self, reason: Reason) -> None:
        """Count an item that will be made."""
        self.reasons[reason] += 1

    def may_be(self, why: str, after: int, count: int = 1) -> None:
        """Count items that will be made at most, ``after`` so many rounds of refusals."""
        self.most[why, after] += count

    def missing(self, refused: float) -> Range:
        """Items to be made: if as many more are refused as were, about, at most."""
        about = sum(count * refused**after for (_, after), count in self.most.items())
        first = sum(count for (_, after), count in self.most.items() if not after)
        low = self.misses + first * (1 - refused)
        return Range(low, self.misses + about, self.misses + self.unknown)


@dataclass(frozen=True)
class Expectation:
    """A plan, as a whole."""

    recipe: Recipe
    store: str
    stages: tuple[Stage, ...]
    asked: Sequence[Estimate]
    past: Past
    refused: float
    """Share of edits that are refused, as far as the store knows it."""

    @cached_property
    def costs(self) -> dict[str, Cost]:
        """Stage -> what its missing items take."""
        return {
            stage.name: cost(
                stage.missing(self.refused),
                stage.pace,
                self.recipe,
                [one for one in self.asked if one.section == stage.name],
                stage.items,
            )
            for stage in self.stages
            if stage.pace is not None
        }

    @cached_property
    def whole(self) -> Cost:
        """What all of it takes, one worker's time."""
        needed = {stage.name for stage in self.stages if stage.misses or stage.unknown}
        kinds = [one.known for name, one in self.costs.items() if name in needed]
        seconds = bytes_ = usd = Range()
        for one in self.costs.values():
            seconds, bytes_, usd = seconds + one.seconds, bytes_ + one.bytes, usd + one.usd
        known = next((kind for kind in ("guess", "other", "same") if kind in kinds), "same")
        return Cost(seconds, bytes_, usd, known, any(c.unpriced for c in self.costs.values()))

    @property
    def misses(self) -> int:
        """Items that the run will make."""
        return sum(stage.misses for stage in self.stages)

    @property
    def unknown(self) -> int:
        """Items that it may make, at most."""
        return sum(stage.unknown for stage in self.stages)

    def totals(self) -> dict[str, Any]:
        """What a run keeps, to be compared with what became of it."""
        whole, workers = self.whole, self.recipe.run.workers
        about = sum(stage.missing(self.refused).about for stage in self.stages)
        return {
            "made": {"low": self.misses, "about": round(about), "high": self.misses + self.unknown},
            "seconds": whole.seconds.times(1 / max(1, workers)).told(),
            "bytes": whole.bytes.told(0),
            "usd": whole.usd.told(4),
            "known": whole.known,
            "words": self.sum_up(),
        }

    def sum_up(self) -> str:
        """One line."""
        if not self.misses and not self.unknown:
            return "nothing is to be made"
        whole = self.whole
        count = f"{self.misses:,} items to be made"
        if self.unknown:
            count += f", and at most {self.unknown:,} more"
        told = words(whole.seconds, whole.bytes, whole.usd, workers=self.recipe.run.workers,
                     unpriced=whole.unpriced)  # fmt: skip
        return f"{count}: {told}{HOW_SURE[whole.known]}"

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "recipe": self.recipe.name,
            "store": self.store,
            "stages": {stage.name: self._told(stage) for stage in self.stages},
            "storage_usd_a_month": round(
                self.whole.bytes.about / 1e9 * self.recipe.prices.storage_month, 4
            ),
            **self.totals(),
        }

    def _told(self, stage: Stage) -> dict[str, Any]:
        each = self.costs[stage.name]
        return {
            "items": stage.items,
            "hits": stage.hits,
            "misses": stage.misses,
            "unknown": stage.unknown,
            "reasons": [self._reason(reason, n) for reason, n in stage.reasons.most_common()],
            "at_most": [{"reason": why, "count": n} for why, n in _by_reason(stage)],
            "seconds": each.seconds.told(),
            "bytes": each.bytes.told(0),
            "usd": each.usd.told(4),
            "known": each.known,
        }

    def _reason(self, reason: Reason, count: int) -> dict[str, Any]:
        found = self.past.run(reason.run) if reason.run else None
        against = {"run": found.run, "actor": found.actor, "date": found.date} if found else None
        return {"reason": reason.words, "count": count, "against": against}

    def lines(self) -> list[str]:
        """For people: a line a stage, one a reason, and what it comes to."""
        found = []
        for stage in self.stages:
            found.append(self._line(stage))
            found += [f"            {one}" for one in self._why(stage)]
        return [*found, self.sum_up()]

    def _line(self, stage: Stage) -> str:
        share = stage.hits / max(1, stage.items)
        parts = [f"{stage.items:,} items", f"{share:.0%} in the store" if stage.hits else ""]
        parts.append(f"{stage.misses:,} missing" if stage.misses else "")
        parts.append(f"at most {stage.unknown:,} more" if stage.unknown else "")
        if stage.misses or stage.unknown:
            parts.append(f"about {duration(self.costs[stage.name].seconds.about)}")
        return f"{stage.name:<10}  {', '.join(filter(None, parts))}"

    def _why(self, stage: Stage) -> list[str]:
        found = [self._said(reason, count) for reason, count in stage.reasons.most_common(SHOWN)]
        if len(stage.reasons) > SHOWN:
            rest = sum(count for _, count in stage.reasons.most_common()[SHOWN:])
            found.append(f"{rest:,} for {len(stage.reasons) - SHOWN} more reasons")
        return found + [f"at most {count:,}: {why}" for why, count in _by_reason(stage)]

    def _said(self, reason: Reason, count: int) -> str:
        if not reason.run:
            return f"{count:,}: {reason.words}"
        one = self.past.run(reason.run)
        return f"{count:,}: {reason.words}, against {by_whom(one.run, one.actor, one.date)}"


HOW_SURE = {
    "same": "",
    "other": "; from rows made with other settings",
    "guess": "; partly guessed, for the store has no row of some stages",
}
SHOWN = 6
"""Reasons of a stage that are told in words; JSON has all."""


def _by_reason(stage: Stage) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for (why, _), count in stage.most.items():
        found[why] += count
    return found.most_common()
