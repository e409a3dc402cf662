"""A finished data set, for teams that read it: no flows, no models, no writing.

    from varifactory import open_dataset
    data = open_dataset("s3://team/store#quickstart")
    train = data.select(status="ok", split="train")
    for item in train.shuffled(seed=1).stream("image"):
        item.image().show()

Rows are chosen by their columns, each of which is read when it is first asked for and then held in
memory; pixels are read when they are asked for. Needs
numpy, pillow, pyarrow, pydantic, fsspec and, for a bucket, s3fs.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.columns import Columns
from varifactory.samples import PICTURES, Samples, needed
from varifactory.shards.prefetch import AHEAD, THREADS, in_order
from varifactory.store import Manifest, Store, StoreError, dataset_hash
from varifactory.store.manifest import HASHED
from varifactory.store.names import split_blob
from varifactory.store.reading import SMALL

if TYPE_CHECKING:
    from PIL.Image import Image

ITEMS = "items"
"""The stage whose rows a data set version freezes."""
_AT_ONCE = 1024
"""Rows that are Python objects at the same time."""


@dataclass(frozen=True, slots=True)
class Item:
    """One source image, edit or foreign image (``item["kind"]``); any column is read like that."""

    row: Mapping[str, Any]
    store: Store
    fetched: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Blobs that were read ahead, by name."""

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
        """Class name of the source image, of a foreign one as its maker says."""
        return self.row.get("label")

    @property
    def split(self) -> str | None:
        """``train``, ``validation`` or ``test``."""
        return self.row.get("split")

    @property
    def attribute(self) -> str | None:
        """What was changed; None for a source image or a foreign one."""
        return self.row.get("attribute")

    @property
    def feasibility(self) -> str | None:
        """``feasible`` or ``infeasible``, as asked, or ``unchanged``; None of all but edits."""
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
        data = self.fetched.get(name) or self.store.get_blob(*split_blob(name))
        picture = Image.open(io.BytesIO(data))
        picture.load()
        return picture


class Dataset:
    """One version's rows, in the order of their keys; columns and pixels are read on demand."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        rows: Columns,
        order: pa.Array | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.manifest = manifest
        self._columns = rows
        self._order = order
        self._classes = tuple(classes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the whole version, sorted: a selection numbers them alike."""
        if not self._classes:
            named = pc.unique(self._rows("label")["label"]).drop_null().to_pylist()
            self._classes = tuple(sorted(named))
        return self._classes

    def table(self, columns: Sequence[str] | None = None, **equals: Any) -> pa.Table:
        """Rows as an Arrow table; ``status="ok"`` keeps equal ones, a list any of its values.

        Raises:
            StoreError: for a column the data set does not have.
        """
        self._require([*equals, *(columns or ())])
        wanted = self._columns.names if columns is None else list(columns)
        return self._columns.table(wanted, self._chosen(equals))

    def _chosen(self, equals: Mapping[str, Any]) -> pa.Array | None:
        """The places of the rows that equal; None for all of them in their order."""
        order = self._order
        for column, wanted in equals.items():
            values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            held = self._columns.table([column], order)[column]
            fits = pc.is_in(held, value_set=pa.array(list(values), held.type)).combine_chunks()
            order = pc.indices_nonzero(fits) if order is None else order.filter(fits)
        return order

    def select(self, **equals: Any) -> "Dataset":
        """The same version, fewer rows; takes what ``table`` takes."""
        self._require(list(equals))
        return self._with(self._chosen(equals))

    def shuffled(self, seed: int) -> "Dataset":
        """The same rows in an order that follows from the seed alone."""
        order = np.random.default_rng(seed).permutation(len(self))
        return self._with(self._placed(order))

    def shard(self, rank: int, of: int, *, even: bool = False) -> "Dataset":
        """Every ``of``-th row from ``rank`` on; ``even`` drops what would make shards differ in
        length, as training in step needs it.

        Raises:
            StoreError: unless 0 <= rank < of.
        """
        if not 0 <= rank < of:
            raise StoreError(f"shard {rank} of {of}: ranks are counted from 0 to {of - 1}")
        count = len(self) - len(self) % of if even else len(self)
        return self._with(self._placed(np.arange(rank, count, of)))

    def stream(self, *pictures: str, threads: int = THREADS, ahead: int = AHEAD) -> Iterator[Item]:
        """Items whose pictures (``image``, ``mask``, ``source``) were read ahead, in order.

        At most ``ahead`` items are held, ``threads`` requests are under way. A picture that an
        item does not have is left out; asking the item for it tells why.
        """
        strange = [name for name in pictures if name not in PICTURES]
        if strange:
            raise StoreError(f"picture {strange[0]!r}: give {', '.join(PICTURES)}")
        columns = [PICTURES[name] for name in pictures or ("image",)]

        def fetched(row: Mapping[str, Any]) -> Item:
            named = {str(row[column]) for column in columns if row.get(column)}
            blobs = {name: self.store.get_blob(*split_blob(name)) for name in sorted(named)}
            return Item(row, self.store, blobs)

        return in_order(fetched, self._dicts(), threads=threads, ahead=ahead)

    def numpy(
        self, pictures: Sequence[str] = ("image",), columns: Sequence[str] = ("key",)
    ) -> Samples:
        """Dictionaries of arrays: images (h, w, 3) of uint8, masks (h, w) of bool, ``target``."""
        rows = self._rows(*needed(self._columns.names, pictures, columns))
        return Samples(self.store.url, rows, self.classes, pictures=pictures,
                       columns=columns)  # fmt: skip

    def torch(
        self,
        transform: "Callable[[Image], Any] | None" = None,
        pictures: Sequence[str] = ("image",),
        columns: Sequence[str] = ("key",),
    ) -> Samples:
        """The same for a ``torch.utils.data.DataLoader``: images (3, h, w) of uint8.

        ``transform`` takes a PIL image and makes the ``image`` instead. Workers may be spawned;
        shuffle with the loader, or before by ``shuffled`` and ``shard``.
        """
        rows = self._rows(*needed(self._columns.names, pictures, columns))
        return Samples(self.store.url, rows, self.classes, pictures=pictures,
                       columns=columns, transform=transform, tensors=True)  # fmt: skip

    def __len__(self) -> int:
        return len(self._columns) if self._order is None else len(self._order)

    def __getitem__(self, index: int) -> Item:
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        return Item(self._dict(index % len(self)), self.store)

    def __iter__(self) -> Iterator[Item]:
        return (Item(row, self.store) for row in self._dicts())

    def __repr__(self) -> str:
        return (
            f"Dataset({self.manifest.name!r}, version {self.manifest.version}, {len(self)} items)"
        )

    def _dicts(self) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(self), _AT_ONCE):
            places = np.arange(start, min(start + _AT_ONCE, len(self)))
            yield from self._columns.table(self._columns.names, self._placed(places)).to_pylist()

    def _dict(self, index: int) -> Mapping[str, Any]:
        place = self._placed(np.array([index]))
        found: Mapping[str, Any] = self._columns.table(self._columns.names, place).to_pylist()[0]
        return found

    def _rows(self, *names: str) -> pa.Table:
        return self._columns.table(names, self._order)

    def _placed(self, places: "np.ndarray[Any, np.dtype[np.int64]]") -> pa.Array:
        chosen = pa.array(places)
        return chosen if self._order is None else self._order.take(chosen)

    def _with(self, order: pa.Array | None) -> "Dataset":
        return Dataset(self.store, self.manifest, self._columns, order, self.classes)

    def _require(self, columns: Sequence[str]) -> None:
        unknown = [name for name in columns if name not in self._columns.names]
        if unknown:
            raise StoreError(
                f"data set {self.manifest.name!r} has no column {unknown[0]!r}: "
                f"it has {self._columns.names}"
            )


