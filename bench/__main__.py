"""Every figure, one JSON object a line: python -m bench [GROUP ...]"""

import os
import subprocess
import sys
import time

from bench.figures import ROOT

GROUPS = {
    "startup": 60, "storing": 120, "sources": 180, "masking": 60, "learning": 240,
    "orchestration": 600, "growth": 900, "requests": 300, "cached": 150, "demo": 360,
    "plan": 300, "shared": 900, "statistics": 900, "metrics": 1800,
    "thousand": 300, "kills": 900, "pages": 600, "looking_back": 400, "lost": 600,
    "keeping": 900, "ledger": 1200,
    "exchange_cells": 300, "report": 300, "known_truth": 3600, "faults": 900, "pruning": 600,
    "digits_exchange": 120, "exchange_coverage": 2400,
    "crashes": 5400, "outages": 900, "rerun": 900,
}  # fmt: skip
"""Group -> seconds after which it is ended; each is a module of this package."""
LONG = {"crashes", "outages"}
"""Groups that are run only when they are named."""
QUIET = {"OMP_NUM_THREADS": "1", "PREFECT_LOGGING_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}


def main(names: list[str]) -> int:
    """Run groups one after another, each in a process of its own; 1 if one did not end well."""
    strange = sorted(set(names) - set(GROUPS))
    if strange:
        print(f"no group {', '.join(strange)}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    wanted = names or [name for name in GROUPS if name not in LONG]
    failed = [name for name in wanted if not _group(name)]
    if failed:
        print(f"these groups did not end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _group(name: str) -> bool:
    began = time.perf_counter()
    group = subprocess.Popen(
        [sys.executable, "-m", f"bench.{name}"], cwd=ROOT, env={**os.environ, **QUIET}
    )
    try:
        code = group.wait(GROUPS[name])
    except subprocess.TimeoutExpired:
        group.terminate()  # which lets it end the server that it started
        group.wait()
        print(f"{name}: not done within {GROUPS[name]} s", file=sys.stderr)
        return False
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return code == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
