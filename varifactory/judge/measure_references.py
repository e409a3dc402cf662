"""Measure the references of the built-in judge on pictures of the drawn world.

``python -m varifactory.judge.measure_references`` draws several thousand pictures with every value
of every attribute (feasible or not), spoils their masks as a segmenter would, and writes
``references.npz`` and its card beside this module, in one to two minutes on one core.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.judge import colors, surroundings, textures
from varifactory.judge.references import BUILT_IN, Reference, fit, pack
from varifactory.judge.regions import object_square
from varifactory.models import Pixels, Region
from varifactory.world import Scene, World, load_world, render

MEASURES = {"background": "surroundings", "color": "color", "texture": "texture"}
PICTURES = 6000
CALIBRATION_SHARE = 0.2
HELD_OUT = 1500
SEED = 1
HELD_OUT_SEED = 2
WEATHERED = 0.5
"""Share of pictures whose surroundings are learned under other light (``weather``)."""
SIZES = (64, 96, 96, 128)
"""Sides of the pictures, pixels; most users' drawn sets use 96."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture with a spoilt mask, and the values it shows."""

    image: Pixels
    place: Pixels
    """The picture its surroundings are described from."""
    mask: Region
    shown: Mapping[str, str]


def draw(
    world: World, rng: np.random.Generator, class_names: tuple[str, ...], weathered: float = 0.0
) -> Sample:
    """Any class with any values: a judge must also know what could not exist."""
    shown = {name: str(rng.choice(list(world.values(name)))) for name in MEASURES}
    # Seeds far above those of any recipe, so that no reference is a picture of a data set.
    seed = int(rng.integers(2**40, 2**41))
    scene = Scene(str(rng.choice(class_names)), shown["color"], shown["texture"],
                  shown["background"], seed)  # fmt: skip
    picture = render(world, scene, int(rng.choice(SIZES)))
    other = rng.random() < weathered
    place = weather(picture.image, rng) if other else picture.image
    return Sample(picture.image, place, spoil(picture.mask, rng), shown)


def spoil(mask: Region, rng: np.random.Generator) -> Region:
    """A mask grown or shrunk by up to 2 pixels, and moved by up to one."""
    step = int(rng.integers(-2, 3))
    change = cv2.dilate if step > 0 else cv2.erode
    kernel = np.ones((3, 3), np.uint8)
    changed = change(mask.astype(np.uint8), kernel, iterations=abs(step)) > 0
    moved = np.roll(changed, tuple(rng.integers(-1, 2, 2)), (0, 1))
    return moved if moved.any() else mask


def weather(image: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture under other light, seen by another camera that is held a little differently.

    The world paints a place within narrow bounds; judged by those alone, a good picture of the
    place by any other hand would be no picture of it.
    """
    light = (image.astype(np.float32) / 255) ** rng.uniform(0.7, 1.4)
    grey = light.mean(axis=2, keepdims=True)
    light = (grey + (light - grey) * rng.uniform(0.6, 1.4)) * rng.uniform(0.85, 1.15, 3)
    blur = rng.uniform(0.2, 1.5) * len(image) / 96
    light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), blur)
    step = rng.uniform(-0.08, 0.08) * len(image)
    moved = cv2.warpAffine(
        light, np.array([[1, 0, 0], [0, 1, step]], np.float32), image.shape[1::-1],
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(np.clip(np.rint(moved * 255), 0, 255), np.uint8)


def describe(sample: Sample) -> dict[str, NDArray[np.float32]]:
    """The descriptor of each attribute that can be measured on the sample."""
    found = {}
    square = object_square(sample.image, sample.mask)
    if square is not None:
        found = {"color": colors.describe(*square), "texture": textures.describe(*square)}
    around = surroundings.describe(sample.place, sample.mask)
    return found if around is None else {**found, "background": around}


def measure(
    world: World, count: int, seed: int, weathered: float = 0.0
) -> dict[str, tuple[Any, Any]]:
    """Attribute -> descriptors (n, length) and labels (n,), places in ``world.values``."""
    rng = np.random.default_rng(seed)
    classes = tuple(world.classes)
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in MEASURES}
    labels: dict[str, list[int]] = {name: [] for name in MEASURES}
    for _ in range(count):
        sample = draw(world, rng, classes, weathered)
        for name, descriptor in describe(sample).items():
            rows[name].append(descriptor)
            labels[name].append(world.values(name).index(sample.shown[name]))
    return {name: (np.stack(rows[name]), np.array(labels[name])) for name in MEASURES}


def learn(world: World, count: int = PICTURES, seed: int = SEED) -> dict[str, Reference]:
    """A reference for each attribute of the world."""
    found = {}
    for name, (descriptors, labels) in measure(world, count, seed, WEATHERED).items():
        calibrate = np.random.default_rng(seed).random(len(labels)) < CALIBRATION_SHARE
        found[name] = fit(MEASURES[name], world.values(name), descriptors, labels, calibrate)
    return found


def figures(
    world: World,
    references: Mapping[str, Reference],
    count: int,
    seed: int,
    weathered: float = 0.0,
) -> Any:
    """How often the likeliest value is the true one, and how far scores are from being right.

    ``calibration_error``: mean gap between the score of the likeliest value and how often it is
    right, over ten equal bins of scores.
    """
    found = {}
    for name, (descriptors, labels) in measure(world, count, seed, weathered).items():
        reference = references[name]
        scores = [reference.scores(one, reference.values) for one in descriptors]
        table = np.array([list(row.values()) for row in scores])
        right, top = table.argmax(axis=1) == labels, table.max(axis=1)
        bins = np.minimum((top * 10).astype(int), 9)
        gaps = [abs(right[bins == b].mean() - top[bins == b].mean()) * (bins == b).mean()
                for b in range(10) if (bins == b).any()]  # fmt: skip
        found[name] = {"accuracy": round(float(right.mean()), 4), "n": len(labels),
                       "calibration_error": round(float(sum(gaps)), 4)}  # fmt: skip
    return found


def main(folder: Path = BUILT_IN.parent) -> int:
    """Write the references and their card; 0."""
    world = load_world()
    references = learn(world)
    data = pack(references)
    card = {
        "name": "measured",
        "sha256": hashlib.sha256(data).hexdigest(),
        "held_out": figures(world, references, HELD_OUT, HELD_OUT_SEED),
        "held_out_other_light": figures(
            world, references, HELD_OUT // 3, HELD_OUT_SEED, weathered=1.0
        )["background"],
        "measured_on": {"pictures": PICTURES, "seed": SEED, "sizes": list(SIZES),
                        "held_out_seed": HELD_OUT_SEED},
    }  # fmt: skip
    (folder / "references.npz").write_bytes(data)
    (folder / "references.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(card["held_out"], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
