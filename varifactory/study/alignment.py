"""Which test image is which among cells: by pixels, which stay when a file is written anew."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from varifactory.store.studies import StudyCell


@dataclass(frozen=True, slots=True)
class ByPixels:
    """The test images of a cell in the order of their pixels' hashes."""

    order: NDArray[np.int64]
    """Places among the answers, which are in the order of keys."""
    images: str
    """Hash of the pixels' hashes."""
    named: str
    """Of these and the images' classes."""


def digest(column: pa.ChunkedArray) -> str:
    """One hash of texts in their order."""
    return hashlib.sha256("\n".join(column.to_pylist()).encode()).hexdigest()


def by_pixels(table: pa.Table) -> ByPixels | None:
    """How a cell's predictions are put in order; None where rows do not tell their pixels."""
    if table["pixel_sha256"].null_count:
        return None
    order = pc.sort_indices(table, [("pixel_sha256", "ascending"), ("truth", "ascending")])
    images, truth = (digest(table[name].take(order)) for name in ("pixel_sha256", "truth"))
    return ByPixels(order.to_numpy().astype(np.int64), images, f"{images} {truth}")


def alignable(cells: Sequence[StudyCell], told: Collection[str]) -> list[StudyCell]:
    """The cells of the data sets that have no cell but those whose keys are ``told``.

    A cell of two data sets is aligned alike in both: neither counts where one has others.
    """
    others = {cell.dataset for cell in cells if cell.key not in told}
    while True:
        keys = {cell.key for cell in cells if cell.dataset in others}
        wider = {cell.dataset for cell in cells if cell.key in keys}
        if wider == others:
            return [cell for cell in cells if cell.dataset not in others]
        others = wider
