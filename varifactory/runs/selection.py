"""Which rows of a finished run are made again: by id, shard, error class or an SQL expression."""

import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.runs.hanging import hanging_on, place_verdicts
from varifactory.runs.past import PastRun
from varifactory.runs.where import matching
from varifactory.stages import Row
from varifactory.standing import standing
from varifactory.store import Store
from varifactory.training.columns import with_factors

STAGES = ("sources", "leakage", "prompts", "masks", "adapters", "edits", "verdicts", "training",
          "embeddings")  # fmt: skip
"""Stages whose rows can be made again; what the others hold follows from these."""

SHORTEST_KEY = 8
"""Digits of an id that are enough where one alone begins so."""

IDS = ("key", "edit_key", "source_key", "pixel_sha256")
"""Columns whose values name a row."""

TOLD = ("key", "status", "reason", "error_type", "label", "attribute", "index", "editor",
        "source_key", "edit_key", "pixel_sha256", "uri", "arm", "seed")  # fmt: skip
"""What is read of a selected row."""


class NothingSelected(FactoryError):
    """A selection that names no row that may be made again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to make again; several conditions narrow each other down."""

    stage: str = ""
    """Empty: every stage of the run."""
    shard: int | None = None
    """Number of a shard of the run, as its task is called."""
    keys: tuple[str, ...] = ()
    """Keys of rows, of items, edits or sources, or hashes of pixels; each may be cut short."""
    error_class: str = ""
    where: str = ""
    force: bool = False
    """Good rows too."""

    @property
    def narrowed(self) -> bool:
        """Whether anything but a stage is named."""
        named = (self.keys, self.error_class, self.where, self.shard is not None)
        return any(named)

    @property
    def statuses(self) -> tuple[str, ...]:
        """How the rows ended that may be selected."""
        if self.force:
            return records.STATUSES
        return ("failed", "skipped") if self.keys or self.where else ("failed",)


@dataclass(frozen=True, slots=True)
class Selected:
    """The selected rows of a run, and what hangs on them."""

    rows: Mapping[str, tuple[Row, ...]]
    """Stage -> rows, with the columns ``TOLD`` as far as the stage has them."""
    downstream: Mapping[str, frozenset[str]]
    """Stage -> keys of failed and skipped rows that hang on selected ones."""
    force: bool

    @property
    def first_stage(self) -> int:
        """Place of the earliest stage among all stages; behind the last where none is selected."""
        places = list(records.STAGES)
        return min((places.index(stage) for stage in self.rows), default=len(places))

    @property
    def sources(self) -> frozenset[str]:
        """Keys of the source images that selected rows belong to."""
        return frozenset(
            str(row["source_key"]) for rows in self.rows.values() for row in rows
            if row.get("source_key")
        )  # fmt: skip

    def keys(self, stage: str) -> frozenset[str]:
        """Keys of the selected rows of a stage."""
        return frozenset(row["key"] for row in self.rows.get(stage, ()))

    def done(self, stage: str, table: pa.Table) -> frozenset[str]:
        """Keys of a stage that are not to be made, of its standing rows.

        What was not selected keeps its row, however it ended. A hidden row is made again before
        the first selected stage, for what was selected may rest on it, and nowhere else.
        """
        tried = self.keys(stage) | self.downstream.get(stage, frozenset())
        again = pc.and_(
            pc.is_in(table["key"], value_set=pa.array(sorted(tried), pa.string())),
            pc.or_(
                table["hidden"],
                pc.invert(pc.is_in(table["status"], value_set=pa.array(records.DONE))),
            ),
        )
        if list(records.STAGES).index(stage) < self.first_stage:
            again = pc.or_(again, table["hidden"])
        return frozenset(table.filter(pc.invert(again))["key"].to_pylist())


def select(store: Store, run: PastRun, asked: Asked) -> Selected:
    """The rows of a run that are to be made again.

    Raises:
        NothingSelected: nothing is as asked for; in words that say what there is.
        FactoryError: an unknown stage or shard, or an id that names no row or several.
        WhereError: the expression cannot be evaluated.
    """
    stages = _stages(run, asked)
    tables = {
        (stage, spec): _readable(standing(store, stage, spec))
        for stage in stages
        for spec in run.specs[stage]
    }
    if asked.keys:
        tables = _named(tables, _translated(store, run, asked.keys, tables), asked.keys)
    found: dict[str, list[Row]] = defaultdict(list)
    for (stage, _), table in tables.items():
        found[stage] += _chosen(store, run, asked, stage, table)
    rows = {stage: tuple(each) for stage, each in found.items() if each}
    if not rows:
        raise NothingSelected(_nothing(run, asked, tables))
    place_verdicts(store, run, rows)
    return Selected(rows, hanging_on(store, run, rows), asked.force)


