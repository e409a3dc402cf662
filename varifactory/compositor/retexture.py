"""Texture: the object's own pattern is quietened and another laid on, following its form."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from varifactory.compositor.color import Canvas, blurred, blurred_inside, from_lab, lab_of, to_lab
from varifactory.compositor.patterns import PATTERNS
from varifactory.compositor.recolor import distance, dominant, without_rim
from varifactory.models import InpaintingJob, Pixels, Region

KEYS = ("pattern", "contrast", "keep", "toward", "share", "gloss", "options")
DARK_ENOUGH = 0.45
"""Share of the contrast that dark marks must reach; below it the marks are light instead."""
BULGE = 0.1
"""How far the steepest slope of the form moves a pattern, half lengths of the object."""
REFLECTED = [66, 70, 96, 84, 52, 36, 60, 80, 50]
"""Lightness that polished metal shows from top to bottom: sky, horizon, floor."""
RELIEF = 1.2
"""How much of the fine relief shows in reflections: polish sharpens it."""
ROOM = (10.0, 94.0)
"""Lightness that a pattern stays within, so that it shows on black and on white objects."""


def retexture(job: InpaintingJob, paint: Mapping[str, Any], rng: np.random.Generator) -> Pixels:
    """Give the object another surface.

    Paint: ``pattern`` (``patterns.PATTERNS``), ``contrast`` (of the pattern, in L), ``keep`` (share
    of the old fine detail that stays, 0 to 1), ``toward`` and ``share`` (a colour that the surface
    is drawn to, and how much), ``gloss`` (0 to 1, reflections as of polished metal), ``options``
    (of the pattern).

    Raises:
        ValueError: for an unknown key or pattern.
    """
    unknown = sorted(set(paint) - set(KEYS))
    if unknown or paint["pattern"] not in PATTERNS:
        named = unknown or [paint["pattern"]]
        raise ValueError(f"unknown {named}; patterns are {', '.join(PATTERNS)}")
    mask = job.object_mask
    if not mask.any():
        return job.image.copy()
    seen = to_lab(job.image)
    lab = without_rim(seen, mask)
    surface, part = _quietened(lab, mask, float(paint.get("keep", 0.45)))
    quiet = surface
    if "toward" in paint:
        surface = _drawn_to(surface, mask, lab_of(paint["toward"]), float(paint.get("share", 0.3)))
    form = _form(mask)
    u, v = _coordinates(mask, form, rng)
    pattern = PATTERNS[paint["pattern"]](u, v, rng, **paint.get("options", {}))
    contrast = float(paint.get("contrast", 30)) * rng.uniform(0.88, 1.12)
    surface[..., 0] = _modulated(surface[..., 0], mask, pattern, contrast)
    if paint.get("gloss"):
        surface = _glossed(surface, mask, form, float(paint["gloss"]), rng)
    surface = quiet + (1 - 0.85 * part)[..., None] * (surface - quiet)
    strength = float(job.settings.get("strength", 1.0))
    return from_lab(seen + strength * (surface - seen))


def _quietened(lab: Canvas, mask: Region, keep: float) -> tuple[Canvas, Canvas]:
    """The surface without its pattern, and how much each pixel is a part of its own, 0 to 1.

    Shading and ``keep`` of the fine detail stay. What lies far from the object's own colour (an
    eye, a window, a wheel) is a part: it stays as it is and takes little of the new pattern.
    """
    extent = float(mask.sum()) ** 0.5
    own = dominant(lab, mask)
    away = distance(lab, own)
    limit = max(30.0, float(np.quantile(away[mask], 0.75)))
    part = blurred(np.clip((away - limit) / 14, 0, 1).astype(np.float32), 0.6)
    surface = mask & (part < 0.5)
    smooth = blurred_inside(lab, surface if surface.any() else mask, 0.06 * extent)
    quiet = smooth + np.float32(keep) * (lab - smooth)
    quiet = quiet + part[..., None] * (lab - quiet)
    return quiet.astype(np.float32), part


def _drawn_to(surface: Canvas, mask: Region, target: Canvas, share: float) -> Canvas:
    mean = surface[mask].mean(axis=0)
    return np.asarray(surface + np.float32(share) * (target - mean))


def _form(mask: Region) -> Canvas:
    """A guess at relief from the outline alone, 0 at the rim to 1: a cushion without creases."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    rise = np.clip(depth / max(float(depth.max()), 1.0), 0, 1)
    cushion = np.sqrt(1 - (1 - rise) ** 2).astype(np.float32)
    return blurred(cushion, 0.12 * float(mask.sum()) ** 0.5)


