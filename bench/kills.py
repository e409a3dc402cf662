"""kill -9 at random moments of a run: what is lost, and whether the next run ends the same.

Every stage and the fold is aimed at. A run is a forked process that has its imports behind it, so
that twenty runs cost minutes; it is killed as a whole, as by the kernel when memory runs out.
"""

import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import varifactory
from bench import wreckage
from bench.figures import ROOT, beside, folder, show
from bench.server import prefect_server

RECIPE = ROOT / "bench/crash_recipe.yaml"
AIMS = {"sources": 3, "leakage": 1, "prompts": 2, "masks": 3, "edits": 3, "verdicts": 3,
        "training": 2, "fold": 3}  # fmt: skip
"""What is aimed at, and how often; what was hit is told apart."""
FOLDED = "edits"
"""The stage whose folds are aimed at: it has the most shards."""
FOLD_SECONDS = 0.03
WRITES = {"training": "checkpoints"}
LIBRARIES = ("cv2", "imagehash", "torch", "open_clip", "peft", "segment_anything")
PATIENCE = 300.0
"""Seconds after which a run counts as hung."""

Run = Callable[[Path], Any]


@dataclass(frozen=True, slots=True)
class Calm:
    """The run that nobody disturbed."""

    result: tuple[Any, ...]
    seconds: dict[str, float]
    parts: dict[str, int]
    in_flight: int
    """Most blobs of one batch a worker: a drawn source has two, its picture and its mask."""


@dataclass(slots=True)
class Tally:
    """What all kills did."""

    kills: int = 0
    torn: int = 0
    orphans: int = 0
    different: int = 0
    hits: Counter[str] = field(default_factory=Counter)


def measure(place: Path) -> None:
    """Kill, look, run again; one line a kill, then the sums."""
    run, in_flight = prepared("train")
    calm_place = place / "calm"
    said = ended(start(run, calm_place), calm_place)
    parts = {stage: _parts(calm_place / "store", stage) for stage in AIMS}
    calm = Calm(_result(said, calm_place), said["stage_seconds"], parts, in_flight)
    tally = Tally()
    aims = [aim for aim, times in AIMS.items() for _ in range(times)]
    for number, aim in enumerate(aims):
        # A run that ended before its random moment was not hit: another one is.
        while not _kill_once(run, place / f"kill-{number}", aim, calm, tally):
            number += len(aims)
    show("kills: torn or doubled rows", tally.torn, "rows", tally.kills, goal=0)
    show("kills: most blobs without a row", tally.orphans, "blobs", tally.kills, goal=in_flight)
    show("kills: other results afterwards", tally.different, "runs", tally.kills, goal=0,
         hit=dict(sorted(tally.hits.items())))  # fmt: skip


def _kill_once(run: Run, place: Path, aim: str, calm: Calm, tally: Tally) -> bool:
    """Whether a run was hit."""
    process = start(run, place)
    _wait_for(aim, place / "store", calm, process)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        return False
    hit = wreckage.hit(place / "store")
    torn, orphans = wreckage.torn(place / "store"), wreckage.orphans(place / "store")
    kept = sum(map(len, wreckage.rows(place / "store").values()))
    began = time.perf_counter()
    same = _result(ended(start(run, place), place), place) == calm.result
    tally.kills += 1
    tally.torn += torn
    tally.orphans = max(tally.orphans, orphans)
    tally.different += not same
    tally.hits[hit] += 1
    show("kill: blobs without a row", orphans, "blobs", 1, goal=calm.in_flight, aimed=aim, hit=hit,
         rows_kept=kept, torn=torn, same_result=same,
         rerun_seconds=round(time.perf_counter() - began, 1))  # fmt: skip
    return True


def prepared(flow: str, settings: Sequence[str] = ()) -> tuple[Run, int]:
    """Import all that a run needs, without starting a thread: forks keep none.

    The run, and how many blobs its workers make at a time.
    """
    ours = [module.name for module in pkgutil.walk_packages(varifactory.__path__, "varifactory.")]
    for name in (*LIBRARIES, *(name for name in ours if ".builtin." not in name)):
        importlib.import_module(name)
    from varifactory.recipe import Recipe

    work = getattr(importlib.import_module(f"flows.{flow}"), flow)
    recipe = Recipe.read(RECIPE, settings)
    in_flight = 2 * recipe.run.batch_size * recipe.run.workers
    return (lambda place: work(recipe, str(place / "store"))), in_flight


def _result(said: dict[str, Any], place: Path) -> tuple[Any, ...]:
    return said["dataset_hash"], said["cells"], wreckage.rows(place / "store")


def start(run: Run, place: Path) -> int:
    place.mkdir(exist_ok=True)
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        (place / "said.json").write_text(json.dumps(run(place), default=str))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(process: int, place: Path) -> dict[str, Any]:
    """What the run said.

    Raises:
        SystemExit: it failed, or hung.
    """
    until = time.monotonic() + PATIENCE
    while (done := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.kill(process, signal.SIGKILL)
            sys.exit(f"a run on {place} hung")
        time.sleep(0.02)
    if done[1]:
        sys.exit(f"a run on {place} failed")
    said: dict[str, Any] = json.loads((place / "said.json").read_text())
    return said


def _wait_for(aim: str, store: Path, calm: Calm, process: int) -> None:
    """Wait for a random one of the parts that the stage writes, then a random part of a batch."""
    stage = FOLDED if aim == "fold" else aim
    parts = calm.parts[stage]
    if aim == "fold":
        # A shard is two batches: when both lie there, what comes next is their fold.
        number, seconds = random.randint(2, parts), FOLD_SECONDS
    else:
        number, seconds = random.randrange(parts), calm.seconds[stage] / parts
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (
        next(store.glob(f"runs/*/plan-{stage}-*"), None) and _parts(store, stage) >= number
    ):
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.001)
    time.sleep(random.uniform(0, seconds))


def _parts(store: Path, stage: str) -> int:
    """How many parts the stage has written; of training, which is one row a cell, its steps."""
    return len(list(store.glob(f"stages/{WRITES.get(stage, stage)}/*/part-*")))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        with folder() as home, prefect_server(home):
            beside("bench.kills", str(home))
