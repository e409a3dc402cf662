"""What orchestration costs: a stage that does nothing, on a real Prefect server."""

import os
import sys
import time
from pathlib import Path

from bench.figures import beside, folder, show
from bench.postgres import cluster
from bench.server import prefect_server
from flows.operation.environment import SERVER, WORKER, settings_of

ITEMS, SHARED = 10_000, 100_000
"""Items of the threads' legs, and of the workers': a process more is paid back by many items."""
RUNNERS = {
    "threads": "two threads", "workers": "two workers", "dask": "two processes of Dask",
}  # fmt: skip
"""What a recipe calls a runner -> two of them, in words."""
GOAL = 1.0
"""Milliseconds an image and stage; Prefect alone takes 6 to 140 for a task an image."""


def measure(place: Path) -> None:
    """Milliseconds an item and stage, for two sizes of batch, and of the same run reused."""
    stage(ITEMS, 16, str(place / "warm"))
    for batch_size in (16, 64):
        store = str(place / f"store-{batch_size}")
        for said in ("made", "reused"):
            seconds, kept = stage(ITEMS, batch_size, store)
            show(f"orchestration, {said}, batches of {batch_size}", 1000 * seconds / kept,
                 "ms an image and stage", kept, goal=GOAL)  # fmt: skip


def measure_workers(place: Path) -> None:
    """The same by PostgreSQL and two workers; a small stage shows what a process costs."""
    from bench.pools import deploy_work, workers

    deploy_work("bench.noop_work.work")
    stage(512, 64, str(place / "warm"))
    with workers(("cpu", "cpu"), place, **settings_of(WORKER)):
        for runner, said in RUNNERS.items():
            seconds, _ = stage(1024, 64, str(place / f"few-{runner}"), runner)
            show(f"a stage of two shards by {said}", seconds, "s", 1024)
            seconds, kept = stage(SHARED, 64, str(place / runner), runner)
            show(f"orchestration on PostgreSQL by {said}, batches of 64", 1000 * seconds / kept,
                 "ms an image and stage", kept, goal=GOAL)  # fmt: skip


def stage(items: int, batch_size: int, store: str, runner: str = "threads") -> tuple[float, int]:
    """Run one stage of so many items; its seconds, and how many rows it kept."""
    from prefect import flow

    from bench.noop import RECIPE, fields, noop_shard, planned
    from flows.run import FactoryRun

    @flow(name="bench", persist_result=False)
    def one_stage(batch_size: int, store: str) -> tuple[float, int]:
        settings = RECIPE.run.model_copy(
            update={"batch_size": batch_size, "shard_size": 512, "runner": runner}
        )
        recipe = RECIPE.model_copy(update={"run": settings})
        rows = planned(items)
        with FactoryRun.begin("bench", recipe, store) as run:
            began = time.perf_counter()
            kept = run.stage(noop_shard, "noop", fields(), rows)
            return time.perf_counter() - began, len(kept)

    return one_stage(batch_size, store)


def main() -> None:
    """Start a server and measure beside it, so that it outlives what the measurement sends it."""
    with folder() as place, prefect_server(place):
        beside("bench.orchestration", "threads", str(place))
    os.environ.update(settings_of(SERVER))
    with folder() as place, cluster() as database:
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database.address
        with prefect_server(place):
            beside("bench.orchestration", "workers", str(place))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"threads": measure, "workers": measure_workers}[sys.argv[1]](Path(sys.argv[2]))
    else:
        main()
