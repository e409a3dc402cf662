"""Progress: a rate of what was made, the time that is left, hits apart."""

import logging
import re
from uuid import uuid4

import pytest
from prefect.artifacts import update_progress_artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import progress
from flows.progress import StageProgress, only_shown


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[float]:
    """Seconds that the stage believes in."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(logging.getLogger("varifactory"), "propagate", True)
    caplog.set_level(logging.INFO, "varifactory.progress")
    return now


def test_hits_count_as_done_and_not_into_the_rate(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    stage = StageProgress("edits", 100, reused=40)
    clock[0] += 2
    stage.add(20)
    assert re.sub(" +", " ", caplog.messages[-1]) == (
        "edits 60 of 100 10.0 a second, about 4 s left, 40 reused"
    )
    clock[0] += 4
    stage.add(40)
    stage.close()
    assert re.sub(" +", " ", caplog.messages[-1]) == (
        "edits 100 of 100 10.0 a second, 6.0 s, 40 reused"
    )


def test_a_stage_of_hits_says_so_once(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    stage = StageProgress("masks", 12, reused=12)
    stage.add(0)
    stage.close()
    assert [re.sub(" +", " ", message) for message in caplog.messages] == ["masks 12 of 12 reused"]


def test_lines_do_not_pour(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    stage = StageProgress("sources", 1000, reused=0)
    for _ in range(500):
        clock[0] += 0.01
        stage.add(1)
    assert len(caplog.messages) <= 10


def test_a_stage_that_made_nothing_of_what_was_missing_is_silent(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    StageProgress("edits", 10, reused=4).close()
    assert caplog.messages == []


def test_a_server_that_is_away_is_told_and_passed(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), only_shown():
        update_progress_artifact(uuid4(), progress=50)
    assert "Prefect's server could not be told what to show" in caplog.messages[-1]


@pytest.mark.parametrize("defect", [NameError, KeyError, TypeError, RuntimeError, RecursionError])
def test_a_defect_of_what_is_shown_is_not_hidden(defect: type[Exception]) -> None:
    with pytest.raises(defect), only_shown():
        raise defect("ours")
