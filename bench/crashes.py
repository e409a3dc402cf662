"""kill -9 of flows, workers, servers and whole machines, a hundred times: what is lost for good?

python -m bench.crashes [KILLS [MINUTES]]

Every kill comes at a random moment of a run that a real worker works off for a real server, or
that was started from the command line (a forked process, so that a hundred kills fit into minutes).
Then the store is looked through, and the same recipe runs again: by Prefect's own retry, by a new
run of the deployment, or from the command line.
"""

import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import kills, wreckage
from bench.__main__ import QUIET
from bench.deployed import Deployed, process_of, since
from bench.figures import folder, show
from bench.server import Server, mortal_server
from varifactory.store import Store

KILLS, MINUTES = 100, 60.0
SHARES = {"command": 35, "flow": 25, "worker": 15, "server": 20, "machine": 5}
"""What is killed, out of a hundred: a run of the command line, a worker's run, the worker, the
server, the worker and its run in one moment."""
SETTINGS = ("masks.segmenter=grabcut-box", "training.arms=[real]")
"""Nothing that needs torch: a worker's runs begin in new processes, which would import it."""
PATIENCE = 300.0
TOLD_TWICE = 3.0
"""Seconds within which a worker mostly says twice that its run crashed: the second ends a retry."""
INFRASTRUCTURE = "Flow run infrastructure exited"
"""How its second word begins."""
NOTICED_WITHIN = 150.0
"""Seconds: the automation waits for 90, and looks every few."""


@dataclass(slots=True)
class Tally:
    """What all kills did."""

    kills: Counter[str] = field(default_factory=Counter)
    torn: int = 0
    orphans: int = 0
    different: int = 0
    outlived: Counter[str] = field(default_factory=Counter)
    """Runs that ended well though what was killed served them, by its kind."""
    lost: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Runs that were hit: what was killed, and when."""
    ended_again: int = 0
    """Retries that the worker's second word on the crash before ended."""
    noticed: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds until the server knew, by what was killed."""
    rerun: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Range:
    """Where things are killed."""

    deployed: Deployed
    server: Server
    run: kills.Run
    in_flight: int
    calm: Any = None
    seconds: dict[str, float] = field(default_factory=dict)
    """How long an undisturbed run works, by who works it off."""
    tally: Tally = field(default_factory=Tally)

    def parameters(self, place: Path) -> dict[str, Any]:
        """Of a run of the deployment."""
        return {"recipe": str(kills.RECIPE), "store": str(place / "store"), "settings": SETTINGS}


def measure(server: Server, home: Path, kills_wanted: int, minutes: float) -> None:
    """Kill, look, run again, for at most so many minutes; one line a kill, then the sums."""
    began = time.monotonic()
    with _range(server, home) as field:
        _stay_calm(field, home)
        for number, kind in enumerate(_kinds(kills_wanted)):
            while not _kill_once(field, kind, home / f"{number}"):
                number += kills_wanted
            if time.monotonic() - began > 60 * minutes:
                break
        _say(field, time.monotonic() - began)


@contextmanager
def _range(server: Server, home: Path) -> Iterator[Range]:
    deployed = Deployed(server.url, home)
    run, in_flight = kills.prepared("generate", SETTINGS)
    deployed.start_worker()
    try:
        yield Range(deployed, server, run, in_flight)
    finally:
        deployed.end_worker()


def _kinds(wanted: int) -> list[str]:
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, share * wanted // 100))]
    random.shuffle(kinds)
    return kinds


def _stay_calm(field: Range, home: Path) -> None:
    """The runs that nobody disturbs: what they give, and how long they take."""
    place = home / "calm-command"
    process = kills.start(field.run, place)
    _began(place)
    began = time.monotonic()
    kills.ended(process, place)
    field.seconds["command"] = time.monotonic() - began
    field.calm = _result(place)
    for name in ("calm-first", "calm-worker"):  # the first one compiles what it imports
        run = field.deployed.begin(field.parameters(home / name))
        _began(home / name)
        began = time.monotonic()
        field.deployed.ended(run, PATIENCE)
        field.seconds["worker"] = time.monotonic() - began
        if _result(home / name) != field.calm:
            raise SystemExit("the worker's data set is another than the command's")


def _kill_once(field: Range, kind: str, place: Path) -> bool:
    """Whether a run was hit; a run that ended before its random moment was not."""
    hit = HITS[kind](field, place)
    if hit is None:
        return False
    run, again = hit
    tally, store = field.tally, place / "store"
    torn, orphans = wreckage.torn(store), wreckage.orphans(store)
    was_hit, rows_kept = wreckage.hit(store), sum(map(len, wreckage.rows(store).values()))
    began = time.monotonic()
    again()
    same = _result(place) == field.calm and not wreckage.torn(store)
    tally.kills[kind] += 1
    tally.torn += torn
    tally.orphans = max(tally.orphans, orphans)
    tally.different += not same
    tally.rerun.append(time.monotonic() - began)
    show("crash: blobs without a row", orphans, "blobs", 1, goal=field.in_flight, killed=kind,
         hit=was_hit, rows_kept=rows_kept, torn=torn, same_result=same, run=run,
         rerun_seconds=round(tally.rerun[-1], 1))  # fmt: skip
    return True


Hit = tuple[str, Callable[[], None]]
"""The run that was hit, and what makes it whole again."""


def _kill_command(field: Range, place: Path) -> Hit | None:
    process = kills.start(field.run, place)
    _moment(field, "command", place)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        return None
    run = _remember(field, "command", place)
    return run, lambda: _run_command(field, place)


def _run_command(field: Range, place: Path) -> None:
    kills.ended(kills.start(field.run, place), place)


def _kill_flow(field: Range, place: Path) -> Hit | None:
    run, process = _begun(field, place)
    if process is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return _crashed(field, run, place)


def _kill_worker(field: Range, place: Path) -> Hit | None:
    run, process = _begun(field, place)
    if process is None:
        return None
    field.deployed.kill_worker()
    killed = time.time()
    field.deployed.start_worker()
    until = time.monotonic() + PATIENCE
    while process_of(run) and time.monotonic() < until:
        time.sleep(0.1)  # it finishes its batches, or its run
    return _outlived(field, "worker", run, killed, place)


def _kill_machine(field: Range, place: Path) -> Hit | None:
    """Nobody is left to say so: the heartbeat's absence must."""
    run, process = _begun(field, place)
    if process is None:
        return None
    field.deployed.kill_worker()
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    field.deployed.start_worker()
    field.tally.lost[run] = ("machine", time.time())
    return run, lambda: _run_anew(field, place)


