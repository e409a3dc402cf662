"""How long a run whose machine is lost says that it runs: worker and flow killed at once."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.figures import ROOT, folder, show
from bench.server import prefect_server
from flows.operation.draining import children
from flows.operation.environment import SERVER, WORKER, settings_of

GOAL = 120.0
"""Seconds: three heartbeats of thirty, and what the server takes to notice."""
PATIENCE = 300.0
RECIPE = """
name: lost
sources: {kind: world, size: 64, shots: 2,
          world: {classes: 3, train: 2, validation: 1, test: 2000}}
run: {workers: 1, batch_size: 4, shard_size: 8}
"""


def ask(path: str, body: Any = None) -> Any:
    """What the server's API answers."""
    request = urllib.request.Request(
        os.environ["PREFECT_API_URL"] + path, None if body is None else json.dumps(body).encode(),
        {"content-type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def killed_run(place: Path) -> str:
    """Begin a run on a worker, and kill both once it makes rows; the run's id."""
    (place / "lost.yaml").write_text(RECIPE)
    with open(place / "worker.log", "wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "flows.worker"], cwd=ROOT, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    deployment = ask("/deployments/name/generate/generate")["id"]
    run = ask(f"/deployments/{deployment}/create_flow_run", {
        "parameters": {"recipe": str(place / "lost.yaml"), "store": str(place / "store")},
        "state": {"type": "SCHEDULED"}})["id"]  # fmt: skip
    until(lambda: list(place.glob("store/stages/sources/*/part-*")), "the first rows")
    processes = [child for inner in children(worker.pid) for child in (inner, *children(inner))]
    for process in (worker.pid, *processes):  # all of them, as when a machine loses its power
        os.kill(process, signal.SIGKILL)
    worker.wait()
    return str(run)


def until(done: Any, what: str) -> float:
    """Seconds until something holds."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.2)
    return time.monotonic() - began


def main() -> None:
    """Kill a worker and its run, and wait for the automation."""
    with folder() as place:
        os.environ.update(settings_of(SERVER) | settings_of(WORKER))
        with prefect_server(place):
            subprocess.run([sys.executable, "-m", "flows.deploy"], cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
            run = killed_run(place)
            seconds = until(
                lambda: ask(f"/flow_runs/{run}")["state_name"] == "Crashed", "the automation"
            )
            show("lost machine, until its run ends Crashed", seconds, "s", 1, goal=GOAL)


if __name__ == "__main__":
    main()