def _coordinates(mask: Region, form: Canvas, rng: np.random.Generator) -> tuple[Canvas, Canvas]:
    """Place on the surface, about -1 to 1 along the object's longer side, turned a little.

    The cushion's slope moves the places, so that a pattern narrows towards the rim. Slopes beyond
    the limit would fold it.
    """
    y, x = np.nonzero(mask)
    half = max(np.ptp(y) + 1, np.ptp(x) + 1) / 2
    grid_y, grid_x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    slope_x = cv2.Sobel(form, cv2.CV_32F, 1, 0, ksize=3) / 8 * half
    slope_y = cv2.Sobel(form, cv2.CV_32F, 0, 1, ksize=3) / 8 * half
    flat_x = (grid_x - (x.min() + x.max()) / 2) / half - BULGE * np.clip(slope_x, -1, 1)
    flat_y = (grid_y - (y.min() + y.max()) / 2) / half - BULGE * np.clip(slope_y, -1, 1)
    turn = rng.uniform(-0.35, 0.35)
    u = flat_x * np.cos(turn) + flat_y * np.sin(turn)
    v = -flat_x * np.sin(turn) + flat_y * np.cos(turn)
    return u.astype(np.float32), v.astype(np.float32)


def _modulated(lightness: Canvas, mask: Region, pattern: Canvas, contrast: float) -> Canvas:
    """Lightness with the pattern (-1 to 1) on it: darker marks, lighter ones on a dark object."""
    middle = float(np.median(lightness[mask]))
    low, high = ROOM
    down = min(contrast, max(middle - low, 0.0))
    up = min(contrast - down, max(high - middle, 0.0))
    up *= 0.5 if down >= DARK_ENOUGH * contrast else 1.0  # the ground keeps its colour
    # A mark is -1 and the ground +1: a dark object has its roles exchanged.
    field = pattern if down >= DARK_ENOUGH * contrast else -pattern
    shade = np.clip(lightness / max(middle, 1.0), 0.4, 1.4)
    shifted = (
        lightness
        + shade * np.where(field < 0, field * down, 0)
        + np.where(field > 0, field * up, 0)
    )
    return np.asarray(np.clip(shifted, 0, 100), np.float32)


def _glossed(
    surface: Canvas, mask: Region, form: Canvas, gloss: float, rng: np.random.Generator
) -> Canvas:
    """Reflections: a bright sky, a dark horizon and a lit floor, bent by the form; less colour."""
    y, x = np.nonzero(mask)
    grid_y, grid_x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    down = (grid_y - y.min()) / max(np.ptp(y), 1)
    across = (grid_x - x.min()) / max(np.ptp(x), 1)
    tilt = rng.uniform(-0.35, 0.35)
    # The form bends what it reflects towards the rim.
    along = 0.5 + (down - 0.5) * (1.35 - 0.7 * form) + tilt * (across - 0.5)
    nodes = np.array([-0.4, 0.05, 0.2, 0.36, 0.48, 0.56, 0.75, 0.95, 1.4])
    nodes += rng.uniform(-0.05, 0.05)
    reflected = np.interp(along, nodes, REFLECTED).astype(np.float32)
    relief = surface[..., 0] - blurred_inside(surface[..., 0], mask, 0.05 * np.ptp(y) + 1)
    reflected = blurred(reflected, 0.02 * np.ptp(y)) + RELIEF * relief
    glossy = surface.copy()
    glossy[..., 0] += np.float32(gloss) * (reflected - surface[..., 0])
    glossy[..., 1:] *= 1 - 0.75 * gloss
    return glossy
