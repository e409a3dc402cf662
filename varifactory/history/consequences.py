"""What came of an item: the versions that hold it, why they hold it so, and what hangs on it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from varifactory.history.instruments import instruments_of
from varifactory.history.ledger import Found, Ledger
from varifactory.history.lineage import SHOWN, Teller
from varifactory.history.of_studies import studies_of
from varifactory.history.story import Story
from varifactory.history.trained_on import cells_that_saw
from varifactory.history.versions import title
from varifactory.loading import items_table
from varifactory.stages import Row
from varifactory.store import Manifest, StoreError
from varifactory.verdicts.wording import status_word

HANGING = {
    "sources": (("masks", "source_key"), ("edits", "source_key"), ("predictions", "source_key")),
    "prompts": (("edits", "prompt_key"),),
    "masks": (("edits", "mask_key"),),
    "edits": (("verdicts", "edit_key"), ("decisions", "edit_key")),
    "training": (("predictions", "training_key"), ("checkpoints", "training_key")),
}  # fmt: skip
"""Stage -> stages whose rows name its items, and in which column."""
HOLDING = {"sources": "source_key", "edits": "edit_key", "foreign": "edit_key",
           "verdicts": "verdict_key"}  # fmt: skip
"""Stage -> column of a version's items that names its items."""
KINDS = {"sources": "source", "foreign": "foreign"}
"""Stage -> kind of the items that are its own; of every other ``edit``."""
THRESHOLDS = {
    "sources": (), "masks": (("masks", "gate"),), "edits": (("edits", "gate"),),
    "verdicts": (("verdicts",),), "decisions": (),
}  # fmt: skip
"""Stage that decided -> parts of the recipe whose limits it compared with."""
DECIDING = ("min_presence", "min_class", "min_possible", "feasibility", "decision")
"""Keys of ``verdicts`` that decide; the others say who judges."""


def consequences(teller: Teller, found: Found) -> list[Story]:
    """Verdicts, versions, other attempts, training cells, studies: whatever there is of them."""
    told = _judged(teller, found)
    told += _siblings(teller, found)
    holders = list(_holders(teller.ledger, found))
    told += [_version(manifest, row) for manifest, row in holders]
    usable = [manifest for manifest, row in holders if row["status"] == "ok"]
    told += cells_that_saw(teller.ledger, found, usable)
    told += studies_of(teller.ledger, found)
    told += instruments_of(teller.ledger, found)
    return told + _hanging(teller.ledger, found)


def _judged(teller: Teller, found: Found) -> list[Story]:
    """What judges and people said of an edit; edits with equal pixels share a verdict."""
    if found.stage != "edits":
        return []
    ledger, row = teller.ledger, found.row
    said = ledger.where("verdicts", "pixel_sha256", {row["pixel_sha256"]} - {None})
    own = [one for one in said if one.row["attribute"] == row["attribute"]]
    words = ledger.where("decisions", "edit_key", {found.key})
    return [teller.alone(one) for one in [*own, *words]]


def _siblings(teller: Teller, found: Found) -> list[Story]:
    """Other attempts at the same edit, by the same editor and spec."""
    if found.stage != "edits":
        return []
    same = ("source_key", "attribute", "feasibility", "index", "editor")
    others = [
        one
        for one in teller.ledger.where("edits", "source_key", {found.row["source_key"]})
        if one.key != found.key
        and one.spec == found.spec
        and all(one.row[name] == found.row[name] for name in same)
    ]
    return [
        Story("attempt", one.key, f"attempt {(one.row['attempt'] or 0) + 1}: edit "
              f"{one.key[:SHOWN]}, {one.row['value']!r}, {one.row['status']}",
              {"reason": one.row["reason"]})
        for one in sorted(others, key=lambda one: (one.row["attempt"] or 0, one.key))
    ]  # fmt: skip


def _holders(ledger: Ledger, found: Found) -> Iterator[tuple[Manifest, Row]]:
    """Every version that holds the item, with its row there; the newest first."""
    column = HOLDING.get(found.stage)
    if column is None:
        return
    for name, numbers in ledger.store.datasets():
        for number in reversed(numbers):
            manifest = ledger.store.dataset(name, number)
            try:
                rows = items_table(ledger.store, manifest)
            except StoreError:
                continue  # `verify` tells of a damaged version
            kind = KINDS.get(found.stage, "edit")
            for row in _rows(rows, column, found.key):
                if row["kind"] == kind:
                    yield manifest, row


def _rows(table: Any, column: str, key: str) -> list[Row]:
    import pyarrow.compute as pc

    wanted = pc.fill_null(pc.equal(table[column], key), False)
    rows: list[Row] = table.filter(wanted).to_pylist()
    return rows


def _version(manifest: Manifest, row: Row) -> Story:
    """Why the item has the status that it has there."""
    facts = {
        "status": f"{status_word(row)}, decided by the stage {row['stage']}",
        "reason": row["reason"],
        "limits": limits(manifest.recipe, str(row["stage"])),
        "scores": {name: row[name] for name in ("presence", "class_score", "judged_feasibility",
                                                "measured_value", "measured_class")},
        "split": row["split"], "paired": row["paired"], "forced": row["forced"],
        "made": f"{manifest.created_at:%Y-%m-%d %H:%M} by {manifest.actor}, run {manifest.run_id}",
    }  # fmt: skip
    return Story("version", title(manifest), f"in {title(manifest)}", facts)


def limits(recipe: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """The thresholds of a recipe that a stage's decision was compared with."""
    found: dict[str, Any] = {}
    for path in THRESHOLDS.get(stage, ()):
        place: Any = recipe
        for name in path:
            place = (place or {}).get(name)
        for name, value in (place or {}).items():
            if len(path) > 1 or name in DECIDING:
                found[".".join((*path, name))] = value
    return found


def _hanging(ledger: Ledger, found: Found) -> list[Story]:
    told = []
    for stage, column in HANGING.get(found.stage, ()):
        if stage not in ledger.stages():
            continue
        rows = [one.row for one in ledger.where(stage, column, {found.key})]
        if rows:
            statuses = dict(Counter(str(row["status"]) for row in rows))
            keys = [row["key"][:SHOWN] for row in rows[:5]]
            facts = {"statuses": statuses, "keys": keys}
            told.append(
                Story("downstream", stage, f"{stage} that hang on it: {len(rows):,}", facts)
            )
    return told
