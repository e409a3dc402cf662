"""One export under way: rows by split, read, encoded and handed on in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from varifactory.datasets import Dataset
from varifactory.exports.encoding import EXTENSIONS, Codec, Picture, encode, encode_mask
from varifactory.exports.naming import file_stem
from varifactory.exports.places import Place
from varifactory.exports.request import COLUMNS
from varifactory.loading import read_blob
from varifactory.shards.prefetch import in_order
from varifactory.stages import Row

SHARD_BYTES = 500 * 10**6
"""Of a shard, about: few requests to read all, and one to begin with."""
SAMPLED = 64
"""Images that are encoded to learn how many rows fill a shard."""
ROW_GROUP = 100
"""Rows that are read together, about 10 MB: what a random access costs; shards hold whole ones."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One item as it is exported."""

    row: Row
    stem: str
    picture: Picture
    mask: bytes | None
    mask_array: NDArray[np.bool_] | None

    @property
    def told(self) -> Row:
        """The columns that are told of it."""
        return {name: self.row[name] for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows that go into one file."""

    name: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Job:
    """What a form writes, and where to."""

    data: Dataset
    splits: dict[str, pa.Table]
    codec: Codec
    place: Place
    shard_bytes: int = SHARD_BYTES

    @property
    def extension(self) -> str:
        return EXTENSIONS[self.codec]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the whole version, so that exports of parts of it number them alike."""
        return self.data.classes

    def encoded(self, rows: pa.Table) -> Iterator[Encoded]:
        """Items in their order, read and encoded ahead by threads."""
        return in_order(self.encode, self.rows(rows))

    def rows(self, rows: pa.Table) -> Iterator[Row]:
        """Rows as dictionaries, a batch of them at a time."""
        return (row for batch in rows.to_batches(1024) for row in batch.to_pylist())

    def encode(self, row: Row) -> Encoded:
        """One item, read and encoded.

        Raises:
            BlobError: its image or mask is lost or corrupt.
        """
        store = self.data.store
        picture = encode(read_blob(store, row["image_blob"]), self.codec)
        named = row["mask_blob"]
        mask, array = encode_mask(read_blob(store, named)) if named else (None, None)
        return Encoded(row, file_stem(row["key"]), picture, mask, array)

    def shards(self, split: str, suffix: str) -> list[Shard]:
        """A split in shards of about ``shard_bytes``, each of whole row groups, named as
        ``train-00000-of-00003.parquet``."""
        rows = self.splits[split]
        size = self._rows_a_shard(rows)
        starts = range(0, len(rows), size)
        return [
            Shard(f"{file_stem(split)}-{number:05d}-of-{len(starts):05d}.{suffix}",
                  rows.slice(start, size))
            for number, start in enumerate(starts)
        ]  # fmt: skip

    def _rows_a_shard(self, rows: pa.Table) -> int:
        at = np.unique(np.linspace(0, len(rows) - 1, SAMPLED).astype(int))
        sizes = [len(one.picture.data) + len(one.mask or b"")
                 for one in self.encoded(rows.take(pa.array(at)))]  # fmt: skip
        groups = self.shard_bytes / (sum(sizes) / len(sizes)) / ROW_GROUP
        return max(1, round(groups)) * ROW_GROUP

    def each(self, rows: pa.Table, write: Callable[[Row], Any]) -> Iterator[Any]:
        """``write`` done to every row by threads; its answers in the rows' order."""
        return in_order(write, self.rows(rows))
