"""What a run was worth its time: what the store saved it, and how its estimate held."""

from typing import Any

from flows.run import FactoryRun
from varifactory.models.provider.estimate import dollars
from varifactory.quantities import duration
from varifactory.store import StoreError


def saved(run: FactoryRun) -> dict[str, Any]:
    """Items, seconds and US $ that the store saved, and thanks to whom; empty if nothing."""

    def record(run_id: str) -> dict[str, Any]:
        try:
            return run.store.read_run(run_id) if run_id else {}
        except StoreError:
            return {}

    return run.savings.told(record, run.items(), run.recipe.prices.gpu_hour)


def against_estimate(run: FactoryRun) -> dict[str, Any]:
    """What was expected and what became of it, kept with the run; empty without an estimate."""
    if not run.estimate:
        return {}
    made, workers = run.items() - run.reused(), max(1, run.recipe.run.workers)
    took = run.savings.own.seconds / workers
    paid = run.savings.paid(run.recipe.prices.gpu_hour)
    items, seconds, usd = (run.estimate[name] for name in ("made", "seconds", "usd"))
    words = (
        f"expected {_between(items['low'], items['high'])} items{run.estimate['of']}, about "
        f"{duration(seconds['about'])} ({duration(seconds['low'])} to "
        f"{duration(seconds['high'])}), {dollars(usd['about'])}; made {made:,} in "
        f"{duration(took)} for {dollars(paid)}"
    )
    actual = {"made": made, "seconds": round(took, 1), "usd": round(paid, 4)}
    run.estimate |= {"actual": actual, "outcome": words}
    return {"expected": {"made": items, "seconds": seconds, "usd": usd}, "actual": actual,
            "words": words}  # fmt: skip


def _between(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
