"""Shards: a stage's missing items, cut into the pieces that one Prefect task makes.

Three units of work that are never fused: what is **written** is a batch (a killed worker loses at
most one), what is **scheduled** is a shard, what is **reported** is a stage.
"""

import io
import json
import logging
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varifactory import records
from varifactory.errors import FactoryError, ModelError
from varifactory.stages import Made, Row, failed
from varifactory.store import BlobError, Store, StoreError

log = logging.getLogger(__name__)

Maker = Callable[[list[Row], Store], list[Made]]
"""Makes planned rows, reading what they name through the store; one ``Made`` or more a row."""

stopping = threading.Event()
"""Set when the process was asked to end: shards finish the batch under way, then stop."""


class Interrupted(FactoryError):
    """The run was asked to stop; every finished batch is kept."""


@dataclass(frozen=True, slots=True)
class ShardRef:
    """A shard by name: all that travels to a task, a few hundred bytes of JSON."""

    store: str
    run: str
    stage: str
    spec: str
    round: int
    number: int
    of: int
    items: int
    missing: int

    @property
    def plan(self) -> str:
        """Name of the run object that lists the missing items."""
        return f"plan-{self.stage}-{self.spec[:12]}-{self.round}-{self.number:05d}.parquet"


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage before its work: which items are there already, and the shards of the others."""

    stage: str
    spec: str
    keys: tuple[str, ...]
    shards: tuple[ShardRef, ...]
    missing: int

    @property
    def reused(self) -> int:
        """Items that the store already holds."""
        return len(self.keys) - self.missing


@dataclass(slots=True)
class Outcome:
    """What a shard made: counts by status, and its part."""

    made: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    lost_blobs: list[str] = field(default_factory=list)


def plan_shards(
    store: Store,
    run: str,
    stage: str,
    spec: str,
    rows: Sequence[Row],
    *,
    size: int,
    round: int = 0,
    together: tuple[str, ...] = (),
) -> Plan:
    """Compare planned rows with the store (one listing) and write down what each shard must make.

    Items are sorted by the columns ``together`` and their keys before they are cut, so a shard
    holds the same items in every run that plans the same rows.
    """
    planned = {row["key"]: row for row in rows}
    done = finished(store, stage, spec)
    absent = planned.keys() - done
    ordered = sorted(planned.values(), key=_place(together)) if absent else []
    pieces = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    shards = []
    for number, piece in enumerate(pieces):
        wanted = [row for row in piece if row["key"] in absent]
        if wanted:
            ref = ShardRef(
                store.url, run, stage, spec, round, number, len(pieces), len(piece), len(wanted)
            )
            store.put_run_object(run, ref.plan, _packed(stage, wanted))
            shards.append(ref)
    cached = len(planned) - sum(ref.items for ref in shards)
    if cached:
        # One task says so for all of them: a task run costs more than many hits.
        shards.append(
            ShardRef(store.url, run, stage, spec, round, len(pieces), len(pieces), cached, 0)
        )
    return Plan(stage, spec, tuple(planned), tuple(shards), len(absent))


def _place(together: tuple[str, ...]) -> Callable[[Row], tuple[str, ...]]:
    return lambda row: tuple(str(row[column]) for column in (*together, "key"))


def finished(store: Store, stage: str, spec: str) -> frozenset[str]:
    """Keys whose work is done (ok or rejected); failed and skipped items are tried again."""
    table = store.rows(stage, spec, columns=["key", "status"])
    keep = pc.is_in(table["status"], value_set=pa.array(records.DONE))
    return frozenset(table.filter(keep)["key"].to_pylist())


def work_shard(
    ref: ShardRef,
    make: Maker,
    *,
    batch_size: int,
    again: bool = False,
    spec_fields: Mapping[str, Any] | None = None,
) -> Outcome:
    """Make a shard's missing items batch by batch: blobs first, then a part of rows, then a fold.

    ``again`` (a retried task) looks first for what an earlier attempt has already written.

    Raises:
        Interrupted: the process was asked to stop; finished batches are kept.
        ModelError: the model cannot work at all, so trying item after item would be waste.
    """
    store = Store(ref.store)
    outcome = Outcome()
    if not ref.missing:
        return outcome
    rows = _unpacked(store.get_run_object(ref.run, ref.plan))
    if again:
        done = finished(store, ref.stage, ref.spec)
        rows = [row for row in rows if row["key"] not in done]
    parts = []
    for start in range(0, len(rows), batch_size):
        if stopping.is_set():
            raise Interrupted(f"stopped during {ref.stage}: run the same command again to go on")
        began = time.perf_counter()
        batch = _make(rows[start : start + batch_size], store, make, outcome)
        seconds = time.perf_counter() - began
        parts.append(keep_rows(store, ref.stage, ref.spec, ref.run, batch, seconds, spec_fields))
        outcome.made += len(batch)
        outcome.statuses.update(made.row["status"] for made in batch)
    if len(parts) > 1:
        store.fold(ref.stage, ref.spec, parts)
    return outcome


def _make(rows: list[Row], store: Store, make: Maker, outcome: Outcome) -> list[Made]:
    """Make a batch; if it fails, item by item, so that only the bad one fails."""
    try:
        return make(rows, store)
    except (ModelError, StoreError) as error:
        if not isinstance(error, BlobError):
            raise
        return _apart(rows, store, make, outcome, error)
    except Exception as error:
        return _apart(rows, store, make, outcome, error)


def _apart(
    rows: list[Row], store: Store, make: Maker, outcome: Outcome, error: Exception
) -> list[Made]:
    if len(rows) > 1:
        return [made for row in rows for made in _make([row], store, make, outcome)]
    log.warning("%s failed: %s: %s", rows[0]["key"][:12], type(error).__name__, error)
    if isinstance(error, BlobError):
        outcome.lost_blobs.append(error.blob)
    return [failed(rows[0], error)]


def keep_rows(
    store: Store,
    stage: str,
    spec: str,
    run: str,
    batch: Sequence[Made],
    seconds: float = 0.0,
    spec_fields: Mapping[str, Any] | None = None,
) -> str:
    """Keep a batch, blobs before the rows that name them; the name of the new part.

    ``seconds`` is the batch's wall time, shared out among its rows.
    """
    named = _put_blobs(store, batch)
    shared = {
        "made_at": datetime.now(UTC),
        "run": run,
        "seconds": seconds / max(1, len(batch)),
        "device": platform.machine(),
        "versions": _versions(),
    }
    rows = [
        {"reason": "", **made.row, **shared, **blobs}
        for made, blobs in zip(batch, named, strict=True)
    ]
    return store.append(stage, spec, records.table(stage, rows), spec_fields=spec_fields).name


def _put_blobs(store: Store, batch: Sequence[Made]) -> list[dict[str, str]]:
    """Column -> blob name, a mapping an item."""
    places = [(at, column) for at, made in enumerate(batch) for column in made.blobs]
    hashes = store.put_blobs([(batch[at].blobs[c], _extension(c)) for at, c in places])
    named: list[dict[str, str]] = [{} for _ in batch]
    for (at, column), sha in zip(places, hashes, strict=True):
        named[at][column] = f"{sha}.{_extension(column)}"
    return named


def _extension(column: str) -> str:
    return "safetensors" if column.startswith(("adapter", "checkpoint")) else "png"


@cache
def _versions() -> str:
    found = {}
    for name in ("varifactory", "torch", "diffusers", "open_clip_torch", "numpy", "pillow"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return json.dumps({"python": platform.python_version(), **found})


def _packed(stage: str, rows: list[Row]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(records.table(stage, rows), stream, compression="zstd")
    return stream.getvalue()


def _unpacked(data: bytes) -> list[Row]:
    table = pq.read_table(io.BytesIO(data))
    planned = table.drop_columns(
        [c for c in table.column_names if table[c].null_count == len(table)]
    )
    rows: list[Row] = planned.to_pylist()
    return rows
