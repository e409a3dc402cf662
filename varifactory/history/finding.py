"""From what a person has in hand (digits of a key, a file's name) to the item that is meant."""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.errors import FactoryError
from varifactory.history.ledger import Found, Ledger
from varifactory.store.rows import TOMBSTONE

SHORTEST_KEY = 8
"""Digits that a key may be cut to."""
LISTED = 8
"""Of several items that a name fits, those that an error lists."""
DIGITS = re.compile(r"^[0-9a-f]+$")
BLOBS = {
    "sources": ("bytes_sha256", "pixel_sha256", "image_blob"),
    "masks": ("mask_sha256", "mask_blob"),
    "adapters": ("adapter_blob",),
    "edits": ("pixel_sha256", "image_blob"),
    "foreign": ("bytes_sha256", "pixel_sha256", "image_blob"),
    "closed": ("pixel_sha256", "image_blob"),
    "training": ("adapter_blob",),
}  # fmt: skip
"""Stage -> columns that name what it made: other stages' copies of them name the same."""
PARENT = {"items": ("edit_key", "source_key"), "predictions": ("training_key",),
          "checkpoints": ("training_key",)}  # fmt: skip
"""Stage whose rows are about an item of another -> where that item's key stands."""
OWNERS = {"edit_key": ("edits", "foreign"), "source_key": ("sources",),
          "training_key": ("training",)}  # fmt: skip
"""Where a key stands -> stages one of which has it."""
PLACES = ("sources", "foreign")
"""Stages whose items are files of users."""


def find(ledger: Ledger, name: str) -> Found:
    """The item that ``name`` means: a key of any stage or a hash of what was made, both cut to at
    least 8 digits if need be, or the name of a source's or a foreign image's file.

    Raises:
        FactoryError: nothing or several items are meant.
    """
    text = name.strip()
    start = text.lower().partition(".")[0]
    found: list[Found] = []
    if len(start) >= SHORTEST_KEY and DIGITS.fullmatch(start):
        found = _of_keys(ledger, start) or _of_blobs(ledger, start) or _of_hidden(ledger, start)
    found = found or _of_files(ledger, text)
    items = {(one.stage, one.key): one for one in found}
    if len(items) == 1:
        return next(iter(items.values()))
    if not items:
        raise FactoryError(
            f"{name!r} is no item here: give a key (at least {SHORTEST_KEY} digits of it; the "
            "gallery shows an edit's under details), or the name of an image's file"
        )
    listed = "; ".join(
        f"{one.stage} {one.key[:16]} ({one.row.get('label') or '?'})"
        for one in list(items.values())[:LISTED]
    )
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    raise FactoryError(f"{name!r} means {len(items)} items, give more of it: {listed}{more}")


def _starting(ledger: Ledger, stage: str, column: str, start: str) -> Iterator[Found]:
    for spec, table in ledger.tables(stage):
        if column in table.column_names and table[column].type == pa.string():
            rows = table.filter(pc.fill_null(pc.starts_with(table[column], start), False))
            yield from (Found(stage, spec, row) for row in rows.to_pylist())


def _of_keys(ledger: Ledger, start: str) -> list[Found]:
    found = [one for stage in ledger.stages() for one in _starting(ledger, stage, "key", start)]
    return [_owner(ledger, one) for one in found]


def _of_blobs(ledger: Ledger, start: str) -> list[Found]:
    return [
        one
        for stage, columns in BLOBS.items()
        for column in columns
        for one in _starting(ledger, stage, column, start)
    ]


def _owner(ledger: Ledger, found: Found) -> Found:
    """Of a row about another item that item, where the store has it."""
    for column in PARENT.get(found.stage, ()):
        if key := found.row.get(column):
            owners = (ledger.one(stage, key) for stage in OWNERS[column])
            return next((owner for owner in owners if owner), found)
    return found


def _of_hidden(ledger: Ledger, start: str) -> list[Found]:
    """Items whose rows were all hidden by hand, or lost what they name."""
    found = []
    for stage in ledger.stages():
        for spec in ledger.store.specs(stage):
            table = ledger.store.history(stage, spec)
            begins = pc.starts_with(table["key"], start)
            made = pc.not_equal(table["status"], TOMBSTONE)
            rows = table.filter(pc.and_(begins, made)).to_pylist()
            found += [Found(stage, spec, row, counts=False) for row in rows]
    return found


def _tables_of_files(ledger: Ledger) -> Iterator[tuple[str, str, pa.Table]]:
    for stage in PLACES:
        for spec, table in ledger.tables(stage):
            yield stage, spec, table


def _of_files(ledger: Ledger, name: str) -> list[Found]:
    """Sources and foreign images whose place is, or ends in, that name."""
    found = []
    for stage, spec, table in _tables_of_files(ledger):
        if "uri" in table.column_names:
            ends = pc.or_(pc.equal(table["uri"], name), pc.ends_with(table["uri"], f"/{name}"))
            rows = table.filter(pc.fill_null(ends, False)).to_pylist()
            found += [Found(stage, spec, row) for row in rows]
    exact = [one for one in found if one.row["uri"] == name]
    return exact or found
