"""What a plan of 100,000 items takes, by the functions that a run plans with."""

import subprocess
import sys
import time
from pathlib import Path

from bench.figures import ROOT, beside, folder, show

GOAL = 3.0
"""Seconds."""
CASES = {
    "everything in the store": (),
    "another feather, so that every edit is missing": ("edits.feather=2.0",),
    "another strength, told by each edit's own key": ("edits.strength=0.5",),
    "one more edit a source": ("edits.per_source=3",),
    "another segmenter, so that nothing after it is known": ("masks.segmenter=grabcut-box",),
}
TIMES = 3


def measure(place: Path) -> None:
    """Plan the same store in every case; the median of a few."""
    from bench.filled import fill
    from flows.forecast import forecast
    from varifactory.store import parts

    url = str(place / "store")
    recipe = fill(url)
    for case, settings in CASES.items():
        asked = recipe.overlaid(settings) if settings else recipe
        taken = []
        for _ in range(TIMES):
            parts._RECENT._forget()  # as a process that has just begun
            began = time.perf_counter()
            found = forecast(asked, url)
            taken.append(time.perf_counter() - began)
        items = sum(stage.items for stage in found.stages)
        show(f"plan, {case}", sorted(taken)[TIMES // 2], "s", items, goal=GOAL,
             misses=found.misses, at_most=found.unknown)  # fmt: skip
    began = time.perf_counter()
    (place / "recipe.yaml").write_text(_yaml())
    subprocess.run([sys.executable, "-m", "flows.plan", place / "recipe.yaml", "--store", url],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    show("plan as a command, with its imports", time.perf_counter() - began, "s", items)


def _yaml() -> str:
    import yaml

    from bench.filled import RECIPE

    return yaml.safe_dump(RECIPE)


def main() -> None:
    """Measure in a process of its own."""
    with folder() as place:
        beside("bench.plan", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
