"""How a figure is printed, and where it is measured."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def show(
    figure: str, value: float, unit: str, n: int, *, goal: float | None = None, **more: Any
) -> None:
    """Print one figure as one JSON object; one that misses its goal is printed as it is."""
    line: dict[str, Any] = {"figure": figure, "value": round(value, 4), "unit": unit, "n": n}
    if goal is not None:
        line["goal"] = goal
    print(json.dumps(line | more), flush=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder; what a killed process left open there is no reason to fail."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as place:
        yield Path(place)


def beside(module: str, *arguments: str) -> None:
    """Run a module in a process of its own, whose lines are printed; its failure ends this one."""
    quiet = {"PREFECT_LOGGING_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *arguments]
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}).returncode
    if code:
        sys.exit(code)
