"""Surroundings: another place is painted, lit like the source, and the object stands in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.compositor.color import Canvas, blurred, from_lab, to_lab
from varifactory.compositor.noise import between
from varifactory.compositor.own import own_place
from varifactory.compositor.painters import PAINTERS
from varifactory.models import InpaintingJob, Pixels, Region

KEYS = ("horizon", "shadow", "above", "below", "over", "own")
LIGHT_MATCH = 0.3
"""Share of the difference in mean lightness to the source that the new place takes over."""
LIGHT_LIMIT = 10.0
CAST_MATCH = 0.2
CAST_LIMIT = 4.0
"""Of the colour cast, likewise, in Lab; a place must keep its own colours."""
MOST_GRAIN = 12.0
"""Grain above this (standard deviation, 0 to 255) would be texture taken for noise."""


def replace_background(
    job: InpaintingJob, paint: Mapping[str, Any], rng: np.random.Generator
) -> Pixels:
    """Put the object into another place.

    Paint: ``horizon`` (range of its height, share of the picture from the top; absent: no ground),
    layers ``above`` it, ``below`` it and ``over`` both, ``shadow`` (0 to 1 on the ground). Or
    ``own: true``: the old place's colours where they are and its patches, without its things.

    Raises:
        ValueError: for an unknown key or painter.
    """
    unknown = sorted(set(paint) - set(KEYS))
    if unknown:
        raise ValueError(f"unknown {unknown}; known are {', '.join(KEYS)}")
    horizon = _horizon(job.object_mask, paint.get("horizon"), rng)
    if paint.get("own"):
        place = own_place(job.image, ~job.object_mask, rng)
    else:
        place = _painted(job.image.shape[:2], horizon, paint, rng)
    place = blurred(place, rng.uniform(0.3, 0.75) * job.image.shape[0] / 96)
    place = _lit_like(job.image, job.object_mask, place)
    if horizon is not None:
        place *= 1 - float(paint.get("shadow", 0.5)) * _shadow(job.object_mask, horizon, rng)
    place += rng.standard_normal(place.shape[:2], np.float32)[..., None] * grain(job.image) / 255
    new = np.rint(np.clip(place, 0, 1) * 255).astype(np.uint8)
    new = np.where(job.object_mask[..., None], _cleaned(job, new), new)
    strength = float(job.settings.get("strength", 1.0))
    return np.rint(job.image * (1 - strength) + new * strength).astype(np.uint8)


def _horizon(mask: Region, wanted: Sequence[float] | None, rng: np.random.Generator) -> int | None:
    """Row of the horizon: always above the object's base, so that it stands on the ground."""
    if wanted is None:
        return None
    height = mask.shape[0]
    drawn = between(rng, wanted) * height
    rows = np.nonzero(mask.any(axis=1))[0]
    base = rows[-1] if len(rows) else height - 1
    return round(float(np.clip(min(drawn, base - 0.12 * height), 0.08 * height, 0.9 * height)))


def _painted(
    shape: tuple[int, ...],
    horizon: int | None,
    paint: Mapping[str, Any],
    rng: np.random.Generator,
) -> Canvas:
    canvas = np.zeros((shape[0], shape[1], 3), np.float32)
    line = shape[0] if horizon is None else horizon
    views = {"above": slice(0, line), "below": slice(line, None), "over": slice(None)}
    for key, rows in views.items():
        view = canvas[rows]
        for layer in paint.get(key, ()):
            if layer["painter"] not in PAINTERS:
                known = ", ".join(PAINTERS)
                raise ValueError(f"unknown painter {layer['painter']!r}; known are {known}")
            if len(view):
                settings = {name: value for name, value in layer.items() if name != "painter"}
                PAINTERS[layer["painter"]](view, rng, **settings)
    if horizon is not None:
        _soften(canvas, horizon)
    return canvas


