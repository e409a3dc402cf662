"""Adapters through the flows: made first, once, and part of every edit's key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from flows.adapt import adapt
from flows.adapting import tuned_adapters
from flows.run import FactoryRun
from flows.tally import StageFailed
from tests.flows.conftest import Generate, Make
from varifactory.errors import ModelError, RecipeError
from varifactory.loading import items_of
from varifactory.models.clip.adapter import read_manifest
from varifactory.recipe import Recipe
from varifactory.store import Store
from varifactory.world import load_world, render, sample_scene

CLASSES = 2
TUNED: dict[str, Any] = {
    "sources__world__classes": CLASSES,
    "adaptation__scope": "class", "adaptation__shots": 2, "adaptation__rank": 2,
    "adaptation__alpha": 2, "adaptation__steps": 2, "adaptation__batch_size": 2,
    "adaptation__learning_rate": 0.01,
    "edits__editor": "small-diffusion", "edits__steps": 2, "edits__gate__min_change": 0,
    "prompts__attributes": ["background"], "prompts__per_pool": 1,
    "masks__gate__min_area": 0, "masks__gate__max_area": 1, "masks__gate__max_components": 99,
    "masks__gate__max_border": 1, "masks__gate__min_predicted_iou": 0, "verdicts__judge": "none",
}  # fmt: skip
"""Seconds, and no mask or edit that a gate refuses."""

Tuned = Callable[..., Recipe]


@pytest.fixture(scope="session")
def tuned(tiny: Make) -> Tuned:
    """The tiny recipe with adapters of the small diffusion: ``tuned(adaptation__seed=2)``."""
    return lambda **changed: tiny(**(TUNED | changed))


@pytest.fixture(scope="module")
def first(
    tuned: Tuned, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A store with one finished run."""
    store = tmp_path_factory.mktemp("first") / "store"
    return store, generate(tuned(), store)


