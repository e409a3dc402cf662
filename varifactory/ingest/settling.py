"""Read files to items: which of them may stand beside a data set's real images, and why not."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from varifactory.ingest.asking import KIND, Beside
from varifactory.items import item_spec
from varifactory.keys import item_key, spec_of
from varifactory.records import DONE
from varifactory.sources.names import shown
from varifactory.stages import Row, accepted

SPLIT = "train"
"""Of every foreign image: nothing is ever chosen or scored on one."""
_NAMED = 12
"""Classes that a reason lists."""


def foreign_items(rows: Sequence[Row], beside: Beside, troubles: Mapping[str, str]) -> list[Row]:
    """One item a file, in the order given: its label is a class of the data set beside it, it is
    no copy of a held-out image, and no pixels count twice.

    Of equal images under one label the first counts; under several labels none does.

    Args:
        rows: of the stage ``foreign``.
        beside: gives the classes.
        troubles: pixel hash -> why an image may not stand beside held-out ones.
    """
    decided = [dict(row) for row in rows]
    _refuse(decided, beside, troubles)
    _refuse_copies(decided)
    return _distinct([_item(row) for row in decided])


def _refuse(rows: Sequence[Row], beside: Beside, troubles: Mapping[str, str]) -> None:
    classes = set(beside.class_names)
    for row in accepted(rows):
        if row["label"] not in classes:
            row |= {"status": "rejected", "reason": _no_class(str(row["label"]), beside)}
        elif why := troubles.get(str(row["pixel_sha256"])):
            row |= {"status": "rejected", "reason": why}


def _no_class(label: str, beside: Beside) -> str:
    names = beside.class_names
    listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    alike = [name for name in names if name.casefold() == label.casefold()]
    meant = f"; is {alike[0]!r} meant?" if alike else ""
    return f"label {shown(label)} is no class of {beside.title} ({listed}){meant}"


def _refuse_copies(rows: Sequence[Row]) -> None:
    same: dict[str, list[Row]] = defaultdict(list)
    for row in accepted(rows):
        same[str(row["pixel_sha256"])].append(row)
    for copies in same.values():
        labels = sorted({str(row["label"]) for row in copies})
        if len(labels) > 1:
            for row in copies:
                reason = f"the same image has the labels {labels}: keep one of them"
                row |= {"status": "rejected", "reason": reason}
            continue
        reason = f"the same image as another file: {copies[0]['uri']}"
        for row in copies[1:]:
            row |= {"status": "skipped", "reason": reason}


def _item(row: Row) -> Row:
    item: dict[str, Any] = {
        "kind": KIND,
        "label": row["label"],
        "split": SPLIT,
        "stage": KIND,
        "status": row["status"],
        "reason": row.get("reason") or "",
        "error_type": row.get("error_type") or None,
        "edit_key": row["key"],
        "pixel_sha256": row.get("pixel_sha256"),
        "image_blob": row.get("image_blob"),
        "prompt": row.get("prompt") or None,
        "editor": row["generator"],
        "paired": False,
        "forced": False,
    }
    # What was left out or failed may name a place or a time; a rejection says the same every time.
    reason = item["reason"] if row["status"] in DONE else ""
    key = item_key(spec_of("items", item_spec()), of=row["key"], kind=KIND, status=row["status"],
                   reason=reason, split=SPLIT)  # fmt: skip
    return {"key": key, **item}


def _distinct(items: Sequence[Row]) -> list[Row]:
    """With keys of their own: a file and its further copies share one row of the stage, and two
    copies of one image share their reason, too."""
    seen: Counter[str] = Counter()
    found = []
    for item in items:
        seen[item["key"]] += 1
        again = seen[item["key"]] - 1
        key = item_key(str(item["key"]), copy=again) if again else item["key"]
        found.append({**item, "key": key})
    return found
