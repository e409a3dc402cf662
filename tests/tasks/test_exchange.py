"""A shard of cells: trained through the store, counted from it."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.exchange import CONTENTS, exchange_shard
from tests.drawn_stock import as_items, digit_items, recipe
from varifactory.embeddings import embedding_spec, finish_embeddings, plan_embeddings
from varifactory.exchange.answers import answers_of
from varifactory.exchange.cell_training import Contents
from varifactory.exchange.plan import ExchangePlan, surface
from varifactory.exchange.planning import PlannedExchange, exchange_spec, plan_exchange
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import plan_shards
from varifactory.store import Store


def laid_out(store: Store, asked: Recipe, run: str, **drawn: Any) -> tuple[PlannedExchange, str]:
    """A grid of ``digit_items``, ready to be trained, and its spec."""
    items = as_items(digit_items(store, **drawn))
    spec = spec_of("exchange", fields_of(asked))
    planned = plan_exchange(spec, asked, items)
    store.put_run_object(run, CONTENTS, Contents.of(planned).pack())
    return planned, spec


def fields_of(asked: Recipe) -> dict[str, Any]:
    kind = asked.exchange.trainee
    return exchange_spec(asked, None if kind == "estimator" else registry.trainee(asked, kind))


def trained(
    store: Store, asked: Recipe, run: str, size: int = 32, **drawn: Any
) -> tuple[PlannedExchange, ExchangePlan]:
    """Plan and train every cell by the task's own function."""
    planned, spec = laid_out(store, asked, run, **drawn)
    for shard in plan_shards(store, run, "exchange", spec, planned.rows, size=size).shards:
        exchange_shard.fn(asked, shard)
    rows = store.rows("exchange", spec).to_pylist()
    specs = {f"exchange/{spec}": fields_of(asked)}
    return planned, ExchangePlan.of(planned, rows, asked, version=1, spec=spec, specs=specs)


def embedded(store: Store, asked: Recipe, **drawn: Any) -> None:
    """Every picture as a vector: its pixels themselves, of length 1."""
    encoder = registry.encoder(asked)
    spec = spec_of("embeddings", embedding_spec(encoder))
    rows = plan_embeddings(spec, as_items(digit_items(store, **drawn)), encoder)
    random = np.random.default_rng(0)
    vectors = random.normal(size=(len(rows), 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keep_rows(store, "embeddings", spec, "e", finish_embeddings(rows, vectors))


def test_cells_are_trained_and_counted_again_from_their_rows(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    planned, plan = trained(store, recipe(controls=["identity", "mislabelled"]), "a")
    again = ExchangePlan.read(plan.written())
    assert again == plan
    found = surface(store, again)
    assert found.cells == tuple(each.cell for each in planned.cells)
    assert found.hits.shape == (len(planned.cells), 80)
    answers = answers_of(found)
    most = answers.at(pool="real", way="real", base=6)[-1]
    assert answers.right[most].mean() > 0.9, "18 digits a class are learned"
    right, wrong = (
        answers.right[answers.at(pool=pool, way="added")].mean()
        for pool in ("identity", "mislabelled")
    )
    assert wrong < right


def test_a_cell_answers_the_same_in_other_company(tmp_path: Path) -> None:
    asked = recipe(base=[3], real=[1], substituted=[], seeds=[1], estimator="forest")
    whole, apart = Store(str(tmp_path / "whole")), Store(str(tmp_path / "apart"))
    (_, one), (_, other) = trained(whole, asked, "a"), trained(apart, asked, "b", size=3)
    assert np.array_equal(surface(whole, one).hits, surface(apart, other).hits)
    assert one.hash12 == other.hash12


def test_few_images_are_in_memory_at_their_stored_size(tmp_path: Path) -> None:
    """240 test images of 320 x 320 are 74 MB; an estimator is shown 8 x 8 of each."""
    store = Store(str(tmp_path))
    asked = recipe(base=[2], real=[1], synthetic=[1], substituted=[], seeds=[1], controls=[])
    planned, spec = laid_out(store, asked, "a", split={"train": 4, "test": 60}, edits=1,
                             enlarged=40)  # fmt: skip
    (shard,) = plan_shards(store, "a", "exchange", spec, planned.rows, size=32).shards
    tracemalloc.start()
    exchange_shard.fn(asked, shard)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.rows("exchange", spec).num_rows == 3
    assert most < 40e6


@pytest.mark.parametrize("trainee", ["linear-probe", "clip-lora", "classifier"])
def test_other_trainees_train_the_same_grid(trainee: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    small: dict[str, Any] = {"base": [3], "real": [1], "synthetic": [1], "seeds": [1],
                             "substituted": [], "controls": []}  # fmt: skip
    asked = recipe(trainee=trainee, **small)
    drawn: dict[str, Any] = {"split": {"train": 7, "validation": 2, "test": 5}, "edits": 1}
    if trainee == "linear-probe":
        embedded(store, asked, **drawn)
    _, plan = trained(store, asked, trainee, **drawn)
    found = surface(store, plan)
    assert len(found.cells) == 3
    rows = store.rows("exchange", plan.spec).to_pylist()
    assert {(row["trainee"], row["steps"]) for row in rows} == {(trainee, 20)}
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["train_images"] for row in rows} == {12, 24}
