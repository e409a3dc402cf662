"""Patterns over a surface: fields of -1 (a mark) to 1 (the ground), from places on the surface."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from varifactory.compositor.color import Canvas, blurred
from varifactory.compositor.noise import cells_of, fractal

GRAINS = 46
"""Flecks along the object: as fine as on granite, where the picture has the pixels for it."""


def even(u: Canvas, v: Canvas, rng: np.random.Generator) -> Canvas:
    """No pattern."""
    del v, rng
    return np.zeros_like(u)


def bands(u: Canvas, v: Canvas, rng: np.random.Generator, count: float = 5.0) -> Canvas:
    """Parallel bands, ``count`` over the object, upright, level or slanting."""
    turn = rng.choice([0.0, np.pi / 2, np.pi / 4, -np.pi / 4]) + rng.uniform(-0.12, 0.12)
    along = u * np.cos(turn) + v * np.sin(turn) + 0.03 * np.sin(3 * v + rng.uniform(0, 6))
    frequency = np.pi * count * rng.uniform(0.85, 1.2)
    return _edged(np.sin(along * frequency + rng.uniform(0, 6)), along * frequency)


def spots(
    u: Canvas, v: Canvas, rng: np.random.Generator, count: float = 5.0, size: float = 0.3
) -> Canvas:
    """Round marks in staggered rows; ``size`` is a radius as a share of their distance."""
    step = 2 / (count * rng.uniform(0.9, 1.15))
    up = v / step + rng.uniform()
    row = np.floor(up)
    shifted = u / step + 0.5 * (row % 2) + rng.uniform()
    across = shifted - np.floor(shifted) - 0.5
    down = up - row - 0.5
    away = np.sqrt(across**2 + down**2)
    edge = np.maximum(_pixel(u) / step, 0.02)
    return np.asarray(np.clip((away - size) / edge, -1, 1), np.float32)


def board(u: Canvas, v: Canvas, rng: np.random.Generator, count: float = 5.0) -> Canvas:
    """A chessboard of ``count`` fields along the object."""
    frequency = np.pi * count / 2 * rng.uniform(0.9, 1.2)
    one = np.sin(u * frequency + rng.uniform(0, 6))
    other = np.sin(v * frequency + rng.uniform(0, 6))
    return _edged(one * other, u * frequency)


def planks(u: Canvas, v: Canvas, rng: np.random.Generator, rings: float = 7.0) -> Canvas:
    """Wood cut lengthwise: long wavering rings, a knot, fine fibres."""
    wander = fractal(rng, _shape(u), 3, 3, stretch=0.6)
    knot_u, knot_v = rng.uniform(-0.6, 0.6, 2)
    around = np.exp(-((u - knot_u) ** 2 / 0.05 + (v - knot_v) ** 2 / 0.01))
    along = v * rings * rng.uniform(0.85, 1.2) + 0.5 * wander + 2.2 * around + 0.5 * u
    saw = along - np.floor(along)
    ring = np.where(saw < 0.75, 1 - 1.7 * saw / 0.75, -0.7 + 1.7 * (saw - 0.75) / 0.25)
    fibres = _stretched(rng, u, v)
    return np.asarray(np.clip(0.75 * ring + 0.4 * fibres, -1, 1), np.float32)


def flecks(u: Canvas, v: Canvas, rng: np.random.Generator, share: float = 0.2) -> Canvas:
    """Small irregular marks, as on an egg or on granite; ``share`` of the surface."""
    fine = fractal(rng, _shape(u), min(0.9 / max(_pixel(u), 1e-3) / 2.4, GRAINS) * _span(u) / 2, 2)
    limit = np.quantile(fine, share)
    return np.asarray(np.clip((fine - limit) / 0.35, -1, 1), np.float32)


def crazed(
    u: Canvas, v: Canvas, rng: np.random.Generator, count: int = 16, width: float = 0.034
) -> Canvas:
    """Dark cracks between jagged plates, of uneven width."""
    del v
    shape = _shape(u)
    span = _span(u)
    _, away = cells_of(rng, shape, max(6, int(count * span**2 / 4)))
    away = _jagged(away, rng, 0.025 / _pixel(u), 5 * span)
    wide = (width / max(_pixel(u), 1e-4)) * np.clip(1 + 0.4 * fractal(rng, shape, 5, 2), 0.35, 2)
    field = np.clip((away - 0.5 * wide) / np.maximum(wide * 0.5, 0.8), -1, 1)
    return blurred(field.astype(np.float32), 0.35)


def brushed(u: Canvas, v: Canvas, rng: np.random.Generator) -> Canvas:
    """Fine parallel scratches, as of brushed metal."""
    return np.asarray(np.clip(0.5 * _stretched(rng, u, v), -1, 1), np.float32)


Pattern = Callable[..., Canvas]

PATTERNS: Mapping[str, Pattern] = {
    "even": even,
    "bands": bands,
    "spots": spots,
    "board": board,
    "planks": planks,
    "flecks": flecks,
    "crazed": crazed,
    "brushed": brushed,
}


def _shape(field: Canvas) -> tuple[int, int]:
    return field.shape[0], field.shape[1]


def _pixel(u: Canvas) -> float:
    """How far one pixel reaches on the surface."""
    return float(np.median(np.abs(np.diff(u, axis=1)))) + 1e-6


def _span(u: Canvas) -> float:
    """Width of the picture in the surface's units; the object is 2 along its longer side."""
    return max(_pixel(u) * float(u.shape[1]), 0.5)


def _jagged(field: Canvas, rng: np.random.Generator, reach: float, cells: float) -> Canvas:
    """The field read from places a little to the side: straight lines become crooked ones."""
    y, x = np.mgrid[0 : field.shape[0], 0 : field.shape[1]].astype(np.float32)
    x += np.float32(reach) * fractal(rng, _shape(field), cells, 3)
    y += np.float32(reach) * fractal(rng, _shape(field), cells, 3)
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def _edged(wave: Canvas, phase: Canvas) -> Canvas:
    """A square wave with edges of about one pixel."""
    slope = max(float(np.median(np.abs(np.diff(phase, axis=1)))), 0.05)
    return np.asarray(np.clip(wave / min(1.2 * slope, 0.9), -1, 1), np.float32)


def _stretched(rng: np.random.Generator, u: Canvas, v: Canvas) -> Canvas:
    """Noise drawn out along u: fibres and scratches."""
    line = rng.standard_normal(257).astype(np.float32)
    frequency = min(24.0, 0.3 / _pixel(u))
    sway = 0.04 * np.sin(2.1 * u + rng.uniform(0, 6))
    return np.asarray(
        np.interp((v + sway) * frequency % 256, np.arange(257), line) * 0.6, np.float32
    )
