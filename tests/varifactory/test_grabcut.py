"""GrabCut without weights: good where colours differ, modest about itself where they do not."""

import numpy as np
import pytest

from varifactory.grabcut import GrabCut
from varifactory.masks import iou
from varifactory.models import Pixels, Region
from varifactory.world import load_world, render, sample_scene


def disc(size: int, seed: int = 0) -> tuple[Pixels, Region]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    mask = (x - 0.52) ** 2 + (y - 0.55) ** 2 < 0.27**2
    image = np.where(mask[..., None], (200, 60, 40), (90, 130, 90)).astype(float)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("how", ["saliency", "box"])
@pytest.mark.parametrize("size", [96, 512])
def test_a_disc_is_found_at_both_sizes(how: str, size: int) -> None:
    image, truth = disc(size)
    [found] = GrabCut(how).segment([image], ["ball"])
    assert found.mask.shape == (size, size)
    assert iou(found.mask, truth) > 0.95
    assert found.predicted_iou is not None
    assert found.predicted_iou > 0.9
    assert found.method.endswith("+grabcut")


def test_a_mask_does_not_depend_on_batch_mates_or_order() -> None:
    images = [disc(96, seed)[0] for seed in range(3)]
    forward = GrabCut().segment(images, [""] * 3)
    backward = GrabCut().segment(images[::-1], [""] * 3)[::-1]
    alone = [GrabCut().segment([image], [""])[0] for image in images]
    for one, other, third in zip(forward, backward, alone, strict=True):
        assert (one.mask == other.mask).all()
        assert (one.mask == third.mask).all()
        assert one.predicted_iou == other.predicted_iou == third.predicted_iou


@pytest.mark.parametrize("shape", [(1, 1), (4, 300), (64, 64)])
def test_an_image_without_anything_gets_an_empty_mask(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), 77, np.uint8)
    [found] = GrabCut().segment([flat], [""])
    assert found.mask.shape == shape
    assert not found.mask.any()
    assert found.predicted_iou == 0


def test_noise_gets_no_confident_mask() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    [found] = GrabCut().segment([noise], [""])
    assert found.predicted_iou is not None
    assert found.predicted_iou < 0.5


def test_drawn_scenes_are_found_and_the_estimate_tells_good_from_bad() -> None:
    world = load_world()
    names = [name for name, found in world.classes.items() if found.role == "study"]
    scenes = [
        render(world, sample_scene(world, 4000 + place, class_name=names[place % len(names)]), 96)
        for place in range(36)
    ]
    found = GrabCut().segment([scene.image for scene in scenes], [""] * len(scenes))
    true = np.array([iou(one.mask, scene.mask) for one, scene in zip(found, scenes, strict=True)])
    own = np.array([one.predicted_iou for one in found])
    assert true.mean() > 0.6
    assert np.corrcoef(true, own)[0, 1] > 0.4
