"""One failed image of many thousands made again, on a running Prefect server."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import ROOT, beside, folder, show
from bench.server import prefect_server

ITEMS = 100_000
GOAL = 5.0
"""Seconds."""


def fill(place: Path, items: int) -> tuple[str, str]:
    """A store with a finished run; the run, and the key of its failed edit."""
    from prefect import flow

    from bench import large_set
    from flows.rerunning import Rerun

    @flow(name="fill", persist_result=False)
    def filled() -> tuple[str, str]:
        with Rerun.begin("generate", large_set.recipe(items), str(place)) as run:
            return run.id, large_set.fill(run)

    return filled()


def measure(place: Path, items: int) -> None:
    """The short way from a new process and within one that runs, and the way through it all."""
    import flows.refreshing
    from flows.rerun import rerun

    began = time.perf_counter()
    run, key = fill(place / "store", items)
    filled = time.perf_counter() - began
    copies = [str(place / f"copy-{number}") for number in range(3)]
    for copy in copies:
        subprocess.run(["cp", "-r", str(place / "store"), copy], check=True)
    asked = {"run": run, "stage": "edits", "keys": (key,)}
    began = time.perf_counter()
    said = _command(run, key, copies[0])
    whole = time.perf_counter() - began
    load = round(os.getloadavg()[0], 1)
    edits = sum(said["counts"]["edits"].values())
    show("rerun of one failed image, the flow in a new process", said["seconds"], "s", edits,
         goal=GOAL, said=said["lines"][0], load=load)  # fmt: skip
    show("the same, the whole command with its imports", whole, "s", edits, load=load,
         filled_in=round(filled))  # fmt: skip
    said = rerun(**asked, store=copies[1])
    show("the same in a process that runs on, its imports done", said["seconds"], "s", edits,
         goal=GOAL, said=said["lines"][0])  # fmt: skip
    flows.refreshing.FEW = sys.maxsize
    said = rerun(**asked, store=copies[2])
    show("the same through the whole recipe", said["seconds"], "s", edits, said=said["lines"][0])


def _command(run: str, key: str, store: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "flows.rerun", "--run", run, "--stage", "edits", "--key", key,
         "--store", store, "--json"], cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the rerun failed:\n{done.stderr[-3000:]}")
    said: dict[str, object] = json.loads(done.stdout)
    return said


def main() -> None:
    """Start a server and measure beside it."""
    with folder() as place, prefect_server(place):
        beside("bench.rerun", str(place), str(ITEMS))


if __name__ == "__main__":
    measure(Path(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 1 else main()
