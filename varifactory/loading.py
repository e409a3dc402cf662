"""Images and masks that rows name, read through the store."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from varifactory import records
from varifactory.images import decode_mask, decode_png
from varifactory.models import Weights
from varifactory.stages import Row
from varifactory.store import Manifest, Store, StoreError


def images_of(store: Store, rows: Sequence[Row], column: str) -> list[NDArray[np.uint8]]:
    """The images (h, w, 3) named in a column, one a row.

    Raises:
        BlobError: one of them is lost or corrupt.
    """
    return [decode_png(data) for data in _read(store, rows, column)]


def masks_of(store: Store, rows: Sequence[Row], column: str) -> list[NDArray[np.bool_]]:
    """The masks (h, w) named in a column, one a row.

    Raises:
        BlobError: one of them is lost or corrupt.
    """
    return [decode_mask(data) for data in _read(store, rows, column)]


def maybe_masks_of(
    store: Store, rows: Sequence[Row], column: str
) -> list[NDArray[np.bool_] | None]:
    """As ``masks_of``, None where a row names none."""
    named = [row for row in rows if row.get(column)]
    found = iter(masks_of(store, named, column))
    return [next(found) if row.get(column) else None for row in rows]


def weights_of(
    store: Store, rows: Sequence[Row], column: str, known: dict[str, Weights]
) -> dict[str, Weights]:
    """Blob name -> weights of all that a column names, up to 100 MB each.

    Those in ``known`` are not read again; afterwards it holds these rows' alone.

    Raises:
        BlobError: one of them is lost or corrupt.
    """
    named = {str(row[column]) for row in rows if row.get(column)}
    found = {blob: known.get(blob) or Weights(split_name(blob)[0], read_blob(store, blob))
             for blob in sorted(named)}  # fmt: skip
    known.clear()
    known.update(found)
    return found


def _read(store: Store, rows: Sequence[Row], column: str) -> list[bytes]:
    return store.get_blobs([split_name(row[column]) for row in rows])


def split_name(blob: str) -> tuple[str, str]:
    """``<sha256>.<ext>`` as the pair that the store asks for."""
    sha, _, extension = blob.partition(".")
    return sha, extension


def read_blob(store: Store, blob: Any) -> bytes:
    """The bytes of ``<sha256>.<ext>``.

    Raises:
        BlobError: lost or corrupt.
    """
    return store.get_blob(*split_name(str(blob)))


def items_table(store: Store, manifest: Manifest) -> pa.Table:
    """The items of a data set version, as it froze them.

    Raises:
        PartDamaged: a part of it is gone or damaged.
    """
    found = []
    for spec in sorted({part.spec for part in manifest.parts}):
        parts = [part.name for part in manifest.parts if part.spec == spec]
        found.append(store.rows_of("items", spec, parts))
    return pa.concat_tables(found, promote_options="default")


def lack(store: Store, manifest: Manifest) -> str:
    """Why a version cannot stand for items of the same hash made now; empty where it can."""
    try:
        there = items_table(store, manifest).column_names
    except StoreError:
        there = []
    if not there or store.gone(manifest):  # parts that were read lately are remembered
        return "is damaged in the store"
    # Columns that came later hold what no hash tells, such as the first attempts of all edits.
    absent = [name for name in records.schema("items").names if name not in there]
    return f"was made before items had {', '.join(absent)}" if absent else ""


def items_of(store: Store, name: str, version: int) -> list[Row]:
    """The same as rows, by name and version.

    Raises:
        StoreError: no such version, or a part of it is gone or damaged.
    """
    rows: list[Row] = items_table(store, store.dataset(name, version)).to_pylist()
    return rows


def read_image(store: Store, blob: Any) -> NDArray[np.uint8]:
    """The image (h, w, 3) of ``<sha256>.<ext>``.

    Raises:
        BlobError: lost or corrupt.
    """
    return decode_png(read_blob(store, blob))
