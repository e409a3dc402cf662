"""A foreign place to rows: listed, read in batches that are kept one by one, keyed by content."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.errors import SourceError
from varifactory.ingest.asking import KIND, Asked, Beside, IngestError, in_own_words
from varifactory.keys import item_key, spec_of
from varifactory.recipe import Sources
from varifactory.records import DONE
from varifactory.shards.keeping import keep_rows
from varifactory.shards.prefetch import in_order
from varifactory.sources import list_sources, read_sources, source_fields
from varifactory.sources.table import texts_in
from varifactory.stages import Made, Row
from varifactory.store import Store

BATCH = 64
"""Files a part of rows: what a killed ingest loses at most, and some 200 MB at 1024 pixels."""
_WIDTH = min(4, os.cpu_count() or 1)
"""Batches decoded at a time."""
PROMPT = "prompt"
"""Column of a table in which prompts are looked for where none is named."""
_PLACED = ("uri", "uri_size", "uri_stamp", "label", "prompt", "generator", "trained_on_blob")
"""What a row must share with a file that is listed again, so that it need not be read."""
_KEPT = (*_PLACED, "status", "reason", "error_type", "bytes_sha256", "pixel_sha256", "image_blob",
         "width", "height", "phash")  # fmt: skip


Progress = Callable[[int, int], None]
"""Takes how many files are read and kept, and how many there are to read."""


def unheard(done: int, total: int) -> None:
    """Tells nobody."""
    del done, total


def foreign_spec(beside: Beside) -> dict[str, Any]:
    """What all foreign images of one size share: they are read as sources are."""
    return dict(source_fields(beside.settings))


@dataclass(frozen=True, slots=True)
class Read:
    """Every file of the place with how it ended, in the order of the listing."""

    spec: str
    rows: tuple[Row, ...]
    """With the keys of the rows of the stage; one content under one label and prompt has one."""
    reused: int
    """Files that an earlier ingest had read."""
    notices: tuple[str, ...]


def read_place(
    store: Store, run: str, asked: Asked, beside: Beside, trained_on: str | None,
    progress: Progress = unheard,
) -> Read:  # fmt: skip
    """List the place, read what the store does not know, and keep it batch by batch.

    Args:
        store: where rows and masters are kept.
        run: the ingest's id.
        asked: what is taken in.
        beside: gives size and limits.
        trained_on: blob of the pixel hashes that the generator was trained on.
        progress: told after each file.

    Raises:
        IngestError: a place that is missing, unreadable, or holds nothing that can be used.
    """
    fields = foreign_spec(beside)
    spec = spec_of(KIND, fields)
    store.use_spec(run, KIND, spec, fields)
    try:
        listing = list_sources(spec, beside.settings)
        prompts = _prompts(beside.settings, asked.prompt_column)
    except SourceError as error:
        raise IngestError(in_own_words(str(error))) from error
    shared = {"generator": asked.generator, "trained_on_blob": trained_on}
    planned = [_planned(row, prompts, shared) for row in listing.planned]
    there = {row["key"]: row for row in store.rows(KIND, spec, ["key", *_KEPT]).to_pylist()}
    known = _known(store, spec, there)
    missing = [row for row in planned if _place(row) not in known]
    made: dict[str, Row] = {}
    for row in _made(store, run, spec, missing, beside):
        made[row["uri"]] = row
        progress(len(made), len(missing))
    ended = [_told(row, shared) for row in listing.decided]
    if fresh := {row["key"]: Made(row) for row in ended if row["key"] not in there}:
        keep_rows(store, KIND, spec, run, list(fresh.values()))
    rows = [known.get(_place(row)) or made[row["uri"]] for row in planned]
    return Read(spec, (*rows, *ended), len(planned) - len(missing), listing.notices)


def _prompts(settings: Sources, column: str) -> dict[str, str]:
    """Address of a table's row -> the text it was made from; a column that was named must be there.

    Raises:
        IngestError: it is not.
        SourceError: it holds no text.
    """
    if settings.kind != "table":
        return {}
    found = texts_in(settings, column or PROMPT)
    if found is None and column:
        raise IngestError(f"{settings.uri} has no column {column!r}: set --prompt-column, or none")
    return found or {}


def _planned(row: Row, prompts: Mapping[str, str], shared: Mapping[str, Any]) -> Row:
    return {**row, **shared, "prompt": prompts.get(row["uri"], "")}


def _known(store: Store, spec: str, there: Mapping[str, Row]) -> dict[tuple[Any, ...], Row]:
    """Place -> the row that counts of what lies there, of all places that were ever read.

    Rows are keyed by content, and the earliest of a key counts; the later ones tell where else the
    same content was found: a copy in another place, or a file that was touched.
    """
    places = store.history(KIND, spec, ["key", "status", *_PLACED]).to_pylist()
    return {
        _place(row): {**there[row["key"]], **{name: row[name] for name in _PLACED}}
        for row in places
        if row["status"] in DONE and row["key"] in there and there[row["key"]]["status"] in DONE
    }


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _PLACED)


def _made(store: Store, run: str, spec: str, rows: Sequence[Row], beside: Beside) -> Iterator[Row]:
    """Read rows, kept as they come: blobs, then the parts of a batch, one part in the end."""
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    parts: list[str] = []

    def read(batch: Sequence[Row]) -> tuple[list[Made], float]:
        began = time.perf_counter()
        return [_keyed(made, spec) for made in _read(batch, beside)], time.perf_counter() - began

    for found, seconds in in_order(read, batches, threads=_WIDTH, ahead=_WIDTH):
        for part in _parted(found):
            share = seconds * len(part) / len(found)
            parts.append(keep_rows(store, KIND, spec, run, part, share))
        yield from (made.row for made in found)
    if len(parts) > 1:
        store.fold(KIND, spec, parts)


def _parted(found: Sequence[Made]) -> list[list[Made]]:
    """So that no key comes twice in a part: the first place of each content, then the second."""
    seen: Counter[str] = Counter()
    parts: list[list[Made]] = []
    for made in found:
        at = seen[made.row["key"]]
        seen[made.row["key"]] += 1
        if at == len(parts):
            parts.append([])
        parts[at].append(made)
    return parts


def _read(batch: Sequence[Row], beside: Beside) -> list[Made]:
    """The batch read as sources are, in the words of this command."""
    made = read_sources([dict(row) for row in batch], beside.settings)
    return [
        Made({**one.row, "reason": in_own_words(str(one.row.get("reason") or ""))}, one.blobs)
        for one in made
    ]


def _keyed(made: Made, spec: str) -> Made:
    """Named by its content; a file that could not be read, by its place."""
    row = {name: value for name, value in made.row.items() if name != "split"}
    of = {name: row.get(name) for name in ("label", "prompt", "generator", "trained_on_blob")}
    content = row.get("bytes_sha256")
    of |= {"bytes_sha256": content} if content else {"uri": row["uri"]}
    if png := made.blobs.get("image_blob"):
        row["image_blob"] = f"{hashlib.sha256(png).hexdigest()}.png"
    return Made({**row, "key": item_key(spec, **of)}, made.blobs)


def _told(row: Row, shared: Mapping[str, Any]) -> Row:
    """A file that ended in the listing."""
    kept = {name: value for name, value in row.items() if name != "split"}
    return {**kept, **shared, "prompt": "", "reason": in_own_words(str(row["reason"]))}
