"""Edits through diffusers: the built-in small inpainting pipeline (9-channel UNet, VAE, text)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from varifactory.errors import ModelError
from varifactory.models import Identity, InpaintingJob, Pixels
from varifactory.models.builtin.cards import REPAIR, check_weights, read_card

BUILT_IN = Path(__file__).parents[1] / "builtin" / "small-diffusion"
SIDE = 96
"""Pixels a side the small pipeline was trained on; other sources are resized there and back."""
BATCH = 8
"""Images of one forward pass; short batches are padded, so an edit never depends on its mates."""
OPERATION = "inpaint"
STRENGTHS: Mapping[str, float] = MappingProxyType({"texture": 0.8})
"""Attribute -> share of the noise its region starts from, times the recipe's ``edits.strength``.

1 where none is named: of 32 colour edits, the colour that was asked for came out nearest in 20 at
1.0, in 11 at 0.9 and in 5 at 0.8. A texture edit keeps some of the object's own colour with less.
It depends on the attribute alone, so feasible and infeasible edits share it.
"""


class SmallDiffusion:
    """An ``Inpainter`` over ``AutoPipelineForInpainting``: one generator an image, padded batches.

    The pipeline decodes all pixels anew; the stage pastes the source back outside the region.
    """

    def __init__(
        self, *, steps: int, guidance: float, threads: int = 1, folder: Path = BUILT_IN
    ) -> None:
        """``threads`` is only told in the identity: setting it for torch is the caller's."""
        self._steps = steps
        self._guidance = guidance
        self._threads = threads
        self._folder = folder
        self._lock = Lock()
        self._pipeline: Any = None
        self._card = read_card(folder)

    @property
    def identity(self) -> Identity:
        return {
            "name": self._card["name"],
            "weights": self._card["sha256"],
            "dtype": "float32",
            "side": SIDE,
            "steps": self._steps,
            "guidance": self._guidance,
            "batch": BATCH,
            "threads": self._threads,
            **{f"strength_{name}": share for name, share in STRENGTHS.items()},
            "settings": "strength",
        }

    def refusal(self, job: InpaintingJob) -> str:
        """Why the job cannot be done and what to do instead; empty where it can."""
        operation = job.attribute.editors.get(str(self._card["name"]), OPERATION)
        if operation != OPERATION:
            return f"{self._card['name']} knows no operation {operation!r}: set it to {OPERATION!r}"
        strength = strength_of(job)
        if int(self._steps * strength) < 1:
            return (
                f"strength {strength:g} of {self._steps} steps leaves none: raise edits.strength "
                "or edits.steps"
            )
        with self._lock:
            tokenizer = self._loaded().tokenizer
        tokens, most = len(tokenizer(job.prompt).input_ids), tokenizer.model_max_length
        if tokens > most:
            return (
                f"the prompt has {tokens} tokens and {self._card['name']} reads {most}: shorten "
                "the class name or the phrase"
            )
        return ""

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        made: dict[int, Pixels] = {}
        for strength in sorted({strength_of(job) for job in jobs}):
            places = [place for place, job in enumerate(jobs) if strength_of(job) == strength]
            for start in range(0, len(places), BATCH):
                chosen = places[start : start + BATCH]
                padded = chosen + chosen[-1:] * (BATCH - len(chosen))
                with self._lock:
                    images = self._sampled([jobs[place] for place in padded], strength)
                made |= dict(zip(chosen, images, strict=False))
        return [_resized(made[place], *_size(job.image)) for place, job in enumerate(jobs)]

    def _sampled(self, jobs: Sequence[InpaintingJob], strength: float) -> list[Pixels]:
        import torch

        drawn = self._loaded()(
            prompt=[job.prompt for job in jobs],
            image=[Image.fromarray(_resized(job.image, SIDE, SIDE)) for job in jobs],
            mask_image=[_mask_image(job) for job in jobs],
            height=SIDE,
            width=SIDE,
            strength=strength,
            num_inference_steps=self._steps,
            guidance_scale=self._guidance,
            generator=[torch.Generator("cpu").manual_seed(job.seed) for job in jobs],
            output_type="np",
        ).images
        return [np.round(image * 255).clip(0, 255).astype(np.uint8) for image in drawn]

    def _loaded(self) -> Any:
        if self._pipeline is None:
            check_weights(self._folder, self._card["sha256"])
            self._pipeline = load_pipeline(self._folder)
        return self._pipeline


def strength_of(job: InpaintingJob) -> float:
    """Share of the noise a job starts from, 0 to 1."""
    return float(job.settings.get("strength", 1.0)) * STRENGTHS.get(job.attribute.name, 1.0)


def load_pipeline(folder: Path) -> Any:
    """The inpainting pipeline saved in a folder, float32, on the CPU, without a download.

    Raises:
        ModelError: the folder holds no inpainting pipeline.
    """
    import diffusers.utils.logging
    import torch
    import transformers.utils.logging
    from diffusers import AutoPipelineForInpainting

    # Else diffusers tells at every load that the autoencoder is not an AutoencoderKL.
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    try:
        pipeline = AutoPipelineForInpainting.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True,
            safety_checker=None,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise ModelError(f"no inpainting pipeline in {folder}: {error}; {REPAIR}") from None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _mask_image(job: InpaintingJob) -> Image.Image:
    mask = Image.fromarray(job.region.astype(np.uint8) * 255)
    return mask.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def _size(image: Pixels) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    if _size(pixels) == (width, height):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