def open_dataset(url: str, name: str | None = None, version: str | int | None = None) -> Dataset:
    """A version's rows, the highest version's by default; every part is checked as it is read.

    ``open_dataset("s3://team/store#quickstart@3")`` is the same as
    ``open_dataset("s3://team/store", "quickstart", 3)``.

    Raises:
        StoreMissing: naming the data sets or versions there are.
        PartDamaged: if a part is gone or changed.
        StoreError: if the rows are not those the version was published with.
    """
    if name is None:
        url, name, version = split_address(url)
    store = Store(url)
    manifest = store.dataset(name, version)
    specs = sorted({part.spec for part in manifest.parts if part.stage == ITEMS})
    if len(specs) != 1:
        raise StoreError(
            f"data set {name!r} version {manifest.version} lists {len(specs)} specs of the stage "
            f"{ITEMS!r}, one is expected: it was not made by this version of varifactory"
        )
    parts = [part.name for part in manifest.parts if part.stage == ITEMS]
    if sum(part.bytes for part in manifest.parts) <= SMALL:
        rows = store.rows_of(ITEMS, specs[0], parts)
        _check_hash(rows, rows.column_names, manifest)
        rows = _with_later_columns(rows, rows.column_names)
        return Dataset(store, manifest, Columns(rows.column_names, rows))
    there = store.columns_of(ITEMS, specs[0], parts)
    rows = store.rows_of(ITEMS, specs[0], parts, [name for name in HASHED if name in there])
    _check_hash(rows, there, manifest)
    rows = _with_later_columns(rows, there)
    absent = [name for name in rows.column_names if name not in there]
    read = partial(store.rows_of, ITEMS, specs[0], parts)
    return Dataset(store, manifest, Columns([*there, *absent], rows, read))


def _with_later_columns(rows: pa.Table, there: Sequence[str]) -> pa.Table:
    """With nulls for columns that items had not yet when the version was made."""
    if not set(HASHED) <= set(there):
        return rows  # a table of a user's own
    for wanted in records.schema(ITEMS):
        if wanted.name not in there:
            rows = rows.append_column(wanted, pa.nulls(len(rows), wanted.type))
    return rows


def _check_hash(rows: pa.Table, there: Sequence[str], manifest: Manifest) -> None:
    if not set(HASHED) <= set(there):
        return  # a table of a user's own; its parts were checked
    found = dataset_hash(rows)
    if found != manifest.dataset_hash:
        raise StoreError(
            f"data set {manifest.name!r} version {manifest.version} holds {found}, its manifest "
            f"says {manifest.dataset_hash}: run `varifactory verify`, or publish a new version"
        )


def split_address(address: str, store: str = "") -> tuple[str, str, str | None]:
    """``STORE#NAME[@VERSION]`` as store, name and version; without ``#`` the name is of ``store``.

    Raises:
        StoreError: no store or no name is told.
    """
    url, mark, rest = address.rpartition("#")
    name, _, version = rest.partition("@")
    if not name or not (url if mark else store):
        raise StoreError(
            f"data set {address!r}: give STORE#NAME or STORE#NAME@VERSION, such as "
            "s3://team/store#quickstart@3"
        )
    return url if mark else store, name, version or None
