"""What a re-run costs that finds everything in the store: five stages, no work."""

import sys
from pathlib import Path

from bench.figures import beside, folder, show
from bench.server import prefect_server

SIZES = (10_000, 100_000)
STAGES = 5
GOALS = {100_000: 20.0}
"""Seconds."""


def measure(place: Path) -> None:
    """Fill a store with stages of that many rows, then run a flow over all of them."""
    from bench.noop import cached_run, fill

    for items in SIZES:
        store = str(place / f"store-{items}")
        fill(store, items, STAGES)
        show(f"cached re-run of {items} items through {STAGES} stages",
             cached_run(store, items, STAGES), "s", items, goal=GOALS.get(items))  # fmt: skip


def main() -> None:
    """Start a server and measure beside it."""
    with folder() as place, prefect_server(place):
        beside("bench.cached", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
