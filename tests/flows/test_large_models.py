"""Large models by local folders, from the recipe to the report: tiny checkpoints, real loaders.

Random weights paint nonsense, so that gates and thresholds are open: what is tested is what is
asked, kept, reused and refused.
"""

import copy
import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.study import study
from tests import tiny_pipelines, tiny_segmenters
from tests.flows.conftest import Generate, Make
from tests.flows.test_command import run, start
from tests.varifactory.models.verdicts import tiny_models
from varifactory.errors import ModelError
from varifactory.loading import items_of
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.export import export
from varifactory.recipe import Recipe
from varifactory.store import Store

ANY_MASK = {"min_area": 0, "max_area": 1, "max_components": 99, "min_predicted_iou": 0,
            "max_border": 1}  # fmt: skip
ANY_EDIT = {"min_change": 0, "min_distance": 0}
NO_BOX = 1.0
"""A score that no box is above."""

Large = Callable[..., Recipe]
Ran = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a model, as a user has them."""
    import torch

    home = tmp_path_factory.mktemp("checkpoints")
    tiny_pipelines.sdxl(home / "sdxl")
    tiny_pipelines.sd15(home / "sd15", channels=4)
    for name in ("sam2", "dino", "llava"):
        (home / name).mkdir()
    tiny_segmenters.sam2(home / "sam2")
    tiny_segmenters.grounding_dino(home / "dino")
    torch.manual_seed(0)
    tiny_models.llava(home / "llava")
    export(find_base("small-clip"), home / "clip", "transformers")
    return home


@pytest.fixture(scope="module")
def large(tiny: Make, checkpoints: Path) -> Large:
    """A recipe in which every model is a folder: ``large(edits__guidance=3)``."""

    def at(name: str) -> dict[str, str]:
        return {"name": str(checkpoints / name), "dtype": "float32"}

    clip = str(checkpoints / "clip")
    usual = {
        "name": "large", "sources__world__classes": 2,
        "masks": {"segmenter": "sam2", "checkpoint": at("sam2"), "prompt": "grounding-dino",
                  "detector": {"checkpoint": at("dino"), "threshold": NO_BOX},
                  "fallbacks": ["grabcut-saliency"], "gate": ANY_MASK},
        "edits": {"editor": "sdxl", "checkpoint": at("sdxl"), "side": tiny_pipelines.SIDE,
                  "steps": 2, "guidance": 4.0, "batch": 2, "exact": 1, "per_source": 1,
                  "attempts": 1, "gate": ANY_EDIT},
        "verdicts": {"judge": "clip", "clip": clip, "panel": ["vision-local"],
                     "decision": "majority", "checkpoint": at("llava"), "side": 64,
                     "min_presence": 0, "min_class": 0, "min_possible": 0},
        "training__clip": clip, "training__arms": ["zero-shot", "real+feasible"],
        "run__batch_size": 2, "run__ahead": 1,
    }  # fmt: skip
    return lambda **changed: tiny(**copy.deepcopy(usual | changed))


@pytest.fixture(scope="module")
def studied(large: Large, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A store with one finished study."""
    store = tmp_path_factory.mktemp("large") / "store"
    return store, study(large(), str(store))


def rows(ran: Ran, stage: str) -> list[dict[str, Any]]:
    """The rows of a stage that a run used."""
    store = Store(str(ran[0]))
    ended = json.loads(store.get_run_object(ran[1]["run"], "ended.json"))
    specs = [name.split("/")[1] for name in ended["specs"] if name.startswith(f"{stage}/")]
    return [row for spec in specs for row in store.rows(stage, spec).to_pylist()]


def made(said: dict[str, Any]) -> dict[str, int]:
    """Items made anew, by stage."""
    return {name: tally["items"] - tally["reused"] for name, tally in said["stages"].items()}


def test_a_study_of_large_models_ends_with_a_trained_arm(studied: Ran) -> None:
    store, said = studied
    assert said["failed"] == 0
    assert {cell["arm"]: cell["status"] for cell in rows(studied, "training")} == {
        "zero-shot": "ok", "real+feasible": "ok"}  # fmt: skip
    assert {row["judge"] for row in rows(studied, "verdicts")} == {"clip", "vision-local"}
    accepted = Counter(
        (row["label"], row["attribute"], row["feasibility"])
        for row in items_of(Store(str(store)), "large", said["dataset"]["version"])
        if row["kind"] == "edit" and row["status"] == "ok"
    )
    assert len(accepted) == 2 * 2 * 2
    assert set(accepted.values()) == {1}
    assert Path(said["report"]).is_file()
    assert Store(str(store)).verify().whole


def test_a_mask_tells_that_no_box_was_found_and_who_drew_it_then(studied: Ran) -> None:
    masks = rows(studied, "masks")
    assert len(masks) == 2 * 2
    assert "masks by masks.fallbacks, 4 of 4: 4 by saliency+grabcut" in studied[1]["notices"]
    for mask in masks:
        assert mask["method"] == "saliency+grabcut"
        assert mask["choice"].startswith("fallback, after grounding-dino: no box of 'a ")
        assert "masks.detector.threshold 1" in mask["choice"]
        tried = json.loads(mask["candidates"])
        assert [one["method"] for one in tried] == ["grounding-dino", mask["method"]]
        assert [bool(one["area"]) for one in tried] == [False, True]


