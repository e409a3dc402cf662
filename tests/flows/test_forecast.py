"""A plan of a study counts every data set and every cell of its grid, and a study proves it."""

from pathlib import Path
from typing import Any

import pytest

from flows.forecast import forecast
from flows.study import study
from tests.flows.conftest import Make
from tests.flows.test_plan import hold
from varifactory.recipe import Recipe
from varifactory.runs.planned import Expectation
from varifactory.store import Store

CELLS = 2 + 2 * 2 * 2
"""Training seeds of the arm real; of real+feasible training and generation seeds and attributes."""


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(
        training__arms=["real", "real+feasible"], training__seeds=[1, 2],
        edits__compare={"count": 0}, edits__attempts=2,
        study={"generation_seeds": [0, 5], "attributes": ["background", "color"]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def studied(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Expectation, dict[str, Any]]:
    """A store, what was planned of the study, and what it said."""
    store = tmp_path_factory.mktemp("grid") / "store"
    expected = forecast(recipe, str(store), trains=True)
    return store, expected, study(recipe, str(store))


def made(store: Path) -> dict[str, dict[str, Any]]:
    """Stage -> items and how many were reused, over all runs of the study; each key once."""
    place, found = Store(str(store)), {}
    for stage in place.stages():
        keys = [key for spec in place.specs(stage)
                for key in place.rows(stage, spec, ["key"])["key"].to_pylist()]  # fmt: skip
        found[stage] = {"items": len(keys), "reused": 0}
    return found


def test_an_empty_store_is_bounded_from_above(
    studied: tuple[Path, Expectation, dict[str, Any]],
) -> None:
    store, expected, _ = studied
    stages = expected.told()["stages"]
    assert stages["sources"]["misses"] == 12  # of both data sets, once
    assert stages["training"]["at_most"] == [
        {"reason": "its data set is not made yet", "count": CELLS}
    ]
    counted = {name: one for name, one in made(store).items()
               if name not in ("predictions", "checkpoints", "items")}  # fmt: skip
    hold(expected, {"stages": counted})
    assert counted["training"]["items"] == CELLS


def test_a_study_that_is_there_misses_nothing_and_every_cell_is_counted(
    studied: tuple[Path, Expectation, dict[str, Any]], recipe: Recipe
) -> None:
    store, *_ = studied
    expected = forecast(recipe, str(store), trains=True)
    assert (expected.misses, expected.unknown) == (0, 0)
    assert expected.told()["stages"]["training"]["hits"] == CELLS
    assert expected.told()["stages"]["edits"]["hits"] == made(store)["edits"]["items"]
    assert expected.sum_up() == "nothing is to be made"


def test_missing_cells_alone_cost(
    studied: tuple[Path, Expectation, dict[str, Any]], recipe: Recipe
) -> None:
    store, *_ = studied
    more = recipe.overlaid(["training.seeds=[1, 2, 3]"])
    expected = forecast(more, str(store), trains=True)
    told = expected.told()["stages"]
    assert (told["training"]["hits"], told["training"]["misses"]) == (CELLS, 1 + 2 * 2)
    assert {name for name, one in told.items() if one["seconds"]["high"]} == {"training"}
    one = forecast(recipe.overlaid(["study.per_source=[0, 1]"]), str(store), trains=True)
    reasons = one.told()["stages"]["training"]["reasons"]
    assert sum(reason["count"] for reason in reasons) == 2 * 2 * 2
    assert all("per_source 0 -> 1" in reason["reason"] for reason in reasons)
    assert not any("attribute" in reason["reason"] for reason in reasons)


def test_one_arm_alone_is_planned_as_it_is_trained(
    studied: tuple[Path, Expectation, dict[str, Any]], recipe: Recipe
) -> None:
    store, *_ = studied
    one = recipe.overlaid(["seed=5", "training.arms=[real]"])  # a data set of the study
    expected = forecast(one, str(store), trains=True, grid=False)
    assert expected.told()["stages"]["training"]["hits"] == 2
    assert expected.misses == 0