def _stages(run: PastRun, asked: Asked) -> list[str]:
    there = [stage for stage in STAGES if run.specs.get(stage)]
    if asked.stage and asked.stage not in there:
        raise FactoryError(
            f"stage {asked.stage!r}: run {run.id} has rows of {', '.join(there) or 'no stage'}"
        )
    if asked.shard is not None and not asked.stage:
        raise FactoryError(
            f"shard {asked.shard} needs a stage, for each numbers shards of its own: give one of "
            f"{', '.join(there)}"
        )
    if asked.where and not asked.stage:
        raise FactoryError(
            f"where {asked.where!r} needs a stage, for each has columns of its own: give one of "
            f"{', '.join(there)}"
        )
    return [asked.stage] if asked.stage else there


def _readable(table: pa.Table) -> pa.Table:
    """Without columns that are all empty in every row of the schema's null type."""
    odd = [field.name for field in table.schema if pa.types.is_null(field.type)]
    return table.drop_columns(odd)


Tables = dict[tuple[str, str], pa.Table]


def _translated(
    store: Store, run: PastRun, starts: Sequence[str], tables: Tables
) -> dict[str, list[str]]:
    """Given id -> ids of rows: an item of the data set is known by the edit or source it shows."""
    from varifactory.loading import items_table

    found = {start: [start.strip().lower()] for start in starts}
    versions = [run.version, run.newest, *(one.newest for one in run.variants)]
    for version in {(each.name, each.version): each for each in versions if each}.values():
        items = items_table(store, version).select(["key", "edit_key", "source_key"])
        for ids in found.values():
            for row in items.filter(pc.starts_with(items["key"], ids[0])).to_pylist():
                ids.append(row["edit_key"] or row["source_key"])
    return found


def _named(tables: Tables, wanted: Mapping[str, list[str]], given: Sequence[str]) -> Tables:
    """The tables with the rows alone that the ids name."""
    masks = {place: pa.array([False] * len(table)) for place, table in tables.items()}
    for start in given:
        values: set[str] = set()
        for place, table in tables.items():
            for column in [name for name in IDS if name in table.column_names]:
                hit = _begins(table[column], wanted[start])
                values |= set(table[column].filter(hit).to_pylist())
                masks[place] = pc.or_(masks[place], hit)
        if len(start.strip()) < SHORTEST_KEY or len(values) != 1:
            raise FactoryError(
                f"key {start!r} names {len(values)} rows, edits or source images of "
                f"{', '.join(sorted({stage for stage, _ in tables}))}: give one's id, at least its "
                f"first {SHORTEST_KEY} digits"
            )
    return {place: table.filter(masks[place]) for place, table in tables.items()}


def _begins(column: pa.ChunkedArray, starts: Iterable[str]) -> pa.Array:
    found = pa.array([False] * len(column))
    for start in starts:
        found = pc.or_(found, pc.fill_null(pc.starts_with(column, start), False).combine_chunks())
    return found


def _chosen(store: Store, run: PastRun, asked: Asked, stage: str, table: pa.Table) -> list[Row]:
    if asked.shard is not None:
        table = _among(table, _of_shard(store, run, stage, asked.shard))
    if asked.where:
        told = with_factors(table, store, run.recipe.name) if stage == "training" else table
        table = _among(table, matching(told, asked.where, stage))
    table = table.filter(pc.is_in(table["status"], value_set=pa.array(asked.statuses)))
    if asked.error_class:
        table = table.filter(pc.fill_null(pc.equal(table["error_type"], asked.error_class), False))
    rows: list[Row] = table.select([c for c in TOLD if c in table.column_names]).to_pylist()
    return rows


def _among(table: pa.Table, keys: Collection[str]) -> pa.Table:
    return table.filter(pc.is_in(table["key"], value_set=pa.array(sorted(keys), pa.string())))


def _of_shard(store: Store, run: PastRun, stage: str, number: int) -> set[str]:
    """Keys that a run planned for a shard, in every round of attempts."""
    plans = [name for name in store.run_objects(run.id) if name.startswith(f"plan-{stage}-")]
    mine = [name for name in plans if name.endswith(f"-{number:05d}.parquet")]
    if not mine:
        known = sorted({int(name[-13:-8]) for name in plans})
        raise FactoryError(
            f"shard {number} of stage {stage}: run {run.id} planned work for shards "
            f"{', '.join(map(str, known)) or 'none: all of the stage was reused'}"
        )
    tables = [pq.read_table(io.BytesIO(store.get_run_object(run.id, name)), columns=["key"])
              for name in mine]  # fmt: skip
    return {key for table in tables for key in table["key"].to_pylist()}


def _nothing(run: PastRun, asked: Asked, tables: Tables) -> str:
    counts: dict[str, int] = defaultdict(int)
    for table in tables.values():
        for each in table["status"].value_counts().to_pylist():
            counts[each["values"]] += each["counts"]
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
    what = "of those asked for" if asked.narrowed else "of them"
    good = "" if asked.force else "; force makes good ones again"
    where = f"stage {asked.stage}" if asked.stage else "its stages"
    return f"run {run.id}: nothing to rerun in {where}: rows {what}: {told}{good}"
