"""What colour an object has: how its pixels spread over Lab."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.judge.regions import Plane, lab
from varifactory.models import Region

Numbers = NDArray[np.float32]

QUANTILES = (10, 30, 50, 70, 90)
HUES = 18
NEUTRAL = 14.0
"""Chroma below which a pixel counts as grey rather than by its hue, Lab units."""
SOFTNESS = 22.0
"""Lab distance at which a colour value's score has fallen to 1/e of its best. Not fitted: for
values that no reference shows, such as a user's own colours."""


def describe(square: Plane, inside: Region) -> Numbers:
    """Quantiles of L, a, b, and histograms of hue (by chroma) and of the light of grey pixels."""
    pixels = square[inside]
    light, a, b = pixels[:, 0], pixels[:, 1], pixels[:, 2]
    chroma = np.hypot(a, b)
    quantiles = np.percentile(pixels, QUANTILES, axis=0).ravel() / 30
    turn = np.arctan2(b, a) % (2 * np.pi) * (HUES / (2 * np.pi))
    colored = np.minimum(chroma / 40, 1)
    hues = _soft_histogram(turn, colored, HUES, around=True) / len(pixels)
    dark = _soft_histogram(turn, colored * (light < 45), HUES, around=True) / len(pixels)
    grey = _soft_histogram(light / 100 * 7, (chroma < NEUTRAL) * 1.0, 8, around=False) / len(pixels)
    return np.concatenate(
        [quantiles, np.percentile(chroma, QUANTILES) / 30, np.sqrt(hues), np.sqrt(dark),
         np.sqrt(grey)]
    ).astype(np.float32)  # fmt: skip


def _soft_histogram(
    place: NDArray[np.floating], weight: NDArray[np.floating], bins: int, *, around: bool
) -> NDArray[np.float64]:
    """Each weight shared between the two nearest bins, so that a small shift changes little."""
    low = np.floor(place).astype(int)
    part = place - low
    first = low % bins if around else np.clip(low, 0, bins - 1)
    second = (low + 1) % bins if around else np.clip(low + 1, 0, bins - 1)
    counts = np.bincount(first, weight * (1 - part), bins)
    return np.asarray(counts + np.bincount(second, weight * part, bins), np.float64)


def levels(rgb: str | Sequence[int]) -> tuple[int, ...]:
    """A colour of a catalog, ``#rrggbb`` or three levels, as levels 0 to 255."""
    if isinstance(rgb, str):
        return tuple(bytes.fromhex(rgb.removeprefix("#")))
    return tuple(int(level) for level in rgb)


def nearest(square: Plane, inside: Region, palette: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """A score for each sRGB colour (0 to 255) by the distance of the object's median Lab."""
    middle = np.median(square[inside], axis=0)
    wanted = lab(np.array([palette], np.uint8))[0]
    # Light varies with the place, hue hardly does: a step in L counts for less.
    distance = ((wanted - middle) * np.array([0.5, 1.0, 1.0])) ** 2
    score = -distance.sum(axis=1) / SOFTNESS**2
    weight = np.exp(score - score.max())
    return np.asarray(weight / weight.sum(), np.float64)
