"""Shards: a stage's missing items, cut into the pieces that one Prefect task makes.

Three units of work that are never fused: what is **written** is a batch (a killed worker loses at
most one), what is **scheduled** is a shard, what is **reported** is a stage.
"""

import io
import logging
import platform
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varifactory import records
from varifactory.errors import FactoryError, ModelError
from varifactory.keeping import keep_rows
from varifactory.models import accelerator
from varifactory.overlap import Lane, ahead_of
from varifactory.stages import Made, Row, Work, failed
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
    absent: frozenset[str] = field(repr=False)
    """Keys that must be made."""
    table: pa.Table | None = field(repr=False, compare=False)
    """The stage's rows, if they were looked at."""

    @property
    def missing(self) -> int:
        """How many must be made."""
        return len(self.absent)

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
    known: pa.Table | None = None,
    done: Collection[str] | None = None,
) -> Plan:
    """Compare planned rows with the store (one listing) and write down what each shard must make.

    Items are sorted by the columns ``together`` and their keys before they are cut, so a shard
    holds the same items in every run that plans the same rows. ``known`` are the stage's rows as
    the run has read them before: where they hold all that is planned, nothing is listed. ``done``
    are the keys that need no work, where that is not what the store says.
    """
    planned = {row["key"]: row for row in rows}
    table = known
    if done is None:
        table, done = _looked_at(store, stage, spec, planned.keys(), known)
    absent = frozenset(planned.keys() - done)
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
    return Plan(stage, spec, tuple(planned), tuple(shards), absent, table)


def _looked_at(
    store: Store, stage: str, spec: str, keys: Collection[str], known: pa.Table | None
) -> tuple[pa.Table, frozenset[str]]:
    """The rows of these keys, and the keys that are done among them."""
    if known is not None and (done := done_of(known)).issuperset(keys):
        return known, done
    table = store.rows(stage, spec, keys=keys)
    return table, done_of(table)


def _place(together: tuple[str, ...]) -> Callable[[Row], tuple[str, ...]]:
    return lambda row: tuple(str(row[column]) for column in (*together, "key"))


def finished(store: Store, stage: str, spec: str) -> frozenset[str]:
    """Keys whose work is done (ok or rejected); failed and skipped items are tried again."""
    return done_of(store.rows(stage, spec, columns=["key", "status"]))


def done_of(table: pa.Table) -> frozenset[str]:
    """The same of rows that were read."""
    keep = pc.is_in(table["status"], value_set=pa.array(records.DONE))
    return frozenset(table.filter(keep)["key"].to_pylist())


def left_of(store: Store, shards: Sequence[ShardRef]) -> tuple[ShardRef, ...]:
    """Shards of one stage as they are now: what was finished since is taken out of their plans."""
    done = finished(store, shards[0].stage, shards[0].spec)
    found = []
    for ref in shards:
        rows = _unpacked(store.get_run_object(ref.run, ref.plan)) if ref.missing else []
        wanted = [row for row in rows if row["key"] not in done]
        if len(wanted) < len(rows):
            store.put_run_object(ref.run, ref.plan, _packed(ref.stage, wanted))
        found.append(replace(ref, missing=len(wanted)))
    return tuple(found)


def work_shard(
    ref: ShardRef,
    work: Maker | Work[Any, Any],
    *,
    batch_size: int,
    ahead: int = 0,
    again: bool = False,
    where: Callable[[], str] = platform.machine,
) -> Outcome:
    """Make a shard's missing items batch by batch: blobs first, then a part of rows, then a fold.

    ``again`` (a retried task) looks first for what an earlier attempt has already written. With
    ``ahead`` that many batches are read before and kept after the one that is made. ``where`` names
    the device of the model, once it was used.

    Raises:
        Interrupted: the process was asked to stop; finished batches are kept.
        ModelError: the model cannot work at all, so trying item after item would be waste.
    """
    if not ref.missing:
        return Outcome()
    store = Store(ref.store)
    rows = _unpacked(store.get_run_object(ref.run, ref.plan))
    if again:
        done = finished(store, ref.stage, ref.spec)
        rows = [row for row in rows if row["key"] not in done]
    bench = _Bench(ref, store, _in_steps(work), where)
    pieces = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    with Lane[Any](ahead) as reading, Lane[str](ahead) as keeping:
        kept = []
        for piece, read in ahead_of(reading, bench.read, pieces, ahead):
            if stopping.is_set():
                raise Interrupted(
                    f"stopped during {ref.stage}: run the same command again to go on"
                )
            began = time.perf_counter()
            drawn = bench.drawn(piece, read)
            kept.append(keeping.call(bench.keep, piece, drawn, began))
            for each in kept[-1 - ahead :]:
                if each.done():
                    each.result()
    parts = [each.result() for each in kept]
    if len(parts) > 1:
        store.fold(ref.stage, ref.spec, parts)
    return bench.outcome


def _in_steps(work: Maker | Work[Any, Any]) -> Work[Any, Any]:
    """A maker that does all at once, as a work of one step."""
    if isinstance(work, Work):
        return work
    return Work(
        read=lambda rows, store: store,
        draw=lambda rows, store: work(rows, store),
        finish=lambda rows, made: made,
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where the batches of one shard are made."""

    ref: ShardRef
    store: Store
    work: Work[Any, Any]
    where: Callable[[], str]
    outcome: Outcome = field(default_factory=Outcome)

    def read(self, rows: list[Row]) -> Any:
        return self.work.read(rows, self.store)

    def drawn(self, rows: list[Row], read: "Future[Any]") -> Any:
        """The drawn batch, or the error that it ends in."""
        try:
            return self.work.draw(rows, read.result())
        except Exception as error:
            return self._all_alike(error)

    def keep(self, rows: list[Row], drawn: Any, began: float) -> str:
        """Finish and keep a batch; the name of its part."""
        batch = self._finished(rows, drawn)
        seconds = time.perf_counter() - began
        ref = self.ref
        part = keep_rows(self.store, ref.stage, ref.spec, ref.run, batch, seconds, self.where())
        self.outcome.made += len(batch)
        self.outcome.statuses.update(made.row["status"] for made in batch)
        return part

    def _finished(self, rows: list[Row], drawn: Any) -> list[Made]:
        error = drawn
        if not isinstance(drawn, Exception):
            try:
                return self.work.finish(rows, drawn)
            except Exception as trouble:
                error = self._all_alike(trouble)
        return self._apart(rows, error)

    @staticmethod
    def _all_alike(error: Exception) -> Exception:
        """The error, where it is one item's; raised where every further item would meet it too."""
        if isinstance(error, ModelError | StoreError) and not isinstance(error, BlobError):
            raise error
        if accelerator.is_lost(error):
            raise accelerator.lost(error) from error
        # Its frames hold what the batch had computed, and what comes next needs that memory.
        traceback.clear_frames(error.__traceback__)
        return error

    def _apart(self, rows: list[Row], error: Exception) -> list[Made]:
        """Item by item, so that only the bad one fails."""
        if len(rows) > 1:
            return [made for row in rows for made in self._one(row)]
        log.warning("%s failed: %s: %s", rows[0]["key"][:12], type(error).__name__, error)
        if isinstance(error, BlobError):
            self.outcome.lost_blobs.append(error.blob)
        return [failed(rows[0], accelerator.explained(error))]

    def _one(self, row: Row) -> list[Made]:
        try:
            return self.work.finish([row], self.work.draw([row], self.read([row])))
        except Exception as error:
            return self._apart([row], self._all_alike(error))


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
