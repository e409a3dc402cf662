"""A Parquet table of labelled images, the Hugging Face way or plain; local or on S3.

The image column holds ``{bytes, path}``, bytes, or a path relative to the table's folder. The
label column holds text, or numbers that the schema metadata ``huggingface`` may name.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from varifactory.errors import SourceError
from varifactory.recipe import Sources
from varifactory.sources.folder import open_place, stamp_of
from varifactory.sources.listing import Draft, Listing, labelled
from varifactory.sources.names import shown, split_name
from varifactory.sources.web import NotFetched, fetch, is_address

_KEPT_GROUP = 256 * 2**20  # bytes; a larger row group is read again for each batch, not kept
_SPLIT_FILE = re.compile(r"^(train|validation|valid|val|dev|test)[-_.]")


@dataclass(frozen=True, slots=True)
class Table:
    """One Parquet file of the set."""

    uri: str
    path: str
    size: int
    stamp: str


def list_table(spec: str, settings: Sources) -> Listing:
    """The rows of a Parquet file, or of all ``*.parquet`` below a folder; no image is read.

    A column ``split`` gives splits; without it, files named ``train-...``, ``test-...`` do.

    Raises:
        SourceError: no such table, not Parquet, or without the columns that the recipe names.
    """
    fs, root = open_place(settings.uri)
    tables = _tables(fs, root, settings.uri)
    draft = Draft(spec, settings)
    by_file = [_SPLIT_FILE.match(table.path.rsplit("/", 1)[-1]) for table in tables]
    for table, match in zip(tables, by_file, strict=True):
        split = split_name(match.group(1)) if match and all(by_file) else None
        _plan_table(fs, draft, table, split)
    return draft.finish(shown(settings.uri, 200))


def texts_in(settings: Sources, column: str) -> dict[str, str] | None:
    """Address of a planned row -> its text in a further column; rows without one are left out.

    None where no file of the set has the column.

    Raises:
        SourceError: no such table, not Parquet, or the column holds no text.
    """
    fs, root = open_place(settings.uri)
    found: dict[str, str] = {}
    known = False
    for table in _tables(fs, root, settings.uri):
        with _opened(fs, table) as parquet:
            if column not in parquet.schema_arrow.names:
                continue
            known = True
            kind = parquet.schema_arrow.field(column).type
            if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
                raise SourceError(f"{table.uri}: column {column!r} holds {kind}; it needs text")
            texts = parquet.read(columns=[column])[column].to_pylist()
        found |= {f"{table.uri}#{at}": text for at, text in enumerate(texts) if text}
    return found if known else None


def _tables(fs: Any, root: str, where: str) -> list[Table]:
    try:
        info = fs.info(root)
        found = {root: info}
        if info["type"] == "directory":
            every = fs.find(root, detail=True)
            found = {path: one for path, one in every.items() if path.endswith(".parquet")}
    except FileNotFoundError:
        raise SourceError(f"sources.uri {where!r} does not exist: give a Parquet file") from None
    except Exception as error:  # clients of object stores raise errors of their own
        raise SourceError(
            f"sources.uri {where!r} cannot be opened ({error}): check permissions and credentials"
        ) from error
    if not found:
        raise SourceError(f"sources.uri {where!r} holds no *.parquet: give a Parquet file")
    return [
        Table(_uri(fs, path), path, int(one.get("size") or 0), stamp_of(one))
        for path, one in sorted(found.items())
    ]


def _uri(fs: Any, path: str) -> str:
    name = str(fs.unstrip_protocol(path))
    return name.removeprefix("file://")


def _plan_table(fs: Any, draft: Draft, table: Table, split: str | None) -> None:
    settings = draft.settings
    with _opened(fs, table) as parquet:
        schema = parquet.schema_arrow
        for column in (settings.image_column, settings.label_column):
            if column not in schema.names:
                raise SourceError(
                    f"{table.uri} has no column {column!r}; it has {', '.join(schema.names)}: set "
                    "sources.image_column and sources.label_column"
                )
        kind = schema.field(settings.image_column).type
        _check_image_type(kind, table, settings)
        wanted = [settings.label_column, *(["split"] if "split" in schema.names else [])]
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            wanted.append(settings.image_column)
        columns = parquet.read(columns=wanted)
    labels = _labels(columns[settings.label_column], schema, settings.label_column, table, draft)
    splits = columns["split"].to_pylist() if "split" in wanted else [split] * len(columns)
    named = settings.image_column in wanted
    paths = columns[settings.image_column].to_pylist() if named else None
    stamps = _stamps(fs, table, paths) if paths else {}
    for number, (label, given) in enumerate(zip(labels, splits, strict=True)):
        uri, size, stamp = f"{table.uri}#{number}", table.size, table.stamp
        if paths is not None:
            size, found = stamps.get(str(paths[number]), (0, "unknown"))
            stamp = f"{found} path {paths[number]}"
        _plan_row(draft, uri, size, stamp, label, given)


def _plan_row(draft: Draft, uri: str, size: int, stamp: str, label: str | None, given: Any) -> None:
    split = split_name(str(given)) if given is not None else None
    if label is None:
        draft.decide(uri, "rejected", "the row has no label: give one")
    elif given is not None and split is None:
        draft.decide(uri, "rejected", f"split {shown(str(given))} is not train, validation or test")
    else:
        labelled(draft, [uri], label, lambda one, name: draft.plan(one, size, stamp, name, split))


@contextmanager
def _opened(fs: Any, table: Table) -> Iterator[pq.ParquetFile]:
    try:
        with fs.open(table.path, "rb") as stream, pq.ParquetFile(stream) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{table.uri} cannot be read as Parquet: {error}") from error


def _check_image_type(kind: pa.DataType, table: Table, settings: Sources) -> None:
    good = _is_bytes(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if pa.types.is_struct(kind):
        good = "bytes" in {field.name for field in kind}
    if not good:
        raise SourceError(
            f"{table.uri}: column {settings.image_column!r} holds {kind}; it needs bytes, "
            "a struct {bytes, path} or a path"
        )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _labels(
    column: pa.ChunkedArray, schema: pa.Schema, name: str, table: Table, draft: Draft
) -> list[str | None]:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    values: list[Any] = column.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values
    if not pa.types.is_integer(kind):
        raise SourceError(f"{table.uri}: column {name!r} holds {kind}; labels are text or integers")
    names = _class_label(schema.metadata or {}, name)
    if not names:
        draft.notices.append(f"{table.uri} does not name its classes: their numbers are the names")
        return [None if value is None else str(value) for value in values]
    # Hugging Face writes -1 where a label is withheld.
    return [names[v] if v is not None and 0 <= v < len(names) else None for v in values]


def _class_label(metadata: Mapping[bytes, bytes], column: str) -> list[str]:
    """Names of a ClassLabel feature in Hugging Face's schema metadata; empty if there are none."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _stamps(fs: Any, table: Table, paths: list[Any]) -> dict[str, tuple[int, str]]:
    """Size and stamp of the files that a table names, one listing a folder."""
    found: dict[str, tuple[int, str]] = {}
    folders: dict[str, dict[str, Any]] = {}
    for path in {str(path) for path in paths}:
        place = _beside(table.path, path)
        if place is None:
            continue
        folder = posixpath.dirname(place)
        if folder not in folders:
            try:
                folders[folder] = {str(one["name"]): one for one in fs.ls(folder, detail=True)}
            except OSError:
                folders[folder] = {}  # reading each of its files will say so
        info = folders[folder].get(place)
        if info:
            found[path] = (int(info.get("size") or 0), stamp_of(info))
    return found


