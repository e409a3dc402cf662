"""A database that is gone in the middle of runs: python -m bench.outages [SECONDS]

Prefect's server keeps its runs in PostgreSQL, which is stopped as by a power cut and started again.
One run was started from the command line, one by a worker.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import kills, wreckage
from bench.__main__ import QUIET
from bench.deployed import Deployed
from bench.figures import ROOT, folder, show
from bench.postgres import Cluster, NoPostgres, cluster
from bench.server import mortal_server

SECONDS = 30.0
PATIENCE = 240.0
NOTICED_WITHIN = 150.0
"""Seconds: the automation waits for 90, and looks every few."""
SETTINGS = ("masks.segmenter=grabcut-box",)


def measure(seconds: float) -> None:
    """Both runs through the outage, then what they left."""
    with folder() as home, cluster() as database:
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database.address
        (home / "server").mkdir()
        with mortal_server(home / "server") as server:
            deployed = Deployed(server.url, home)
            deployed.start_worker()
            try:
                _measure(deployed, database, home, seconds)
            finally:
                deployed.end_worker()


def _measure(deployed: Deployed, database: Cluster, home: Path, seconds: float) -> None:
    calm = completed(start(kills.RECIPE, home / "calm", *SETTINGS))
    parameters = {"recipe": str(kills.RECIPE), "store": str(home / "worker"), "settings": SETTINGS}
    run = deployed.begin(parameters)
    command = start(kills.RECIPE, home / "command", *SETTINGS)
    for place in (home / "worker", home / "command"):
        wait_for_rows(place)
    gone(database, seconds)
    ended = {"command": completed(command)}
    ended["worker"] = deployed.ended(run, PATIENCE)
    until = time.monotonic() + NOTICED_WITHIN
    while (unended := deployed.unended()) and time.monotonic() < until:
        time.sleep(1)
    well = (ended["command"]["code"] == 0) + (ended["worker"]["type"] == "COMPLETED")
    said = ended["command"].get("error", "")
    show("database gone: runs that ended well", well, "runs", 2, seconds_gone=seconds,
         worker=ended["worker"]["message"] or "done", command=said or "done")  # fmt: skip
    show("database gone: runs that stay Running", len(unended), "runs", 2, goal=0)
    torn = sum(wreckage.torn(home / name) for name in ended)
    show("database gone: torn or doubled rows", torn, "rows", 2, goal=0)
    again = [completed(start(kills.RECIPE, home / name, *SETTINGS)) for name in ended]
    different = sum(one["dataset_hash"] != calm["dataset_hash"] for one in again)
    show("database gone: other data sets after the next run", different, "runs", 2, goal=0)


def start(recipe: Path, store: Path, *settings: str) -> "subprocess.Popen[str]":
    """A run of the command line, on the server that the environment names."""
    more = [word for setting in settings for word in ("--set", setting)]
    with open(store.parent / f"{store.name}.log", "w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.generate", str(recipe), "--store", str(store), "--json",
             *more],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip


def completed(command: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a run said, and its exit ``code``."""
    out, _ = command.communicate(timeout=PATIENCE)
    said: dict[str, Any] = json.loads(out) if out else {"error": "it said nothing"}
    return said | {"code": command.returncode}


def wait_for_rows(store: Path) -> None:
    """Until a run has kept its first batch."""
    until = time.monotonic() + PATIENCE
    while not next(store.glob("stages/*/*/part-*"), None):
        if time.monotonic() > until:
            raise SystemExit(f"no run began on {store} within {PATIENCE:.0f} s")
        time.sleep(0.01)


def gone(database: Cluster, seconds: float) -> None:
    """Stop the database as a power cut would, and start it again."""
    database.stop()
    try:
        time.sleep(seconds)
    finally:
        database.start()


if __name__ == "__main__":
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_LOGGING_EXTRA_LOGGERS"] = ""
    try:
        measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
    except NoPostgres as missing:
        sys.exit(str(missing))
