"""One part: rows as a Parquet file that is named by its own bytes and never changed."""

import hashlib
import io
import json
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from varifactory.store import names
from varifactory.store.backend import Backend
from varifactory.store.errors import PartDamaged, StoreError
from varifactory.store.rows import BASE, HIDES, blob_name, with_first_part

_META = b"varifactory"
LARGEST = 2**31
"""Bytes; a part is rows of text and numbers, far below: larger ones were not written by us."""
_MEMORY = 128 * 2**20
_BUFFER = 2**20
"""Bytes of a column that are read at a time: else all of it is in memory, packed, too."""
BLOB_COLUMNS = "*_blob"
"""In place of a column's name: every column that names blobs."""
_DECIDING = frozenset({"key", "status", "made_at", "first_part", HIDES})
"""Columns that say which row counts."""


@dataclass(frozen=True, slots=True)
class PartRef:
    """A part by name: small, constant in size, safe to pass between tasks."""

    name: str
    rows: int
    bytes: int


class Wanted(NamedTuple):
    """What is wanted of a table: some columns, some keys; None is all."""

    columns: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    once: bool = False
    """The table is too large to be kept in memory for the next reader."""

    @classmethod
    def asked(cls, columns: Sequence[str] | None, keys: Collection[str] | None) -> "Wanted":
        """As a reader of a table words it."""
        return cls(
            None if columns is None else frozenset(columns),
            None if keys is None else frozenset(keys),
        )

    def has(self, column: str) -> bool:
        """Whether a column is read: those that decide which row counts always are."""
        if self.columns is None or column in _DECIDING or column in self.columns:
            return True
        return BLOB_COLUMNS in self.columns and blob_name(column)

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of the wanted keys."""
        if self.keys is None:
            return table
        wanted = [key in self.keys for key in table["key"].to_pylist()]
        if all(wanted):
            return table
        # A thousand parts without a wanted row share one empty table: each has many columns.
        return table.filter(pa.array(wanted, pa.bool_())) if any(wanted) else _empty(table.schema)


ALL = Wanted()


@lru_cache(maxsize=64)
def _empty(schema: pa.Schema) -> pa.Table:
    return schema.empty_table()


class Part(NamedTuple):
    """A part that was read and found whole; ``table`` has its first parts filled in."""

    name: str
    table: pa.Table
    replaces: frozenset[str]
    size: int
    rows: int
    columns: tuple[str, ...]
    """All it has, whatever was wanted of it."""

    @property
    def ref(self) -> PartRef:
        return PartRef(self.name, self.rows, self.size)


def encode(
    table: pa.Table,
    stage: str,
    spec: str,
    spec_fields: Mapping[str, Any] | None = None,
    replaces: Sequence[str] = (),
) -> tuple[str, bytes]:
    """Name and bytes of a new part; the same rows and writer give the same bytes."""
    about = {
        "stage": stage,
        "spec": spec,
        "spec_fields": dict(spec_fields or {}),
        "replaces": sorted(replaces),
    }
    text = json.dumps(about, sort_keys=True, default=str).encode()
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({_META: text}),
        sink,
        compression="zstd",
        write_page_checksum=True,
    )
    data = sink.getvalue()
    return f"part-{hashlib.sha256(data).hexdigest()}.parquet", data


def decode(data: bytes, name: str, stage: str, spec: str, wanted: Wanted = ALL) -> Part:
    """The part in these bytes; of a part that is not wanted whole only the columns are read.

    Raises:
        PartDamaged: if the bytes are not those of the name, or hold no rows of this stage.
        MemoryError, StoreError: this machine or its pyarrow cannot read them: they may be good.
    """
    _require_name(hashlib.sha256(data).hexdigest(), len(data), name)
    return _decoded(pa.BufferReader(data), len(data), name, stage, spec, wanted)


def decode_file(path: Path, name: str, stage: str, spec: str, wanted: Wanted) -> Part:
    """The same of a part on a disk, of which only the wanted columns are ever in memory."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        _require_name(hashlib.file_digest(file, "sha256").hexdigest(), size, name)
        file.seek(0)
        return _decoded(file, size, name, stage, spec, wanted)


def _require_name(found: str, size: int, name: str) -> None:
    if f"part-{found}.parquet" != name:
        raise PartDamaged(f"{name}: its {size} bytes are not those it is named after")


