"""Ground in perspective: grass, sand, snow, water, lava, boards, carpets."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from varifactory.compositor.color import Canvas, rgb_of
from varifactory.compositor.noise import fractal

SHEET = 256
"""Side of the noise sheet that is laid on the ground, pixels."""
CAMERA = 0.22
"""How steeply the ground is seen: at 0 the horizon is infinitely far."""


def ground(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    cells: float = 24,
    stretch: float = 1.0,
    patches: float = 0.4,
    haze: str = "",
    boards: int = 0,
    veins: Mapping[str, Any] | None = None,
) -> None:
    """A plane from the view's upper edge (far) to its lower edge (near).

    ``colors`` run from the hollows to the heights of its noise; ``cells`` bumps fit the near edge;
    ``stretch`` above 1 lays them across (waves); ``patches`` is the weight of large forms; ``haze``
    is the colour of the distance; ``boards`` lays planks that run away; ``veins`` (``color``,
    ``core``, ``width``) are glowing cracks.
    """
    rows, columns = view.shape[:2]
    depth = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows
    far = (1 + CAMERA) / (depth + CAMERA)
    x = (np.arange(columns, dtype=np.float32)[None] / columns - 0.5) * far
    z = np.broadcast_to(far, (rows, columns)) * 1.2
    fine = _laid(rng, x, z, cells, stretch)
    large = _laid(rng, x, z, max(cells / 8, 1.5), stretch)
    steps = np.array([rgb_of(color) for color in colors], np.float32)
    # Distance averages the grain away, as a camera does.
    contrast = np.clip(0.25 + 0.9 * depth, 0, 1)
    value = (1 - patches) * fine * contrast + patches * large
    place = np.clip(0.5 + value / 3.2, 0, 1) * (len(steps) - 1)
    for channel in range(3):
        view[..., channel] = np.interp(place, np.arange(len(steps)), steps[:, channel])
    if boards:
        _board(view, rng, x, boards)
    if veins:
        _vein(view, rng, x, z, **veins)
    if haze:
        fog = (np.exp(-depth * 5) * 0.65)[..., None]
        view += fog.astype(np.float32) * (rgb_of(haze) - view)


def _laid(rng: np.random.Generator, x: Canvas, z: Canvas, cells: float, stretch: float) -> Canvas:
    """Noise at places of the plane; the sheet repeats mirrored."""
    sheet = fractal(rng, (SHEET, SHEET), 12, 4)
    scale = SHEET * cells / 12
    across = (x + rng.uniform(0, 4)) * scale / max(stretch, 0.1)
    away = (z + rng.uniform(0, 4)) * scale
    return np.asarray(
        cv2.remap(
            sheet,
            _mirrored(across.astype(np.float32)),
            _mirrored(away.astype(np.float32)),
            cv2.INTER_LINEAR,
        )
    )


def _mirrored(place: Canvas) -> Canvas:
    period = 2.0 * (SHEET - 1)
    folded = np.mod(place, period)
    return np.minimum(folded, period - folded).astype(np.float32)


def _board(view: Canvas, rng: np.random.Generator, x: Canvas, boards: int) -> None:
    number = x * boards + rng.uniform(0, 1)
    tone = rng.uniform(0.86, 1.1, 97).astype(np.float32)[np.floor(number).astype(int) % 97]
    edge = np.abs(number - np.floor(number) - 0.5)
    joint = 1 - 0.4 * np.clip((edge - 0.47) / 0.03, 0, 1)
    view *= (tone * joint)[..., None].astype(np.float32)


def _vein(
    view: Canvas,
    rng: np.random.Generator,
    x: Canvas,
    z: Canvas,
    color: str,
    core: str,
    width: float = 0.12,
) -> None:
    away = np.abs(_laid(rng, x, z, 5, 1.0)) / width
    halo = np.clip(1.6 - 0.55 * away, 0, 1)[..., None]
    view += halo.astype(np.float32) * (rgb_of(color) - view)
    inner = np.clip(1 - away, 0, 1)[..., None]
    view += inner.astype(np.float32) * (rgb_of(core) - view)
