"""Shards: a stage's missing items, cut into the pieces that one Prefect task makes."""

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varifactory import records
from varifactory.stages import Row
from varifactory.store import Store


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
        rows = planned_rows(store.get_run_object(ref.run, ref.plan)) if ref.missing else []
        wanted = [row for row in rows if row["key"] not in done]
        if len(wanted) < len(rows):
            store.put_run_object(ref.run, ref.plan, _packed(ref.stage, wanted))
        found.append(replace(ref, missing=len(wanted)))
    return tuple(found)


def _packed(stage: str, rows: list[Row]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(records.table(stage, rows), stream, compression="zstd")
    return stream.getvalue()


def planned_rows(data: bytes) -> list[Row]:
    """What a shard's plan lists, as its bytes hold it; columns that nobody planned are absent."""
    table = pq.read_table(io.BytesIO(data))
    planned = table.drop_columns(
        [c for c in table.column_names if table[c].null_count == len(table)]
    )
    rows: list[Row] = planned.to_pylist()
    return rows
