"""Decoded items by index, for training loops: numpy arrays or tensors, read when asked for.

A ``Samples`` is what torch calls a map-style data set: it has a length, items by index and whole
batches by indexes (``__getitems__``), which are read in parallel. It travels to worker processes
as the store's URL and the rows it was made of: no connection, no credentials, no pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from varifactory.images import decode_mask, decode_png
from varifactory.shards.prefetch import AHEAD, THREADS, in_order
from varifactory.store import Store, StoreError
from varifactory.store.names import split_blob

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = {"image": "image_blob", "mask": "mask_blob", "source": "source_blob"}
"""What an item shows, and the column that names it."""

Sample = dict[str, Any]


class Samples:
    """Dictionaries of pictures, ``target`` (a class' number) and columns, in the rows' order."""

    def __init__(
        self,
        url: str,
        rows: pa.Table,
        classes: Sequence[str],
        *,
        pictures: Sequence[str] = ("image",),
        columns: Sequence[str] = ("key",),
        transform: "Callable[[Image], Any] | None" = None,
        tensors: bool = False,
    ) -> None:
        self.url = url
        self.classes = tuple(classes)
        self.pictures, self.columns = tuple(pictures), tuple(columns)
        self.transform, self.tensors = transform, tensors
        self._rows = rows.select(needed(rows.column_names, self.pictures, self.columns))
        self._numbers = {name: number for number, name in enumerate(self.classes)}
        self._opened: Store | None = None

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self._sample(self._row(index % len(self)))

    def __getitems__(self, indexes: Sequence[int]) -> list[Sample]:
        """A batch, its blobs read at the same time; torch's loader asks for batches by it."""
        rows = [self._row(index) for index in indexes]
        return list(in_order(self._sample, rows, threads=min(THREADS, max(1, len(rows)))))

    def __iter__(self) -> Iterator[Sample]:
        """All of them, a few read ahead."""
        rows = (row for batch in self._rows.to_batches(1024) for row in batch.to_pylist())
        return in_order(self._sample, rows, ahead=AHEAD)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = Store(self.url)
        return self._opened

    def _row(self, index: int) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._rows.slice(index, 1).to_pylist()[0]
        return found

    def _sample(self, row: Mapping[str, Any]) -> Sample:
        shown = {name: self._picture(name, row) for name in self.pictures}
        # A loader collates texts and numbers, and stops at None.
        told = {name: "" if row[name] is None else row[name] for name in self.columns}
        return {**shown, "target": self._numbers[row["label"]], **told}

    def _picture(self, name: str, row: Mapping[str, Any]) -> Any:
        blob = row[PICTURES[name]]
        if blob is None:
            raise StoreError(
                f"item {row['key']} has no {name}: select rows that have one "
                f"(its {PICTURES[name]} is empty)"
            )
        data = self._store.get_blob(*split_blob(blob))
        if name == "mask":
            return self._finished(decode_mask(data))
        pixels = decode_png(data)
        if self.transform is not None:
            from PIL import Image

            return self.transform(Image.fromarray(pixels))
        return self._finished(pixels)

    def _finished(self, pixels: Any) -> Any:
        if not self.tensors:
            return pixels
        from varifactory.models.tensors import picture_tensor

        return picture_tensor(np.array(pixels))


def needed(there: Sequence[str], pictures: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns that samples are made of.

    Raises:
        StoreError: what is asked for is neither a picture nor a column that is there.
    """
    strange = [name for name in pictures if name not in PICTURES]
    strange += [name for name in columns if name not in there]
    if strange:
        raise StoreError(
            f"{strange[0]!r} is neither a picture ({', '.join(PICTURES)}) nor a column of the data "
            f"set: it has {list(there)}"
        )
    blobs = [PICTURES[name] for name in pictures]
    return list(dict.fromkeys(["key", "label", *blobs, *columns]))
