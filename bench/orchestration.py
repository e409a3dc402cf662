"""What orchestration costs: a stage that does nothing, on a real Prefect server."""

import sys
import time
from pathlib import Path

from bench.figures import beside, folder, show
from bench.server import prefect_server

ITEMS = 10_000
GOAL = 1.0
"""Milliseconds an image and stage; Prefect alone takes 6 to 140 for a task an image."""


def measure(place: Path) -> None:
    """Milliseconds an item and stage, for two sizes of batch, and of the same run reused."""
    from prefect import flow

    from bench.noop import RECIPE, fields, noop_shard, planned
    from flows.run import FactoryRun

    @flow(name="bench", persist_result=False)
    def one_stage(batch_size: int, store: str) -> tuple[float, int]:
        settings = RECIPE.run.model_copy(update={"batch_size": batch_size, "shard_size": 512})
        recipe = RECIPE.model_copy(update={"run": settings})
        rows = planned(ITEMS)
        with FactoryRun.begin("bench", recipe, store) as run:
            began = time.perf_counter()
            kept = run.stage(noop_shard, "noop", fields(), rows)
            return time.perf_counter() - began, len(kept)

    one_stage(16, str(place / "warm"))
    for batch_size in (16, 64):
        store = str(place / f"store-{batch_size}")
        for said in ("made", "reused"):
            seconds, kept = one_stage(batch_size, store)
            show(f"orchestration, {said}, batches of {batch_size}", 1000 * seconds / kept,
                 "ms an image and stage", kept, goal=GOAL)  # fmt: skip


def main() -> None:
    """Start a server and measure beside it, so that it outlives what the measurement sends it."""
    with folder() as place, prefect_server(place):
        beside("bench.orchestration", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
