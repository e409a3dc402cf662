"""Shots as the UNet sees them: exactly what its own pipeline would give it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny_pipelines
from varifactory.models.adapters.examples import HOLES, SIDES, encoded
from varifactory.models.adapters.objective import Objective, Question, noise_schedule
from varifactory.models.checkpoints import Found, find
from varifactory.models.edits.diffusion import BUILT_IN, SIDE, load_pipeline
from varifactory.models.edits.families import families
from varifactory.models.edits.loading import Setup, load_plain
from varifactory.models.tuning import Shot
from varifactory.recipe import Checkpoint


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(BUILT_IN)


def shot(height: int = SIDE, width: int = SIDE) -> Shot:
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 // width, y * 255 // height, 0 * x], 2).astype(np.uint8)
    return Shot(image, "0" * 64, "a photo of a dax")


def examples(pipeline, *shots: Shot, side: int = SIDE):
    return encoded(pipeline, shots, side, torch.Generator().manual_seed(4))


def test_masks_and_masked_latents_are_those_of_the_pipeline(pipeline):
    made = examples(pipeline, shot())
    pixels = torch.from_numpy(shot().image).permute(2, 0, 1)[None] / 127.5 - 1
    for view in range(made.views):
        mask = torch.nn.functional.interpolate(made.masks[:, view], size=(SIDE, SIDE))
        its_mask, its_masked = pipeline.prepare_mask_latents(
            mask, pixels * (mask < 0.5), 1, SIDE, SIDE, torch.float32, torch.device("cpu"),
            None, False,
        )  # fmt: skip
        assert torch.equal(its_mask, made.masks[:, view])
        assert torch.allclose(its_masked, made.masked[:, view], atol=1e-6)


def test_the_first_view_masks_all_and_the_others_a_rectangle(pipeline):
    made = examples(pipeline, *[shot()] * 6)
    assert made.masks.shape[:2] == (6, 1 + HOLES)
    assert bool((made.masks[:, 0] == 1).all())
    holes = made.masks[:, 1:].flatten(0, 1)[:, 0]
    for hole in holes:
        rows, columns = hole.any(1), hole.any(0)
        assert hole.sum() == rows.sum() * columns.sum()
        assert all(SIDES[0] <= n / len(rows) + 0.05 and n / len(rows) <= SIDES[1] + 0.05
                   for n in (int(rows.sum()), int(columns.sum())))  # fmt: skip
    assert len({hole.numpy().tobytes() for hole in holes}) > 10


def saved(folder: Path) -> Found:
    return find(Checkpoint(name=str(folder), dtype="float32"), "edits.checkpoint")


def test_a_wide_picture_is_fitted_and_cut_in_its_middle(tmp_path):
    found = saved(tiny_pipelines.sdxl(tmp_path))
    sdxl = load_plain(families()["sdxl"], found, Setup())
    made = examples(sdxl, shot(40, 80), side=32)
    assert made.sizes.tolist() == [[40, 80, 0, 16, 32, 32]]
    assert made.latents.shape[-2:] == (16, 16)


def test_latents_are_scaled_as_the_generator_wants_them(tmp_path):
    found = saved(tiny_pipelines.sd15(tmp_path))
    sd = load_plain(families()["sd15"], found, Setup())
    made = examples(sd, shot(32, 32), side=32)
    with torch.no_grad():
        pixels = torch.from_numpy(shot(32, 32).image).permute(2, 0, 1)[None] / 127.5 - 1
        likely = sd.vae.encode(pixels).latent_dist.mode() * sd.vae.config.scaling_factor
    assert torch.allclose(made.latents, likely, atol=1e-6)


def test_the_noise_levels_are_the_generator_s_own(pipeline, tmp_path):
    found = saved(tiny_pipelines.sd15(tmp_path))
    for one in (pipeline, load_plain(families()["sd15"], found, Setup())):
        ours, its = noise_schedule(one), one.scheduler
        assert torch.allclose(ours.alphas_cumprod, its.alphas_cumprod, atol=1e-6)
        assert ours.config.prediction_type == its.config.prediction_type


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_error_is_that_of_what_the_unet_predicts(pipeline, prediction):
    """By hand, from the schedule's own numbers."""
    kept = pipeline.scheduler
    pipeline.scheduler = type(kept).from_config(kept.config, prediction_type=prediction)
    try:
        made = examples(pipeline, shot())
        noise = torch.randn(made.latents.shape[1:], generator=torch.Generator().manual_seed(5))
        asked = Question(shot=0, view=1, time=300, noise=noise)
        objective = Objective(pipeline, made, learns_words=False)
        share = pipeline.scheduler.alphas_cumprod[300]
        signal, spread = share.sqrt(), (1 - share).sqrt()
        noisy = signal * made.latents[0] + spread * noise
        with torch.no_grad():
            found = float(objective.errors([asked])[0])
            words = pipeline.encode_prompt(shot().caption, torch.device("cpu"), 1, False)[0]
            given = torch.cat([noisy, made.masks[0, 1], made.masked[0, 1]])[None]
            said = pipeline.unet(given, 300, words).sample[0]
    finally:
        pipeline.scheduler = kept
    target = {"epsilon": noise, "sample": made.latents[0],
              "v_prediction": signal * noise - spread * made.latents[0]}[prediction]  # fmt: skip
    assert found == pytest.approx(float((said - target).square().mean()), rel=1e-5)


def test_words_of_other_captions_are_other_words(pipeline):
    made = examples(pipeline, shot(), replace(shot(), caption="a photo of a red wug"))
    noise = torch.randn(made.latents.shape[1:], generator=torch.Generator().manual_seed(5))
    objective = Objective(pipeline, made, learns_words=False)
    with torch.no_grad():
        one, other = objective.errors([Question(n, 0, 900, noise) for n in (0, 1)])
    assert float(one) != float(other)
