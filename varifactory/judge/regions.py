"""The parts of a picture a measurement looks at: the object's inside, and what surrounds it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels, Region

Plane = NDArray[np.float32]

SIDE = 64
"""Side of the square the object is measured in, pixels: patterns are scaled with their object."""
MIN_PIXELS = 24
"""Of an object in that square; below, nothing can be said of its surface."""


def lab(image: Pixels) -> Plane:
    """CIE L*a*b* (D65), L 0 to 100, float32 (h, w, 3)."""
    converted: Plane = cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    return converted


def object_square(image: Pixels, mask: Region) -> tuple[Plane, Region] | None:
    """The object alone as a Lab square of side ``SIDE`` with its mask, rim left out.

    None where the mask holds too little to be measured. The rim is left out because masks are
    imperfect and edits are feathered there; of thin objects, whose rim is all they have, it stays.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    picture, inside = image[box], mask[box].astype(np.uint8)
    height, width = inside.shape
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(picture, size, interpolation=way)
    shape = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    cover = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    cover[top : top + size[1], left : left + size[0]] = shape
    core = cv2.erode(cover, np.ones((5, 5), np.uint8), borderValue=0)
    chosen = core if core.sum() >= max(MIN_PIXELS, 0.25 * cover.sum()) else cover
    if chosen.sum() < MIN_PIXELS:
        return None
    return lab(square), chosen.astype(bool)
