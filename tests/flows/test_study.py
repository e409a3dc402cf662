"""A study: cells of every arm, a report, and a second run that trains nothing."""

from pathlib import Path
from typing import Any

import pytest

from flows.study import study
from flows.train import train
from tests.flows.conftest import Make
from varifactory.errors import RecipeError
from varifactory.recipe import Recipe
from varifactory.store import Store

ARMS = ["zero-shot", "real", "real+feasible"]


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(training__arms=ARMS, edits__compare={"count": 0})


@pytest.fixture(scope="module")
def studied(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    store = tmp_path_factory.mktemp("study") / "store"
    return store, study(recipe, str(store))


def test_every_arm_is_trained_and_scored(studied: tuple[Path, dict[str, Any]]) -> None:
    path, said = studied
    store = Store(str(path))
    (spec,) = store.specs("training")
    cells = store.rows("training", spec).to_pylist()
    assert sorted(cell["arm"] for cell in cells) == sorted(ARMS)
    assert {cell["status"] for cell in cells} == {"ok"}
    assert all(0 <= cell["test_top1"] <= 1 for cell in cells)
    trained = [cell for cell in cells if cell["arm"] != "zero-shot"]
    assert {cell["steps"] for cell in trained} == {2}
    predictions = store.rows("predictions", spec).to_pylist()
    assert len(predictions) == len(ARMS) * 3  # one test image of each of three classes
    assert said["failed"] == 0


def test_the_report_names_every_arm(studied: tuple[Path, dict[str, Any]]) -> None:
    _, said = studied
    report = Path(said["report"]).read_text()
    assert all(arm in report for arm in ARMS)
    assert said["dataset_hash"][:8] in report
    assert "a check of the machinery, not a finding" in report
    assert Path(said["gallery"]).is_file()


def test_a_second_study_trains_nothing(
    studied: tuple[Path, dict[str, Any]], recipe: Recipe
) -> None:
    path, first = studied
    again = study(recipe, str(path))
    assert again["made"] == 0
    for name in ("dataset", "dataset_hash", "counts", "report", "gallery"):
        assert again[name] == first[name]


def test_one_arm_is_taken_from_the_study(studied: tuple[Path, dict[str, Any]], tiny: Make) -> None:
    path, _ = studied
    said = train(tiny(training__arms=["real"], edits__compare={"count": 0}), str(path))
    assert said["made"] == 0
    (cell,) = said["cells"]
    assert cell["arm"] == "real"
    assert cell["adapter_blob"].endswith(".safetensors")


def test_train_takes_one_arm(recipe: Recipe, tmp_path: Path, prefect_server: str) -> None:
    with pytest.raises(RecipeError, match=r"flows\.train takes one arm, such as --set training"):
        train(recipe, str(tmp_path / "store"))
