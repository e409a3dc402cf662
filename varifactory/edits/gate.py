"""Which edits are worth judging; measures are stored raw, so a threshold recomputes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.recipe import EditGate


def gate(
    row: Mapping[str, Any], settings: EditGate, neighbours: NDArray[np.uint64] | None = None
) -> str:
    """Why an edit is rejected; empty where it passes.

    ``neighbours`` are the perceptual hashes (``perceptual_hashes``) of what an edit must not
    resemble: the test images, and sources other than its own, if wanted. Its own source always
    resembles it; of that it is told apart by ``min_change``, unless it was to stay as it is.
    """
    if row["change_outside"] > settings.max_outside:
        return (
            f"change_outside {row['change_outside']:g} is above edits.gate.max_outside "
            f"{settings.max_outside:g}"
        )
    if row.get("feasibility") != UNCHANGED and (reason := _too_little(row, settings)):
        return reason
    distance = nearest(row["phash"], neighbours) if neighbours is not None else 64
    if distance < settings.min_distance:
        return (
            f"near-duplicate of another image: {distance} perceptual-hash bits is below "
            f"edits.gate.min_distance {settings.min_distance}"
        )
    return ""


def _too_little(row: Mapping[str, Any], settings: EditGate) -> str:
    if row["pixel_sha256"] == row["source_pixels"]:
        return "the edit is its source image, pixel for pixel"
    if row["change_inside"] < settings.min_change:
        return (
            f"change_inside {row['change_inside']:.3g} is below edits.gate.min_change "
            f"{settings.min_change:g}"
        )
    return ""


def gates(
    rows: Sequence[Mapping[str, Any]], settings: EditGate, neighbours: NDArray[np.uint64]
) -> dict[str, str]:
    """Key -> why an edit is rejected, empty where it passes: ``gate`` of many rows."""
    far = _all_far([str(row["phash"]) for row in rows], settings.min_distance, neighbours)
    return {
        str(row["key"]): gate(row, settings, None if is_far else neighbours)
        for row, is_far in zip(rows, far, strict=True)
    }


def _all_far(hashes: Sequence[str], bits: int, neighbours: NDArray[np.uint64]) -> list[bool]:
    """Whether each hash differs from all neighbours in that many bits at least."""
    far: list[bool] = []
    for start in range(0, len(hashes), _ROWS):
        some = np.array([int(one, 16) for one in hashes[start : start + _ROWS]], dtype=np.uint64)
        least = np.full(len(some), 64)
        for neighbour in neighbours:
            np.minimum(least, np.bitwise_count(some ^ neighbour), out=least)
        far += (least >= bits).tolist()
    return far


_ROWS = 8192
"""Hashes compared at a time."""


def perceptual_hashes(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.uint64]:
    """The ``phash`` column of rows as numbers, once each, for ``gate``."""
    return np.array(sorted({int(row["phash"], 16) for row in rows}), dtype=np.uint64)


def nearest(hash_: str, neighbours: NDArray[np.uint64]) -> int:
    """Fewest bits in which a perceptual hash differs from any neighbour; 64 without neighbours."""
    if not len(neighbours):
        return 64
    differing = (neighbours ^ np.uint64(int(hash_, 16)))[:, None].view(np.uint8)
    return int(np.unpackbits(differing, axis=1).sum(axis=1).min())
