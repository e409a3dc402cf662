import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.models import Segmentation
from varifactory.models.masks.prompted import Prompted
from varifactory.models.masks.prompting import middle_box
from varifactory.models.masks.sam import BUILT_IN, WEIGHTS, small_sam
from varifactory.world import Rendered, load_world, render, sample_scene

FIRST_SEED = 71_000_000
"""Neither trained on nor measured for the card."""


@pytest.fixture(scope="module")
def drawn() -> list[Rendered]:
    world = load_world()
    scenes = [
        sample_scene(world, seed, classes=world.study_classes, feasible_share=0.5)
        for seed in range(FIRST_SEED, FIRST_SEED + 120)
    ]
    return [render(world, scene, 96) for scene in scenes]


@pytest.fixture(scope="module")
def sam() -> Prompted:
    return small_sam()


@pytest.fixture(scope="module")
def found(sam, drawn) -> list[Segmentation]:
    return sam.segment([each.image for each in drawn], [""] * len(drawn))


@pytest.fixture
def copied(tmp_path) -> Path:
    return Path(shutil.copytree(BUILT_IN, tmp_path / "sam"))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_masks_of_classes_it_never_saw_overlap_the_true_ones(found, drawn):
    overlaps = [iou(mine.mask, each.mask) for mine, each in zip(found, drawn, strict=True)]
    assert np.mean(overlaps) >= 0.70


def test_it_knows_which_of_its_masks_are_poor(found, drawn):
    overlaps = [iou(mine.mask, each.mask) for mine, each in zip(found, drawn, strict=True)]
    said = [mine.predicted_iou for mine in found]
    assert np.corrcoef(said, overlaps)[0, 1] >= 0.4
    assert all(0 <= value <= 1 for value in said)


def test_a_segmentation_tells_how_it_was_found(found, drawn):
    assert {mine.method for mine in found} == {"middle-box+sam"}
    assert {mine.box for mine in found} == {middle_box(drawn[0].image)} == {(9, 9, 87, 87)}
    assert found[0].mask.dtype == bool


def test_a_mask_does_not_depend_on_the_other_images_or_their_order(sam, found, drawn):
    images = [each.image for each in drawn[:4]]
    turned = sam.segment(images[::-1], [""] * 4)[::-1]
    for mine, again in zip(found, turned, strict=False):
        assert np.array_equal(mine.mask, again.mask)
        assert mine.predicted_iou == again.predicted_iou


@pytest.mark.parametrize(("height", "width"), [(60, 130), (200, 90), (1, 1)])
def test_a_mask_has_the_size_of_its_image(sam, height, width):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    assert sam.segment([image], [""])[0].mask.shape == (height, width)


def test_the_identity_is_known_without_torch():
    code = (
        "import sys; from varifactory.models.masks.sam import small_sam; "
        "print(small_sam(threads=2).identity); "
        "sys.exit(bool({'torch', 'segment_anything'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads((BUILT_IN / "card.json").read_text())["sha256"] in done.stdout
    assert "'threads': 2" in done.stdout


def test_other_weights_than_the_card_names_are_refused(copied):
    weights = bytearray((copied / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (copied / WEIGHTS).write_bytes(weights)
    with pytest.raises(ModelError, match=r"their card says .* install varifactory again"):
        small_sam(folder=copied).segment([np.zeros((8, 8, 3), np.uint8)], [""])


def test_missing_weights_and_pickles_are_refused(copied):
    image = np.zeros((8, 8, 3), np.uint8)
    (copied / WEIGHTS).rename(copied / "sam_vit_b.pth")
    with pytest.raises(ModelError, match=r"sam_vit_b\.pth is a pickle checkpoint"):
        small_sam(folder=copied).segment([image], [""])
    (copied / "sam_vit_b.pth").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        small_sam(folder=copied).segment([image], [""])


def test_a_folder_without_a_model_is_refused_at_once(tmp_path):
    with pytest.raises(ModelError, match=r"no model at .* `make models`"):
        small_sam(folder=tmp_path)
