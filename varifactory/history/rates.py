"""How much each filter let through, with intervals: from a version's counts and its items."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from varifactory.items import surplus
from varifactory.stages import Row
from varifactory.statistics import Interval, proportion

FILTERS = {
    "sources": "readable, and no copy of another",
    "foreign": "readable, of a class that is there, and no copy of another or of a test image",
    "masks": "found, and good enough (masks.gate)",
    "edits": "made, and passed their gate (edits.gate)",
    "verdicts": "accepted by the judges (verdicts)",
}
"""Stage -> what its items had to be."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of items with its interval."""

    name: str
    what: str
    passed: int
    total: int
    share: Interval


def passed(counts: Mapping[str, Any], confidence: float = 0.95) -> list[Rate]:
    """Of every filter, what it let through of what came to it; all attempts count.

    ``counts`` are a manifest's: stage -> status -> items, gates applied.
    """
    found = []
    for stage, what in FILTERS.items():
        statuses = counts.get(stage) or {}
        total = sum(int(count) for count in statuses.values())
        if total:
            good = int(statuses.get("ok", 0))
            found.append(Rate(stage, what, good, total, proportion(good, total, confidence)))
    return found


def refused(edits: Iterable[Row], confidence: float = 0.95) -> list[Rate]:
    """Of the edits of a version, the share that each reason refused, the most frequent first."""
    rows = list(edits)
    reasons = Counter(
        (str(row["stage"]), str(row["reason"] or "no reason recorded").partition(":")[0].strip())
        for row in rows
        if row["status"] != "ok" and not surplus(row)
    )
    return [
        Rate(reason, stage, count, len(rows), proportion(count, len(rows), confidence))
        for (stage, reason), count in reasons.most_common()
    ]
