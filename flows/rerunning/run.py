"""A run that makes chosen rows again and leaves all others as they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from prefect.tasks import Task

from flows.run import FactoryRun
from varifactory.actor import actor
from varifactory.errors import FactoryError
from varifactory.recipe import Run
from varifactory.runs.forcing import force
from varifactory.runs.savings import Savings
from varifactory.runs.selection import Selected
from varifactory.shards.planning import Plan
from varifactory.stages import Row
from varifactory.standing import HIDDEN, standing

NOTHING = Selected({}, {}, force=False)


class Strayed(FactoryError):
    """What is planned now is not what the version was made of."""


@dataclass
class Rerun(FactoryRun):
    """One run of the flow ``rerun``."""

    again: Selected = NOTHING
    reason: str = ""
    """Why good rows are made again."""
    held: pa.Table | None = None
    """Items of that version, once they were read."""
    read: dict[tuple[str, str], tuple[frozenset[str], pa.Table]] = field(default_factory=dict)
    """Stage and spec -> keys whose rows were read, and the rows: parts are read once a stage."""

    foreseen: ClassVar[bool] = False
    """A forecast counts all that the recipe lacks, and a rerun makes what was selected of it."""

    def start_over(self) -> None:
        """Forget what was counted; what was made stays made."""
        for kept in (self.stages, self.ends, self.failed, self.crashed, self.notices):
            kept.clear()
        self.task_runs = 0
        self.savings = Savings(self.savings.run, self.savings.flow_run)

    def rehearsal(self) -> "Rehearsal":
        """The same run, which makes nothing."""
        return Rehearsal(
            self.flow, self.recipe, self.store, self.id, before=self.before, read=self.read
        )

    def hide(self, stage: str, spec: str, keys: Sequence[str], reason: str) -> None:
        """Nothing: a rerun makes again what was selected, whatever the recipe says."""

    def _done(self, stage: str, spec: str, keys: Sequence[str]) -> Collection[str] | None:
        if self.again.force and (chosen := self.again.keys(stage) & set(keys)):
            told = f"{self.reason or 'no reason was given'}: made again by {actor()}"
            force(self.store, stage, spec, sorted(chosen), told)
            self.read.pop((stage, spec), None)
        return self.again.done(stage, self._standing(stage, spec, keys))

    def _standing(self, stage: str, spec: str, keys: Sequence[str]) -> pa.Table:
        asked = frozenset(keys)
        known, table = self.read.get((stage, spec), (frozenset(), None))
        if table is None or not asked <= known:
            table = standing(self.store, stage, spec, asked)
            self.read[stage, spec] = asked, table
        return table.filter(pc.is_in(table["key"], value_set=pa.array(keys, pa.string())))

    def _table(self, plan: Plan) -> pa.Table:
        if plan.missing:
            self.read.pop((plan.stage, plan.spec), None)
        return self._standing(plan.stage, plan.spec, plan.keys).drop_columns([HIDDEN])

    def _mind_the_budget(self, stage: str, rows: Sequence[Row], budget: Run) -> None:
        """A rerun that mends a part of what failed must not be stopped by the rest of it."""
        if self.before is None:
            FactoryRun._mind_the_budget(self, stage, rows, budget)


@dataclass
class Rehearsal(Rerun):
    """Goes through stages whose rows are all there, as they were before the rerun."""

    def leave(self, name: str, data: bytes) -> None:
        """Nothing: no task will read it."""

    def _done(self, stage: str, spec: str, keys: Sequence[str]) -> Collection[str] | None:
        found = frozenset(self._standing(stage, spec, keys)["key"].to_pylist())
        if missing := set(keys) - found:
            raise Strayed(f"{len(missing)} of {len(keys)} rows of stage {stage} were never made")
        return found

    def _work(self, work: Task[..., Any], plan: Plan, extra: Mapping[str, Any]) -> None:
        """Nothing."""
