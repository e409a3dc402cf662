"""Pixels and masks of the drawn world."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from varifactory.errors import RecipeError
from varifactory.world import (
    ATTRIBUTES,
    Scene,
    load_world,
    parse_world,
    render,
    render_empty,
    sample_scene,
)

WORLD = load_world()
SCENES = [sample_scene(WORLD, seed, feasible_share=0.6) for seed in range(240)]

DIGEST = """
import hashlib
from varifactory.world import load_world, render, sample_scene
digest = hashlib.sha256()
for seed in range(6):
    picture = render(load_world(), sample_scene(load_world(), seed))
    digest.update(picture.image.tobytes() + picture.mask.tobytes())
print(digest.hexdigest())
"""


def test_the_same_scene_gives_the_same_bits_in_another_process() -> None:
    digest = hashlib.sha256()
    for seed in range(6):
        picture = render(WORLD, sample_scene(WORLD, seed))
        digest.update(picture.image.tobytes() + picture.mask.tobytes())
    run = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == digest.hexdigest()


@pytest.mark.parametrize("size", [16, 64, 96, 512])
def test_shapes_and_types(size: int) -> None:
    picture = render(WORLD, SCENES[0], size)
    assert picture.image.shape == (size, size, 3)
    assert picture.image.dtype == np.uint8
    assert picture.mask.shape == (size, size)
    assert picture.mask.dtype == np.bool_


def test_a_larger_picture_shows_the_same_scene() -> None:
    for scene in SCENES[:20]:
        small = render(WORLD, scene, 96).mask
        large = cv2.resize(render(WORLD, scene, 192).mask.astype(np.uint8), (96, 96)) > 0
        assert (small & large).sum() / (small | large).sum() > 0.85


def test_masks_have_a_sensible_area() -> None:
    areas = [render(WORLD, scene).mask.mean() for scene in SCENES]
    assert min(areas) >= 0.03
    assert max(areas) <= 0.60


@pytest.mark.parametrize("name", ["apple", "tomato", "pumpkin", "clock", "dolphin", "airplane"])
def test_even_the_fullest_and_the_thinnest_objects_keep_to_it(name: str) -> None:
    for share in ([0.6, 0.6], [0.9, 0.9]):
        world = replace(WORLD, variation={**WORLD.variation, "scale": share, "occluder": 0.0})
        scenes = [sample_scene(world, seed, class_name=name) for seed in range(12)]
        areas = [render(world, scene).mask.mean() for scene in scenes]
        assert 0.03 <= min(areas) <= max(areas) <= 0.60


def test_outside_the_mask_nothing_of_the_object_is_left() -> None:
    """The picture without the object differs inside the mask and nowhere beyond the lens blur."""
    reach = np.ones((11, 11), np.uint8)
    for scene in SCENES[:120]:
        full, empty = render(WORLD, scene), render_empty(WORLD, scene)
        assert not empty.mask.any()
        differs = (full.image != empty.image).any(axis=2)
        near = cv2.dilate(full.mask.astype(np.uint8), reach) > 0
        # Thin parts that cover less than half a pixel belong to no mask but leave a trace.
        assert (differs & ~near).mean() < 0.001, scene
        assert differs[full.mask].mean() > 0.8, scene


def test_the_mask_is_exact_without_camera_faults() -> None:
    still = {**WORLD.variation, "blur": [0, 0], "noise": [0, 0], "occluder": 0.0}
    world = replace(WORLD, variation=still)
    edge = np.ones((3, 3), np.uint8)
    for scene in SCENES[:60]:
        full, empty = render(world, scene), render_empty(world, scene)
        differs = (full.image != empty.image).any(axis=2)
        near = cv2.dilate(full.mask.astype(np.uint8), edge) > 0
        assert (differs & ~near).sum() <= 0.002 * differs.size, scene
        assert differs[full.mask].mean() > 0.9, scene


def test_occluders_hide_parts_of_the_object() -> None:
    always = replace(WORLD, variation={**WORLD.variation, "occluder": 1.0})
    never = replace(WORLD, variation={**WORLD.variation, "occluder": 0.0})
    lost = []
    for scene in SCENES[:60]:
        whole, hidden = render(never, scene).mask, render(always, scene).mask
        assert not (hidden & ~whole).any()
        lost.append(1 - hidden.sum() / whole.sum())
    assert 0.01 < np.median(lost) < 0.25
    assert max(lost) < 0.6


@pytest.mark.parametrize("name", list(WORLD.classes))
def test_every_class_renders_with_every_value(name: str) -> None:
    usual = {a: WORLD.classes[name].feasible[a][0] for a in ATTRIBUTES}
    for attribute in ATTRIBUTES:
        pictures = set()
        for value in WORLD.values(attribute):
            scene = Scene(class_name=name, seed=11, **{**usual, attribute: value})
            picture = render(WORLD, scene, 48)
            assert picture.mask.any()
            pictures.add(picture.image.tobytes())
        assert len(pictures) == len(WORLD.values(attribute))


def test_an_attribute_changes_only_what_it_names() -> None:
    scene = Scene("horse", "brown", "plain", "meadow", 5)
    first = render(WORLD, scene)
    painted = render(WORLD, replace(scene, color="blue", texture="striped"))
    moved = render(WORLD, replace(scene, background="kitchen"))
    assert np.array_equal(first.mask, painted.mask)
    assert np.array_equal(first.mask, moved.mask)
    far = cv2.dilate(first.mask.astype(np.uint8), np.ones((11, 11), np.uint8)) == 0
    assert np.array_equal(first.image[far], painted.image[far])
    assert (first.image[far] != moved.image[far]).any(axis=1).mean() > 0.9


def test_the_mask_holds_the_colour_that_was_asked_for() -> None:
    """On average over poses and light, the nearest palette colour in Lab is the right one."""
    names = list(WORLD.colors)
    palette = np.array([list(WORLD.colors.values())], np.uint8)
    lab = cv2.cvtColor(palette, cv2.COLOR_RGB2Lab)[0].astype(np.float64)
    for name in names:
        pictures = [
            render(WORLD, Scene("tomato", name, "plain", "kitchen", seed)) for seed in range(8)
        ]
        colors = np.array([np.median(p.image[p.mask], axis=0) for p in pictures], np.uint8)
        seen = cv2.cvtColor(colors[None], cv2.COLOR_RGB2Lab)[0].astype(np.float64).mean(axis=0)
        assert names[int(np.linalg.norm(lab - seen, axis=1).argmin())] == name


def test_bad_scenes_are_refused() -> None:
    with pytest.raises(RecipeError, match="'mauve' is not known; allowed: red"):
        render(WORLD, Scene("apple", "mauve", "plain", "meadow", 0))
    with pytest.raises(RecipeError, match="size: 4 pixels"):
        render(WORLD, SCENES[0], 4)


def test_a_new_class_needs_no_code() -> None:
    apple = WORLD.classes["apple"]
    pool = {"feasible": dict(apple.feasible), "infeasible": dict(apple.infeasible)}
    data = {
        "colors": {name: "#{:02x}{:02x}{:02x}".format(*c) for name, c in WORLD.colors.items()},
        "textures": dict(WORLD.textures),
        "backgrounds": dict(WORLD.backgrounds),
        "captions": list(WORLD.captions),
        "variation": dict(WORLD.variation),
        "classes": {"coin": {"role": "study", **pool, "parts": [{"ellipse": [0, 0, 1, 1]}]}},
    }
    world = parse_world(data)
    picture = render(world, sample_scene(world, 0))
    assert 0.03 < picture.mask.mean() < 0.6
