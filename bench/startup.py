"""How fast commands start, and what they import before they know what is asked."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import ROOT, show

GOAL = 0.5
"""Seconds: what feels like an answer."""
HEAVY = ("torch", "diffusers", "transformers", "open_clip", "prefect", "pandas", "scipy")
COMMANDS = {
    "varifactory --help": [str(Path(sys.executable).with_name("varifactory")), "--help"],
    "python -m flows.generate --help": [sys.executable, "-m", "flows.generate", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Median of five starts; the first, which may compile, is not counted."""
    taken = []
    for _ in range(6):
        began = time.perf_counter()
        subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def imported() -> list[str]:
    """Heavy packages that the command's module brings in."""
    asked = f"import sys, varifactory.command; print(*(set({HEAVY!r}) & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return sorted(answer.stdout.split())


def main() -> None:
    """Both commands, then what the first imports."""
    for name, arguments in COMMANDS.items():
        goal = GOAL if name.startswith("varifactory") else None
        show(f"start-up of {name}", seconds(arguments), "s", 5, goal=goal)
    found = imported()
    show("heavy packages imported by varifactory", len(found), "packages", len(HEAVY), goal=0,
         found=found)  # fmt: skip


if __name__ == "__main__":
    main()
