"""One run of a flow: its recipe, its store, and how a stage is planned, worked off and counted."""

import json
import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from prefect.runtime import flow_run
from prefect.tasks import Task

from flows.failures import show_failures
from flows.operation.deployed import settle_in
from flows.progress import StageProgress
from flows.runners import Crew
from flows.stage_work import StageWork
from flows.tally import Tally, worst
from varifactory import records
from varifactory.actor import actor
from varifactory.errors import FactoryError
from varifactory.items import Outcome
from varifactory.keys import spec_of
from varifactory.models.provider.estimate import Estimate
from varifactory.recipe import Recipe
from varifactory.runs.cutting import shard_size
from varifactory.runs.savings import Savings
from varifactory.shards.planning import Plan, ShardRef, plan_shards
from varifactory.shards.working import stopping
from varifactory.stages import Row
from varifactory.store import Manifest, Store, StoreError, VersionTaken
from varifactory.store.versions import ENDED
from varifactory.training.unchanged import Place

REMEMBERED = 64 * 2**20
"""Bytes of a stage's rows that a run keeps at hand between two looks at it."""

log = logging.getLogger("varifactory")

UNDER_WAY = "raised by a run under way"
"""Note on an error that ended a run, unlike one that kept it from starting."""


@dataclass(slots=True)
class FactoryRun(Tally):
    """The state of one run: small, in the flow's process alone."""

    flow: str
    recipe: Recipe
    store: Store
    id: str
    began: float = field(default_factory=time.perf_counter)
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost_blobs: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    made: dict[str, set[str]] = field(default_factory=dict)
    """Stage -> keys that this run had to make."""
    crashed: list[tuple[ShardRef, BaseException]] = field(default_factory=list)
    before: Manifest | None = None
    """The version that a rerun starts from; None for any other run."""
    version: Manifest | None = None
    """The version of the data set that the run ends in."""
    task_runs: int = 0
    before_work: Callable[[], None] | None = None
    """Called once, before the first shard that has work."""
    estimate: dict[str, Any] = field(default_factory=dict)
    """What the run was expected to take; empty of a run that found everything made."""
    expected: Sequence[Estimate] = ()
    """What providers will ask for, if nothing is in the store yet."""
    tables: dict[tuple[str, str], pa.Table] = field(default_factory=dict)
    """Rows of stage and spec as last read, where nothing was missing: not listed again."""
    crew: Crew = field(init=False)
    savings: Savings = field(init=False)

    dry: ClassVar[bool] = False
    """Whether nothing is made or written (``flows.forecast``)."""
    foreseen: ClassVar[bool] = True
    """Whether a forecast of the recipe is one of the run."""

    def __post_init__(self) -> None:
        self.crew = Crew(self.recipe)
        self.savings = Savings(self.id, str(flow_run.id or ""))

    @classmethod
    def begin(
        cls,
        flow: str,
        recipe: Recipe,
        url: str,
        *,
        beside: str = "",
        record: Mapping[str, Any] | None = None,
    ) -> Self:
        """Open the store and write the run down: recipe, actor, Prefect's flow run.

        ``beside`` names a second run within one flow run; ``record`` is written down, too.

        Raises:
            StoreError: the store cannot be used (no permission, wrong credentials, ...).
        """
        settle_in()
        store = Store(url)
        store.prepare()
        told = {
            "flow": flow,
            "recipe": recipe.model_dump(mode="json"),
            "fingerprint": recipe.fingerprint(),
            "actor": actor(),
            "flow_run": str(flow_run.id or ""),
            "began_at": datetime.now(UTC).isoformat(),
            **(record or {}),
        }
        return cls(flow, recipe, store, _recorded(store, told, beside))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write down how the run ended, and hide rows whose blobs were found lost or corrupt."""
        if kind is not None and not issubclass(kind, Exception):
            stopping.set()  # a signal: the shards under way finish their batches and stop
        self.crew.close()
        if isinstance(error, FactoryError):
            error.add_note(UNDER_WAY)
        try:
            self._write_end(error)
        except StoreError as trouble:
            if error is None:
                raise
            log.warning("how the run ended could not be written down: %s", trouble)
        show_failures(self, error)

    def _write_end(self, error: BaseException | None) -> None:
        if self.lost_blobs:
            self.store.retire_blobs(dict.fromkeys(self.lost_blobs, "found lost or corrupt"))
        ended = {
            "ended_at": datetime.now(UTC).isoformat(),
            "seconds": round(self.seconds(), 2),
            "error": f"{type(error).__name__}: {error}" if error else "",
            "stages": {name: asdict(tally) for name, tally in self.stages.items()},
            "counts": self.counts(),
            "specs": self.specs,
            "notices": self.notices,
            "estimate": self.estimate,
            "dataset": self.version and {
                "name": self.version.name,
                "version": self.version.version,
                "dataset_hash": self.version.dataset_hash,
            },
        }  # fmt: skip
        self.store.put_run_object(self.id, ENDED, json.dumps(ended, default=str).encode())

    def stage(
        self,
        work: Task[..., Any],
        stage: str,
        fields: Mapping[str, Any],
        rows: Sequence[Row],
        *,
        round: int = 0,
        size: int | None = None,
        together: tuple[str, ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Make what is missing of a stage and return the rows that count, one a planned key.

        What each argument is tells ``StageWork``; ``_staged`` is what other kinds of run change.

        Raises:
            StageFailed: a shard ended without its items, or the error budget is spent.
            FactoryError: an error of a shard that the user can mend, as it was raised.
        """
        spec = spec_of(stage, fields)
        self.specs[f"{stage}/{spec}"] = dict(fields)
        return self._staged(
            StageWork(work, stage, spec, fields, rows, round, size, together, extra)
        )

    def _staged(self, asked: StageWork) -> list[Row]:
        began = time.perf_counter()
        stage, spec = asked.stage, asked.spec
        self.store.use_spec(self.id, stage, spec, asked.fields)
        plan = self._plan(asked)
        self.made.setdefault(stage, set()).update(plan.absent)
        if plan.missing and self.before_work:
            ask, self.before_work = self.before_work, None
            ask()
        self.task_runs += len(plan.shards)
        self._work(asked.work, plan, asked.extra or {})
        kept = self._rows(plan)
        self.count(plan, kept, time.perf_counter() - began, self.recipe.run)
        return kept

    def _plan(self, asked: StageWork) -> Plan:
        stage, spec, rows = asked.stage, asked.spec, asked.rows
        wanted = asked.size or self.recipe.run.shard_size
        size = shard_size(len(rows), wanted, self.recipe.run.workers, self.task_runs)
        return plan_shards(
            self.store, self.id, stage, spec, rows, size=size, round=asked.round,
            together=asked.together, known=self.tables.pop((stage, spec), None),
            done=self._done(stage, spec, [row["key"] for row in rows]),
        )  # fmt: skip

    def _done(self, stage: str, spec: str, keys: Sequence[str]) -> Collection[str] | None:
        """Keys that need no work; None where that is what the store says. A rerun says more."""
        del stage, spec, keys
        return None

    def _work(self, work: Task[..., Any], plan: Plan, extra: Mapping[str, Any]) -> None:
        progress = StageProgress(plan.stage, len(plan.keys), plan.reused)
        troubles: list[BaseException] = []
        for shard, result in self.crew.results(work, plan.shards, extra):
            if isinstance(result, BaseException):
                troubles.append(result)
                self.crashed.append((shard, result))
            else:
                self.lost_blobs += (result or {}).get("lost_blobs", [])
                progress.add(shard.missing)
        progress.close()
        if troubles:
            raise worst(troubles, plan)

    def _table(self, plan: Plan) -> pa.Table:
        """The rows that count of all that was planned."""
        table = None if plan.missing else plan.table
        if table is None:
            table = self.store.rows(plan.stage, plan.spec, keys=plan.keys)
        elif table.nbytes < REMEMBERED:
            self.tables[plan.stage, plan.spec] = table
        return table.filter(pc.is_in(table["key"], value_set=pa.array(plan.keys, pa.string())))

    def _rows(self, plan: Plan) -> list[Row]:
        kept = self._table(plan)
        self.savings.add(kept)
        unread = [name for name in (*records.PROVENANCE, *records.LARGE)
                  if name in kept.column_names]  # fmt: skip
        rows: list[Row] = kept.drop_columns(unread).to_pylist()
        return rows

    def leave(self, name: str, data: bytes) -> None:
        """Leave something small beside the run's record, for its tasks."""
        self.store.put_run_object(self.id, name, data)

    def hide(self, stage: str, spec: str, keys: Sequence[str], reason: str) -> None:
        """Hide rows, so that this run makes them again."""
        if keys:
            self.store.invalidate(stage, spec, keys, reason)

    def outlook(
        self, found: Mapping[str, Outcome], made: Sequence[Row], said: Mapping[str, Any]
    ) -> Mapping[str, Outcome]:
        """What became of edits. A plan, which knows less, takes here what may become of them."""
        del made, said
        return found

    def open_pairs(self) -> Collection[Place]:
        """Pairs of edits that may yet be complete; of a run none, a plan cannot know them all."""
        return ()

    def seconds(self) -> float:
        """Wall time of the run so far, s."""
        return time.perf_counter() - self.began


def _recorded(store: Store, told: Mapping[str, Any], beside: str) -> str:
    """Write a run down under Prefect's id of it, numbered from its second beginning; that id.

    Prefect counts what it retries, not what it resumes: a number that is taken is passed over.
    """
    whole = str(flow_run.id or uuid.uuid4())
    for beginning in count(flow_run.run_count or 1):
        number = str(beginning) if beginning > 1 else ""
        run = "-".join(filter(None, (whole, number, beside)))
        with suppress(VersionTaken):
            store.write_run(run, told)
            return run
    raise AssertionError("unreachable")
