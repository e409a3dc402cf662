"""What an adapter of the built-in generator learns from eight drawn apples."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from varifactory.images import pixel_hash
from varifactory.models import Pixels, Weights
from varifactory.models.adapters import put
from varifactory.models.adapters.tuner import LoraTuner
from varifactory.models.edits.diffusion import BUILT_IN, SIDE, load_pipeline
from varifactory.models.tuning import Shot, Tuned, TuningSettings
from varifactory.world import load_world, render, sample_scene

FIRST_SEED = 73_000_000
SHOTS, UNSEEN, DRAWN = 8, 16, 8
STEPS = 80


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    """Pictures of one study class, which the generator has never seen: shots, then unseen ones."""
    world = load_world()
    classes = world.study_classes[:1]
    return [
        render(world, sample_scene(world, FIRST_SEED + n, classes=classes), SIDE).image
        for n in range(SHOTS + UNSEEN)
    ]


@pytest.fixture(scope="module")
def caption() -> str:
    return f"a photo of a {load_world().study_classes[0]}"


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline(BUILT_IN)


@pytest.fixture(scope="module")
def tuned(pictures: list[Pixels], caption: str, pipeline: Any) -> Tuned:
    settings = TuningSettings(
        rank=8, alpha=8.0, learning_rate=3e-3, steps=STEPS, batch_size=8, warmup_share=0.1,
        text_encoder=True, seed=3,
    )  # fmt: skip
    shots = [Shot(picture, pixel_hash(picture), caption) for picture in pictures[:SHOTS]]
    identity = {"name": "small-diffusion", "weights": "weights"}
    return LoraTuner(identity, lambda: pipeline, side=SIDE).tune(shots, settings)


def drawn(pipeline: Any, caption: str) -> list[Pixels]:
    """Whole pictures from words alone: all is masked."""
    images = pipeline(
        [caption] * DRAWN,
        image=[Image.new("RGB", (SIDE, SIDE))] * DRAWN,
        mask_image=[Image.new("L", (SIDE, SIDE), 255)] * DRAWN,
        height=SIDE, width=SIDE, num_inference_steps=12, guidance_scale=2.0, strength=1.0,
        generator=[torch.Generator().manual_seed(seed) for seed in range(DRAWN)],
        output_type="np",
    ).images  # fmt: skip
    return [np.round(image * 255).astype(np.uint8) for image in images]


def distance(some: list[Pixels], others: list[Pixels]) -> float:
    """Mean over pictures of the distance to the nearest of the others: root mean square of
    12 x 12 pixel patches' mean colours, 0 to 255."""
    one, other = (
        np.stack([cv2.resize(p, (8, 8), interpolation=cv2.INTER_AREA) for p in each]).astype(float)
        for each in (some, others)
    )
    apart = np.sqrt(((one[:, None] - other[None]) ** 2).mean((2, 3, 4)))
    return float(apart.min(1).mean())


def test_the_loss_falls_on_fixed_noise_and_in_training(tuned: Tuned) -> None:
    tenth = STEPS // 10
    assert tuned.after < 0.95 * tuned.before
    assert np.mean(tuned.losses[-tenth:]) < np.mean(tuned.losses[:tenth])


def test_pictures_come_closer_to_the_shots_and_to_unseen_ones_of_their_class(
    tuned: Tuned, pictures: list[Pixels], caption: str, pipeline: Any
) -> None:
    before = drawn(pipeline, caption)
    put(pipeline, Weights("a" * 64, tuned.adapter), "weights")
    after = drawn(pipeline, caption)
    for others in (pictures[:SHOTS], pictures[SHOTS:]):
        assert distance(after, others) < 0.95 * distance(before, others)