def _kill_server(field: Range, place: Path) -> Hit | None:
    run, process = _begun(field, place)
    if process is None:
        return None
    field.server.kill()
    killed = time.time()
    time.sleep(random.uniform(0, 5))
    field.server.start()
    return _outlived(field, "server", run, killed, place)


def _outlived(field: Range, kind: str, run: str, killed: float, place: Path) -> Hit:
    """A run may go on without its server or its worker, and end as if nothing had been."""
    field.tally.lost[run] = (kind, killed)
    if field.deployed.ended(run, NOTICED_WITHIN)["type"] == "COMPLETED":
        field.tally.outlived[kind] += 1
        return run, lambda: None
    return run, lambda: _run_anew(field, place)


HITS: dict[str, Callable[[Range, Path], Hit | None]] = {
    "command": _kill_command,
    "flow": _kill_flow,
    "worker": _kill_worker,
    "machine": _kill_machine,
    "server": _kill_server,
}


def _begun(field: Range, place: Path) -> tuple[str, int | None]:
    """A worker's run at a random moment, and its process if it has not ended."""
    run = field.deployed.begin(field.parameters(place))
    _moment(field, "worker", place)
    process = process_of(run)
    if process is None:
        field.deployed.ended(run, PATIENCE)
    return run, process


def _crashed(field: Range, run: str, place: Path) -> Hit | None:
    """What the worker's own watch says within seconds; else the automation, at the end."""
    killed = time.time()
    state = field.deployed.ended(run, 20)
    if state["type"] == "COMPLETED":
        return None
    field.tally.lost[run] = ("flow", killed)
    if state["type"] == "CRASHED":
        field.tally.noticed["flow"].append(since(state, killed))
    if state["type"] == "RUNNING" or random.random() < 0.5:
        return run, lambda: _run_anew(field, place)
    return run, lambda: _retry(field, run)


