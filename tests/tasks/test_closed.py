"""Closed-set generators: trained on a base alone, drawn, kept, and traded with their lineage."""

from pathlib import Path

import pytest

from tasks.closed import BASES, closed_shard
from tests.drawn_stock import as_items, digit_items, recipe
from varifactory.exchange.closed_set import ClosedPlan, closed_spec, plan_closed
from varifactory.exchange.lineage import LineageError, closed_trained_on
from varifactory.exchange.planning import exchange_spec, plan_exchange
from varifactory.images import pixel_hash
from varifactory.keys import spec_of
from varifactory.loading import read_image
from varifactory.shards.planning import plan_shards
from varifactory.stages import Row
from varifactory.store import Store

ASKED = recipe(generators=["closed-set"], base=[3, 5])


def made(store: Store, size: int = 64) -> tuple[list[Row], ClosedPlan, list[Row]]:
    """Items, the plan, and the rows that came of it, drawn in shards of a size."""
    items = as_items(digit_items(store, edits=0))
    spec = spec_of("closed", closed_spec())
    plan = plan_closed(spec, ASKED, items)
    store.put_run_object("r", BASES, plan.pack())
    together = ("generator",)
    planned = plan_shards(store, "r", "closed", spec, plan.rows, size=size, together=together)
    for shard in planned.shards:
        closed_shard.fn(ASKED, shard)
    return items, plan, store.rows("closed", spec).to_pylist()


def test_a_closed_set_is_drawn_kept_and_traded(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    items, plan, rows = made(store)
    # 2 seeds x bases of 3 and 5, twice as many images a class of 4.
    assert len(rows) == 2 * (6 + 10) * 4
    assert {row["status"] for row in rows} == {"ok"}
    image = read_image(store, rows[0]["image_blob"])
    assert image.shape == (8, 8, 3)
    assert pixel_hash(image) == rows[0]["pixel_sha256"]
    spec = spec_of("exchange", exchange_spec(ASKED, None))
    planned = plan_exchange(
        spec, ASKED, items, closed=plan.sets(rows), trained_on=closed_trained_on(store, rows)
    )
    added = [each for each in planned.cells if each.cell.pool == "closed-set"]
    assert {each.cell.way for each in added} == {"added", "substituted"}
    assert max(each.cell.multiple for each in added) == 2


def test_its_images_are_the_same_in_other_company(tmp_path: Path) -> None:
    one, other = Store(str(tmp_path / "one")), Store(str(tmp_path / "other"))
    hashes = [
        {row["key"]: row["pixel_sha256"] for row in made(store, size)[2]}
        for store, size in ((one, 64), (other, 7))
    ]
    assert hashes[0] == hashes[1]


def test_one_that_saw_more_than_its_base_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    items, plan, rows = made(store)
    spec = spec_of("exchange", exchange_spec(ASKED, None))
    base_of = closed_trained_on(store, rows)
    wider = {key: seen and seen | {"f" * 64} for key, seen in base_of.items()}
    with pytest.raises(LineageError, match="trained on 1 images beyond its base of 12"):
        plan_exchange(spec, ASKED, items, closed=plan.sets(rows), trained_on=wider)
    with pytest.raises(LineageError, match="nothing tells what the closed-set generator"):
        plan_exchange(spec, ASKED, items, closed=plan.sets(rows))
