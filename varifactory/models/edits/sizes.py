"""The size an image is worked at, and the way there and back."""

import math

import numpy as np
from PIL import Image

from varifactory.models import Pixels, Region
from varifactory.models.edits.families import Family

GRAIN = 16
"""A working side is a multiple of about 1/16 of the family's: few sizes, so that images of nearly
one shape share a batch. A side is stretched by about 3 % at most, more where it is very short."""
Size = tuple[int, int]
"""Width and height, pixels."""


def working_size(height: int, width: int, family: Family, side: int = 0) -> Size:
    """The size that images of one shape are worked at: the family's area, their proportions.

    Args:
        side: pixels, in place of the family's own; 0 for that.
    """
    side = side or family.side
    side = min(side, family.side) if family.fits else side
    side = max(family.multiple, side // family.multiple * family.multiple)
    if family.square:
        return side, side
    grain = max(1, round(side / GRAIN / family.multiple)) * family.multiple
    cut = math.floor if family.fits else round
    across = max(grain, cut(side * math.sqrt(width / height) / grain) * grain)
    down = max(grain, cut(side * math.sqrt(height / width) / grain) * grain)
    return across, down


def resized(pixels: Pixels, size: Size) -> Pixels:
    """An image of another size."""
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def mask_image(region: Region, size: Size) -> Image.Image:
    """A region of that size as pipelines want it: white where pixels may change."""
    mask = Image.fromarray(region.astype(np.uint8) * 255)
    return mask.resize(size, Image.Resampling.NEAREST)