def _soften(canvas: Canvas, horizon: int) -> None:
    """The far edge of the ground is never a knife's edge."""
    reach = max(1, canvas.shape[0] // 96)
    rows = slice(max(horizon - 3 * reach, 0), horizon + 3 * reach)
    soft = cv2.GaussianBlur(canvas, (0, 0), 0.1 + 0.7 * reach)
    canvas[rows] = soft[rows]


def _lit_like(source: Pixels, mask: Region, place: Canvas) -> Canvas:
    """The place moved a little towards the source's brightness and colour cast."""
    new = to_lab(np.rint(np.clip(place, 0, 1) * 255).astype(np.uint8))
    around = ~mask if (~mask).sum() > 50 else np.ones_like(mask)
    difference = to_lab(source)[around].mean(axis=0) - new[around].mean(axis=0)
    new[..., 0] += np.clip(LIGHT_MATCH * difference[0], -LIGHT_LIMIT, LIGHT_LIMIT)
    new[..., 1:] += np.clip(CAST_MATCH * difference[1:], -CAST_LIMIT, CAST_LIMIT)
    return from_lab(new).astype(np.float32) / 255


def _shadow(mask: Region, horizon: int, rng: np.random.Generator) -> Canvas:
    """Darkness on the ground, 0 to 1 (height, width, 1): a dark contact and a soft cast shadow."""
    height, width = mask.shape
    side, length = rng.uniform(-0.55, 0.55), rng.uniform(0.14, 0.26)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return np.zeros((height, width, 1), np.float32)
    base, tall = int(rows.max()), int(np.ptp(rows)) + 1
    # The outline laid down on the ground, to one side, around the line on which it stands.
    laid = np.array([[1, -side, side * base], [0, length, base * (1 - length)]], np.float32)
    cast = cv2.warpAffine(mask.astype(np.float32), laid, (width, height))
    cast = blurred(cast, 0.03 * tall)
    foot = columns[rows >= base - 0.08 * tall]
    left, right = np.quantile(foot, (0.03, 0.97))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wide, thin = max((right - left) / 2 * 1.15, 2.0), max(0.035 * tall, 1.2)
    away = ((x - (left + right) / 2) / wide) ** 2 + ((y - base) / thin) ** 2
    shadow = np.maximum(0.65 * cast, np.exp(-(away**1.0)))
    shadow[:horizon] = 0
    return np.asarray(shadow, np.float32)[..., None]


def grain(image: Pixels) -> float:
    """Standard deviation of an image's noise, 0 to 255, from its smoothest half.

    A second-difference mask that gradients do not pass (Immerkaer 1996), by its median.
    """
    gray = image.astype(np.float32).mean(axis=-1)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    passed = np.abs(cv2.filter2D(gray, cv2.CV_32F, mask))
    smooth = passed[passed <= np.median(passed)]
    # Median of the lower half is the first quartile of |N(0, 6 sigma)|: 0.3186 * 6 sigma.
    return min(float(np.median(smooth)) / (0.3186 * 6), MOST_GRAIN)


def _cleaned(job: InpaintingJob, place: Pixels) -> Pixels:
    """The object's rim with the old place's light taken out, on the new place.

    Rim pixels mix object and surroundings; the object's colour a little further in is carried out
    to them instead.
    """
    inner = cv2.erode(job.object_mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    rim = job.object_mask & ~inner
    if not inner.any():
        return job.image
    carried = _carried_out(job.image, inner)
    soft = blurred(job.object_mask.astype(np.float32), 0.8)[..., None]
    blend = np.rint(carried * soft + place * (1 - soft)).astype(np.uint8)
    return np.where(rim[..., None], blend, job.image)


def _carried_out(image: Pixels, inner: Region) -> NDArray[np.float32]:
    weight = inner.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), 1.2), 1e-4)[..., None]
    total = cv2.GaussianBlur(image.astype(np.float32) * weight[..., None], (0, 0), 1.2)
    return np.asarray(total / share, np.float32)