def _run_anew(field: Range, place: Path) -> None:
    _must_complete(field, field.deployed.begin(field.parameters(place)), "")


def _retry(field: Range, run: str) -> None:
    """As a person does; once more where the worker's second word on the crash ended the retry."""
    for last in (False, True):
        time.sleep(TOLD_TWICE)
        after = field.deployed.state(run)["timestamp"]
        field.deployed.retry(run)
        state = field.deployed.ended(run, PATIENCE, after=after)
        if last or INFRASTRUCTURE not in (state["message"] or ""):
            break
        field.tally.ended_again += 1
    _must_complete(field, run, after)


def _must_complete(field: Range, run: str, after: str) -> None:
    state = field.deployed.ended(run, PATIENCE, after=after)
    if state["type"] != "COMPLETED":
        print(f"run {run} ended {state['name']}: {state['message']}", file=sys.stderr)


def _remember(field: Range, kind: str, place: Path) -> str:
    run = next(place.glob("store/runs/*.json")).stem
    field.tally.lost[run] = (kind, time.time())
    return run


def _moment(field: Range, who: str, place: Path) -> None:
    _began(place)
    time.sleep(random.uniform(0, field.seconds[who]))


def _began(place: Path) -> None:
    """Wait until the run has written itself down."""
    until = time.monotonic() + PATIENCE
    while not next(place.glob("store/runs/*.json"), None):
        if time.monotonic() > until:
            raise SystemExit(f"no run began on {place} within {PATIENCE:.0f} s")
        time.sleep(0.01)


def _result(place: Path) -> Any:
    """Data set hashes of all versions, and the rows that count."""
    store = Store(str(place / "store"))
    versions = [
        store.dataset(name, number).dataset_hash
        for name, numbers in store.datasets()
        for number in numbers
    ]
    return versions, wreckage.rows(place / "store")


def _say(field: Range, seconds: float) -> None:
    tally = field.tally
    until = time.monotonic() + NOTICED_WITHIN
    while (unended := field.deployed.unended()) and time.monotonic() < until:
        time.sleep(1)
    states: Counter[str] = Counter()
    for run, (kind, killed) in tally.lost.items():
        state = field.deployed.state(run)
        states[f"{kind}: {state['name']}"] += 1
        if state["type"] == "CRASHED":
            tally.noticed[kind].append(since(state, killed))
    n = tally.kills.total()
    show("crashes: torn or doubled rows", tally.torn, "rows", n, goal=0,
         killed=dict(sorted(tally.kills.items())), minutes=round(seconds / 60, 1))  # fmt: skip
    show("crashes: most blobs without a row", tally.orphans, "blobs", n, goal=field.in_flight)
    show("crashes: other data sets afterwards", tally.different, "runs", n, goal=0,
         median_rerun_seconds=round(sorted(tally.rerun)[n // 2], 1))  # fmt: skip
    show("crashes: runs that outlived their server", tally.outlived["server"], "runs",
         tally.kills["server"])  # fmt: skip
    show("crashes: runs that outlived their worker", tally.outlived["worker"], "runs",
         tally.kills["worker"])  # fmt: skip
    slowest = {kind: round(max(waits), 1) for kind, waits in sorted(tally.noticed.items())}
    show("crashes: runs that stay Running", len(unended), "runs", n, goal=0,
         states=dict(sorted(states.items())), noticed_within_seconds=slowest,
         retries_ended_again=tally.ended_again)  # fmt: skip


if __name__ == "__main__":
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_LOGGING_EXTRA_LOGGERS"] = ""  # what a hundred runs say is not read
    asked = [float(argument) for argument in sys.argv[1:]]
    with folder() as home, mortal_server(home) as server:
        measure(server, home, int((asked or [KILLS])[0]), (asked[1:] or [MINUTES])[0])
