"""Texture painters: what a surface does to the object's colour.

Every painter gets the object's colour (3,), the object coordinates (u, v) of every pixel, the
values of `catalog/world.yaml` and a stream, and returns float32 (size, size, 3) in 0..1.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.world.palette import Color

Plane = NDArray[np.float32]
Stream = np.random.Generator
Painter = Callable[[Color, Plane, Plane, Mapping[str, Any], Stream], Plane]

MIDDLE_LUMA = 0.42  # below it a pattern is drawn lighter than the colour, above it darker


def paint_texture(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    return PAINTERS[data["painter"]](base, u, v, data, rng)


def draw_from(data: Mapping[str, Any], key: str, rng: Stream) -> float:
    low, high = data[key]
    return float(rng.uniform(low, high))


def _against(base: Color, pattern: Plane, contrast: float) -> Plane:
    """The colour where the pattern is 0, its contrasting shade where it is 1."""
    luma = float(base @ np.array([0.299, 0.587, 0.114], np.float32))
    if luma < MIDDLE_LUMA:
        other = base + (1.0 - base) * np.float32(contrast)
    else:
        other = base * np.float32(1.0 - contrast)
    return (base + pattern[..., None] * (other - base)).astype(np.float32)


def _step(value: Plane, sharpness: float) -> Plane:
    """A soft threshold at 0, so that edges stay free of steps at a low resolution."""
    softened: Plane = np.clip(value * sharpness + 0.5, 0.0, 1.0).astype(np.float32)
    return softened


def _noise(u: Plane, v: Plane, scale: tuple[float, float], rng: Stream) -> Plane:
    """Smooth value noise in -1..1 that sits on the object; `scale`: cells along u and v."""
    grid = rng.uniform(-1.0, 1.0, (48, 48)).astype(np.float32)
    x, y = (u + 1.6) * np.float32(scale[0] / 2), (v + 1.6) * np.float32(scale[1] / 2)
    noise: Plane = cv2.remap(grid, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return noise


def _plain(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    return np.broadcast_to(base, (*u.shape, 3))


def _stripes(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    angle, period = rng.uniform(-0.5, 0.5), draw_from(data, "period", rng)
    across = math.cos(angle) * u + math.sin(angle) * v + 0.03 * np.sin(4.0 * v + rng.uniform(0, 6))
    wave = np.sin(across * (2 * np.pi / period) + rng.uniform(0, 6))
    return _against(base, _step(wave.astype(np.float32), 2.5), draw_from(data, "contrast", rng))


def _dots(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    period, radius = draw_from(data, "period", rng), draw_from(data, "radius", rng)
    angle, shift = rng.uniform(0, np.pi / 2), rng.uniform(0, 1, 2)
    a = (math.cos(angle) * u + math.sin(angle) * v) / period + shift[0]
    b = (math.cos(angle) * v - math.sin(angle) * u) / period + shift[1]
    a = a + 0.5 * np.mod(np.floor(b), 2)
    distance = np.hypot(np.mod(a, 1.0) - 0.5, np.mod(b, 1.0) - 0.5)
    pattern = _step((radius - distance).astype(np.float32), 7.0)
    return _against(base, pattern, draw_from(data, "contrast", rng))


def _checks(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    angle, period = rng.uniform(-0.25, 0.25), draw_from(data, "period", rng)
    a = (math.cos(angle) * u + math.sin(angle) * v) * (np.pi / period) + rng.uniform(0, 3)
    b = (math.cos(angle) * v - math.sin(angle) * u) * (np.pi / period) + rng.uniform(0, 3)
    squares = (np.sin(a) * np.sin(b)).astype(np.float32)
    return _against(base, _step(squares, 6.0), draw_from(data, "contrast", rng))


def _wood(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    period = draw_from(data, "period", rng)
    along = _noise(u, v, (2.0, 7.0), rng)
    knot = np.exp(-((u - rng.uniform(-0.5, 0.5)) ** 2 * 5 + (v - rng.uniform(-0.5, 0.5)) ** 2 * 18))
    rings = np.sin((v + 0.12 * along + 0.35 * knot) * (2 * np.pi / period))
    fine = _noise(u, v, (5.0, 60.0), rng)
    grain = np.clip(0.42 + 0.4 * rings + 0.3 * fine, 0.0, 1.0).astype(np.float32)
    toned = _against(base, grain, draw_from(data, "contrast", rng))
    return toned * np.array([1.0, 0.95, 0.88], np.float32)


def _metal(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    angle, bands = rng.uniform(0.5, 1.1), draw_from(data, "bands", rng)
    across = math.cos(angle) * u + math.sin(angle) * v
    sheen = np.sin(across * (np.pi * bands) + rng.uniform(0, 6)).astype(np.float32)
    contrast = np.float32(draw_from(data, "contrast", rng))
    brushed = _noise(u, v, (2.0, 40.0), rng)[..., None] * np.float32(0.06)
    dark = base * (1.0 + contrast * np.minimum(sheen, 0.0)[..., None])
    glint = np.clip(sheen, 0.0, 1.0)[..., None] ** 4
    shining: Plane = np.clip(dark + (1.0 - dark) * glint * np.float32(0.9) + brushed, 0.0, 1.0)
    return shining


def _speckles(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    grain, share = draw_from(data, "grain", rng), draw_from(data, "share", rng)
    # Turned, or the grid of the noise would show as steps.
    noise = _noise(0.8 * u + 0.6 * v, 0.8 * v - 0.6 * u, (grain, grain), rng)
    pattern = _step(noise - np.float32(1.0 - 2.6 * share), 5.0)
    return _against(base, pattern, draw_from(data, "contrast", rng))


def _cracks(base: Color, u: Plane, v: Plane, data: Mapping[str, Any], rng: Stream) -> Plane:
    """Borders of the cells around scattered points: where the two nearest are equally far."""
    count = int(draw_from(data, "cells", rng))
    width = draw_from(data, "width", rng)
    seeds = rng.uniform(-1.0, 1.0, (count, 2)).astype(np.float32)
    bent_u = u + np.float32(0.06) * _noise(u, v, (9.0, 9.0), rng)
    bent_v = v + np.float32(0.06) * _noise(v, u, (9.0, 9.0), rng)
    nearest = np.full(bent_u.shape, 9.0, np.float32)
    second = nearest.copy()
    for x, y in seeds:
        distance = np.sqrt((bent_u - x) ** 2 + (bent_v - y) ** 2)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    pattern = _step(np.float32(width) - (second - nearest), 14.0)
    luma = float(base @ np.array([0.299, 0.587, 0.114], np.float32))
    crack = base * np.float32(0.2) if luma > 0.25 else base + (1 - base) * np.float32(0.6)
    depth = np.float32(draw_from(data, "contrast", rng))
    painted: Plane = base + pattern[..., None] * depth * (crack - base)
    return painted


PAINTERS: Mapping[str, Painter] = {
    "plain": _plain,
    "stripes": _stripes,
    "dots": _dots,
    "checks": _checks,
    "wood": _wood,
    "metal": _metal,
    "speckles": _speckles,
    "cracks": _cracks,
}
