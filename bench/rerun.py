"""One failed image of many thousands made again, on a running Prefect server."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.figures import ROOT, beside, folder, show
from bench.server import prefect_server

ITEMS = 100_000
GOAL = 5.0
"""Seconds."""


def fill(place: Path, items: int) -> tuple[str, str]:
    """A store with a finished run; the run, and the key of its failed edit."""
    from prefect import flow

    from bench import large_set
    from flows.rerunning.run import Rerun

    @flow(name="fill", persist_result=False)
    def filled() -> tuple[str, str]:
        with Rerun.begin("generate", large_set.recipe(items), str(place)) as run:
            return run.id, large_set.fill(run)

    return filled()


def measure(place: Path, items: int) -> None:
    """The short way from a new process and within one that runs on, and the way through it all."""
    import flows.rerunning.refreshing
    from flows.rerun import rerun

    began = time.perf_counter()
    run, key = fill(place / "store", items)
    filled = time.perf_counter() - began
    copies = [str(place / f"copy-{number}") for number in range(4)]
    for copy in copies:
        subprocess.run(["cp", "-r", str(place / "store"), copy], check=True)
    began, used = time.perf_counter(), _used(resource.RUSAGE_CHILDREN)
    said = _command(run, key, copies[0])
    edits = sum(said["counts"]["edits"].values())
    more = {"cpu_seconds": round(_used(resource.RUSAGE_CHILDREN) - used, 1),
            "flow_seconds": said["seconds"], "verdict_seconds": said["stage_seconds"]["verdicts"],
            "load": round(os.getloadavg()[0], 1), "filled_in": round(filled)}  # fmt: skip
    show("rerun of one failed image, a new process with its imports and the judge's loading",
         time.perf_counter() - began, "s", edits, said=said["lines"][0], **more)  # fmt: skip
    for number, what in enumerate(("its first, with the judge's loading", "its next")):
        began, used = time.perf_counter(), _used(resource.RUSAGE_SELF)
        said = rerun(run=run, stage="edits", keys=(key,), store=copies[1 + number])
        show(f"rerun of one failed image in a process that runs on, {what}",
             time.perf_counter() - began, "s", edits, goal=GOAL, said=said["lines"][0],
             cpu_seconds=round(_used(resource.RUSAGE_SELF) - used, 1),
             verdict_seconds=said["stage_seconds"]["verdicts"],
             load=round(os.getloadavg()[0], 1))  # fmt: skip
    flows.rerunning.refreshing.FEW = sys.maxsize
    began = time.perf_counter()
    said = rerun(run=run, stage="edits", keys=(key,), store=copies[3])
    show("the same through the whole recipe, without pages", time.perf_counter() - began, "s",
         edits, said=said["lines"][0])  # fmt: skip


def _used(who: int) -> float:
    """Seconds of processor."""
    spent = resource.getrusage(who)
    return spent.ru_utime + spent.ru_stime


def _command(run: str, key: str, store: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "flows.rerun", "--run", run, "--stage", "edits", "--key", key,
         "--store", store, "--json"], cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the rerun failed:\n{done.stderr[-3000:]}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main() -> None:
    """Start a server and measure beside it."""
    with folder() as place, prefect_server(place):
        beside("bench.rerun", str(place), str(ITEMS))


if __name__ == "__main__":
    measure(Path(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 1 else main()
