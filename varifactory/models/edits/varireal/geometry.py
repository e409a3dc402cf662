"""Any picture as a square of the side that is worked at, and back."""

import cv2
import numpy as np

from varifactory.models import Pixels, Region


def squared(image: Pixels, side: int) -> Pixels:
    """The picture with its longer side at ``side`` pixels, its border drawn out to a square.

    Drawn out, not black: a black bar would be painted on as part of the scene.
    """
    height, width = _fitted(image.shape[0], image.shape[1], side)
    if image.shape[:2] != (height, width):
        image = _resized(image, height, width)
    below, right = side - height, side - width
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def squared_mask(mask: Region, side: int) -> Region:
    """A mask that fits the squared picture; the drawn-out border never belongs to it."""
    height, width = _fitted(mask.shape[0], mask.shape[1], side)
    made = np.zeros((side, side), bool)
    small = mask.astype(np.uint8)
    made[:height, :width] = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return made


def restored(picture: Pixels, height: int, width: int) -> Pixels:
    """A squared picture back in the size its source has."""
    inner = _fitted(height, width, picture.shape[0])
    cut = picture[: inner[0], : inner[1]]
    return cut if inner == (height, width) else _resized(cut, height, width)


def _fitted(height: int, width: int, side: int) -> tuple[int, int]:
    longer = max(height, width)
    return max(1, round(height * side / longer)), max(1, round(width * side / longer))


def _resized(image: Pixels, height: int, width: int) -> Pixels:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LANCZOS4))
