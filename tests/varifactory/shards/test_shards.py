"""Shards: what is planned, what a batch leaves behind, and what stops a shard."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.varifactory.shard_tables import SPEC, opened, planned, rows
from varifactory import records
from varifactory.errors import ModelError
from varifactory.models.accelerator import CardLost
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import Plan, ShardRef, left_of
from varifactory.shards.working import Interrupted, stopping, work_shard
from varifactory.stages import Made, Row
from varifactory.store import BlobLost, Store, StoreDenied


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path / "store")


@pytest.fixture(autouse=True)
def not_stopping() -> Iterator[None]:
    yield
    stopping.clear()


class Maker:
    """Makes every row, remembers its batches, and fails where it is told to."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.batches: list[list[str]] = []

    def __call__(self, batch: list[Row], store: Store) -> list[Made]:
        self.batches.append([row["source_key"] for row in batch])
        for row in batch:
            if error := self.errors.get(f"item_{row['source_key']}"):
                raise error
        return [
            Made({**row, "status": "ok", "area": 0.5}, {"mask_blob": row["key"].encode()})
            for row in batch
        ]


def work(store: Store, plan: Plan, make: Maker, batch_size: int = 2) -> list[Any]:
    return [work_shard(ref, make, batch_size=batch_size) for ref in plan.shards]


def test_a_plan_cuts_what_is_missing_and_covers_everything(store: Store) -> None:
    plan = planned(store, rows(10))
    assert [ref.missing for ref in plan.shards] == [4, 4, 2]
    assert (len(plan.keys), plan.missing, plan.reused) == (10, 10, 0)
    made = Maker()
    work(store, plan, made)
    assert sorted(key for batch in made.batches for key in batch) == sorted(map(str, range(10)))
    assert len(store.rows("masks", SPEC)) == 10


def test_what_is_there_is_one_shard_of_hits(store: Store) -> None:
    work(store, planned(store, rows(6)), Maker())
    (hits,) = planned(store, rows(6)).shards
    assert (hits.items, hits.missing) == (6, 0)
    made = Maker()
    assert work_shard(hits, made, batch_size=2).made == 0
    assert made.batches == []


def test_a_larger_plan_makes_only_the_rest(store: Store) -> None:
    work(store, planned(store, rows(6)), Maker())
    plan, made = planned(store, rows(9)), Maker()
    work(store, plan, made)
    assert (plan.missing, plan.reused) == (3, 6)
    assert sorted(key for batch in made.batches for key in batch) == ["6", "7", "8"]
    assert sum(ref.items for ref in plan.shards) == 9


def test_the_order_of_rows_cuts_the_same_shards(store: Store) -> None:
    first = planned(store, rows(10))
    second = planned(store, rows(10)[::-1])
    assert [ref.plan for ref in first.shards] == [ref.plan for ref in second.shards]
    made, other = Maker(), Maker()
    work(store, first, made)
    before = made.batches
    store.invalidate("masks", SPEC, [row["key"] for row in rows(10)], "again")
    work(store, planned(store, rows(10)[::-1]), other)
    assert other.batches == before


def test_rows_that_belong_together_share_a_shard(store: Store) -> None:
    plan = planned(store, rows(12), together=("label",))
    made = Maker()
    for ref in plan.shards:
        work_shard(ref, made, batch_size=12)
    assert [{int(key) % 3 for key in batch} for batch in made.batches] == [{0}, {1}, {2}]


def test_equal_items_are_made_once(store: Store) -> None:
    plan = planned(store, rows(3) + rows(3))
    assert (len(plan.keys), plan.missing) == (3, 3)


def test_failed_and_skipped_items_are_tried_again(store: Store) -> None:
    ended = ("ok", "rejected", "failed", "skipped")
    made = [Made({**row, "status": status}) for row, status in zip(rows(4), ended, strict=True)]
    keep_rows(store, "masks", SPEC, "run", made)
    assert planned(store, rows(4)).missing == 2


