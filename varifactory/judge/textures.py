"""What a surface's pattern is like, whatever its colour, light and direction."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.judge.regions import SIDE, Plane
from varifactory.models import Region

Numbers = NDArray[np.float32]
Vector = NDArray[np.float64]

SHADING = 7.0
"""Blur that counts as shading rather than pattern, pixels of the square."""
WAVELENGTHS = (4.0, 6.0, 9.0, 13.0, 18.0)
"""Of the filters, pixels of the square; the world's patterns repeat every 5 to 15."""
DIRECTIONS = 8
QUANTILES = (2, 10, 25, 50, 75, 90, 98)


def describe(square: Plane, inside: Region) -> Numbers:
    """The pattern of a Lab square (``regions.object_square``), about a hundred numbers."""
    light = square[..., 0]
    weight = inside.astype(np.float32)
    flat = _without_shading(light, weight, SHADING)
    spread = float(flat[inside].std()) + 1e-3
    even = (flat / spread).astype(np.float32)
    return np.concatenate(
        [
            [np.log(spread)],
            _moments(even[inside]),
            _directions(flat, weight, spread),
            _blobs(even, inside),
            _neighbours(flat, inside),
            _colors(square, inside, light, flat),
        ]
    ).astype(np.float32)


def _without_shading(plane: Plane, weight: Plane, sigma: float) -> Plane:
    """Minus its own blur, taken of the object alone so that its outline leaves no trace."""
    mean = _blur(plane * weight, sigma) / np.maximum(_blur(weight, sigma), np.float32(1e-3))
    return np.asarray((plane - mean) * weight, np.float32)


def _blur(plane: Plane, sigma: float) -> Plane:
    blurred: Plane = cv2.GaussianBlur(plane, (0, 0), sigma)
    return blurred


def _moments(values: Plane) -> Vector:
    quantiles = np.percentile(values, QUANTILES)
    return np.concatenate([quantiles, [(values**3).mean(), np.log1p((values**4).mean())]])


@cache
def _filters() -> Plane:
    """Squared spectra of Gabor filters, (wavelengths * directions, SIDE * SIDE).

    Energies alone are wanted, so that one FFT and one matrix product serve all filters.
    """
    axis = np.fft.fftfreq(SIDE)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    bank = []
    for wavelength in WAVELENGTHS:
        middle, width = 1 / wavelength, 0.35 / wavelength
        for step in range(DIRECTIONS):
            angle = np.pi * step / DIRECTIONS
            distance = (x - middle * np.cos(angle)) ** 2 + (y - middle * np.sin(angle)) ** 2
            bank.append(np.exp(-distance / width**2).ravel())
    return np.stack(bank).astype(np.float32)


def _directions(flat: Plane, weight: Plane, spread: float) -> Vector:
    """Energy by wavelength, and how much of it lies along one or along two crossed directions."""
    spectrum = (np.abs(np.fft.fft2(flat)) ** 2).astype(np.float32).ravel()
    share = float(weight.mean())
    energy = (_filters() @ spectrum).astype(np.float64) / (SIDE**4 * share * spread**2) + 1e-6
    energy = energy.reshape(len(WAVELENGTHS), DIRECTIONS)
    harmonics = np.abs(np.fft.rfft(energy, axis=1)) / energy.sum(axis=1, keepdims=True)
    total = energy.sum(axis=0)
    over_all = np.abs(np.fft.rfft(total))[1:4] / total.sum()
    return np.concatenate([np.log(energy.sum(axis=1)), harmonics[:, 1:4].ravel(), over_all])


def _blobs(even: Plane, inside: Region) -> Vector:
    """Curvature at three sizes: spots curve both ways, lines one way; dark and light apart."""
    found = []
    for sigma in (1.0, 2.0, 3.5):
        smooth = _blur(even, sigma)
        xx = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3)
        yy = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3)
        xy = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3)
        half = (xx + yy) / 2
        gap = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
        low, high = (half - gap)[inside], (half + gap)[inside]
        size = np.hypot(low, high) + 1e-3
        shape = np.arctan2(low + high, high - low)
        hist = np.histogram(shape, bins=8, range=(-np.pi / 2, np.pi / 2), weights=size)[0]
        found += [hist / size.sum(), [np.log(size.mean())]]
    return np.concatenate(found)


def _neighbours(flat: Plane, inside: Region) -> Vector:
    """Uniform local binary patterns that ignore direction, at two distances."""
    found = []
    for reach in (2, 4):
        steps = [(round(reach * np.sin(t)), round(reach * np.cos(t)))
                 for t in np.arange(8) * np.pi / 4]  # fmt: skip
        signs = np.stack([np.roll(flat, step, (0, 1)) >= flat + 0.5 for step in steps])[:, inside]
        turns = (signs != np.roll(signs, 1, axis=0)).sum(axis=0)
        pattern = np.where(turns <= 2, signs.sum(axis=0), 9)
        found.append(np.bincount(pattern, minlength=10) / pattern.size)
    return np.concatenate(found)


def _colors(square: Plane, inside: Region, light: Plane, flat: Plane) -> Vector:
    """How the colour goes along with the light: a glint is pale, a painted stripe is not."""
    chroma = np.hypot(square[..., 1], square[..., 2])[inside]
    values, detail = light[inside], flat[inside]
    with_light, with_detail = _correlation(chroma, values), _correlation(chroma, detail)
    quantiles = np.percentile(values, (5, 25, 50, 75, 95)) / 25
    return np.concatenate(
        [[with_light, with_detail], quantiles - quantiles[2], quantiles[[2]],
         [np.log(chroma.std() + 0.5), np.log(values.std() + 0.5), chroma.mean() / 25]]
    )  # fmt: skip


def _correlation(first: Plane, second: Plane) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).mean() / (a.std() * b.std() + 1e-3))
