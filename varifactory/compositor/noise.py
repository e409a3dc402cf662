"""Random fields that painters build on: fractal noise in two and one dimension, and cells."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.compositor.color import Canvas

GAIN = 0.55
"""Amplitude from octave to octave: about that of clouds and rock."""


def between(rng: np.random.Generator, limits: Sequence[float]) -> float:
    """A number from a range of the catalog, ``[low, high]``."""
    low, high = limits
    return float(rng.uniform(low, high))


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: float,
    octaves: int = 4,
    stretch: float = 1.0,
) -> Canvas:
    """Smooth noise with mean 0 and standard deviation 1, (height, width).

    ``cells`` is how many bumps fit the width; ``stretch`` makes them longer (>1) or taller (<1).
    Octaves finer than two pixels are left out.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        across = max(2, round(cells * 2**octave))
        down = max(2, round(cells * 2**octave * stretch * height / width))
        grid = rng.standard_normal((down + 2, across + 2), np.float32)
        if octave and (across > width / 2 or down > height / 2):
            continue
        total += GAIN**octave * _enlarged(grid, shape)
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6))


def _enlarged(grid: Canvas, shape: tuple[int, int]) -> Canvas:
    # The resize repeats its border; two spare cells keep the flat rim out of sight.
    height, width = shape
    tall = int(np.ceil(height * grid.shape[0] / (grid.shape[0] - 2)))
    wide = int(np.ceil(width * grid.shape[1] / (grid.shape[1] - 2)))
    large = cv2.resize(grid, (wide, tall), interpolation=cv2.INTER_CUBIC)
    top, left = (tall - height) // 2, (wide - width) // 2
    return np.asarray(large[top : top + height, left : left + width])


def profile(rng: np.random.Generator, width: int, cells: float, octaves: int = 5) -> Canvas:
    """A fractal line, one value a column, mean 0 and standard deviation 1."""
    return np.asarray(fractal(rng, (2, width), cells, octaves)[0])


def cells_of(
    rng: np.random.Generator, shape: tuple[int, int], count: int
) -> tuple[NDArray[np.int32], Canvas]:
    """Jittered cells: the number of each pixel's cell, and its distance to the cell's edge, px."""
    height, width = shape
    side = max(2.0, (height * width / count) ** 0.5)
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    place = rng.random((rows, columns, 2))
    seeds = np.ones(shape, np.uint8)
    y = ((np.arange(rows)[:, None] + place[..., 0]) * height / rows).astype(int)
    x = ((np.arange(columns)[None] + place[..., 1]) * width / columns).astype(int)
    seeds[np.minimum(y, height - 1), np.minimum(x, width - 1)] = 0
    _, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    edge = np.ones(shape, np.uint8)
    edge[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    edge[1:] &= labels[1:] == labels[:-1]
    distance = cv2.distanceTransform(edge, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(labels), np.asarray(distance)
