"""Cells of every trainee and schedule in one run, on one data set version."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prefect import flow

from flows.embedding import embedded
from flows.run import FactoryRun
from tasks.training import _data, training_shard
from tests.flows.conftest import Generate, Make
from varifactory.embeddings import read_embeddings
from varifactory.images import pixel_hash
from varifactory.keys import spec_of
from varifactory.loading import items_of, read_blob
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.training.grid import Factors, factors, variants
from varifactory.training.planning import plan_cells, training_spec

TRAINEES = ("clip-lora", "linear-probe", "classifier")
Study = Callable[[], dict[str, list[Row]]]


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(
        training__arms=["real+mixed"], study__trainees=list(TRAINEES),
        study__schedules=["mixed", "bridged"], study__attributes=["all", "color"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(
    recipe: Recipe, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, dict[str, Any]]:
    path = tmp_path_factory.mktemp("trainees") / "store"
    return Store(str(path)), {**generate(recipe, path), "path": str(path)}


@pytest.fixture(scope="module")
def study(recipe: Recipe, made: tuple[Store, dict[str, Any]]) -> Study:
    """Trainee -> its cells; trains what is missing."""
    store, said = made
    items = items_of(store, *said["dataset"].values())
    (variant,) = variants(recipe)
    cells = factors(recipe, variant)

    @flow(persist_result=False)
    def whole() -> dict[str, list[Row]]:
        with FactoryRun.begin("study", recipe, said["path"]) as run:
            embedded(run, items)
            found = {}
            for name in TRAINEES:
                own = [cell for cell in cells if cell.stratum.trainee == name]
                found[name] = trained(run, name, own)
            return found | {"reused": [{"cells": run.stages["training"].reused}]}

    def trained(run: FactoryRun, name: str, own: list[Factors]) -> list[Row]:
        fields = training_spec(recipe, registry.trainee(recipe, name))
        planned = plan_cells(spec_of("training", fields), variant.recipe, items, items, own)
        extra = {"dataset": said["dataset"]["name"], "version": said["dataset"]["version"]}
        return run.stage(training_shard, "training", fields, planned, size=1, extra=extra)

    return whole


@pytest.fixture(scope="module")
def found(study: Study) -> dict[str, list[Row]]:
    return study()


def test_every_trainee_trains_its_cells_and_leaves_logits_of_all_classes(
    found: dict[str, list[Row]], made: tuple[Store, dict[str, Any]]
) -> None:
    store, _ = made
    for name in TRAINEES:
        rows = found[name]
        assert [(row["status"], row["reason"]) for row in rows] == [("ok", "")] * 4
        settings = [json.loads(row["settings"]) for row in rows]
        assert {(one["trainee"], one["schedule"], one["attribute"]) for one in settings} == {
            (name, schedule, attribute)
            for schedule in ("mixed", "bridged") for attribute in ("all", "color")
        }  # fmt: skip
        keys = {row["key"] for row in rows}
        (spec,) = [one for one in store.specs("training")
                   if keys & set(store.rows("training", one)["key"].to_pylist())]  # fmt: skip
        predictions = store.rows("predictions", spec).to_pylist()
        assert {row["training_key"] for row in predictions} == keys
        assert {len(row["logits"]) for row in predictions} == {3}
        for row in rows:
            assert read_blob(store, row["adapter_blob"])
            bridged = json.loads(row["settings"])["schedule"] == "bridged"
            assert (row["bridge_step"] is not None) is bridged
            if bridged:
                assert row["bridge_blob"].endswith(".safetensors")
                assert read_blob(store, row["bridge_blob"]) != read_blob(store, row["adapter_blob"])


def test_fewer_edits_are_trained_on_of_one_attribute(found: dict[str, list[Row]]) -> None:
    for name in TRAINEES:
        counts = {json.loads(row["settings"])["attribute"]: row["train_edits"]
                  for row in found[name]}  # fmt: skip
        assert 0 < counts["color"] < counts["all"]


def test_a_second_run_trains_nothing(found: dict[str, list[Row]], study: Study) -> None:
    again = study()
    assert {name: [row["key"] for row in again[name]] for name in TRAINEES} == {
        name: [row["key"] for row in found[name]] for name in TRAINEES
    }
    assert again["reused"] == [{"cells": 12}]
    assert found["reused"] == [{"cells": 0}]


def test_real_images_and_edits_are_read_the_same_way(
    recipe: Recipe, found: dict[str, list[Row]], made: tuple[Store, dict[str, Any]]
) -> None:
    # One path for both: the PNG in the store, decoded; whatever the user's file or the editor's
    # output was, nothing but its pixels in one encoding reaches a training.
    store, said = made
    items = items_of(store, *said["dataset"].values())
    by_pixels = {row["pixel_sha256"]: row for row in items if row["image_blob"]}
    row = found["clip-lora"][0]
    data = _data(row, recipe, registry.trainee(recipe, "clip-lora"), store, items)
    for part, kind in ((data.real, "source"), (data.edits, "edit"), (data.test, "source")):
        assert part.images
        for image in part.images:
            assert (image.dtype, image.shape) == (np.dtype(np.uint8), (64, 64, 3))
            item = by_pixels[pixel_hash(image)]
            assert item["kind"] == kind
            stored = read_blob(store, item["image_blob"])
            with Image.open(io.BytesIO(stored)) as opened:
                assert (opened.format, opened.mode, opened.info) == ("PNG", "RGB", {})
                assert np.array_equal(np.asarray(opened), image)


def test_vectors_are_of_the_very_pixels(
    recipe: Recipe, found: dict[str, list[Row]], made: tuple[Store, dict[str, Any]]
) -> None:
    store, said = made
    items = items_of(store, *said["dataset"].values())
    row = found["linear-probe"][0]
    vectors = _data(row, recipe, registry.trainee(recipe, "linear-probe"), store, items)
    pixels = _data(row, recipe, registry.trainee(recipe, "classifier"), store, items)
    (spec,) = store.specs("embeddings")
    known = read_embeddings(store, spec)
    for one, other in ((vectors.real, pixels.real), (vectors.edits, pixels.edits)):
        assert (one.labels, one.keys) == (other.labels, other.keys)
        same = known.of([pixel_hash(image) for image in other.images])
        assert np.array_equal(np.stack(one.images), same)


def test_a_probe_without_embeddings_says_what_to_do(
    recipe: Recipe, generate: Generate, tmp_path: Path
) -> None:
    said = generate(recipe, tmp_path)
    store = Store(str(tmp_path))
    items = items_of(store, *said["dataset"].values())
    probe = registry.trainee(recipe, "linear-probe")
    spec = spec_of("training", training_spec(recipe, probe))
    (variant,) = variants(recipe)
    own = [cell for cell in factors(recipe, variant) if cell.stratum.trainee == "linear-probe"]
    row = plan_cells(spec, recipe, items, items, own[:1])[0]
    with pytest.raises(Exception, match="have no embedding"):
        _data(row, recipe, probe, store, items)
