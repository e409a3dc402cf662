"""An exchange rate as a run: cells once, one page, and the same figures without training."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.exchange_rate import exchange_rate
from tests.flows.adopted_pages import check_adoption
from tests.flows.conftest import Make, ended
from varifactory import open_dataset
from varifactory.errors import ModelError, RecipeError, TrainingError
from varifactory.recipe import Recipe
from varifactory.report.exchange.publishing import read_plan, recount_exchange
from varifactory.store import Store

GRID: dict[str, Any] = {
    "base": [1, 2], "real": [1, 2], "synthetic": [1, 2], "substituted": [0.5], "seeds": [1, 2],
    "controls": ["identity", "duplicate"], "trainee": "estimator", "pixels": 8, "gains": [1, 2],
    "resamples": 40,
}  # fmt: skip


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(
        sources__world={"classes": 3, "train": 8, "validation": 1, "test": 6}, sources__shots=8,
        masks__segmenter="small-sam", edits__compare={"count": 0}, exchange=GRID,
    )  # fmt: skip


@pytest.fixture(scope="module")
def exchanged(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    store = str(tmp_path_factory.mktemp("exchange") / "store")
    return store, exchange_rate(recipe, store)


def test_every_training_is_one_row_with_an_answer_to_every_test_image(
    exchanged: tuple[str, dict[str, Any]],
) -> None:
    place, said = exchanged
    store = Store(place)
    (spec,) = store.specs("exchange")
    rows = store.rows("exchange", spec).to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    assert {len(row["predicted_classes"]) for row in rows} == {18}
    assert said["counts"]["exchange"] == {"ok": len(rows)}
    assert " items of its data set, about " in said["estimate"]["words"]
    plan = recount_exchange(store, "tiny").plan
    assert {cell.key for cell in plan.cells} == {row["key"] for row in rows}
    assert {cell.cell.pool for cell in plan.cells} == {"real", "edits", "identity", "duplicate"}


def test_the_page_and_what_it_was_counted_from_lie_beside_the_version(
    exchanged: tuple[str, dict[str, Any]],
) -> None:
    _, said = exchanged
    page = Path(said["report"])
    assert page.parent.parent.name == "exchange"
    assert "edits" in page.read_text()
    plan = json.loads((page.parent / "plan.json").read_text())
    assert plan["asked"]["trainee"] == "estimator"
    assert Path(said["gallery"]).is_file()


def test_a_page_that_would_be_made_again_is_adopted_and_told_so(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    place, first = exchanged
    store = Store(place)

    def forget(folder: str) -> None:
        plan = read_plan(store, store.dataset("tiny"), folder)
        store.invalidate("exchange", plan.spec, [plan.cells[0].key], "to be made again")

    again = check_adoption(
        partial(exchange_rate, recipe, place), first, lambda: caplog.text,
        task="exchange-rate", setting="exchange.resamples=48", forget=forget,
    )  # fmt: skip
    assert (again["made"], again["report"]) == (1, first["report"])


def test_a_second_run_trains_nothing_and_says_the_same(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, first = exchanged
    told = recount_exchange(Store(place), "tiny").rate
    again = exchange_rate(recipe, place)
    assert again["made"] == 0
    assert again["report"] == first["report"]
    assert ended(again["run"], "exchange-rate")[0] == "Cached"
    assert recount_exchange(Store(place), "tiny").rate == told


def test_more_seeds_train_the_new_ones_alone(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, first = exchanged
    more = exchange_rate(recipe, place, ("exchange.seeds=[1,2,3]",))
    cells = first["counts"]["exchange"]["ok"]
    assert more["made"] == cells // 2
    assert more["report"] != first["report"]
    assert Path(first["report"]).is_file()


def test_probes_see_embeddings(exchanged: tuple[str, dict[str, Any]], recipe: Recipe) -> None:
    place, _ = exchanged
    settings = ("exchange.trainee=linear-probe", "exchange.seeds=[1]", "exchange.controls=[]")
    said = exchange_rate(recipe, place, settings)
    assert said["failed"] == 0
    assert said["counts"]["embeddings"]["ok"] > 0
    assert recount_exchange(Store(place), "tiny").plan.asked.trainee == "linear-probe"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("exchange.base=[500]",), r"exchange\.base asks for 500 .* sources\.shots leaves 8"),
        (("exchange.generators=[edits,foreign]", "exchange.foreign=nowhere"),
         r"exchange\.foreign is 'nowhere'"),
        (("exchange.resamples=1",), r"resamples is 1, .* report\.confidence 0\.95 needs 40 draws"),
        (("report.confidence=0.999",), r"exchange\.resamples is 40, .* 0\.999 needs 2000 draws"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_made(
    recipe: Recipe, prefect_server: str, tmp_path: Path, settings: tuple[str, ...], says: str
) -> None:
    with pytest.raises(RecipeError, match=says):
        exchange_rate(recipe, str(tmp_path / "store"), settings)
    assert Store(str(tmp_path / "store")).specs("sources") == []


def test_too_few_images_are_told_with_what_to_change(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    with pytest.raises(TrainingError, match=r"exchange\.base|sources\.shots"):
        exchange_rate(recipe, exchanged[0], ("sources.shots=0", "exchange.base=[8]"))


def test_a_trainee_that_is_not_there_is_refused_before_anything_is_made(
    recipe: Recipe, prefect_server: str, tmp_path: Path
) -> None:
    settings = ("exchange.trainee=clip-lora", "training.clip=/nowhere/clip")
    with pytest.raises(ModelError, match="/nowhere/clip"):
        exchange_rate(recipe, str(tmp_path / "store"), settings)
    assert Store(str(tmp_path / "store")).specs("sources") == []


def test_a_generator_of_the_base_alone_is_traded_beside_edits(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, _ = exchanged
    settings = ("exchange.generators=[edits,closed-set]", "exchange.base=[2,3]",
                "exchange.seeds=[1]", "exchange.real=[1]", "exchange.gains=[1]")  # fmt: skip
    said = exchange_rate(recipe, place, settings)
    store = Store(place)
    (spec,) = store.specs("closed")
    rows = store.rows("closed", spec).to_pylist()
    assert said["counts"]["closed"] == {"ok": len(rows)}
    assert len({row["generator"] for row in rows}) == 2  # one a base
    plan = recount_exchange(store, "tiny").plan
    assert plan.lineage["closed-set"]["made_from"] == "images of the base"
    assert "closed-set" in {cell.cell.pool for cell in plan.cells}


def test_foreign_images_are_traded_on_the_version_they_came_in_with(
    exchanged: tuple[str, dict[str, Any]], recipe: Recipe, tmp_path: Path
) -> None:
    """Any generator's folder: here the factory's own edits, exported as if by another."""
    place, _ = exchanged
    _as_folder(place, tmp_path / "theirs")
    asked = [sys.executable, "-m", "varifactory.command", "ingest", str(tmp_path / "theirs"),
             "--as", "theirs", "--beside", "tiny", "--generator", "another",
             "--store", place, "--json"]  # fmt: skip
    taken = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=False)
    assert taken.returncode == 0, taken.stdout + taken.stderr
    settings = ("exchange.generators=[foreign]", "exchange.foreign=theirs", "exchange.base=[1,2]",
                "exchange.seeds=[1]", "exchange.synthetic=[1]")  # fmt: skip
    said = exchange_rate(recipe, place, settings)
    assert said["dataset"]["name"] == "theirs"
    found = recount_exchange(Store(place), "theirs")
    assert "foreign" in {cell.cell.pool for cell in found.plan.cells}
    assert any("nobody knows what 'another' was trained on" in note for note in found.rate.notes)
    beside_edits = ("exchange.generators=[edits,foreign]", *settings[1:])
    exchange_rate(recipe, place, beside_edits)
    plan = recount_exchange(Store(place), "tiny").plan
    assert {"edits", "foreign"} <= {cell.cell.pool for cell in plan.cells}
    assert plan.lineage["foreign"]["data_set"] == "theirs@1"
    other = (*beside_edits, "sources.world.test=5")
    with pytest.raises(RecipeError, match=r"exchange\.foreign is theirs@1, whose images were put"):
        exchange_rate(recipe, place, other)


def _as_folder(place: str, folder: Path) -> None:
    data = open_dataset(place, "tiny").select(kind="edit", status="ok")
    for number, item in enumerate(data.stream("image")):
        (folder / item.label).mkdir(parents=True, exist_ok=True)
        item.image().save(folder / item.label / f"{number}.png")
