"""A run that makes chosen rows again and leaves all others as they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from prefect.tasks import Task

from flows.run import FactoryRun, actor
from varifactory.errors import FactoryError
from varifactory.forcing import force
from varifactory.selection import Selected
from varifactory.shards import Plan
from varifactory.stages import Row
from varifactory.standing import HIDDEN, standing
from varifactory.store import Manifest

NOTHING = Selected({}, {}, force=False)


class Strayed(FactoryError):
    """What is planned now is not what the version was made of."""


@dataclass
class Rerun(FactoryRun):
    """One run of the flow ``rerun``."""

    again: Selected = NOTHING
    before: Manifest | None = None
    """The version that it starts from."""
    reason: str = ""
    """Why good rows are made again."""

    def start_over(self) -> None:
        """Forget what was counted; what was made stays made."""
        for kept in (self.stages, self.ends, self.failed):
            kept.clear()
        self.notices.clear()

    def rehearsal(self) -> "Rehearsal":
        """The same run, which makes nothing."""
        return Rehearsal(self.flow, self.recipe, self.store, self.id)

    def hide(self, stage: str, spec: str, keys: Sequence[str], reason: str) -> None:
        """Nothing: a rerun makes again what was selected, whatever the recipe says."""

    def _done(self, stage: str, spec: str, keys: Sequence[str]) -> Collection[str] | None:
        if self.again.force and (chosen := self.again.keys(stage) & set(keys)):
            told = f"{self.reason or 'no reason was given'}: made again by {actor()}"
            force(self.store, stage, spec, sorted(chosen), told)
        return self.again.done(stage, standing(self.store, stage, spec, keys))

    def _table(self, plan: Plan) -> pa.Table:
        return standing(self.store, plan.stage, plan.spec, plan.keys).drop_columns([HIDDEN])

    def _mind_the_budget(self, stage: str, rows: Sequence[Row]) -> None:
        """A rerun that mends a part of what failed must not be stopped by the rest of it."""
        if self.before is None:
            FactoryRun._mind_the_budget(self, stage, rows)


@dataclass
class Rehearsal(Rerun):
    """Goes through stages whose rows are all there, as they were before the rerun."""

    def leave(self, name: str, data: bytes) -> None:
        """Nothing: no task will read it."""

    def _done(self, stage: str, spec: str, keys: Sequence[str]) -> Collection[str] | None:
        found = frozenset(standing(self.store, stage, spec, keys)["key"].to_pylist())
        if missing := set(keys) - found:
            raise Strayed(f"{len(missing)} of {len(keys)} rows of stage {stage} were never made")
        return found

    def _work(self, work: Task[..., Any], plan: Plan, extra: Mapping[str, Any]) -> None:
        """Nothing."""