def test_a_batch_is_kept_before_the_next_is_made(store: Store) -> None:
    class Watching(Maker):
        def __call__(self, batch: list[Row], store: Store) -> list[Made]:
            seen.append(len(store.rows("masks", SPEC)))
            return super().__call__(batch, store)

    seen: list[int] = []
    work(store, planned(store, rows(6), size=6), Watching())
    assert seen == [0, 2, 4]


def test_a_shard_is_folded_to_one_part(store: Store) -> None:
    work(store, planned(store, rows(8), size=8), Maker())
    (part,) = store.parts("masks", SPEC)
    assert part.rows == 8


def test_rows_carry_where_they_come_from(store: Store) -> None:
    work(store, planned(store, rows(2)), Maker())
    for row in store.rows("masks", SPEC).to_pylist():
        assert row["run"] == "run"
        assert row["seconds"] >= 0
        assert '"python"' in row["versions"]
        assert row["made_at"].tzinfo is not None
        assert len(row["first_part"]) == 64
        assert row["reason"] == ""


def test_a_row_names_a_blob_that_is_there(store: Store) -> None:
    work(store, planned(store, rows(5)), Maker())
    for row in store.rows("masks", SPEC).to_pylist():
        sha, _, extension = row["mask_blob"].partition(".")
        assert store.get_blob(sha, extension) == row["key"].encode()


def test_one_bad_item_fails_alone(store: Store) -> None:
    made = Maker(item_3=ValueError("a strange image"))
    (outcome,) = work(store, planned(store, rows(8), size=8), made, batch_size=4)
    assert dict(outcome.statuses) == {"ok": 7, "failed": 1}
    (bad,) = [row for row in store.rows("masks", SPEC).to_pylist() if row["status"] != "ok"]
    assert (bad["source_key"], bad["error_type"]) == ("3", "ValueError")
    assert bad["reason"] == "a strange image"


def test_a_lost_blob_fails_its_item_and_is_told(store: Store) -> None:
    lost = BlobLost(f"{'ab' * 32}.png", "it is lost")
    (outcome,) = work(store, planned(store, rows(4)), Maker(item_1=lost), batch_size=4)
    assert outcome.lost_blobs == [lost.blob]
    assert dict(outcome.statuses) == {"ok": 3, "failed": 1}


@pytest.mark.parametrize(
    "error", [ModelError("the checkpoint is not there"), StoreDenied("no permission")]
)
def test_what_no_item_can_mend_stops_the_shard(store: Store, error: Exception) -> None:
    plan, made = planned(store, rows(6), size=6), Maker()
    made.errors = {f"item_{made_of(plan, store)[2]}": error}
    with pytest.raises(type(error)):
        work(store, plan, made)
    assert len(store.rows("masks", SPEC)) == 2  # the batch before is kept


def made_of(plan: Plan, store: Store) -> list[str]:
    """The items of a plan's first shard in the order in which they are made."""
    look = Maker(**{f"item_{n}": StoreDenied("only looking") for n in range(100)})
    with pytest.raises(StoreDenied):
        work_shard(plan.shards[0], look, batch_size=100)
    return look.batches[0]


def test_a_run_that_is_asked_to_stop_finishes_its_batch(store: Store) -> None:
    class Stopping(Maker):
        def __call__(self, batch: list[Row], store: Store) -> list[Made]:
            stopping.set()
            return super().__call__(batch, store)

    with pytest.raises(Interrupted, match="stopped during masks: run the same command again"):
        work(store, planned(store, rows(6), size=6), Stopping())
    assert len(store.rows("masks", SPEC)) == 2
    stopping.clear()
    assert planned(store, rows(6)).missing == 4


def test_a_retried_task_makes_only_what_its_first_attempt_left(store: Store) -> None:
    (ref,) = planned(store, rows(6), size=6).shards
    keep_rows(store, "masks", SPEC, "run", [Made({**row, "status": "ok"}) for row in rows(6)[:4]])
    made = Maker()
    assert work_shard(ref, made, batch_size=2, again=True).made == 2
    assert sorted(key for batch in made.batches for key in batch) == ["4", "5"]


