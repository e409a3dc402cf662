"""The quickstart as a newcomer runs it: once on an empty store, once again."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import ROOT, folder, show

QUICKSTART = "deployments/recipes/quickstart.yaml"
GOALS = {"cold": 300.0, "again": 30.0}
"""Seconds on 2 cores for a study of three seeds, the start of Prefect's temporary server apart; for
one seed the first was 120."""


def run(place: Path, flow: str = "flows.study", settings: Sequence[str] = ()) -> dict[str, Any]:
    """What one run says of itself, with the wall time of its whole command."""
    command = [sys.executable, "-m", flow, QUICKSTART, "--json", "--store", str(place)]
    command += [word for setting in settings for word in ("--set", setting)]
    began = time.perf_counter()
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PREFECT_HOME": str(place / "prefect")},
        capture_output=True, text=True,
    )  # fmt: skip
    wall = time.perf_counter() - began
    if not answer.stdout.strip():
        sys.exit(f"{' '.join(command)} ended with {answer.returncode}:\n{answer.stderr[-3000:]}")
    said: dict[str, Any] = json.loads(answer.stdout)
    return said | {"wall": wall, "code": answer.returncode}


def main() -> None:
    """Wall times of both runs by stage, and whether they hold the same data set."""
    with folder() as place:
        hashes = set()
        for name, goal in GOALS.items():
            said = run(place)
            hashes.add(said["dataset_hash"])
            show(f"demo, {name}", said["wall"] - said["server_seconds"], "s", said["items"],
                 goal=goal, exit_code=said["code"])  # fmt: skip
            show(f"demo, {name}: start of Prefect's server", said["server_seconds"], "s", 1)
            for stage, seconds in said["stage_seconds"].items():
                statuses = said["counts"][stage]
                show(f"demo, {name}: {stage}", seconds, "s", sum(statuses.values()))
            show(f"demo, {name}: reused", said["reused"], "items", said["items"])
        show("demo, different data sets", len(hashes) - 1, "data sets", len(GOALS), goal=0)


if __name__ == "__main__":
    main()
