"""How far inpainted pixels are from the true ones, beside two baselines without a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from varifactory.models import Pixels, Region

STEPS, GUIDANCE = 12, 2.0
"""As the quickstart runs it."""


def mean_fill(image: Pixels, region: Region) -> Pixels:
    """The region filled with the mean colour of what is seen."""
    filled = image.copy()
    filled[region] = image[~region].mean(0) if (~region).any() else 127
    return filled


def classical_fill(image: Pixels, region: Region) -> Pixels:
    """Telea's fast marching (2004) through OpenCV."""
    import cv2

    filled: Pixels = cv2.inpaint(image, region.astype(np.uint8) * 255, 3, cv2.INPAINT_TELEA)
    return filled


def held_out_error(
    folder: Path, cases: Sequence[tuple[Pixels, Region, str]], seed: int = 5
) -> dict[str, float]:
    """Mean absolute error inside the region, 0 to 255, of the pipeline and of both baselines."""
    import torch
    from PIL import Image

    from varifactory.models.edits.diffusion import load_pipeline

    pipeline = load_pipeline(folder)
    errors: dict[str, list[float]] = {"small_diffusion": [], "mean_fill": [], "classical": []}
    for start in range(0, len(cases), 8):
        batch = cases[start : start + 8]
        drawn = pipeline(
            prompt=[prompt for _, _, prompt in batch],
            image=[Image.fromarray(image) for image, _, _ in batch],
            mask_image=[Image.fromarray(region.astype(np.uint8) * 255) for _, region, _ in batch],
            height=batch[0][0].shape[0], width=batch[0][0].shape[1], strength=1.0,
            num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="np",
            generator=[torch.Generator().manual_seed(seed + start + n) for n in range(len(batch))],
        ).images  # fmt: skip
        for (image, region, _), made in zip(batch, drawn, strict=True):
            for name, pixels in (
                ("small_diffusion", made * 255.0),
                ("mean_fill", mean_fill(image, region)),
                ("classical", classical_fill(image, region)),
            ):
                errors[name].append(float(np.abs(pixels - image.astype(float))[region].mean()))
    means = {name: round(float(np.mean(found)), 2) for name, found in errors.items()}
    return {
        **{f"masked_error_{name}": mean for name, mean in means.items()},
        "held_out_scenes": len(cases),
    }
