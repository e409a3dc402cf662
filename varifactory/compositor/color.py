"""Colours in and out of CIE Lab (L 0 to 100, a and b about -100 to 100), as float32."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels

Canvas = NDArray[np.floating[Any]]
"""An image (height, width, 3), sRGB or Lab, or a field (height, width)."""


def to_lab(image: Pixels) -> Canvas:
    """Lab of sRGB pixels."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def from_lab(lab: Canvas) -> Pixels:
    """sRGB pixels of Lab; what sRGB cannot show is clipped."""
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255), np.uint8)


def rgb_of(color: Any) -> Canvas:
    """A colour written ``#rrggbb``, as three numbers 0 to 1.

    Raises:
        ValueError: written otherwise.
    """
    text = str(color)
    if len(text) != 7 or text[0] != "#":
        raise ValueError(f"colour {color!r} is not written #rrggbb")
    return np.array([int(text[place : place + 2], 16) for place in (1, 3, 5)], np.float32) / 255


def lab_of(color: Any) -> Canvas:
    """A colour written ``#rrggbb``, in Lab."""
    return np.asarray(cv2.cvtColor(rgb_of(color)[None, None], cv2.COLOR_RGB2LAB)[0, 0])


def blurred(field: Canvas, sigma: float) -> Canvas:
    """Gaussian blur; nothing happens below a fifth of a pixel."""
    return field if sigma < 0.2 else np.asarray(cv2.GaussianBlur(field, (0, 0), sigma))


def blurred_inside(field: Canvas, mask: NDArray[np.bool_], sigma: float) -> Canvas:
    """Gaussian blur that sees the masked pixels alone, so that nothing bleeds in."""
    weight = mask.astype(np.float32)
    share = np.maximum(blurred(weight, sigma), 1e-4)
    if field.ndim == 3:
        return blurred(field * weight[..., None], sigma) / share[..., None]
    return blurred(field * weight, sigma) / share
