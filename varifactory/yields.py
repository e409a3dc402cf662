"""What became of the edits that were asked for: counts, reasons and rates, from the items table."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.items import is_unchanged, surplus
from varifactory.records import STATUSES
from varifactory.statistics import Interval, proportion

SAID = 40
"""Letters of a reason without a colon that a count of reasons keeps."""
FILE = re.compile(r"\S*/\S+")


@dataclass(frozen=True, slots=True)
class Yield:
    """What became of the edits of one attribute, feasibility and editor."""

    attribute: str
    feasibility: str
    editor: str
    statuses: dict[str, int]
    accepted: Interval
    """What was kept and what was left out as surplus, of all that were asked for."""
    surplus: int
    """Accepted, and left out because ``edits.exact`` was reached; among the skipped."""
    reasons: dict[str, int]
    """Of those not accepted, the most frequent first; a reason is its words up to the colon."""

    @property
    def total(self) -> int:
        """All that were asked for: the sum of the statuses."""
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Presence:
    """How often the judge saw the value that an editor was asked for."""

    attribute: str
    editor: str
    judged: int
    seen: Interval
    mean_score: float


@dataclass(frozen=True, slots=True)
class JudgeWords:
    """What one judge of a panel said, by its own word alone."""

    judge: str
    statuses: dict[str, int]
    """``failed`` and ``skipped``: no word of it was to be had."""
    accepted: Interval | None
    """Of those it had a word on; None without any."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Feasible and infeasible edits of one source and index, accepted together or not."""

    attribute: str
    editor: str
    complete: int
    incomplete: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often what is true was seen as what; rows are truths, columns what was seen."""

    title: str
    truths: tuple[str, ...]
    seen: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    note: str = ""

    @property
    def total(self) -> int:
        """Everything counted."""
        return sum(map(sum, self.counts))

    @property
    def agreement(self) -> Interval | None:
        """Share on the diagonal, over what was seen as anything that can be true."""
        right = sum(
            self.counts[row][self.seen.index(name)]
            for row, name in enumerate(self.truths)
            if name in self.seen
        )
        answered = [at for at, name in enumerate(self.seen) if name in self.truths]
        total = sum(counts[at] for counts in self.counts for at in answered)
        return proportion(right, total) if total else None


def confusion(title: str, truths: Sequence[str], seen: Sequence[str], note: str = "") -> Confusion:
    """Count pairs of what is true and what was seen, item by item.

    Names come in alphabetical order, those that are never true (``not judged``) last.

    Raises:
        ValueError: if the two differ in length.
    """
    counted = Counter(zip(truths, seen, strict=True))
    rows = sorted(set(truths))
    columns = [*rows, *sorted(set(seen) - set(rows))]
    counts = tuple(tuple(counted[row, column] for column in columns) for row in rows)
    return Confusion(title, tuple(rows), tuple(columns), counts, note)


def confusion_of_counts(
    title: str, counts: Mapping[str, Mapping[str, int]], note: str = ""
) -> Confusion:
    """As ``confusion``, of counts by truth and what was seen."""
    rows = sorted(counts)
    columns = [*rows, *sorted({seen for found in counts.values() for seen in found} - set(rows))]
    table = tuple(tuple(counts[row].get(column, 0) for column in columns) for row in rows)
    return Confusion(title, tuple(rows), tuple(columns), table, note)


def presences_of_rates(
    rates: Iterable[Mapping[str, Any]], confidence: float = 0.95
) -> list[Presence]:
    """As ``presences``, of what ``agreement.presence`` counted over first attempts."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for rate in rates:
        if rate["judged"]:
            groups[str(rate["attribute"]), str(rate["editor"])].append(rate)
    found = []
    for (attribute, editor), group in sorted(groups.items()):
        judged = sum(rate["judged"] for rate in group)
        seen = sum(round(rate["seen"] * rate["judged"]) for rate in group)
        mean = sum(rate["mean_presence"] * rate["judged"] for rate in group) / judged
        found.append(
            Presence(attribute, editor, judged, proportion(seen, judged, confidence), mean)
        )
    return found


