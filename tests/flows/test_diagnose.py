"""A diagnosis as a run: what it embeds, what it leaves beside the version, and a second run."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.diagnose import diagnose
from tests.flows.adopted_pages import check_adoption
from tests.flows.conftest import Make, ended
from tests.servers.chat import ChatServer, says
from tests.stored_digits import real, stored
from varifactory.diagnosis.checking import PopulationError
from varifactory.diagnosis.plan import read_plan
from varifactory.errors import RecipeError
from varifactory.recipe import Recipe
from varifactory.report.diagnosis.publishing import recounted_diagnosis
from varifactory.store import Store, StoreError


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(
        sources__world={"classes": 2, "train": 5, "validation": 3, "test": 1},
        sources__shots=5, edits__compare={"count": 0}, edits__per_source=2,
        diagnosis={"least": 5, "neighbours": 2, "resamples": 50},
    )  # fmt: skip


@pytest.fixture(scope="module")
def diagnosed(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    store = str(tmp_path_factory.mktemp("diagnosis") / "store")
    return store, diagnose(recipe, store)


def test_pictures_and_texts_are_embedded_and_test_images_are_not(
    diagnosed: tuple[str, dict[str, Any]],
) -> None:
    place, said = diagnosed
    store = Store(place)
    plan = read_plan(store, store.dataset("tiny"))
    vectors = store.rows("embeddings", plan.embeddings, ["status", "pixel_sha256"]).to_pylist()
    assert {row["status"] for row in vectors} == {"ok"}
    assert said["counts"]["texts"]["ok"] == len(store.rows("texts", plan.texts))
    test = {
        row["pixel_sha256"]
        for spec in store.specs("sources")
        for row in store.rows("sources", spec).to_pylist()
        if row["split"] == "test"
    }
    assert test
    assert not test & {row["pixel_sha256"] for row in vectors}


def test_the_page_lies_beside_the_version(diagnosed: tuple[str, dict[str, Any]]) -> None:
    place, said = diagnosed
    page = Path(said["report"])
    assert page.parent.parent.name == "diagnosis"
    assert "<h1>tiny, version 1</h1>" in page.read_text()
    assert f"varifactory prune {place} tiny@1 --" in page.read_text()
    plan = json.loads((page.parent / "plan.json").read_text())
    assert (plan["dataset"], plan["version"]) == ("tiny", 1)
    assert plan["dataset_hash"] == said["dataset_hash"]
    assert Path(said["gallery"]).is_file()
    assert Store(place).dataset("tiny").version == 1


def test_a_page_that_would_be_made_again_is_adopted_and_told_so(
    diagnosed: tuple[str, dict[str, Any]], recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    place, first = diagnosed
    store = Store(place)

    def forget(folder: str) -> None:
        plan = read_plan(store, store.dataset("tiny"), folder)
        key = store.rows("embeddings", plan.embeddings, ["key"])["key"][0].as_py()
        store.invalidate("embeddings", plan.embeddings, [key], "to be made again")

    again = check_adoption(
        partial(diagnose, recipe, place), first, lambda: caplog.text,
        task="diagnosis", setting="diagnosis.neighbours=3", forget=forget,
    )  # fmt: skip
    assert (again["made"], again["report"]) == (1, first["report"])


def test_a_second_run_makes_nothing_and_says_the_same(
    diagnosed: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, first = diagnosed
    told = recounted_diagnosis(Store(place), "tiny").diagnosis
    again = diagnose(recipe, place)
    assert again["made"] == 0
    assert again["report"] == first["report"]
    assert ended(again["run"], "diagnosis")[0] == "Cached"
    assert recounted_diagnosis(Store(place), "tiny").diagnosis == told


def test_a_data_set_that_is_there_is_diagnosed_as_it_is(
    diagnosed: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, first = diagnosed
    again = diagnose(recipe, place, ("diagnosis.dataset=tiny@1", "name=other", "seed=99"))
    assert again["dataset"] == {"name": "tiny", "version": 1}
    assert again["dataset_hash"] == first["dataset_hash"]
    assert set(again["counts"]) == {"embeddings", "texts"}


def test_a_data_set_that_is_not_there_is_named(
    diagnosed: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    with pytest.raises(RecipeError, match=r"diagnosis\.dataset is 'pets'"):
        diagnose(recipe, diagnosed[0], ("diagnosis.dataset=pets",))


def test_a_wrong_target_or_template_is_refused_before_anything_is_made(
    recipe: Recipe, prefect_server: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with pytest.raises(RecipeError, match=r"diagnosis\.target is 'nowhere'"):
        diagnose(recipe, store, ("diagnosis.target=nowhere",))
    with pytest.raises(PopulationError, match=r"training\.template 'foo'"):
        diagnose(recipe, store, ("training.template=foo",))
    senses = tmp_path / "senses.yaml"
    asked = (f"diagnosis.senses={senses}",)
    with pytest.raises(PopulationError, match=r"senses\.yaml' cannot be read as YAML"):
        diagnose(recipe, store, asked)
    for text, said in (
        ("- apple", "holds list"),
        ("apple: ['']", "a sense of 'apple' is ''"),
        ("crane: [bird]", "names 'crane', which is no class .* it has 'apple', 'tomato'"),
    ):
        senses.write_text(text)
        with pytest.raises(PopulationError, match=said):
            diagnose(recipe, store, asked)
    assert Store(store).specs("sources") == []


def test_a_set_without_edits_is_refused_with_what_to_do(
    tiny: Make, prefect_server: str, tmp_path: Path
) -> None:
    """A gate that no edit passes leaves nothing to diagnose."""
    bare = tiny(edits__compare={"count": 0}, edits__gate={"min_change": 255.0})
    with pytest.raises(PopulationError, match="no synthetic"):
        diagnose(bare, str(tmp_path / "store"))
    store = Store(str(tmp_path / "store"))
    assert store.specs("items")
    assert store.specs("embeddings") == store.specs("texts") == []


def test_a_target_that_cannot_be_one_is_refused_before_anything_is_made(
    recipe: Recipe, prefect_server: str, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    stored(store, real(range(4), "validation"), "bare")
    with pytest.raises(PopulationError, match="target bare@1 has no real training image"):
        diagnose(recipe, store.url, ("diagnosis.target=bare",))
    assert store.specs("sources") == []


def test_a_target_of_other_classes_is_refused_before_it_is_embedded(
    diagnosed: tuple[str, dict[str, Any]], recipe: Recipe
) -> None:
    place, _ = diagnosed
    store = Store(place)
    stored(store, real(range(20)), "digits")
    plan = read_plan(store, store.dataset("tiny"))
    before = len(store.rows("embeddings", plan.embeddings))
    with pytest.raises(PopulationError, match="target digits@1 and the synthetic images share no"):
        diagnose(recipe, place, ("diagnosis.dataset=tiny@1", "diagnosis.target=digits@1"))
    assert len(store.rows("embeddings", plan.embeddings)) == before


@pytest.mark.filterwarnings("ignore::UserWarning:pydantic")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_what_a_model_was_paid_for_outlives_a_run_that_fails_afterwards(
    recipe: Recipe, diagnosed: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = diagnosed
    before = read_plan(Store(place), Store(place).dataset("tiny"))

    def no_room(run: object, rows: object) -> None:
        raise StoreError("the disk is full")

    with ChatServer(says('{"senses": ["wading bird"]}')).running() as server:
        asked = ("diagnosis.dataset=tiny@1", "diagnosis.senses=openai/another-model-of-ours",
                 f"prompts.base_url={server.url}")  # fmt: skip
        with monkeypatch.context() as broken:
            broken.setattr("flows.diagnosing.embedded", no_room)
            with pytest.raises(StoreError, match="the disk is full"):
                diagnose(recipe, place, asked)
        assert len(server.requests) == 2
        assert read_plan(Store(place), Store(place).dataset("tiny")) == before
        diagnose(recipe, place, asked)
        assert len(server.requests) == 2
    plan = read_plan(Store(place), Store(place).dataset("tiny"))
    assert [list(each) for each in plan.senses.values()] == [["wading bird"]] * 2


@pytest.mark.filterwarnings("ignore::UserWarning:pydantic")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_a_model_is_asked_for_senses_once_a_class_and_never_again(
    recipe: Recipe, diagnosed: tuple[str, dict[str, Any]]
) -> None:
    place, _ = diagnosed
    with ChatServer(says('{"senses": ["wading bird", "lifting machine"]}')).running() as server:
        asked = ("diagnosis.dataset=tiny@1", "diagnosis.senses=openai/some-model-of-ours",
                 f"prompts.base_url={server.url}")  # fmt: skip
        said = diagnose(recipe, place, asked)
        plan = read_plan(Store(place), Store(place).dataset("tiny"))
        assert len(plan.senses) == 2
        for each in plan.senses.values():
            assert list(each) == ["wading bird", "lifting machine"]
        assert sorted(one["class_name"] for one in server.questions) == sorted(plan.senses)
        assert diagnose(recipe, place, asked)["report"] == said["report"]
        assert len(server.requests) == 2
    told = recounted_diagnosis(Store(place), "tiny").diagnosis.senses
    assert {sense for _, sense, _ in told} >= {"wading bird", "lifting machine"}