def _decoded(source: Any, size: int, name: str, stage: str, spec: str, wanted: Wanted) -> Part:
    try:
        file = pq.ParquetFile(source, page_checksum_verification=True, buffer_size=_BUFFER)
        schema = file.schema_arrow
        read = [column for column in schema.names if wanted.has(column)]
        if wanted.once and wanted.keys is not None and not _holds(file, wanted.keys):
            table = _empty(schema).select(read)
        else:
            columns = None if wanted.columns is None else read
            table = file.read(columns, use_threads=False).select(read)
        about = json.loads((schema.metadata or {})[_META])
        written_for, replaces = (about["stage"], about["spec"]), _replaced(about["replaces"])
    except (MemoryError, pa.ArrowCancelled):
        raise
    except NotImplementedError as error:
        raise StoreError(
            f"{name}: pyarrow {pa.__version__} cannot read it ({error}): update it; if {stage} of "
            f"spec {spec} was not written by varifactory, move that part away"
        ) from error
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PartDamaged(f"{name}: no part of ours ({type(error).__name__})") from error
    if written_for != (stage, spec):
        raise PartDamaged(f"{name}: belongs to {written_for[0]!r}, spec {written_for[1]!r}")
    if any(f.name not in schema.names or schema.field(f.name).type != f.type for f in BASE):
        raise PartDamaged(f"{name}: lacks the columns every stage has")
    table = with_first_part(table.replace_schema_metadata(None), name[5:69])
    return Part(name, table, replaces, size, file.metadata.num_rows, tuple(schema.names))


def _holds(file: pq.ParquetFile, keys: Collection[str]) -> bool:
    """Whether any of the keys is there: one column tells, of forty."""
    if not keys:
        return False
    there = file.read(["key"], use_threads=False)["key"]
    return any(key in keys for key in there.to_pylist())


def _replaced(listed: Any) -> frozenset[str]:
    """Names of parts.

    Raises:
        TypeError: anything else.
    """
    if not isinstance(listed, list) or not all(names.PART.fullmatch(name) for name in listed):
        raise TypeError("what it replaces are no parts")
    return frozenset(listed)


class PartReader:
    """Reads parts of one store; immutable as they are, they are kept in memory and on disk."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def read(
        self, stage: str, spec: str, name: str, wanted: Wanted = ALL, fresh: bool = False
    ) -> Part:
        """One part, from the nearest place that has it; ``fresh`` goes to the store itself.

        It has at least the wanted columns, and of all its rows those of the wanted keys.

        Raises:
            FileNotFoundError: if it is gone.
            PartDamaged: if what is there is not what the name says.
        """
        if not fresh and (known := self.at_hand(stage, spec, name, wanted)) is not None:
            return known
        part = self._decoded(stage, spec, name, wanted, fresh)
        if wanted.columns is None and not wanted.once:
            _RECENT.put((stage, spec, name), part)
        return part._replace(table=wanted.of(part.table))

    def at_hand(self, stage: str, spec: str, name: str, wanted: Wanted = ALL) -> Part | None:
        """The same if this process holds it: for that no thread need be started."""
        known = _RECENT.get((stage, spec, name))
        return None if known is None else known._replace(table=wanted.of(known.table))

    def _decoded(self, stage: str, spec: str, name: str, wanted: Wanted, fresh: bool) -> Part:
        place = self._place(stage, spec, name)
        if wanted.columns is not None and place is not None and not fresh:
            with suppress(OSError, PartDamaged):  # told below, as it is in the store itself
                return decode_file(place, name, stage, spec, wanted)
        data = None if fresh else self._from_disk(name)
        try:
            if data is None:
                raise PartDamaged("not on this disk")
            return decode(data, name, stage, spec, wanted)
        except PartDamaged:
            data = self.backend.read(names.part(stage, spec, name), LARGEST)
            part = decode(data, name, stage, spec, wanted)
            self.keep(name, data)
            return part

    def _place(self, stage: str, spec: str, name: str) -> Path | None:
        """Where the part is, or may be, a file."""
        if self.backend.remote:
            return cache_folder() / name
        return self.backend.file(names.part(stage, spec, name))

    def _from_disk(self, name: str) -> bytes | None:
        if not self.backend.remote:
            return None
        with suppress(OSError):
            return (cache_folder() / name).read_bytes()
        return None

    def keep(self, name: str, data: bytes) -> None:
        """Keep a part of a remote store on this disk; on a local one there is nothing to gain."""
        if not self.backend.remote:
            return
        with suppress(OSError):  # a full or read-only disk costs requests, not rows
            folder = cache_folder()
            folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, folder / name)
            except OSError:
                os.unlink(temporary)
                raise


def cache_folder() -> Path:
    """Where parts of remote stores are kept: ``VARIFACTORY_CACHE`` or ``~/.cache/varifactory``."""
    chosen = os.environ.get("VARIFACTORY_CACHE")
    return (Path(chosen) if chosen else Path.home() / ".cache" / "varifactory") / "parts"


class _Recent:
    """Parsed parts that were used last, up to so many bytes; shared by a process's stores."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._parts: OrderedDict[tuple[str, str, str], Part] = OrderedDict()
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()  # a thread that held the old one did not survive the fork
        self._parts, self._held = OrderedDict(), 0

    def get(self, key: tuple[str, str, str]) -> Part | None:
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
            return self._parts.get(key)

    def put(self, key: tuple[str, str, str], part: Part) -> None:
        with self._lock:
            if key in self._parts or part.table.nbytes > self._limit:
                return
            self._parts[key] = part
            self._held += part.table.nbytes
            while self._held > self._limit:
                _, dropped = self._parts.popitem(last=False)
                self._held -= dropped.table.nbytes


_RECENT = _Recent(_MEMORY)
