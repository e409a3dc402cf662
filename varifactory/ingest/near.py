"""Held-out images as pictures, so that a foreign copy in other bytes is known as one.

Generators are often handed a data set as JPEGs, smaller, cut or mirrored: the picture is the same,
its pixels are not. What edits must keep away from the test images (``edits.gate``), foreign images
must too; and from those of validation, by which weights are chosen: edits are made of training
images alone, but who made foreign ones was handed what nobody here knows.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from varifactory.edits.gate import nearest, perceptual_hashes
from varifactory.images import phash
from varifactory.ingest.asking import Beside
from varifactory.leakage.copies import Picture, Pixels
from varifactory.leakage.known import Known, copies_above
from varifactory.loading import read_image
from varifactory.recipe import EditGate
from varifactory.shards.prefetch import in_order
from varifactory.stages import Row
from varifactory.store import Store

REAL = 400
"""Real images, the first by key, that tell how alike different pictures of the data set are."""

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The images of a split that is never trained on."""

    split: str
    pixels: frozenset[str]
    """Pixel hashes."""
    near: NDArray[np.uint64]
    """Perceptual hashes."""
    least: int
    """Bits in which any other image must differ: ``edits.gate.min_distance`` of its recipe."""
    known: Known
    """The pictures, by pixel hash."""
    above: float
    """Likeness above which a picture is a copy of one of them."""

    def shown(self, pixels: Pixels) -> str:
        """Pixel hash of the image that a picture is a copy of; empty where there is none."""
        alike = self.known.likest(Picture.of(pixels))
        return alike.name if alike.score > self.above else ""

    def trouble(self, row: Row, picture: Picture, title: str) -> str:
        """Why a foreign image may not stand beside them; empty where it may."""
        if row["pixel_sha256"] in self.pixels:
            return f"its pixels are those of a {self.split} image of {title}: remove it"
        distance = nearest(str(row["phash"]), self.near)
        if distance < self.least:
            return (
                f"near-duplicate of a {self.split} image of {title}: {distance} perceptual-hash "
                f"bits are fewer than its edits.gate.min_distance {self.least}"
            )
        alike = self.known.likest(picture)
        if alike.score > self.above:
            return (
                f"copy of a {self.split} image of {title}: it has a likeness of {alike.score:.2f} "
                f"to the one with the pixel hash {alike.name[:16]}, different images of {title} "
                f"one of at most {self.above:.2f}: remove it"
            )
        return ""


def held_out(store: Store, beside: Beside) -> list[HeldOut]:
    """The test and validation images of the data set beside foreign ones, every one read.

    Raises:
        BlobError: a picture is lost or corrupt.
    """
    gate = (beside.manifest.recipe.get("edits") or {}).get("gate") or {}
    least = EditGate.model_validate(gate).min_distance
    usable = sorted(
        (row for row in beside.items if row["status"] == "ok"), key=lambda row: str(row["key"])
    )
    real = [(name, picture) for name, (picture, _) in _looked_at(store, usable[:REAL])]

    def of(split: str) -> HeldOut:
        shown = dict(_looked_at(store, [row for row in usable if row["split"] == split]))
        known = Known({name: picture for name, (picture, _) in shown.items()})
        near = perceptual_hashes([{"phash": hash_} for _, hash_ in shown.values()])
        scores = _each(lambda one: known.likest(one[1], but=one[0]).score, real)
        return HeldOut(split, frozenset(shown), near, least, known, copies_above(scores))

    return [of("test"), of("validation")]


def troubles(
    store: Store, rows: Iterable[Row], apart: Sequence[HeldOut], title: str
) -> dict[str, str]:
    """Pixel hash -> why an image may not stand beside held-out ones, of those that may not.

    Raises:
        BlobError: a picture is lost or corrupt.
    """
    each = {str(row["pixel_sha256"]): row for row in rows}

    def trouble(row: Row) -> str:
        picture = Picture.of(read_image(store, row["image_blob"]))
        return next((why for one in apart if (why := one.trouble(row, picture, title))), "")

    return {name: why for name, why in zip(each, _each(trouble, each.values()), strict=True) if why}


def _looked_at(store: Store, rows: Iterable[Row]) -> Iterator[tuple[str, tuple[Picture, str]]]:
    """Pixel hash of each row, its picture, and the perceptual hash of this."""

    def looked(row: Row) -> tuple[str, tuple[Picture, str]]:
        pixels = read_image(store, row["image_blob"])
        return str(row["pixel_sha256"]), (Picture.of(pixels), phash(pixels))

    return _each(looked, rows)


def _each(function: Callable[[Given], Found], given: Iterable[Given]) -> Iterator[Found]:
    """In order, on all cores: decoding and aligning leave the interpreter's lock."""
    return in_order(function, given, threads=os.cpu_count() or 1)
