"""Rows that are not made yet, as a plan takes them: accepted, with hashes that are not known.

A plan runs through the same functions as a run. What the store lacks is stood in for, so that what
follows from it can be counted too: an unknown hash begins with ``UNKNOWN``, an unknown measure is
not a number, which no gate refuses.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from varifactory.stages import Row

UNKNOWN = "unmade:"
"""How a hash begins that is not known before its item is made; no hash and no user text does."""
MARK = "unmade"
"""Column of a row that stands in for one that is to be made."""

PARENTS: dict[str, tuple[str, ...]] = {
    "masks": ("source_pixels",),
    "adapters": ("shots",),
    "edits": ("source_pixels", "mask_sha256", "prompt", "adapter_blob"),
    "verdicts": ("pixel_sha256", "mask_sha256"),
    "embeddings": ("pixel_sha256",),
}
"""Stage -> columns of a planned row that name what it is made of."""
PARENT_STAGES = {
    "source_pixels": "source image", "shots": "source image", "mask_sha256": "mask",
    "prompt": "prompt", "adapter_blob": "adapter", "pixel_sha256": "edit",
}  # fmt: skip

HASHES: dict[str, tuple[str, ...]] = {
    "sources": ("bytes_sha256", "pixel_sha256", "image_blob"),
    "masks": ("mask_sha256", "mask_blob"),
    "adapters": ("adapter_blob",),
    "prompts": ("value", "text"),
    "edits": ("pixel_sha256", "image_blob"),
}
"""Stage -> columns that are known once an item is made."""
MEASURES: dict[str, tuple[str, ...]] = {
    "masks": ("area", "components", "border"),
    "edits": ("change_inside", "change_outside", "region_share"),
}
OTHERS: dict[str, dict[str, Any]] = {
    "leakage": {"pairs": "[]"},
    "masks": {"predicted_iou": None, "true_iou": None, "method": "", "choice": ""},
}


def stand_in(stage: str, planned: Row) -> Row:
    """A planned row as if it were made and accepted."""
    key = str(planned["key"])
    row: Row = {**planned, "status": "ok", "reason": "", MARK: True}
    row |= dict.fromkeys(HASHES.get(stage, ()), f"{UNKNOWN}{key}")
    row |= dict.fromkeys(MEASURES.get(stage, ()), math.nan)
    row |= OTHERS.get(stage, {})
    if stage in ("sources", "edits"):
        row["phash"] = key[:16]  # far from every other, as of unlike pictures
    return row


def is_unmade(row: Mapping[str, Any]) -> bool:
    """Whether a row stands in for one that is to be made."""
    return bool(row.get(MARK))


def waits_for(stage: str, planned: Mapping[str, Any]) -> str:
    """What of a planned item's parents is not made yet; empty where all are."""
    for column in PARENTS.get(stage, ()):
        if UNKNOWN in (planned.get(column) or ""):
            return PARENT_STAGES[column]
    return ""


def unmade_first(rows: Iterable[Row]) -> list[Row]:
    """The same rows, those in front that stand in: wherever few are chosen by their content, what
    is not known yet may be among them."""
    return sorted(rows, key=lambda row: not is_unmade(row))