def test_every_box_that_was_found_has_its_mask_and_score_in_the_row(
    studied: Ran, large: Large, generate: Generate
) -> None:
    recipe = large(masks__detector__threshold=0.0, masks__detector__max_boxes=3, edits__exact=0)
    said = generate(recipe, studied[0])
    assert made(said)["masks"] == 2 * 2
    for mask in rows((studied[0], said), "masks"):
        assert mask["method"] == "grounding-dino+sam2"
        tried = json.loads(mask["candidates"])
        assert len(tried) == 3
        best = max(one["score"] for one in tried)
        assert mask["choice"].startswith(f"best-score of 3: score {best:.3f}")


def test_an_edit_tells_its_kind_and_settings(studied: Ran) -> None:
    edits = rows(studied, "edits")
    assert edits
    for edit in edits:
        assert (edit["kind"], edit["editor"]) == ("inpaint", "sdxl")
        settings = json.loads(edit["settings"])
        assert (settings["steps"], settings["guidance"]) == (2, 4.0)
        assert edit["change_outside"] == 0
        assert edit["change_inside"] > 0


def test_a_second_study_makes_nothing(studied: Ran, large: Large) -> None:
    again = study(large(), str(studied[0]))
    assert again["made"] == 0
    assert again["dataset_hash"] == studied[1]["dataset_hash"]


def test_another_guidance_makes_edits_anew_and_nothing_before_them(
    studied: Ran, large: Large, generate: Generate
) -> None:
    said = generate(large(edits__guidance=2.0), studied[0])
    fresh = made(said)
    assert (fresh["sources"], fresh["prompts"], fresh["masks"]) == (0, 0, 0)
    assert fresh["edits"] == said["stages"]["edits"]["items"] > 0
    assert said["dataset_hash"] != studied[1]["dataset_hash"]


def test_another_threshold_asks_no_model(studied: Ran, large: Large, generate: Generate) -> None:
    said = generate(large(verdicts__min_class=1.0, edits__exact=0), studied[0])
    assert set(made(said).values()) == {0}
    assert said["counts"]["verdicts"] == {"rejected": said["counts"]["edits"]["ok"]}


def test_weights_are_known_by_their_bytes_wherever_they_lie(
    studied: Ran, large: Large, generate: Generate, checkpoints: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(checkpoints / "sdxl", moved)
    recipe = large(edits__checkpoint__name=str(moved))
    assert generate(recipe, studied[0])["made"] == 0
    tiny_pipelines.sdxl(moved, seed=1)
    said = generate(recipe, studied[0])
    fresh = made(said)
    assert fresh["masks"] == 0
    assert fresh["edits"] == said["stages"]["edits"]["items"] > 0
    assert said["dataset_hash"] != studied[1]["dataset_hash"]


@pytest.mark.parametrize(
    "key",
    ["masks.checkpoint.sha256", "masks.detector.checkpoint.sha256", "edits.checkpoint.sha256",
     "verdicts.checkpoint.sha256", "verdicts.clip_sha256", "training.clip_sha256"],
)  # fmt: skip
def test_another_hash_is_refused_before_anything_is_made(
    large: Large, prefect_server: str, tmp_path: Path, key: str
) -> None:
    recipe = large(**{key.replace(".", "__"): "0" * 64})
    with pytest.raises(ModelError, match=rf"^{key} is 0000") as refused:
        study(recipe, str(tmp_path / "store"))
    assert "correct the path, or the hash" in str(refused.value)
    assert not list((tmp_path / "store").glob("stages/*"))


@pytest.mark.parametrize(("kind", "strength"), [("text-to-image", 1.0), ("image-to-image", 0.5)])
def test_whole_images_are_edits_too(
    studied: Ran, large: Large, generate: Generate, checkpoints: Path, kind: str, strength: float
) -> None:
    recipe = large(
        edits={"editor": "sd15", "kind": kind, "side": tiny_pipelines.SIDE, "steps": 2,
               "strength": strength, "batch": 2, "per_source": 1, "attempts": 1, "gate": ANY_EDIT,
               "checkpoint": {"name": str(checkpoints / "sd15"), "dtype": "float32"}},
    )  # fmt: skip
    said = generate(recipe, studied[0])
    assert said["failed"] == 0
    assert made(said)["masks"] == 0
    edits = rows((studied[0], said), "edits")
    assert len(edits) == 2 * 2 * 2 * 2
    assert {(row["kind"], row["region_share"]) for row in edits} == {(kind, 1.0)}
    assert Path(said["gallery"]).is_file()


@pytest.mark.slow
def test_a_run_killed_among_its_edits_ends_as_one_that_was_not(
    studied: Ran, large: Large, prefect_server: str, tmp_path: Path
) -> None:
    recipe, store = tmp_path / "large.yaml", tmp_path / "store"
    recipe.write_text(yaml.safe_dump(large().model_dump(mode="json")))
    asked = (str(recipe), "--store", str(store), "--json")
    process = start(*asked, server=prefect_server)
    until = time.monotonic() + 120
    while not list(store.glob("stages/edits/*/part-*")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    opened = Store(str(store))
    kept = len(opened.rows("edits", opened.specs("edits")[0]))
    assert 0 < kept < len(rows(studied, "edits"))
    code, out, err = run(*asked, server=prefect_server)
    assert code == 0, err
    said = json.loads(out)
    assert said["dataset_hash"] == studied[1]["dataset_hash"]
    assert opened.verify().whole
