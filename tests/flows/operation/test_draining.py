"""A worker that is to stop lets its runs end first: real processes in the places of both."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.operation.draining import children, is_alive

ROOT = Path(__file__).parents[3]
RUN = """
import signal, sys, time
from pathlib import Path
place = Path(sys.argv[1])
def drain(number, frame):
    time.sleep(float(sys.argv[2]))
    (place / "drained").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
(place / "running").touch()
time.sleep(120)
"""
WORKER = """
import signal, subprocess, sys, time
from pathlib import Path
place = Path(sys.argv[1])
run = subprocess.Popen([sys.executable, str(place / "run.py"), *sys.argv[1:3]],
                       start_new_session=True)
def stop(number, frame):
    (place / "stopped").write_text(str(run.poll()))
    run.kill()
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
time.sleep(120)
"""
SUPERVISE = (
    "import sys; from flows.operation.draining import supervise; sys.exit(supervise(sys.argv[1:]))"
)


def supervised(place: Path, drains: float) -> "subprocess.Popen[bytes]":
    """A worker with one run under way, which takes some seconds to drain."""
    (place / "run.py").write_text(RUN)
    (place / "worker.py").write_text(WORKER)
    worker = [sys.executable, str(place / "worker.py"), str(place), str(drains)]
    process = subprocess.Popen([sys.executable, "-c", SUPERVISE, *worker], cwd=ROOT)
    until = time.monotonic() + 60
    while not (place / "running").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_runs_drain_before_the_worker_ends(tmp_path: Path, number: signal.Signals) -> None:
    process = supervised(tmp_path, 0.3)
    process.send_signal(number)
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "drained").exists()
    assert (tmp_path / "stopped").read_text() == "0"


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    process = supervised(tmp_path, 60)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert not (tmp_path / "drained").exists()
    assert (tmp_path / "stopped").exists()


def test_a_worker_that_ends_by_itself_tells_how() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISE, sys.executable, "-c", "raise SystemExit(7)"],
        cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 7


def test_a_worker_ends_with_its_killed_parent(tmp_path: Path) -> None:
    process = supervised(tmp_path, 60)
    (worker,) = children(process.pid)
    (run,) = children(worker)
    process.kill()
    process.wait()
    until = time.monotonic() + 30
    while is_alive(worker) or is_alive(run):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_who_is_alive() -> None:
    child = subprocess.Popen(["sleep", "60"])
    assert child.pid in children(os.getpid())
    assert is_alive(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)  # it waits to be reaped
    assert child.pid not in children(os.getpid())
    child.wait()
    assert not is_alive(child.pid)


FALLING = """
import sys, time
from pathlib import Path
place = Path(sys.argv[1])
with place.open("a") as lives:
    lives.write("x")
time.sleep(1)
sys.exit(3 if len(place.read_text()) < 2 else 0)
"""


@pytest.mark.parametrize(("settled", "code", "lives"), [(0.5, 0, "xx"), (60.0, 3, "x")])
def test_a_worker_that_had_settled_and_falls_is_started_again(
    tmp_path: Path, settled: float, code: int, lives: str
) -> None:
    place = tmp_path / "lives"
    supervise = (
        "import sys; from flows.operation.draining import supervise; "
        f"sys.exit(supervise(sys.argv[1:], settled={settled}))"
    )
    worker = [sys.executable, "-c", FALLING, str(place)]
    done = subprocess.run(
        [sys.executable, "-c", supervise, *worker], cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == code
    assert place.read_text() == lives
    assert (b"started again" in done.stderr) is (lives == "xx")
