"""What the small inpainting learns from: drawn pictures, a region, words for what is there."""

from dataclasses import dataclass

import numpy as np

from varifactory.catalog import Catalog, load_catalog
from varifactory.models import Pixels, Region
from varifactory.models.edits.diffusion import SIDE
from varifactory.world import ATTRIBUTES, Scene, load_world, render, sample_scene

HOLES = 0.15
"""Share of lessons with a rectangle instead of the object or its surroundings."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training example; any of the prompts tells what the region shows."""

    image: Pixels
    region: Region
    prompts: tuple[str, ...]


def lessons(classes: tuple[str, ...], count: int, first_seed: int) -> list[Lesson]:
    """Scenes, half of their attributes infeasible; the object and its surroundings in turn."""
    world, catalog = load_world(), load_catalog()
    rng = np.random.default_rng(first_seed)
    found = []
    for number in range(count):
        scene = sample_scene(world, first_seed + number, classes=classes, feasible_share=0.5)
        drawn = render(world, scene, SIDE)
        place = "surroundings" if number % 2 else "object"
        region = drawn.mask if place == "object" else ~drawn.mask
        region = hole(rng) if rng.random() < HOLES else grown(region, rng)
        if region.any():
            found.append(Lesson(drawn.image, region, words(catalog, scene, place)))
    return found


def words(catalog: Catalog, scene: Scene, place: str) -> tuple[str, ...]:
    """All prompts of the catalog that are true of the scene and speak of that place."""
    found = []
    for attribute in map(catalog.attribute, ATTRIBUTES):
        if attribute.region == place:
            phrase = attribute.values[getattr(scene, attribute.name)].phrase
            found += [
                attribute.render(index, scene.class_name, phrase)
                for index in range(len(attribute.templates))
            ]
    return tuple(found)


def hole(rng: np.random.Generator) -> Region:
    """A rectangle of a tenth to a third of the picture."""
    region = np.zeros((SIDE, SIDE), bool)
    height, width = rng.integers(SIDE // 3, SIDE * 3 // 5, 2)
    top, left = rng.integers(0, SIDE - height), rng.integers(0, SIDE - width)
    region[top : top + height, left : left + width] = True
    return region


def grown(region: Region, rng: np.random.Generator) -> Region:
    """The region up to two pixels wider: masks in use are not exact either, and feathered."""
    import cv2

    width = 2 * int(rng.integers(0, 3)) + 1
    wider = cv2.dilate(region.astype(np.uint8), np.ones((width, width), np.uint8))
    return np.asarray(wider, bool)
