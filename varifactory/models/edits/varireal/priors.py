"""What the diffusion passes start from: pictures made without a model, pure functions of pixels.

Sizes in pixels are those of a picture of ``REFERENCE`` pixels a side, and shrink with it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels, Region

Gray = NDArray[np.uint8]
"""A mask with soft values, (height, width), 0 to 255."""

REFERENCE = 1024
SOFT_EDGE = 41
"""Side of the Gaussian that softens the mask of the surroundings, pixels of ``REFERENCE``."""
CANVAS_GRAY = 100
"""Level of the canvas that the IP-Adapter sees the object on."""
EDGE_BLUR = 5
"""Side of the box blur before the median that sets the lower Canny threshold."""
LOWER_THRESHOLD, UPPER_THRESHOLD = 0.7, 255
"""Canny thresholds: the lower one as a share of the median, the upper one as it is."""
PATCH = 4
"""A texture is a patch of a quarter of the sheet's side, enlarged to the whole side."""
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)


def scaled(pixels: int, side: int) -> int:
    """A length given for ``REFERENCE``, in a picture of ``side`` pixels."""
    return round(pixels * side / REFERENCE)


def keep_object(image: Pixels, mask: Region, background: Pixels, dilate: int) -> Pixels:
    """The object and what is within ``dilate / 2`` pixels of it, on another background."""
    size = scaled(dilate, image.shape[0])
    kept = mask
    if size > 1:
        square = np.ones((size, size), np.uint8)
        kept = cv2.dilate(mask.astype(np.uint8), square).astype(bool)
    return np.where(kept[..., None], image, background)


def soft_surroundings(mask: Region) -> Gray:
    """Where a background is repainted: all but the object, with a soft edge."""
    outside = np.where(mask, 0, 255).astype(np.uint8)
    size = scaled(SOFT_EDGE, mask.shape[0]) | 1  # a Gaussian's side is odd
    return np.asarray(cv2.GaussianBlur(outside, (size, size), 0), np.uint8)


def blended(image: Pixels, mask: Region, over: Pixels, alpha: float) -> Pixels:
    """The object with a share ``alpha`` of what is laid over it: one colour or a picture."""
    mixed = np.rint(image * (1 - alpha) + over.astype(np.float32) * alpha).astype(np.uint8)
    return np.where(mask[..., None], mixed, image)


def texture_of(sheet: Pixels, rng: np.random.Generator) -> Pixels:
    """A random patch of a square texture sheet, enlarged to the sheet's size and sharpened."""
    side = sheet.shape[0]
    patch = max(1, side // PATCH)
    top, left = rng.integers(0, side - patch + 1, size=2)
    chosen = sheet[top : top + patch, left : left + patch]
    enlarged = cv2.resize(chosen, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.filter2D(enlarged, -1, SHARPEN), np.uint8)


def on_canvas(image: Pixels, mask: Region) -> Pixels:
    """The object alone on a gray canvas: what the IP-Adapter sees."""
    return np.where(mask[..., None], image, np.uint8(CANVAS_GRAY))


def edges(image: Pixels, mask: Region) -> Pixels:
    """Canny edges of the object on white, white on black, three equal channels."""
    alone = np.where(mask[..., None], image, np.uint8(255))
    median = float(np.median(cv2.blur(alone, (EDGE_BLUR, EDGE_BLUR))))
    lines = cv2.Canny(alone, int(LOWER_THRESHOLD * median), UPPER_THRESHOLD)
    return np.repeat(np.asarray(lines, np.uint8)[..., None], 3, axis=2)
