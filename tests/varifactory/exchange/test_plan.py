import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.plain_stock import items
from varifactory.errors import StudyError
from varifactory.exchange.plan import ExchangePlan, surface
from varifactory.exchange.planning import PlannedExchange, exchange_spec, plan_exchange
from varifactory.keys import spec_of
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made, Row
from varifactory.store import Store

RECIPE = Recipe.parse({
    "name": "x", "sources": {"kind": "world"},
    "exchange": {"base": [3, 6], "real": [1], "synthetic": [1], "gains": [1], "seeds": [1, 2],
                 "trainee": "estimator", "controls": []},
})  # fmt: skip
FIELDS = exchange_spec(RECIPE, None)
SPEC = spec_of("exchange", FIELDS)
TEST = 12
"""Test images of all classes."""


def planned() -> PlannedExchange:
    return plan_exchange(SPEC, RECIPE, items())


def answered(rows: list[Row]) -> list[Made]:
    """As if trained: a row's answers are right at places that follow from its number."""
    truth = [0, 1, 2] * 4
    return [
        Made(row | {"status": "ok", "true_classes": truth, "predicted_classes": [
            label if place % (at + 2) else 2 - label for place, label in enumerate(truth)
        ]})
        for at, row in enumerate(rows)
    ]  # fmt: skip


def plan_of(grid: PlannedExchange, rows: list[Row]) -> ExchangePlan:
    return ExchangePlan.of(
        grid, rows, RECIPE, version=3, spec=SPEC, specs={f"exchange/{SPEC}": FIELDS}
    )


def test_a_plan_is_read_as_it_was_written() -> None:
    grid = planned()
    plan = plan_of(grid, [made.row for made in answered(grid.rows)])
    assert ExchangePlan.read(plan.written()) == plan
    assert plan.folder == f"exchange/{plan.hash12}"
    assert len(plan.cells) == len(grid.cells)
    assert plan.test_images == TEST
    assert plan.lineage["edits"]["made_from"] == "images of the base"
    later = replace(plan, made_at="2030-01-01", notices=("a word",))
    assert later.hash12 == plan.hash12, "words are no other rate"
    assert replace(plan, confidence=0.5).hash12 != plan.hash12


def test_the_surface_is_what_was_answered(tmp_path: Path) -> None:
    store, grid = Store(str(tmp_path)), planned()
    made = answered(grid.rows)
    for piece in (made[:3], made[3:]):
        keep_rows(store, "exchange", SPEC, "r", piece)
    found = surface(store, plan_of(grid, [each.row for each in made]))
    assert found.cells == tuple(each.cell for each in grid.cells)
    assert found.real == tuple(each.real for each in grid.cells)
    assert found.other == tuple(each.other for each in grid.cells)
    right = {
        each.row["key"]: np.equal(each.row["predicted_classes"], each.row["true_classes"])
        for each in made
    }
    wanted = np.array([right[each.row["key"]] for each in grid.cells])
    assert np.array_equal(found.hits, wanted)
    assert 0 < wanted.mean() < 1


def test_cells_that_failed_are_left_out_with_a_word(tmp_path: Path) -> None:
    grid = planned()
    rows = [made.row for made in answered(grid.rows)]
    for row in rows[-2:]:
        row |= {"status": "failed", "reason": "no memory"}
    plan = plan_of(grid, rows)
    lost = {row["key"] for row in rows[-2:]}
    assert [each.key for each in plan.cells] == [
        each.row["key"] for each in grid.cells if each.row["key"] not in lost
    ]
    *before, notice = plan.notices
    assert tuple(before) == grid.notices
    assert notice.startswith("2 cells are missing, such as ")
    assert notice.endswith(": no memory")
    with pytest.raises(StudyError, match=r"no cell of the exchange rate was trained.*out of luck"):
        plan_of(grid, [row | {"status": "failed", "reason": "out of luck"} for row in rows])


def test_answers_that_are_gone_are_told(tmp_path: Path) -> None:
    store, grid = Store(str(tmp_path)), planned()
    made = answered(grid.rows)
    plan = plan_of(grid, [each.row for each in made])
    keep_rows(store, "exchange", SPEC, "r", made[1:])
    with pytest.raises(StudyError, match=r"answers of \d of 20 cells are not in the store, the"):
        surface(store, plan)


def test_answers_to_other_images_are_refused(tmp_path: Path) -> None:
    store, grid = Store(str(tmp_path)), planned()
    made = answered(grid.rows)
    plan = plan_of(grid, [each.row for each in made])
    made[0].row["test_sha256"] = "another"
    keep_rows(store, "exchange", SPEC, "r", made)
    with pytest.raises(StudyError, match="tested with different images"):
        surface(store, plan)
    with pytest.raises(StudyError, match="answered 12 test images, the plan has 11"):
        surface(_kept_anew(tmp_path, grid), replace(plan, test_images=11))


def _kept_anew(folder: Path, grid: PlannedExchange) -> Store:
    store = Store(str(folder / "anew"))
    keep_rows(store, "exchange", SPEC, "r", answered(grid.rows))
    return store


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"plan_version": 1}', b'{"plan_version": 1, "cells": [{"key": "x"}]}'],
)
def test_what_is_no_plan_is_told(data: bytes) -> None:
    with pytest.raises(StudyError, match=r"cannot be read .* run the flow exchange-rate again"):
        ExchangePlan.read(data)


def test_a_later_plan_is_refused() -> None:
    told = {"plan_version": 99}
    with pytest.raises(StudyError, match="of a later varifactory"):
        ExchangePlan.read(json.dumps(told).encode())
