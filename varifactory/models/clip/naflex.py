"""Pictures for SigLIP 2 NaFlex: their own shape kept, as a row of patches with their grid."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels

if TYPE_CHECKING:
    import torch

GRID = 2
"""Columns after a patch's numbers; those of the first patch hold the grid's rows and columns."""


def patches(image: Pixels, side: int, most: int) -> NDArray[np.int16]:
    """(most, side * side * 3 + GRID): the image in at most ``most`` patches, row by row, the rest
    zero; 0 to 255."""
    from PIL import Image
    from transformers.models.siglip2.image_processing_siglip2 import (
        get_image_size_for_max_num_patches,
    )

    height, width = get_image_size_for_max_num_patches(*image.shape[:2], side, most)
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    down, across = height // side, width // side
    cut = np.asarray(resized).reshape(down, side, across, side, 3).transpose(0, 2, 1, 3, 4)
    found = np.zeros((most, side * side * 3 + GRID), np.int16)
    found[: down * across, :-GRID] = cut.reshape(down * across, -1)
    found[0, -GRID:] = down, across
    return found


def inputs(
    rows: "torch.Tensor", mean: tuple[float, ...], deviation: tuple[float, ...]
) -> dict[str, Any]:
    """What the model takes, of stacked ``patches``; patches that are none are zero and masked."""
    import torch

    grid = rows[:, 0, -GRID:].long()
    values = rows[..., :-GRID]
    shift, scale = (
        torch.tensor(each, device=rows.device, dtype=rows.dtype).repeat(values.shape[-1] // 3)
        for each in (mean, deviation)
    )
    places = torch.arange(rows.shape[1], device=rows.device)
    mask = places < grid.prod(dim=1, keepdim=True)
    return {
        "pixel_values": (values / 255 - shift) / scale * mask[..., None],
        "pixel_attention_mask": mask.int(),
        "spatial_shapes": grid,
    }
