"""What became of a run's items, stage by stage, and when too many of them failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.recipe import Run
from varifactory.shards.planning import Plan
from varifactory.stages import Row


class StageFailed(FactoryError):
    """A stage that did not end: shards crashed, or too many items failed."""


class BudgetSpent(StageFailed):
    """More items of a stage failed than ``run.error_budget`` allows."""


@dataclass(frozen=True, slots=True)
class StageTally:
    """What became of a stage's items, hits included."""

    items: int
    reused: int
    statuses: Mapping[str, int]
    seconds: float


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts of a run."""

    stages: dict[str, StageTally] = field(default_factory=dict)
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    """Stage -> items by status, as its gate or its settling left them."""
    failed: dict[str, list[Row]] = field(default_factory=dict)
    """Stage -> its failed rows."""

    def count(self, plan: Plan, rows: Sequence[Row], seconds: float, budget: Run) -> None:
        """Add the rows that count of a plan.

        Raises:
            StageFailed: an item came out twice or not at all.
            BudgetSpent: too many of them failed.
        """
        stage = plan.stage
        statuses = Counter(row["status"] for row in rows)
        if statuses.total() != len(plan.keys):
            raise StageFailed(
                f"stage {stage}: {len(plan.keys)} items went in and {statuses.total()} came out; "
                "run `varifactory verify` on the store"
            )
        before = self.stages.get(stage)
        if before:
            statuses.update(before.statuses)
        self.stages[stage] = StageTally(
            items=len(plan.keys) + (before.items if before else 0),
            reused=plan.reused + (before.reused if before else 0),
            statuses=dict(statuses),
            seconds=seconds + (before.seconds if before else 0.0),
        )
        bad = [row for row in rows if row["status"] == "failed"]
        self.failed.setdefault(stage, []).extend(bad)
        self._mind_the_budget(stage, rows, budget)

    def decided(self, stage: str, rows: Sequence[Row]) -> list[Row]:
        """Count a stage anew as its gate or its settling left the rows; returns them."""
        self.ends[stage] = dict(Counter(row["status"] for row in rows))
        return list(rows)

    def _mind_the_budget(self, stage: str, rows: Sequence[Row], budget: Run) -> None:
        bad = [row for row in rows if row["status"] == "failed"]
        if len(rows) < budget.error_budget_after or len(bad) <= budget.error_budget * len(rows):
            return
        (cause, times), *_ = Counter(row["error_type"] or "?" for row in bad).most_common(1)
        raise BudgetSpent(
            f"stage {stage}: {len(bad)} of {len(rows)} items failed, more than the error budget "
            f"of {budget.error_budget:.0%} (run.error_budget); most often {cause} ({times} times): "
            f"{bad[0]['reason']}"
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Items by stage and status, gates applied."""
        found = {stage: dict(tally.statuses) for stage, tally in self.stages.items()} | self.ends
        return {stage: found[stage] for stage in records.STAGES if stage in found}

    def reused(self) -> int:
        """Items taken from the store."""
        return sum(tally.reused for tally in self.stages.values())

    def items(self) -> int:
        """Items of all stages."""
        return sum(tally.items for tally in self.stages.values())


def worst(troubles: Sequence[BaseException], plan: Plan) -> BaseException:
    """What a stage whose shards crashed ends with: an error that the user can mend, as it was
    raised; else one that tells how many there were."""
    for trouble in troubles:
        if isinstance(trouble, FactoryError):
            return trouble
    first = troubles[0]
    return StageFailed(
        f"stage {plan.stage}: {len(troubles)} of {len(plan.shards)} shards did not end; the first "
        f"said {type(first).__name__}: {first}. What they finished is kept: run again to go on"
    )