def rows(store: Path, said: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    """The rows of a stage that a run used."""
    ended = json.loads(Store(str(store)).get_run_object(said["run"], "ended.json"))
    specs = [name.split("/")[1] for name in ended["specs"] if name.startswith(f"{stage}/")]
    return [row for spec in specs for row in Store(str(store)).rows(stage, spec).to_pylist()]


def blobs(store: Path, said: dict[str, Any], stage: str) -> set[str]:
    return {row["adapter_blob"] for row in rows(store, said, stage)}


def test_every_class_has_an_adapter_that_its_edits_are_made_with(
    first: tuple[Path, dict[str, Any]],
) -> None:
    store, said = first
    assert said["counts"]["adapters"] == {"ok": CLASSES}
    made = {row["label"]: row["adapter_blob"] for row in rows(store, said, "adapters")}
    edits = rows(store, said, "edits")
    assert len(edits) == CLASSES * 2 * 2
    assert {(row["label"], row["adapter_blob"]) for row in edits} == set(made.items())
    assert len(set(made.values())) == CLASSES
    assert said["failed"] == 0
    assert Store(str(store)).verify().whole


def test_no_held_out_image_is_among_the_shots(first: tuple[Path, dict[str, Any]]) -> None:
    store, said = first
    shots = {
        shot["pixels"]
        for blob in blobs(store, said, "adapters")
        for shot in read_manifest(Store(str(store)).get_blob(*blob.split(".")))["shots"]
    }
    held_out = [row for row in items_of(Store(str(store)), "tiny", 1) if row["kind"] == "source"]
    of = {split: {row["pixel_sha256"] for row in held_out if row["split"] == split}
          for split in ("train", "validation", "test")}  # fmt: skip
    assert shots == of["train"]
    assert not shots & (of["validation"] | of["test"])


def test_a_disguised_copy_of_a_test_image_is_no_shot(
    tmp_path: Path, tuned: Tuned, prefect_server: str
) -> None:
    """Cropped, mirrored and brightened, it has other hashes."""
    world = load_world()
    for number in range(4):
        label = world.study_classes[number % 2]
        picture = Image.fromarray(
            render(world, sample_scene(world, number, classes=(label,)), 96).image
        )
        for split in ("train",) if number < 2 else ("test", "train"):
            place = tmp_path / "images" / split / label
            place.mkdir(parents=True, exist_ok=True)
            if number >= 2 and split == "train":
                picture = ImageOps.mirror(picture.crop((2, 2, 93, 93)).resize((96, 96)))
                picture = picture.point(lambda level: min(255, level + 3))
            picture.save(place / f"{number}.png")
    sources = {"kind": "folder", "uri": str(tmp_path / "images"), "size": 96, "shots": 4}
    recipe = Recipe.parse(tuned(adaptation__shots=4).model_dump(mode="json") | {"sources": sources})
    said = adapt(recipe, str(tmp_path / "store"))
    assert [line["shots"] for line in said["adapters"]] == [1, 1]
    assert sum("left out of training" in notice for notice in said["notices"]) == 2


def test_a_second_run_reuses_everything(
    first: tuple[Path, dict[str, Any]], tuned: Tuned, generate: Generate
) -> None:
    store, said = first
    again = generate(tuned(), store)
    assert (again["made"], again["reused"]) == (0, again["items"])
    assert again["dataset_hash"] == said["dataset_hash"]


def test_other_adapters_make_other_edits(
    first: tuple[Path, dict[str, Any]], tuned: Tuned, generate: Generate
) -> None:
    store, _ = first
    other = generate(tuned(adaptation__seed=2), store)
    assert other["stages"]["adapters"]["reused"] == 0
    assert other["stages"]["edits"]["reused"] == 0
    assert other["stages"]["masks"]["reused"] == other["stages"]["masks"]["items"]
    before = {row["pixel_sha256"] for row in items_of(Store(str(store)), "tiny", 1)
              if row["kind"] == "edit"}  # fmt: skip
    after = {row["pixel_sha256"]
             for row in items_of(Store(str(store)), "tiny", other["dataset"]["version"])
             if row["kind"] == "edit"}  # fmt: skip
    assert not before & after
    plain = generate(tuned(adaptation__scope="none"), store)
    assert plain["stages"]["edits"]["reused"] == 0
    assert "adapters" not in plain["counts"]


def test_one_adapter_for_the_data_set(
    first: tuple[Path, dict[str, Any]], tuned: Tuned, generate: Generate
) -> None:
    store, _ = first
    said = generate(tuned(adaptation__scope="dataset"), store)
    assert said["stages"]["adapters"]["items"] == 1
    assert said["stages"]["edits"]["reused"] == 0


def test_the_command_makes_what_the_run_finds(
    tmp_path: Path, tuned: Tuned, generate: Generate, prefect_server: str
) -> None:
    said = adapt(tuned(), str(tmp_path))
    assert said["failed"] == 0
    assert [line["status"] for line in said["adapters"]] == ["ok"] * CLASSES
    assert all(line["shots"] == 2 and line["loss after"] > 0 for line in said["adapters"])
    assert "adapters: 2, of which 0 reused" in said["lines"][0]
    assert len(said["lines"]) == 1 + CLASSES
    assert adapt(tuned(), str(tmp_path))["made"] == 0
    run = generate(tuned(), tmp_path)
    assert run["stages"]["adapters"]["reused"] == CLASSES


def test_a_recipe_without_adapters_is_refused(tmp_path: Path, tiny: Make) -> None:
    with pytest.raises(RecipeError, match=r"adaptation\.scope is 'none'.*class or dataset"):
        adapt.fn(tiny(), str(tmp_path))


def test_an_editor_without_a_generator_is_told(
    tmp_path: Path, tuned: Tuned, prefect_server: str
) -> None:
    with pytest.raises(ModelError, match=r"edits\.editor is 'compositor'.*small-diffusion"):
        adapt(tuned(edits__editor="compositor"), str(tmp_path))


def test_a_training_that_goes_wrong_stops_the_run_before_any_edit(
    tmp_path: Path, tuned: Tuned, generate: Generate
) -> None:
    wild = tuned(adaptation__alpha=3e38, adaptation__learning_rate=0.9)
    with pytest.raises(StageFailed, match=r"2 of 2 adapters failed.*adaptation\.learning_rate"):
        generate(wild, tmp_path)
    assert not list(tmp_path.glob("stages/edits/*/*.parquet"))


def test_images_that_nobody_checked_are_refused(tmp_path: Path, tuned: Tuned) -> None:
    run = FactoryRun.begin("test", tuned(), str(tmp_path))
    chosen = [{"split": "train", "label": "a"}, {"split": "test", "label": "a"}]
    with pytest.raises(StageFailed, match="not checked for copies of test images"):
        tuned_adapters(run, chosen)
