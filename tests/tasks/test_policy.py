"""What every task shares: which errors are worth another try, and how a shard is reported."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed

from tasks import policy
from tasks.edits import edit_shard
from tasks.leakage import leakage_shard
from tasks.masks import mask_shard
from tasks.prompts import prompt_shard
from tasks.sources import source_shard
from tasks.training import training_shard
from tasks.verdicts import verdict_shard
from varifactory.errors import ModelError, RecipeError
from varifactory.keys import item_key, spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import Plan, plan_shards
from varifactory.stages import Made, Row
from varifactory.store import Store, StoreFull

SPEC = spec_of("masks", {})
STAGES = {
    "sources": source_shard, "leakage": leakage_shard, "prompts": prompt_shard,
    "masks": mask_shard, "edits": edit_shard, "verdicts": verdict_shard,
    "training": training_shard,
}  # fmt: skip
SLOTTED = {"masks", "edits", "verdicts", "training"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(str(tmp_path / "store"))
    opened.prepare()
    opened.write_run("run", {})
    return opened


def plan(store: Store, count: int) -> Plan:
    rows: list[Row] = [{"key": item_key(SPEC, n=n), "label": "cat"} for n in range(count)]
    return plan_shards(store, "run", "masks", SPEC, rows, size=8)


def made(rows: list[Row], store: Store) -> list[Made]:
    return [Made({**row, "status": "ok"}) for row in rows]


@pytest.mark.parametrize("stage", STAGES)
def test_no_task_keeps_a_second_cache(stage: str) -> None:
    shared = STAGES[stage]
    assert shared.cache_policy == NO_CACHE
    assert shared.persist_result is False
    assert shared.name == stage
    assert shared.tags == ({"gpu"} if stage in SLOTTED else set())


@pytest.mark.parametrize(
    ("error", "worth"),
    [(ModelError("no checkpoint"), False), (RecipeError("wrong"), False),
     (StoreFull("no room"), False), (OSError("a hiccup"), True), (MemoryError(), True)],
)  # fmt: skip
def test_only_what_may_pass_is_tried_again(error: Exception, worth: bool) -> None:
    assert policy.worth_retrying(None, None, Failed(data=error)) is worth


def test_a_shard_of_hits_is_a_state_named_cached(store: Store) -> None:
    (ref,) = plan(store, 4).shards
    assert policy.run_shard(ref, made, batch_size=2).name == "Completed"
    (hits,) = plan(store, 4).shards
    state = policy.run_shard(hits, made, batch_size=2)
    assert (state.name, state.message) == ("Cached", "4 items in the store")
    assert state.is_completed()


def test_a_made_shard_says_what_it_made(store: Store) -> None:
    def some_fail(rows: list[Row], store: Store) -> list[Made]:
        if rows[0]["key"] == worst:
            raise ValueError("strange")
        return made(rows, store)

    (ref,) = plan(store, 4).shards
    worst = min(plan(store, 4).keys)
    state: State[Any] = policy.run_shard(ref, some_fail, batch_size=1)
    assert state.message == "made 4: 1 failed, 3 ok"
    assert state.data == {"made": 4, "counts": {"ok": 3, "failed": 1}, "lost_blobs": []}


class Hiccup(BaseException):
    """No Exception, so that a shard does not take it for an item's own trouble."""


def test_a_retry_goes_on_where_the_first_attempt_broke_off(
    store: Store, prefect_server: str
) -> None:
    batches: list[int] = []

    def breaks_once(rows: list[Row], store: Store) -> list[Made]:
        batches.append(len(rows))
        if len(batches) == 2:
            raise Hiccup
        return made(rows, store)

    @task(**{**policy.stage("masks"), "retry_delay_seconds": 0})
    def shard_task(shard: Any) -> State[Any]:
        try:
            return policy.run_shard(shard, breaks_once, batch_size=2)
        except Hiccup:
            raise OSError("a hiccup") from None

    @flow
    def one_shard() -> Any:
        (ref,) = plan(store, 6).shards
        return shard_task.submit(ref).result()

    assert one_shard()["made"] == 4  # of six: the attempt that broke off kept a batch
    assert batches == [2, 2, 2, 2]
    assert len(store.rows("masks", SPEC)) == 6


@dataclass
class Named:
    identity: dict[str, Any]


def test_a_row_tells_where_its_model_computed() -> None:
    """Built-in models stay on the processor, whatever the recipe says of large ones."""
    recipe = Recipe.parse({"name": "any", "sources": {"kind": "world"}, "run": {"device": "cuda"}})
    for small in ({"name": "compositor"}, {"name": "sam", "dtype": "float32", "threads": 1}):
        assert registry.where(recipe, Named(small)) == platform.machine()
    large = Named({"name": "sdxl", "dtype": "bfloat16"})
    if torch.cuda.is_available():
        assert registry.where(recipe, large) == torch.cuda.get_device_name()
    else:
        with pytest.raises((AssertionError, RuntimeError), match=r"CUDA|NVIDIA"):
            registry.where(recipe, large)


def test_the_device_is_a_column_of_what_was_made(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    store.write_run("run", {})
    rows = [{"key": item_key(SPEC, n=1), "label": "x"}]
    (shard,) = plan_shards(store, "run", "masks", SPEC, rows, size=1).shards
    policy.run_shard(
        shard, lambda batch, _: [Made({**row, "status": "ok"}) for row in batch], batch_size=1,
        where=lambda: "a card",
    )  # fmt: skip
    assert store.rows("masks", SPEC)["device"].to_pylist() == ["a card"]
