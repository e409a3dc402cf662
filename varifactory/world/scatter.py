"""Small things strewn over a background: grass, leaves, stars, stones, bubbles."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.world.palette import Color, unit

Canvas = NDArray[np.float32]
Paint = tuple[float, float, float]
Mark = Callable[[Canvas, float, float, float, float, Paint], None]


def fill(canvas: Canvas, box: Sequence[float], color: Color) -> None:
    """Fill [left, top, right, bottom], shares of the picture."""
    left, top, right, bottom = (max(round(edge * len(canvas)), 0) for edge in box)
    canvas[top:bottom, left:right] = color


def scatter(canvas: Canvas, layer: Mapping[str, Any], rng: np.random.Generator) -> None:
    """`count` marks of one shape, painted from back to front, larger towards the viewer."""
    size, count = len(canvas), layer["count"]
    paints = [tuple(float(c) for c in unit(color)) for color in layer["colors"]]
    top, bottom = layer["span"]
    x, y = rng.uniform(0, 1, count) * size, np.sort(rng.uniform(top, bottom, count)) * size
    smallest, largest = layer["size"]
    extent = rng.uniform(smallest, largest, count) * size
    lean = rng.uniform(-1, 1, count)
    choice = rng.integers(len(paints), size=count)
    draw = MARKS[layer["shape"]]
    for index in range(count):
        r, g, b = paints[choice[index]]
        draw(canvas, x[index], y[index], extent[index], lean[index], (r, g, b))


def _dot(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    if extent < 1.0:  # smaller than a pixel: as dim as it is small
        row, column = min(int(y), len(canvas) - 1), min(int(x), len(canvas) - 1)
        share = np.float32(0.3 + 0.7 * extent)
        canvas[row, column] += share * (np.array(paint, np.float32) - canvas[row, column])
        return
    cv2.circle(canvas, (round(x), round(y)), round(extent), paint, -1, cv2.LINE_8)


def _blade(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    tip = (round(x + lean * extent * 0.4), round(y - extent))
    cv2.line(canvas, (round(x), round(y)), tip, paint, 1, cv2.LINE_8)


def _leaf(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    axes = (max(1, round(extent)), max(1, round(extent * 0.5)))
    cv2.ellipse(canvas, (round(x), round(y)), axes, lean * 60, 0, 360, paint, -1, cv2.LINE_8)


def _stone(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    r, g, b = paint
    axes = (max(1, round(extent)), max(1, round(extent * 0.6)))
    cv2.ellipse(canvas, (round(x), round(y)), axes, 0, 0, 360, paint, -1, cv2.LINE_8)
    light = (min(r * 1.25, 1.0), min(g * 1.25, 1.0), min(b * 1.25, 1.0))
    upper = (round(x - extent * 0.2), round(y - extent * 0.2))
    small = (max(1, round(extent * 0.55)), max(1, round(extent * 0.25)))
    cv2.ellipse(canvas, upper, small, 0, 0, 360, light, -1, cv2.LINE_8)


def _cap(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    axes = (max(1, round(extent)), max(1, round(extent * 0.3)))
    cv2.ellipse(canvas, (round(x), round(y)), axes, 0, 180, 360, paint, 1, cv2.LINE_8)


def _weed(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    t = np.linspace(0.0, 1.0, 7)
    path = np.stack([x + np.sin(t * 6 + lean * 3) * extent * 0.16, y - t * extent], axis=1)
    width = max(1, len(canvas) // 40)
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, paint, width, cv2.LINE_8)


def _ring(canvas: Canvas, x: float, y: float, extent: float, lean: float, paint: Paint) -> None:
    cv2.circle(canvas, (round(x), round(y)), max(1, round(extent)), paint, 1, cv2.LINE_8)


MARKS: Mapping[str, Mark] = {
    "dot": _dot,
    "blade": _blade,
    "leaf": _leaf,
    "stone": _stone,
    "cap": _cap,
    "weed": _weed,
    "ring": _ring,
}