def _beside(table: str, path: str) -> str | None:
    """A path relative to the table's folder, None if it leads out of that folder."""
    steps = path.split("/")
    if not path or path.startswith(("/", "~")) or ".." in steps or "\\" in path or ":" in path:
        return None
    return posixpath.join(posixpath.dirname(table), posixpath.normpath(path))


def read_rows(rows: list[dict[str, Any]], settings: Sources) -> Iterator[bytes | Exception]:
    """The image bytes of each table row, or the error that reading it raised."""
    fs, _ = open_place(settings.uri)
    for row in rows:
        uri, _, number = str(row["uri"]).rpartition("#")
        path = str(fs._strip_protocol(uri))
        try:
            cell = _cell(fs, settings.uri, path, row["uri_stamp"], int(number), settings)
            yield _bytes_of(fs, path, cell, settings)
        except Exception as error:  # a client's own errors too; the row carries them
            yield error


def _cell(
    fs: Any, place: str, path: str, stamp: str, number: int, settings: Sources
) -> bytes | str | Mapping[str, Any] | None:
    with _opened(fs, Table(path, path, 0, stamp)) as parquet:
        first = 0
        for group in range(parquet.num_row_groups):
            count = parquet.metadata.row_group(group).num_rows
            if number < first + count:
                break
            first += count
        else:
            raise LookupError(f"row {number} is no longer in the table: run again to list it anew")
        small = parquet.metadata.row_group(group).total_byte_size <= _KEPT_GROUP
    read = _kept_group if small else _kept_group.__wrapped__
    cell: bytes | str | Mapping[str, Any] | None = read(
        place, path, stamp.partition(" path ")[0], group, settings.image_column
    )[number - first].as_py()
    return cell


@lru_cache(maxsize=2)  # one a worker thread: batches are smaller than row groups
def _kept_group(place: str, path: str, stamp: str, group: int, column: str) -> pa.ChunkedArray:
    fs, _ = open_place(place)
    with _opened(fs, Table(path, path, 0, stamp)) as parquet:
        return parquet.read_row_group(group, columns=[column])[column]


def _bytes_of(
    fs: Any, table: str, cell: bytes | str | Mapping[str, Any] | None, settings: Sources
) -> bytes:
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    if cell is None:
        raise SourceError("the row has no image: give one")
    if isinstance(cell, bytes):
        return cell
    if is_address(cell):
        if not settings.fetch_urls:
            raise NotFetched(
                f"{shown(cell)} is an address and was not fetched: set sources.fetch_urls to fetch "
                "https:// addresses of this table"
            )
        return fetch(cell)
    place = _beside(table, cell)
    if place is None:
        raise SourceError(f"path {shown(cell)} leads out of the table's folder: use one inside it")
    data: bytes = fs.cat_file(place)
    return data
