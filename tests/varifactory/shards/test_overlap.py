"""Three things at once, in order, bounded, and nothing lost."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.varifactory.shard_tables import SPEC, opened, planned, rows
from varifactory.errors import ModelError
from varifactory.shards.overlap import Lane, ahead_of
from varifactory.shards.working import work_shard
from varifactory.stages import Made, Row, Work
from varifactory.store import Store, StoreDenied


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_pieces_come_in_order_with_their_results(ahead: int) -> None:
    with Lane[int](ahead) as lane:
        found = [(piece, future.result()) for piece, future in
                 ahead_of(lane, lambda n: n * n, range(7), ahead)]  # fmt: skip
    assert found == [(n, n * n) for n in range(7)]


def test_no_more_is_begun_than_was_allowed() -> None:
    begun: list[int] = []
    with Lane[None](2) as lane:
        for piece, future in ahead_of(lane, begun.append, range(9), 2):
            future.result()
            assert piece + 1 <= len(begun) <= piece + 3
    assert begun == list(range(9))


def test_without_ahead_everything_runs_in_the_caller_s_thread() -> None:
    with Lane[int](0) as lane:
        assert lane.call(threading.get_ident).result() == threading.get_ident()
    with Lane[int](1) as lane:
        assert lane.call(threading.get_ident).result() != threading.get_ident()


def test_an_error_comes_out_where_its_result_is_asked_for() -> None:
    for ahead in (0, 1):
        with Lane[float](ahead) as lane:
            future = lane.call(lambda: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                future.result()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path / "store")


class Slow:
    """A work whose three steps take their time, and tell what was unkept when one was drawn."""

    def __init__(self, seconds: float = 0.0, **errors: Exception) -> None:
        self.seconds, self.errors = seconds, errors
        self.drawn = self.kept = 0
        self.widest = 0

    def work(self) -> Work[Any, Any]:
        return Work(self.read, self.draw, self.finish)

    def read(self, batch: list[Row], source: Store) -> list[int]:
        time.sleep(self.seconds)
        return self._trouble("read", batch) or [int(row["source_key"]) for row in batch]

    def draw(self, batch: list[Row], read: list[int]) -> list[int]:
        self.drawn += 1
        self.widest = max(self.widest, self.drawn - self.kept)
        time.sleep(self.seconds)
        return self._trouble("draw", batch) or read

    def finish(self, batch: list[Row], drawn: list[int]) -> list[Made]:
        time.sleep(self.seconds)
        self._trouble("finish", batch)
        self.kept += 1
        return [Made({**row, "status": "ok", "area": float(number)})
                for row, number in zip(batch, drawn, strict=True)]  # fmt: skip

    def _trouble(self, step: str, batch: list[Row]) -> Any:
        for row in batch:
            if error := self.errors.get(f"{step}_{row['source_key']}"):
                raise error
        return None


def areas(held: Store) -> dict[str, tuple[str, float | None]]:
    table = held.rows("masks", SPEC).to_pylist()
    return {row["source_key"]: (row["status"], row["area"]) for row in table}


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_a_shard_is_the_same_however_far_ahead(store: Store, ahead: int) -> None:
    (ref,) = planned(store, rows(9), size=9).shards
    slow = Slow(0.01)
    outcome = work_shard(ref, slow.work(), batch_size=2, ahead=ahead)
    assert outcome.made == 9
    assert areas(store) == {str(n): ("ok", float(n)) for n in range(9)}
    assert slow.widest <= 1 + ahead, "a killed worker loses no more batches than this"


def test_steps_of_different_batches_overlap(tmp_path: Path) -> None:
    seconds = {}
    for ahead in (0, 1):
        (ref,) = planned(opened(tmp_path / f"store-{ahead}"), rows(12), size=12).shards
        began = time.perf_counter()
        work_shard(ref, Slow(0.1).work(), batch_size=2, ahead=ahead)
        seconds[ahead] = time.perf_counter() - began
    assert seconds[1] < 0.65 * seconds[0]


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("step", ["read", "draw", "finish"])
def test_one_bad_item_fails_alone(store: Store, step: str, ahead: int) -> None:
    (ref,) = planned(store, rows(6), size=6).shards
    slow = Slow(**{f"{step}_3": ValueError("a strange image")})
    outcome = work_shard(ref, slow.work(), batch_size=3, ahead=ahead)
    assert outcome.statuses == {"ok": 5, "failed": 1}
    assert areas(store)["3"][0] == "failed"


@pytest.mark.parametrize("ahead", [0, 2])
def test_what_was_finished_is_kept_when_the_model_cannot_go_on(
    store: Store,
    ahead: int,
) -> None:
    (ref,) = planned(store, rows(8), size=8).shards
    ordered = sorted(rows(8), key=lambda row: row["key"])
    last = ordered[-1]["source_key"]
    slow = Slow(0.01, **{f"draw_{last}": ModelError("the card is gone")})
    with pytest.raises(ModelError, match="the card is gone"):
        work_shard(ref, slow.work(), batch_size=2, ahead=ahead)
    assert set(areas(store)) == {row["source_key"] for row in ordered[:6]}


def test_a_store_that_refuses_stops_the_shard_soon(store: Store) -> None:
    (ref,) = planned(store, rows(40), size=40).shards
    slow = Slow(0.01, **{f"finish_{n}": StoreDenied("only looking") for n in range(40)})
    with pytest.raises(StoreDenied):
        work_shard(ref, slow.work(), batch_size=2, ahead=1)
    assert slow.drawn <= 4
