"""Two versions in one or two stores, read and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from varifactory.history.deviations import (
    Deviation,
    all_on_processors,
    deviation,
)
from varifactory.history.differences import (
    ALARM,
    ROUNDED,
    Change,
    Differences,
    compare,
    source_names,
)
from varifactory.history.ledger import Ledger
from varifactory.history.shifts import Shift, shifts
from varifactory.history.versions import title
from varifactory.loading import items_table, read_blob, read_image
from varifactory.stages import Row
from varifactory.store import BlobError, Manifest, Store

MEASURED = 500
"""Alarms whose pixels are compared; of more the kind is known."""
GROUPS = {"attribute": "attribute", "label": "class"}
"""Column of the items -> what people call it: differences are told by each."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the versions."""

    store: Store
    manifest: Manifest
    rows: list[Row]

    @classmethod
    def of(cls, store: Store, manifest: Manifest) -> "Side":
        """Read its rows."""
        return cls(store, manifest, items_table(store, manifest).to_pylist())


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a page or a command tells."""

    before: Side
    after: Side
    found: Differences
    moved: Mapping[str, list[Shift]]
    """``attribute`` or ``class`` -> shifts of the share accepted, all edits first."""
    apart: Mapping[str, Deviation]
    """Key -> how far the pixels of an alarm are apart, of the first ``MEASURED``."""

    @property
    def alarms(self) -> list[Change]:
        """Places where one key has two pictures."""
        return [change for change in self.found.changes if change.kind == ALARM]

    def read(self, blob: str) -> bytes:
        """A blob of either store.

        Raises:
            BlobError: neither has it whole.
        """
        try:
            return read_blob(self.after.store, blob)
        except BlobError:
            if self.before.store.url == self.after.store.url:
                raise
            return read_blob(self.before.store, blob)

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "before": _version(self.before),
            "after": _version(self.after),
            "same": self.found.same,
            "counts": self.found.counts,
            "flips": self.found.flips,
            "by": {name: self.found.by(column) for column, name in GROUPS.items()},
            "accepted": {
                name: [_shift(one) for one in found] for name, found in self.moved.items()
            },
            "changes": [_change(change, self.apart) for change in self.found.changes],
        }


def compared(before: Side, after: Side, confidence: float = 0.95) -> Comparison:
    """Compare two versions; pixels are read of alarms alone."""
    files = {**_files(before, after), **_files(after, before)}
    found = compare(before.rows, after.rows, source_names(before.rows, after.rows, files))
    apart = _apart(before, after, found)
    moved = {
        name: shifts(before.rows, after.rows, column, confidence) for column, name in GROUPS.items()
    }
    return Comparison(before, after, _rounded(before, after, found, apart), moved, apart)


def _files(side: Side, other: Side) -> dict[str, str]:
    """Source key -> hash of its file, of sources that the other version does not have."""
    first, second = ({row["source_key"] for row in one.rows} for one in (side, other))
    lonely = first - second - {None}  # a foreign image has no source
    if not lonely:
        return {}
    rows = Ledger(side.store).of_keys("sources", lonely)
    return {key: str(found.row["bytes_sha256"]) for key, found in rows.items()
            if found.row.get("bytes_sha256")}  # fmt: skip


def _apart(before: Side, after: Side, found: Differences) -> dict[str, Deviation]:
    apart = {}
    for change in [change for change in found.changes if change.kind == ALARM][:MEASURED]:
        assert change.before
        assert change.after
        try:
            apart[change.key] = deviation(
                read_image(before.store, change.before["image_blob"]),
                read_image(after.store, change.after["image_blob"]),
                read_image(after.store, change.after["source_blob"])
                if change.what == "edit"
                else None,
            )
        except BlobError:
            continue  # lost since: `verify` tells of it, and the alarm stands
    return apart


def _rounded(
    before: Side, after: Side, found: Differences, apart: Mapping[str, Deviation]
) -> Differences:
    """The same, where an accelerator's rounding is no alarm: it alone may move pixels a little."""
    near = {key for key, one in apart.items() if one.word != "different"}
    if not near:
        return found
    ledgers = [Ledger(side.store) for side in (before, after)]
    made = [ledger.of_keys("edits", near) for ledger in ledgers]
    on_cards = {
        key for key in near
        if not all_on_processors(rows[key].row for rows in made if key in rows)
    }  # fmt: skip
    changes = tuple(
        replace(change, kind=ROUNDED) if change.kind == ALARM and change.key in on_cards else change
        for change in found.changes
    )
    return replace(found, changes=changes)


def _version(side: Side) -> dict[str, Any]:
    manifest = side.manifest
    return {
        "store": side.store.url, "dataset": manifest.name, "version": manifest.version,
        "hash": manifest.dataset_hash, "run": manifest.run_id, "actor": manifest.actor,
        "made": f"{manifest.created_at:%Y-%m-%d %H:%M}", "items": len(side.rows),
        "title": title(manifest),
    }  # fmt: skip


def _shift(shift: Shift) -> dict[str, Any]:
    interval = shift.difference
    return {
        "group": shift.group, "before": shift.before.estimate, "after": shift.after.estimate,
        "edits": list(shift.totals), "difference": interval.estimate, "low": interval.low,
        "high": interval.high, "confidence": interval.confidence, "moved": shift.moved,
    }  # fmt: skip


SHOWN = ("label", "attribute", "feasibility", "index", "editor", "source_key")
SIDES = ("status", "reason", "pixel_sha256", "image_blob", "attempt", "value", "prompt", "key")


def _change(change: Change, apart: Mapping[str, Deviation]) -> dict[str, Any]:
    sides = {
        name: {column: row[column] for column in SIDES} if row else None
        for name, row in (("before", change.before), ("after", change.after))
    }
    measured = apart.get(change.key) if change.kind in (ALARM, ROUNDED) else None
    return {
        "kind": change.kind, "what": change.what, "key": change.key, "because": change.because,
        **{name: change.row[name] for name in SHOWN}, **sides,
        "apart": measured.told() if measured else None,
    }  # fmt: skip