def judge_words(edits: Iterable[Mapping[str, Any]], confidence: float = 0.95) -> list[JudgeWords]:
    """What each judge of a panel said of the kept edits; empty where one alone was asked."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in edits:
        for name, word in json.loads(row.get("judgements") or "{}").items():
            counted[name][word["status"]] += 1
    return [
        JudgeWords(
            name,
            {status: found[status] for status in STATUSES},
            proportion(found["ok"], answered, confidence) if answered else None,
        )
        for name, found in counted.items()
        for answered in [found["ok"] + found["rejected"]]
    ]


def edits_of(items: pa.Table) -> list[dict[str, Any]]:
    """The rows of edits that were to change something: unchanged ones went through no filter."""
    return [row for row in items.to_pylist() if row["kind"] == "edit" and not is_unchanged(row)]


def unchanged_of(items: pa.Table) -> list[dict[str, Any]]:
    """The rows of unchanged edits."""
    return [row for row in items.to_pylist() if row["kind"] == "edit" and is_unchanged(row)]


def foreign_of(items: pa.Table) -> list[dict[str, Any]]:
    """The rows of foreign images."""
    return [row for row in items.to_pylist() if row["kind"] == "foreign"]


def yields(edits: Iterable[dict[str, Any]], confidence: float = 0.95) -> list[Yield]:
    """One a group, sorted by attribute, editor and feasibility."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in edits:
        groups[str(row["attribute"]), str(row["editor"]), str(row["feasibility"])].append(row)
    found = []
    for (attribute, editor, feasibility), rows in sorted(groups.items()):
        counted = Counter(row["status"] for row in rows)
        beyond = sum(map(surplus, rows))
        reasons = Counter(map(_why, (row for row in rows if row["status"] != "ok")))
        found.append(
            Yield(
                attribute,
                feasibility,
                editor,
                {status: counted[status] for status in STATUSES},
                proportion(counted["ok"] + beyond, len(rows), confidence),
                beyond,
                dict(reasons.most_common()),
            )
        )
    return found


def _why(row: dict[str, Any]) -> str:
    """A reason without what makes no two of them alike: what follows the colon, names of files."""
    reason = str(row["reason"] or "no reason recorded")
    if row["status"] == "failed":
        reason = str(row.get("error_type") or FILE.sub("a file", reason))
    head = reason.partition(":")[0].strip()
    return head if len(head) <= SAID else head[:SAID].rstrip() + "…"


def presences(
    edits: Sequence[dict[str, Any]], confidence: float = 0.95, shared: bool = False
) -> list[Presence]:
    """By attribute and editor, of edits the judge measured, accepted or not.

    With ``shared`` only requests that every editor answered count, so that editors are compared
    on the same edits; empty where no request was answered by more than one.
    """
    measured = [row for row in edits if row["presence"] is not None]
    if shared:
        editors = {row["editor"] for row in measured}
        asked: dict[Any, set[str]] = defaultdict(set)
        for row in measured:
            asked[_request(row)].add(row["editor"])
        measured = [row for row in measured if asked[_request(row)] == editors]
        measured = measured if len(editors) > 1 else []
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in measured:
        groups[str(row["attribute"]), str(row["editor"])].append(row)
    return [
        Presence(
            attribute,
            editor,
            len(rows),
            proportion(
                sum(row["measured_value"] == row["value"] for row in rows), len(rows), confidence
            ),
            sum(row["presence"] for row in rows) / len(rows),
        )
        for (attribute, editor), rows in sorted(groups.items())
    ]


def _request(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("source_key", "attribute", "feasibility", "index"))


def pairs(edits: Iterable[dict[str, Any]]) -> list[Pairs]:
    """By attribute and editor; a pair is complete where both sides were accepted at one attempt,
    one that was left out as surplus, too."""
    groups: dict[tuple[str, str], dict[Any, list[Mapping[str, Any]]]] = defaultdict(dict)
    for row in edits:
        group = groups[str(row["attribute"]), str(row["editor"])]
        group.setdefault((row["source_key"], row["index"]), []).append(row)
    complete = {place: sum(map(_complete, found.values())) for place, found in groups.items()}
    return [
        Pairs(*place, complete[place], len(found) - complete[place])
        for place, found in sorted(groups.items())
    ]


def _complete(sides: Sequence[Mapping[str, Any]]) -> bool:
    if all(row["paired"] for row in sides):
        return True
    # Left out at one attempt: each alone would have been left out at its own first good one.
    beyond = all(map(surplus, sides)) and len({row["attempt"] for row in sides}) == 1
    return beyond and len(sides) > 1


def feasibility_confusion(edits: Iterable[dict[str, Any]]) -> Confusion | None:
    """What was asked for against what the judge says of the value it measured."""
    judged = [row for row in edits if row["judged_feasibility"]]
    if not judged:
        return None
    found = confusion(
        "Feasibility asked for, and as judged",
        [row["feasibility"] for row in judged],
        [row["judged_feasibility"] for row in judged],
        "The judge measures a value in the pixels and looks that value up; it is never told what "
        "was asked for. All edits that it saw are counted, also those it rejected.",
    )
    return found if set(found.truths) <= set(FEASIBILITIES) else None
