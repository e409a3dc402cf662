"""A finished data set, for teams that read it: no flows, no models, no writing.

    from varifactory import open_dataset
    data = open_dataset("s3://team/store", "quickstart")
    train = data.table(status="ok", split="train")
    for item in data.select(status="ok", feasibility="infeasible"):
        item.image().show()

Needs numpy, pillow, pyarrow, pydantic, fsspec and, for a bucket, s3fs.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import Manifest, Store, StoreError, dataset_hash
from varifactory.store.manifest import HASHED
from varifactory.store.names import split_blob

if TYPE_CHECKING:
    from PIL.Image import Image

ITEMS = "items"
"""The stage whose rows a data set version freezes."""


@dataclass(frozen=True, slots=True)
class Item:
    """One source image or edit; ``item["column"]`` reads any column of its row."""

    row: Mapping[str, Any]
    store: Store

    def __getitem__(self, column: str) -> Any:
        return self.row[column]

    @property
    def key(self) -> str:
        """Hash that names the item, 64 hexadecimal digits."""
        return str(self.row["key"])

    @property
    def status(self) -> str:
        """``ok``, ``rejected``, ``failed`` or ``skipped``; the last two may have no image."""
        return str(self.row["status"])

    @property
    def label(self) -> str | None:
        """Class name of the source image."""
        return self.row.get("label")

    @property
    def split(self) -> str | None:
        """``train``, ``validation`` or ``test``."""
        return self.row.get("split")

    @property
    def attribute(self) -> str | None:
        """What was changed; None for a source image."""
        return self.row.get("attribute")

    @property
    def feasibility(self) -> str | None:
        """``feasible`` or ``infeasible``, as asked; None for a source image."""
        return self.row.get("feasibility")

    def image(self) -> "Image":
        """The image, decoded; its bytes are checked against their hash.

        Raises:
            StoreError: if the item has none; BlobLost, BlobCorrupt if its bytes are not whole.
        """
        return self._picture("image_blob")

    def mask(self) -> "Image":
        """The object's mask, 255 on the object and 0 elsewhere, of the image's size."""
        return self._picture("mask_blob")

    def source(self) -> "Image":
        """The image an edit was made from."""
        return self._picture("source_blob")

    def _picture(self, column: str) -> "Image":
        from PIL import Image

        name = self.row.get(column)
        if name is None:
            raise StoreError(
                f"item {self.key} ({self.status}) has no {column}: "
                f"{self.row.get('reason') or 'none was made'}"
            )
        picture = Image.open(io.BytesIO(self.store.get_blob(*split_blob(name))))
        picture.load()
        return picture


class Dataset:
    """One version's rows, in memory and in the order of their keys; pixels are read on demand."""

    def __init__(self, store: Store, manifest: Manifest, rows: pa.Table) -> None:
        self.store = store
        self.manifest = manifest
        self._rows = rows

    def table(self, columns: Sequence[str] | None = None, **equals: Any) -> pa.Table:
        """Rows as an Arrow table; ``status="ok"`` keeps equal ones, a list any of its values.

        Raises:
            StoreError: for a column the data set does not have.
        """
        rows = self._rows
        self._require([*equals, *(columns or ())])
        for column, wanted in equals.items():
            values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            kind = rows[column].type
            rows = rows.filter(pc.is_in(rows[column], value_set=pa.array(list(values), kind)))
        return rows if columns is None else rows.select(list(columns))

    def select(self, **equals: Any) -> "Dataset":
        """The same version, fewer rows; takes what ``table`` takes."""
        return Dataset(self.store, self.manifest, self.table(**equals))

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __getitem__(self, index: int) -> Item:
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        return Item(self._rows.slice(index % len(self), 1).to_pylist()[0], self.store)

    def __iter__(self) -> Iterator[Item]:
        for batch in self._rows.to_batches(max_chunksize=1024):
            for row in batch.to_pylist():
                yield Item(row, self.store)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.manifest.name!r}, version {self.manifest.version}, {len(self)} items)"
        )

    def _require(self, columns: Sequence[str]) -> None:
        unknown = [name for name in columns if name not in self._rows.column_names]
        if unknown:
            raise StoreError(
                f"data set {self.manifest.name!r} has no column {unknown[0]!r}: "
                f"it has {self._rows.column_names}"
            )


def open_dataset(url: str, name: str, version: str | int | None = None) -> Dataset:
    """A version's rows, the highest version's by default; every part is checked as it is read.

    Raises:
        StoreMissing: naming the data sets or versions there are.
        PartDamaged: if a part is gone or changed.
        StoreError: if the rows are not those the version was published with.
    """
    store = Store(url)
    manifest = store.dataset(name, version)
    specs = sorted({part.spec for part in manifest.parts if part.stage == ITEMS})
    if len(specs) != 1:
        raise StoreError(
            f"data set {name!r} version {manifest.version} lists {len(specs)} specs of the stage "
            f"{ITEMS!r}, one is expected: it was not made by this version of varifactory"
        )
    parts = [part.name for part in manifest.parts if part.stage == ITEMS]
    rows = store.rows_of(ITEMS, specs[0], parts)
    _check_hash(rows, manifest)
    return Dataset(store, manifest, rows)


def _check_hash(rows: pa.Table, manifest: Manifest) -> None:
    if not set(HASHED) <= set(rows.column_names):
        return  # a table of a user's own; its parts were checked
    found = dataset_hash(rows)
    if found != manifest.dataset_hash:
        raise StoreError(
            f"data set {manifest.name!r} version {manifest.version} holds {found}, its manifest "
            f"says {manifest.dataset_hash}: run `varifactory verify`, or publish a new version"
        )
