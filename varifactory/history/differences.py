"""How two versions of a data set differ, item by item.

An edit is found again by its **place**: source image, attribute, feasibility, index and editor; a
foreign image, which has none, by its content. What stands there in both versions is compared by the
key of the edit: an equal key promises equal pixels, so other pixels under it are an **alarm**,
something in the factory is not deterministic.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.stages import Row
from varifactory.verdicts.wording import NO_CLASS, status_word

ALARM, ROUNDED, FLIPPED, STATUS, REMADE, ADDED, REMOVED = KINDS = (
    "alarm", "rounded", "flipped", "status", "remade", "added", "removed",
)  # fmt: skip
"""What may have become of a place, the most alarming first; a place has exactly one."""
WORDS = {
    ALARM: "same key, other pixels", ROUNDED: "same key, rounded by a card",
    FLIPPED: "verdict flipped", STATUS: "other status", REMADE: "made another way",
    ADDED: "added", REMOVED: "removed",
}  # fmt: skip
"""Kind -> what people read."""
VERDICTS = ("ok", "rejected")
GROUPS = {"source": "source images", "edit": "edits", "foreign": "foreign images"}
"""Kind of an item -> the group of those that have no value of a column."""

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One place that is not the same in both versions."""

    kind: str
    """One of ``KINDS``."""
    what: str
    """``source``, ``edit`` or ``foreign``."""
    before: Row | None
    after: Row | None
    because: str
    """What differs, in words; empty for what was added or removed."""

    @property
    def row(self) -> Row:
        """The later row, of what was removed the earlier."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def key(self) -> str:
        """Key of the edit or foreign image, of a source image its own."""
        return str(self.row["edit_key"] or self.row["source_key"])


@dataclass(frozen=True, slots=True)
class Differences:
    """All that differs, and how much does not."""

    changes: tuple[Change, ...]
    same: int
    """Places whose pixels and status are the same in both."""

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> places, every kind named."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS}

    @property
    def flips(self) -> dict[str, int]:
        """How often a verdict was turned, each way."""
        found = Counter(
            change.after["status"] for change in self.changes
            if change.kind == FLIPPED and change.after
        )  # fmt: skip
        return {"rejected to accepted": found["ok"], "accepted to rejected": found["rejected"]}

    def by(self, column: str) -> dict[str, dict[str, int]]:
        """Value of a column (``label``, ``attribute``) -> kind -> places."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for change in self.changes:
            lacking = NO_CLASS if column == "label" else GROUPS[change.what]
            found[str(change.row[column] or lacking)][change.kind] += 1
        return {name: dict(found[name]) for name in sorted(found)}


def compare(
    before: Iterable[Row], after: Iterable[Row], names: Mapping[str, str] | None = None
) -> Differences:
    """What became of every place of two items tables.

    Args:
        before: rows of the older version.
        after: rows of the newer.
        names: key of a source -> what it is called in both versions, where its key alone does not
            tell: a source that was read at another size has another key.
    """
    first, second = _placed([*before], names or {}), _placed([*after], names or {})
    changes = []
    for place in sorted(first.keys() | second.keys()):
        change = _change(first.get(place), second.get(place))
        if change:
            changes.append(change)
    changes.sort(key=_order)
    return Differences(tuple(changes), len(first.keys() | second.keys()) - len(changes))


def _placed(rows: Sequence[Row], names: Mapping[str, str]) -> dict[Place, Row]:
    found = {_place(row, names): row for row in rows if row["kind"] != "foreign"}
    # Copies of one foreign file share its content: the first of them, then the second, and so on.
    seen: Counter[str] = Counter()
    for row in sorted((row for row in rows if row["kind"] == "foreign"), key=_among_copies):
        content = _identity(row)
        seen[content] += 1
        found["foreign", content, f"{seen[content]:06d}"] = row
    return found


def _among_copies(row: Row) -> tuple[bool, str]:
    return row["status"] != "ok", str(row["key"])


def _place(row: Row, names: Mapping[str, str]) -> Place:
    source = names.get(row["source_key"], row["source_key"])
    if row["kind"] == "source":
        return ("source", source)
    asked = (row["attribute"], row["feasibility"], f"{row['index'] or 0:06d}", row["editor"])
    return ("edit", source, *map(str, asked))


def _order(change: Change) -> tuple[Any, ...]:
    row = change.row
    return (KINDS.index(change.kind), change.what, str(row["label"]), str(row["attribute"]),
            row["source_key"] or change.key, row["index"] or 0,
            str(row["feasibility"]))  # fmt: skip


def _change(before: Row | None, after: Row | None) -> Change | None:
    if before is None or after is None:
        there = after or before
        assert there is not None
        return Change(ADDED if before is None else REMOVED, there["kind"], before, after, "")
    kind, because = _compared(before, after)
    return Change(kind, after["kind"], before, after, because) if kind else None


def _compared(before: Row, after: Row) -> tuple[str, str]:
    """Kind and cause; both empty for two rows that tell the same."""
    made = before["pixel_sha256"] and after["pixel_sha256"]
    other = before["pixel_sha256"] != after["pixel_sha256"]
    if made and other and _identity(before) == _identity(after):
        return ALARM, "the same key, other pixels"
    if _identity(before) != _identity(after):
        return REMADE, _causes(before, after)
    if before["status"] != after["status"]:
        flipped = {before["status"], after["status"]} == set(VERDICTS)
        return (FLIPPED if flipped else STATUS), _reasons(before, after)
    if before["forced"] != after["forced"]:
        return STATUS, "taken although rejected" if after["forced"] else "no longer forced"
    return ("", "")


def _identity(row: Row) -> str:
    return str(row["edit_key"] or row["source_key"])


CAUSES = (
    ("attempt", "attempt"), ("value", "value"), ("prompt", "prompt"), ("mask_blob", "mask"),
    ("source_blob", "source image"),
)  # fmt: skip
"""Column -> what people call it, where a row of the items tells why an edit has another key."""


def _causes(before: Row, after: Row) -> str:
    told = []
    for column, name in CAUSES:
        old, new = before[column], after[column]
        if old != new and column.endswith("_blob"):
            told.append(f"another {name}")
        elif old != new:
            shift = 1 if column == "attempt" else 0
            told.append(f"{name} {_word(old, shift)} → {_word(new, shift)}")
    return ", ".join(told) or "another seed, model or setting"


def _word(value: Any, shift: int) -> str:
    return str((value or 0) + shift) if shift else repr(value)


def _reasons(before: Row, after: Row) -> str:
    """From which status to which, with the reasons: ``accepted → rejected: class lost``."""
    told = f"{status_word(before)} → {status_word(after)}"
    old, new = before["reason"], after["reason"]
    if after["status"] != "ok":
        return f"{told}: {new or 'no reason recorded'}"
    return f"{told}; before: {old or 'no reason recorded'}"


def source_names(
    before: Sequence[Row], after: Sequence[Row], files: Mapping[str, str]
) -> dict[str, str]:
    """Key of a source -> hash of its file, of sources that only one version has.

    Args:
        before: rows of the older version.
        after: rows of the newer.
        files: source key -> hash of the user's file.
    """
    first, second = ({row["source_key"] for row in rows} for rows in (before, after))
    return {key: files[key] for key in first ^ second if key in files}
