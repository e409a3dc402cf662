"""Masks: where the object is, measured, and gated before anything is painted.

Measures are stored raw; ``gate`` reads them afresh, so another threshold finds no mask again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from varifactory.images import encode_png, pixel_hash
from varifactory.keys import item_key
from varifactory.models import Candidate, Pixels, Region, Segmentation, Segmenter
from varifactory.recipe import MaskGate, Recipe
from varifactory.stages import Made, Row

SPECK = 0.005
"""Parts below this share of the mask are not counted as components (``records``)."""


def mask_spec(recipe: Recipe, segmenter: Segmenter) -> dict[str, Any]:
    """What all masks share; the recipe's gate is a threshold and stays out."""
    del recipe
    return {"segmenter": dict(segmenter.identity)}


def plan_masks(spec: str, source_rows: Sequence[Row], segmenter: Segmenter) -> list[Row]:
    """One row a source image.

    The class name enters the key unless the segmenter's identity says ``reads_class_name: False``.
    """
    by_class = segmenter.identity.get("reads_class_name", True)
    return [
        {
            "key": item_key(
                spec,
                source_pixels=source["pixel_sha256"],
                **({"class_name": source["label"]} if by_class else {}),
            ),
            "label": source["label"],
            "source_key": source["key"],
            "source_pixels": source["pixel_sha256"],
            "image_blob": source["image_blob"],
            # Measured against, never shown to the segmenter: no part of the key.
            "truth_mask_blob": source.get("truth_mask_blob"),
        }
        for source in source_rows
    ]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A mask that a segmenter gave, and what it is measured against."""

    found: Segmentation
    shape: tuple[int, ...]
    """Height and width of its image."""
    truth: Region | None
    """The exact mask of a drawn image, None elsewhere."""


def draw_masks(
    rows: Sequence[Row],
    images: Sequence[Pixels],
    segmenter: Segmenter,
    truths: Sequence[Region | None],
) -> list[Drawn]:
    """What the segmenter gives for planned rows: the part that needs the model."""
    found = segmenter.segment(images, [row["label"] for row in rows])
    return [
        Drawn(one, image.shape[:2], truth)
        for one, image, truth in zip(found, images, truths, strict=True)
    ]


def finish_masks(rows: Sequence[Row], drawn: Sequence[Drawn]) -> list[Made]:
    """Measured and encoded: the part that needs no model."""
    return [_made(row, one) for row, one in zip(rows, drawn, strict=True)]


def find_masks(
    rows: Sequence[Row],
    images: Sequence[Pixels],
    segmenter: Segmenter,
    truths: Sequence[Region | None],
) -> list[Made]:
    """Both parts at once."""
    return finish_masks(rows, draw_masks(rows, images, segmenter, truths))


def _made(row: Row, drawn: Drawn) -> Made:
    found, truth = drawn.found, drawn.truth
    if found.mask.shape != drawn.shape:
        reason = (
            f"the segmenter's mask is {found.mask.shape[1]} x {found.mask.shape[0]} pixels, its "
            f"image {drawn.shape[1]} x {drawn.shape[0]}"
        )
        return Made({**row, "status": "failed", "reason": reason, "method": found.method})
    measured = {
        **measure(found.mask),
        "method": found.method,
        "predicted_iou": found.predicted_iou,
        "true_iou": None if truth is None else iou(found.mask, truth),
        "mask_sha256": pixel_hash(found.mask),
        "candidates": _json(found.candidates),
        "choice": found.choice,
    }
    return Made(
        {**row, **measured, "status": "ok", "reason": ""}, {"mask_blob": encode_png(found.mask)}
    )


def _json(candidates: Sequence[Candidate]) -> str | None:
    return json.dumps([asdict(one) for one in candidates]) if candidates else None


def measure(mask: Region) -> dict[str, float | int]:
    """Area, components and border of a mask, in the units of ``records``."""
    edge = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return {
        "area": float(mask.mean()),
        "components": components(mask),
        "border": float(edge.mean()),
    }


def components(mask: Region) -> int:
    """Connected parts (8 neighbours) of at least ``SPECK`` of the mask."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= SPECK * areas.sum()).sum()) if len(areas) else 0


def iou(one: Region, other: Region) -> float:
    """Intersection over union, 0 to 1; two empty masks agree."""
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 1.0


def gate(row: Mapping[str, Any], settings: MaskGate) -> str:
    """Why a mask may not be edited; empty where it may. Measures that are null are not tested.

    An empty mask never may, whatever the limits, and is told with what its finders said.
    """
    if row["area"] == 0:
        said = row.get("choice") or row.get("method")
        return "no object was found" + (f" ({said})" if said else "")
    tests = (
        ("area", row["area"] < settings.min_area, "below", "min_area"),
        ("area", row["area"] > settings.max_area, "above", "max_area"),
        ("components", row["components"] > settings.max_components, "above", "max_components"),
        ("border", row["border"] > settings.max_border, "above", "max_border"),
        (
            "predicted_iou",
            row["predicted_iou"] is not None and row["predicted_iou"] < settings.min_predicted_iou,
            "below",
            "min_predicted_iou",
        ),
    )
    return "; ".join(
        f"{measured} {row[measured]:.3g} is {side} masks.gate.{limit} {getattr(settings, limit):g}"
        for measured, fails, side, limit in tests
        if fails
    )
