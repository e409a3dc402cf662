"""A worker that is asked to stop lets its runs finish the batch under way.

Prefect's worker, asked to stop, kills its runs at once, and the server counts them as running on.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import click

PAUSE = 0.2
"""Seconds between two looks."""
REPORT = 1.0
"""Seconds for a worker to tell the server how its runs ended, before it ends itself."""
SETTLED = 20.0
"""Seconds after which a worker that ends has worked: before, its pool or server is wrong."""
PR_SET_PDEATHSIG = 1


def supervise(command: Sequence[str], keep: Sequence[int] = (), settled: float = SETTLED) -> int:
    """Run a worker until it ends, or until SIGINT, SIGTERM or SIGHUP asks for it; its exit code.

    A worker that had settled and ended by an error of its own is started again: Prefect's does so
    where a run is resumed or retried within the moment that its slot is still held.

    The first signal drains: no further run is taken, those under way get SIGTERM, finish their
    batches and tell the server. The second ends all at once.

    Args:
        command: the worker's.
        keep: open files that it inherits, and with them the locks on them.
        settled: seconds after which a worker's end is no wrong use.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    while True:
        began = time.monotonic()
        worker = subprocess.Popen(
            command, start_new_session=True, pass_fds=keep, preexec_fn=_end_with_parent()
        )
        while worker.poll() is None and not asked:
            time.sleep(PAUSE)
        if worker.poll() is None:
            _drain(worker, impatient=lambda: len(asked) > 1)
            worker.wait()
            return 0
        if asked or not worker.returncode or time.monotonic() - began < settled:
            return worker.returncode
        click.echo(f"the worker ended with {worker.returncode} and is started again", err=True)


def _drain(worker: "subprocess.Popen[bytes]", impatient: Callable[[], bool]) -> None:
    os.kill(worker.pid, signal.SIGSTOP)  # so that it takes no further run meanwhile
    runs = children(worker.pid)
    if runs:
        click.echo("stopping after the batches under way; once more to stop at once", err=True)
    for run in runs:
        os.killpg(run, signal.SIGTERM)
    while any(map(is_alive, runs)) and not impatient():
        time.sleep(PAUSE)
    os.kill(worker.pid, signal.SIGCONT)
    if runs and not impatient():
        time.sleep(REPORT)
    worker.send_signal(signal.SIGTERM)


def children(process: int) -> list[int]:
    """The processes that a process started and that still run; none where there is no /proc."""
    stats = [path.parent for path in Path("/proc").glob("[0-9]*/stat")]
    found = [(int(place.name), *_stat(place)) for place in stats]
    return [pid for pid, state, parent in found if parent == process and state != "Z"]


def is_alive(process: int) -> bool:
    """Whether it still runs; one that waits to be reaped does not."""
    state, _ = _stat(Path("/proc") / str(process))
    return state not in ("", "Z")


def _stat(place: Path) -> tuple[str, int]:
    """State and parent of a process, as proc(5) writes them; empty of one that is gone."""
    try:
        _, _, rest = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
    except OSError:
        return "", 0
    state, parent, *_ = rest.split()
    return state, int(parent)


def _end_with_parent() -> Callable[[], object] | None:
    """For the child: be ended by the kernel when this process is killed. On Linux alone."""
    if not sys.platform.startswith("linux"):
        return None
    control = ctypes.CDLL(None).prctl
    return lambda: control(PR_SET_PDEATHSIG, int(signal.SIGTERM))
