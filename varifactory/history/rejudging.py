"""Verdicts asked for once more and compared with the answers that are kept; nothing is written."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from varifactory.catalog import Catalog
from varifactory.history.deviations import DIFFERENT, IDENTICAL, WITHIN
from varifactory.history.ledger import Found
from varifactory.history.provenance import place
from varifactory.history.remaking import UNMADE, Remade
from varifactory.loading import images_of, maybe_masks_of
from varifactory.models import Judge
from varifactory.store import BlobError, Store
from varifactory.verdicts.judging import judge_edits
from varifactory.verdicts.planning import Choices, read_by

CLOSE = 1e-3
"""Share, and absolute, by which a number of an answer may differ: what half precision rounds."""
ANSWERED = ("value_scores", "class_scores", "possible", "raw")
"""Columns of a verdict that hold what a judge said."""


def rejudged(
    store: Store, found: Sequence[Found], judge: Judge, catalog: Catalog, choices: Choices,
    size: int,
) -> Iterator[Remade]:  # fmt: skip
    """The same questions to the same judge, ``size`` at a time.

    Raises:
        ModelError: the judge cannot be loaded.
    """
    for start in range(0, len(found), size):
        piece = found[start : start + size]
        rows = [one.row for one in piece]
        try:
            images = images_of(store, rows, "image_blob")
            masks = maybe_masks_of(store, rows, "mask_blob")
        except BlobError as error:
            yield from (Remade(one.key, UNMADE, str(error), place(one.row)) for one in piece)
            continue
        made = judge_edits(rows, images, masks, judge, catalog, read_by(judge, choices))
        for one, new in zip(piece, made, strict=True):
            word, told = compared(one.row, new.row)
            yield Remade(one.key, word, told, place(one.row))


def compared(kept: dict[str, Any], new: dict[str, Any]) -> tuple[str, str]:
    """How far two answers are apart, and where they differ most."""
    if kept["status"] != new["status"]:
        return DIFFERENT, f"was {kept['status']}, now {new['status']}: {new.get('reason') or ''}"
    word, told = IDENTICAL, IDENTICAL
    for column in ANSWERED:
        old, now = _read(kept.get(column)), _read(new.get(column))
        if old == now:
            continue
        if not _close(old, now):
            return DIFFERENT, f"{column}: {kept.get(column)} → {new.get(column)}"
        word, told = WITHIN, f"{column} differs by less than {CLOSE:g}"
    return word, told


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value else value


def _close(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_close(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_close, old, new))
    if isinstance(old, int | float) and isinstance(new, int | float):
        return math.isclose(old, new, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(old == new)
