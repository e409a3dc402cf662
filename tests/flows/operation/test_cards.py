"""One process a card: a lock that a killed holder cannot leak."""

import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.operation import deployed
from flows.operation.cards import CARD, CardLock, CardTaken

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from flows.operation.cards import CardLock
assert CardLock(sys.argv[1], sys.argv[2]).take(wait=False)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A card that no machine has; its locks lie in a folder of the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield f"test-{uuid.uuid4()}"
    for lock in deployed._held:
        lock.release()
    deployed._held.clear()


def holder(card: str, role: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, card, role], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_freed_with_the_process_that_held_it_however_it_ended(card: str) -> None:
    with holder(card, "worker") as other:
        assert not CardLock(card, "worker").take(wait=False)
        assert CardLock(card + "1", "worker").take(wait=False)
        other.kill()
        other.wait()
    lock = CardLock(card, "worker")
    assert lock.take(wait=False)
    lock.release()


def test_a_second_worker_of_a_card_is_refused_with_words(card: str) -> None:
    with holder(card, "worker") as other:
        done = subprocess.run(
            [sys.executable, "-m", "flows.worker", "--pool", "gpu", "--card", card],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        other.kill()
    assert done.returncode == 2
    assert f"CardTaken: card {card} has a worker already" in done.stderr
    assert "name another card with --card" in done.stderr


def test_a_card_runs_one_flow_at_a_time(card: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.worker", "--card", card, "--limit", "2"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--limit is 2: one card runs one flow at a time" in done.stderr


def test_a_run_waits_for_the_one_that_a_killed_worker_left(
    card: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CARD, card)
    with holder(card, "run") as left:
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -KILL {left.pid}"])
        deployed.settle_in()
        killer.wait()
        left.wait()
    assert f"card {card} is still used by another run: waiting for its end" in caplog.text
    assert not CardLock(card, "run").take(wait=False)


def test_without_a_worker_s_card_nothing_is_locked(card: str) -> None:
    deployed.settle_in()
    assert deployed._held == []


def test_a_lock_of_another_user_is_told(card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    lock = CardLock(card, "worker")
    monkeypatch.setattr(
        "flows.operation.cards.os.open", refused
    )  # root, who runs some tests, is never so
    with pytest.raises(CardTaken, match="belongs to another user"):
        lock.take(wait=False)
