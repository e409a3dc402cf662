"""Tone: gain, gamma, temperature, saturation and a one-sided shade, on whatever region is given."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from varifactory.compositor.color import from_lab, to_lab
from varifactory.models import InpaintingJob, Pixels

KEYS = ("gain", "gamma", "temperature", "tint", "saturation", "shade", "angle")
VARIATION = 0.08
"""Relative spread of every amount from edit to edit."""


def adjust_tone(job: InpaintingJob, paint: Mapping[str, Any], rng: np.random.Generator) -> Pixels:
    """Change the light.

    Paint: ``gain`` (factor), ``gamma`` (above 1 darkens the middle), ``temperature`` (-1 cold to
    1 warm), ``tint`` (-1 green to 1 magenta), ``saturation`` (factor), ``shade`` (0 to 1, how
    dark the far side gets) and ``angle`` (degrees, where the light comes from; 90 is above).

    Raises:
        ValueError: for an unknown key.
    """
    unknown = sorted(set(paint) - set(KEYS))
    if unknown:
        raise ValueError(f"unknown tone {unknown}; known are {', '.join(KEYS)}")
    vary = {key: 1 + VARIATION * rng.uniform(-1, 1) for key in KEYS}
    strength = float(job.settings.get("strength", 1.0))

    def amount(key: str, neutral: float) -> float:
        return neutral + (float(paint.get(key, neutral)) - neutral) * vary[key] * strength

    light = np.power(job.image.astype(np.float32) / 255, max(amount("gamma", 1), 0.05))
    light = light * max(amount("gain", 1), 0)
    if paint.get("shade"):
        ramp = _ramp(job.image.shape[0], job.image.shape[1], float(paint.get("angle", 90)), rng)
        light = light * (1 - np.clip(amount("shade", 0), 0, 1) * ramp)[..., None]
    lab = to_lab(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8))
    lab[..., 1:] *= max(amount("saturation", 1), 0)
    # Full warmth moves white to about the colour of a candle-lit wall: b +40, a +8.
    lab[..., 1] += 8 * amount("temperature", 0) + 30 * amount("tint", 0)
    lab[..., 2] += 40 * amount("temperature", 0)
    return from_lab(lab)


def _ramp(height: int, width: int, angle: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """0 on the lit side, 1 on the far side."""
    turn = np.deg2rad(angle + rng.uniform(-10, 10))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = -(x / width - 0.5) * np.cos(turn) + (y / height - 0.5) * np.sin(turn)
    return np.asarray(np.clip(along + 0.5, 0, 1), np.float32)