def test_all_that_travels_is_a_small_reference(store: Store) -> None:
    plan = planned(store, rows(2000), size=2000)
    (ref,) = plan.shards
    assert all(isinstance(value, str | int) for value in vars_of(ref).values())
    assert len(str(vars_of(ref))) < 500


def vars_of(ref: ShardRef) -> dict[str, Any]:
    return {name: getattr(ref, name) for name in ref.__slots__}


def test_columns_of_a_plan_come_back_as_they_went(store: Store) -> None:
    planned_rows = rows(2, area=0.25, image_blob=None)
    (ref,) = planned(store, planned_rows).shards
    seen: list[Row] = []

    def make(batch: list[Row], store: Store) -> list[Made]:
        seen.extend(batch)
        return [Made({**row, "status": "ok"}) for row in batch]

    work_shard(ref, make, batch_size=2)
    wanted = [{name: value for name, value in row.items() if value is not None}
              for row in planned_rows]  # fmt: skip
    assert sorted(seen, key=str) == sorted(wanted, key=str)
    assert set(wanted[0]) < set(records.schema("masks").names)


class Hungry:
    """Makes rows with real tensors of so many megabytes each, all of a batch at a time."""

    def __init__(self, megabytes: dict[str, int]) -> None:
        self.megabytes = megabytes

    def __call__(self, batch: list[Row], store: Store) -> list[Made]:
        import torch

        work = [torch.ones(self.megabytes[row["source_key"]] << 18) for row in batch]
        return [
            Made({**row, "status": "ok", "area": float(one.mean())})
            for row, one in zip(batch, work, strict=True)
        ]


LIMITED = """
import json, resource, sys
import torch
from tests.varifactory.shards.test_shards import Hungry, SPEC, planned, rows, work
from varifactory.store import Store

store = Store(sys.argv[1])
store.prepare()
store.write_run("run", {})
plan = planned(store, rows(4))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (500 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
work(store, plan, Hungry({"0": 250, "1": 250, "2": 900, "3": 250}), batch_size=4)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
found = store.rows("masks", SPEC).to_pylist()
print(json.dumps([[row[c] for c in ("source_key", "status", "reason")] for row in found]))
"""


def test_short_memory_fails_the_one_item_that_is_too_much(root: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "store")],
        cwd=root, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = {key: (status, reason) for key, status, reason in json.loads(ran.stdout)}
    assert {key for key, (status, _) in found.items() if status == "ok"} == set("013")
    status, reason = found["2"]
    assert status == "failed"
    for setting in ("sources.size", "checkpoint.dtype", "edits.batch"):
        assert setting in reason


def test_a_lost_card_ends_the_shard_and_keeps_its_batches(store: Store) -> None:
    import torch

    plan = planned(store, rows(8), size=8)
    (ref,) = plan.shards
    gone = torch.AcceleratorError("CUDA error: unspecified launch failure\nSearch for ...")
    sixth = sorted(rows(8), key=lambda row: row["key"])[5]["source_key"]
    make = Maker(**{f"item_{sixth}": gone})
    with pytest.raises(CardLost, match="what was finished is kept"):
        work_shard(ref, make, batch_size=2)
    assert len(make.batches) == 3, "it went on without a card"
    assert store.rows("masks", SPEC)["status"].to_pylist() == ["ok"] * 4
    assert work_shard(ref, Maker(), batch_size=2, again=True).made == 4


def test_shards_begun_again_leave_out_what_was_finished_since(store: Store) -> None:
    plan = planned(store, rows(10))
    work_shard(plan.shards[0], Maker(), batch_size=2)
    first, *others = left_of(store, plan.shards)
    assert [ref.missing for ref in (first, *others)] == [0, 4, 2]
    made = Maker()
    for ref in (first, *others):
        work_shard(ref, made, batch_size=2)
    assert sum(map(len, made.batches)) == 6
    assert len(store.rows("masks", SPEC)) == 10
