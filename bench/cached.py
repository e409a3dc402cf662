"""What a re-run costs that finds everything in the store: five stages, no work."""

import sys
import time
from pathlib import Path

from bench.figures import beside, folder, show
from bench.server import prefect_server

SIZES = (10_000, 100_000)
STAGES = 5
GOALS = {100_000: 20.0}
"""Seconds."""


def measure(place: Path) -> None:
    """Fill a store with stages of that many rows, then run a flow over all of them."""
    from prefect import flow

    from bench.noop import RECIPE, fields, fill, noop_shard, planned
    from flows.run import FactoryRun

    @flow(name="bench", persist_result=False)
    def five_stages(items: int, store: str) -> float:
        rows = [planned(items, stage) for stage in range(STAGES)]
        began = time.perf_counter()
        with FactoryRun.begin("bench", RECIPE, store) as run:
            for stage in range(STAGES):
                kept = run.stage(noop_shard, "noop", fields(stage), rows[stage])
                assert len(kept) == items
            assert run.reused() == STAGES * items
        return time.perf_counter() - began

    for items in SIZES:
        store = str(place / f"store-{items}")
        fill(store, items, STAGES)
        show(f"cached re-run of {items} items through {STAGES} stages",
             five_stages(items, store), "s", items, goal=GOALS.get(items))  # fmt: skip


def main() -> None:
    """Start a server and measure beside it."""
    with folder() as place, prefect_server(place):
        beside("bench.cached", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
