"""Held-out images as perceptual hashes, so that a foreign copy in other bytes is known as one.

Generators are often handed a data set as JPEGs: the picture is the same, its pixels are not. What
edits must keep away from the test images (``edits.gate``), foreign images must too; and from those
of validation, by which weights are chosen: edits are made of training images alone, but who made
foreign ones was handed what nobody here knows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.edits.gate import nearest, perceptual_hashes
from varifactory.errors import FactoryError
from varifactory.images import phash
from varifactory.ingest.asking import Beside
from varifactory.loading import read_image
from varifactory.recipe import EditGate
from varifactory.stages import Row
from varifactory.store import Store


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

    def trouble(self, row: Row, title: str) -> str:
        """Why a foreign image may not stand beside them; empty where it may."""
        if row["pixel_sha256"] in self.pixels:
            return f"its pixels are those of a {self.split} image of {title}: remove it"
        distance = nearest(str(row["phash"]), self.near)
        if distance < self.least:
            return (
                f"near-duplicate of a {self.split} image of {title}: {distance} perceptual-hash "
                f"bits are fewer than its edits.gate.min_distance {self.least}"
            )
        return ""


def held_out(store: Store, beside: Beside) -> list[HeldOut]:
    """The test and validation images of the data set beside foreign ones.

    Their hashes come from the rows of its sources; where those are gone, from the pictures.

    Raises:
        BlobError: a picture that must be read is lost or corrupt.
    """
    known = _known(store, beside)
    gate = (beside.manifest.recipe.get("edits") or {}).get("gate") or {}
    least = EditGate.model_validate(gate).min_distance

    def of(split: str) -> HeldOut:
        rows = [row for row in beside.items if row["status"] == "ok" and row["split"] == split]
        hashes = [
            known.get(str(row["pixel_sha256"])) or phash(read_image(store, row["image_blob"]))
            for row in rows
        ]
        near = perceptual_hashes([{"phash": one} for one in hashes])
        return HeldOut(split, beside.pixels(split), near, least)

    return [of("test"), of("validation")]


def _known(store: Store, beside: Beside) -> dict[str, str]:
    """Pixel hash -> perceptual hash, of the sources that the run of the data set read."""
    try:
        specs = store.specs_of(beside.manifest.run_id)
    except FactoryError:
        return {}  # its record is damaged; the pictures tell the same
    found: dict[str, str] = {}
    for name in specs:
        stage, _, spec = name.partition("/")
        if stage == "sources":
            table = store.rows("sources", spec, ["pixel_sha256", "phash"])
            found |= {row["pixel_sha256"]: row["phash"] for row in table.to_pylist()
                      if row["pixel_sha256"]}  # fmt: skip
    return found
