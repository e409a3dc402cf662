"""What a place looks like: colours and patterns by height, the object left out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.judge.regions import lab
from varifactory.models import Pixels, Region

Numbers = NDArray[np.float32]

SIDE = 48
"""Side the whole picture is shrunk to, pixels: a place is told by its layout, not by its grain."""
BANDS = 6
MARGIN = 3
"""Pixels around the object that are left out too: its shadow, its feathered edge."""
MIN_PIXELS = 40
"""Of surroundings, below which nothing can be said."""


def describe(image: Pixels, mask: Region) -> Numbers | None:
    """Lab statistics and gradients in ``BANDS`` bands of height, and colour histograms."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    shape = cv2.resize(mask.astype(np.uint8) * 255, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(shape, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8))
    outside = grown < 64
    if outside.sum() < MIN_PIXELS:
        return None
    picture = lab(small)
    light = picture[..., 0]
    edges = np.dstack([
        np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3)),
        np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3)),
        np.abs(cv2.Laplacian(light, cv2.CV_32F)),
    ])  # fmt: skip
    planes = np.dstack([picture / 25, np.log1p(edges) / 2])
    return np.concatenate([_bands(planes, outside).ravel(), _histograms(picture, outside)]).astype(
        np.float32
    )


def _bands(planes: NDArray[np.float32], outside: Region) -> NDArray[np.float64]:
    """Mean and spread of each plane by band; a band the object fills takes those of the whole."""
    whole = planes[outside]
    general = np.concatenate([whole.mean(axis=0), whole.std(axis=0)])
    found = []
    for rows in np.array_split(np.arange(SIDE), BANDS):
        pixels = planes[rows][outside[rows]]
        enough = len(pixels) >= 6
        found.append(np.concatenate([pixels.mean(axis=0), pixels.std(axis=0)])
                     if enough else general)  # fmt: skip
    return np.stack(found)


def _histograms(picture: NDArray[np.float32], outside: Region) -> NDArray[np.float64]:
    """Joint histograms of a and b, and of light, in the upper and the lower half."""
    found = []
    for half in (slice(0, SIDE // 2), slice(SIDE // 2, SIDE)):
        pixels = picture[half][outside[half]]
        count = max(1, len(pixels))
        ab = np.clip((pixels[:, 1:] + 60) / 24, 0, 4.999).astype(int)
        light = np.clip(pixels[:, 0] / 12.5, 0, 7.999).astype(int)
        found += [np.bincount(ab[:, 0] * 5 + ab[:, 1], minlength=25) / count,
                  np.bincount(light, minlength=8) / count]  # fmt: skip
    return np.sqrt(np.concatenate(found))
