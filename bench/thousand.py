"""A thousand accepted edits on a machine without a card: built-in models, exact numbers."""

import json
import os
import subprocess
import sys
import time

from bench.figures import ROOT, folder, show

RECIPE = "deployments/recipes/quickstart.yaml"
SETTINGS = (
    "edits.exact=14", "edits.compare.count=0", "sources.shots=16", "sources.world.test=4",
    "sources.world.validation=4",
)  # fmt: skip
"""12 classes, 3 attributes and both feasibilities: 1,008 edits, few images held out."""


def main() -> None:
    """Wall time of the run and of its stages, the start of Prefect's server apart."""
    with folder() as place:
        command = [sys.executable, "-m", "flows.generate", RECIPE, "--json", "--store", str(place)]
        for setting in SETTINGS:
            command += ["--set", setting]
        began = time.perf_counter()
        answer = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PREFECT_HOME": str(place / "prefect")},
            capture_output=True, text=True,
        )  # fmt: skip
        wall = time.perf_counter() - began
        if not answer.stdout.strip():
            sys.exit(f"{' '.join(command)} ended with {answer.returncode}: {answer.stderr[-3000:]}")
        said = json.loads(answer.stdout)
    wanted = 12 * 3 * 2 * 14
    short = [line for line in said["notices"] if "accepted edits, of" in line]
    tried = sum(said["counts"]["edits"].values())
    show("1,008 accepted edits: wall time", wall - said["server_seconds"], "s", wanted,
         edits_made=tried, quotas_short=len(short), exit_code=answer.returncode)  # fmt: skip
    for stage, seconds in said["stage_seconds"].items():
        show(f"1,008 accepted edits: {stage}", seconds, "s", sum(said["counts"][stage].values()))


if __name__ == "__main__":
    main()
