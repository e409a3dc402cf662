"""Editors by name: nothing is loaded, and each gets the checkpoint and settings meant for it."""

from typing import Any

import pytest

from varifactory.errors import ModelError
from varifactory.models import registry
from varifactory.models.checkpoints import find
from varifactory.recipe import Checkpoint, Recipe


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Weights of no use but to be named by their hash."""
    made = {}
    for name in ("first", "second", "adapter"):
        folder = tmp_path_factory.mktemp("weights") / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(name.encode())
        made[name] = str(folder)
    return made


def recipe(run: dict[str, Any] | None = None, **edits: Any) -> Recipe:
    return Recipe.parse(
        {"name": "t", "sources": {"kind": "world"}, "edits": edits, "run": run or {}}
    )


def test_all_editors_are_listed() -> None:
    wanted = {"compositor", "small-diffusion", "sd15", "sdxl", "flux-fill", "flux2-klein",
              "qwen-image"}  # fmt: skip
    assert wanted <= set(registry.EDITORS)


def test_an_unknown_editor_is_told_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"edits.editor is 'brush'; known are compositor.*sdxl"):
        registry.inpainter(recipe(), "brush")


@pytest.mark.parametrize("name", ["sd15", "sdxl", "flux-fill", "flux2-klein", "qwen-image"])
def test_an_editor_is_named_by_its_weights(name: str, folders: dict[str, str]) -> None:
    given = recipe(editor=name, checkpoint={"name": folders["first"], "dtype": "float32"})
    identity = registry.inpainter(given, name).identity
    weights = find(Checkpoint(name=folders["first"]), "edits").weights
    assert (identity["name"], identity["weights"]) == (name, weights)
    assert identity["reads_prompt"] is True


def test_the_compared_editor_has_a_checkpoint_and_usual_settings_of_its_own(
    folders: dict[str, str],
) -> None:
    given = recipe(
        editor="sdxl", checkpoint={"name": folders["first"]}, side=512, scheduler="lcm",
        distilled={"checkpoint": {"name": folders["adapter"]}, "weight": 0.8},
        compare={"editor": "sd15", "checkpoint": {"name": folders["second"]}},
    )  # fmt: skip
    first = registry.inpainter(given, "sdxl").identity
    second = registry.inpainter(given, "sd15").identity
    assert (first["side"], first["scheduler"], first["distilled_weight"]) == (512, "lcm", 0.8)
    assert first["distilled"] == find(Checkpoint(name=folders["adapter"]), "edits").weights
    assert second["weights"] == find(Checkpoint(name=folders["second"]), "edits").weights
    assert second["side"] == 512  # sd15's own
    assert not {"scheduler", "distilled"} & set(second)
    assert "settings" not in first  # it refuses what it has not
    assert second["settings"] == "strength,steps,guidance,negative_prompt"


def test_the_compared_editor_s_key_is_in_the_message() -> None:
    given = recipe(compare={"editor": "sd15", "checkpoint": {"name": "./gone"}})
    with pytest.raises(ModelError, match=r"edits.compare.checkpoint.name './gone'"):
        registry.inpainter(given, "sd15")
    with pytest.raises(ModelError, match=r"edits.checkpoint.name './gone'"):
        registry.inpainter(recipe(editor="sd15", checkpoint={"name": "./gone"}), "sd15")


def test_the_built_in_has_weights_and_a_side_of_its_own(folders: dict[str, str]) -> None:
    for edits, key in (
        ({"checkpoint": {"name": folders["first"]}}, "edits.checkpoint.name"),
        ({"side": 64}, "edits.side"),
    ):
        with pytest.raises(ModelError, match=f"of its own: clear {key}"):
            registry.inpainter(recipe(editor="small-diffusion", **edits), "small-diffusion")
    compared = recipe(editor="sdxl", checkpoint={"name": folders["first"]}, side=512)
    assert registry.inpainter(compared, "small-diffusion").identity["side"] == 96


def test_the_built_in_stays_on_the_cpu_at_its_batch() -> None:
    given = recipe(editor="small-diffusion", batch=3, run={"device": "cuda", "threads": 2})
    identity = registry.inpainter(given, "small-diffusion").identity
    assert (identity["batch"], identity["threads"], identity["dtype"]) == (8, 2, "float32")


def test_what_loads_and_drives_alike_is_one_model(folders: dict[str, str]) -> None:
    checkpoint = {"name": folders["first"]}
    first = registry.inpainter(recipe(editor="sdxl", checkpoint=checkpoint, steps=5), "sdxl")
    same = registry.inpainter(recipe(editor="sdxl", checkpoint=checkpoint, strength=0.5), "sdxl")
    other = registry.inpainter(recipe(editor="sdxl", checkpoint=checkpoint, batch=2), "sdxl")
    assert first is same
    assert first is not other


def test_a_schedule_of_another_family_is_refused(folders: dict[str, str]) -> None:
    given = recipe(editor="flux-fill", checkpoint={"name": folders["first"]}, scheduler="lcm")
    with pytest.raises(ModelError, match=r"edits.scheduler 'lcm' is for other families"):
        registry.inpainter(given, "flux-fill")
