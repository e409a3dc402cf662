"""Colour transfer in Lab: the object's own colour is moved, highlights and details stay."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.compositor.color import Canvas, blurred, blurred_inside, from_lab, lab_of, to_lab
from varifactory.models import InpaintingJob, Pixels, Region

LIGHTNESS_WEIGHT = 0.45
"""Of lightness in the distance to the object's colour: shading changes it, paint mostly not."""
REACH = 22.0
"""Distance in Lab at which a pixel is taken for the object's own colour by half."""
LEAST_SHARE = 0.7
"""Share of the object that is recoloured at least by half: an object of many colours gets a wider
reach rather than a small patch of the new one."""
OWN = "own"
"""Written for a colour: the one that is measured in the object."""
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
SHADE_RANGE = (0.55, 1.15)
"""How far the object's contrast may be squeezed or widened on a darker or lighter paint."""


def recolor(job: InpaintingJob, paint: Mapping[str, Any], rng: np.random.Generator) -> Pixels:
    """Give the object another colour. Paint: ``rgb`` (``#rrggbb``, or ``own``: its own anew)."""
    if not job.object_mask.any():
        return job.image.copy()
    seen = to_lab(job.image)
    lab = without_rim(seen, job.object_mask)
    own = dominant(lab, job.object_mask)
    target = _varied(own if paint["rgb"] == OWN else lab_of(paint["rgb"]), rng)
    weight = closeness(lab, job.object_mask, own)[..., None]
    painted = lab + weight * (_moved(lab, own, target) - lab)
    return from_lab(seen + float(job.settings.get("strength", 1.0)) * (painted - seen))


def _varied(target: Canvas, rng: np.random.Generator) -> Canvas:
    lightness, turn, chroma = rng.uniform(-3, 3), rng.uniform(-0.09, 0.09), rng.uniform(0.92, 1.08)
    a, b = float(target[1]) * chroma, float(target[2]) * chroma
    return np.array(
        [
            np.clip(target[0] + lightness, 6, 96),
            a * np.cos(turn) - b * np.sin(turn),
            a * np.sin(turn) + b * np.cos(turn),
        ],
        np.float32,
    )


def dominant(lab: Canvas, mask: Region) -> Canvas:
    """The object's own colour: the median of its core, then of what is close to that.

    The core leaves the rim out, whose pixels are half background.
    """
    core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    pixels = lab[core if core.sum() >= 20 else mask]
    own = np.median(pixels, axis=0)
    for _ in range(2):
        near = pixels[distance(pixels, own) < 1.5 * REACH]
        own = np.median(near, axis=0) if len(near) >= 0.3 * len(pixels) else own
    return np.asarray(own, np.float32)


def distance(lab: Canvas, own: Canvas) -> Canvas:
    """Distance in Lab with little weight on lightness."""
    difference = lab - own
    difference = difference * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
    return np.asarray(np.sqrt((difference**2).sum(axis=-1)))


def closeness(lab: Canvas, mask: Region, own: Canvas) -> Canvas:
    """How much each pixel belongs to the object's own colour, 0 to 1, smooth.

    At the rim, whose pixels are half background, and outside, it is carried out from further in:
    a feathered edge shows the new colour to its end.
    """
    away = distance(lab, own)
    reach = max(REACH, float(np.quantile(away[mask], LEAST_SHARE)))
    weight = (1 / (1 + (away / reach) ** 4)).astype(np.float32)
    inner = cv2.erode(mask.astype(np.uint8), CROSS).astype(bool)
    carried = blurred_inside(
        weight, inner if inner.any() else mask, max(1.2, 0.004 * max(mask.shape))
    )
    return blurred(np.where(inner, weight, np.maximum(weight, carried)), 0.5)


def without_rim(lab: Canvas, mask: Region) -> Canvas:
    """Lab with the object's colours carried out over its rim and a few pixels beyond."""
    inner = cv2.erode(mask.astype(np.uint8), CROSS).astype(bool)
    reach = max(1.2, 0.004 * max(mask.shape))
    near = blurred(inner.astype(np.float32), reach) > 0.003
    carried = 0.25 * lab + 0.75 * blurred_inside(lab, inner, reach)
    return np.where((near & ~inner)[..., None], carried, lab).astype(np.float32)


def _moved(lab: Canvas, own: Canvas, target: Canvas) -> Canvas:
    """Lab with the object's own colour at the target, its shading and variation kept."""
    scale = float(np.clip((target[0] + 25) / (own[0] + 25), *SHADE_RANGE))
    lightness = target[0] + (lab[..., 0] - own[0]) * scale
    # Paint in shade is less colourful, by about as much as it is darker.
    shade: NDArray[np.float32] = np.clip(lightness / max(float(target[0]), 10.0), 0.35, 1.15)
    # Some of the old variation in colour stays (spots, reflections): a third reads as the surface.
    moved = target[1:] * shade[..., None] + 0.33 * (lab[..., 1:] - own[1:])
    return np.concatenate([np.clip(lightness, 0, 100)[..., None], moved], axis=-1, dtype=np.float32)
