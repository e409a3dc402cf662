"""Background painters: the layers of a place, painted one over the other.

A canvas is float32 (size, size, 3) in 0..1. Every painter changes it in place, from the values of
`catalog/world.yaml` (spans and sizes are shares of the picture) and a stream of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.world.palette import unit
from varifactory.world.scatter import fill, scatter

Canvas = NDArray[np.float32]
Stream = np.random.Generator
Painter = Callable[[Canvas, Mapping[str, Any], Stream], None]


MAX_ZOOM = 1.3  # how much of a place a picture may leave out


def paint_background(size: int, layers: Sequence[Mapping[str, Any]], rng: Stream) -> Canvas:
    canvas = np.zeros((size, size, 3), np.float32)
    for layer in layers:
        PAINTERS[layer["painter"]](canvas, layer, rng)
    canvas = _reframe(canvas, rng)
    drift = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    np.multiply(canvas, drift, out=canvas)
    return np.clip(canvas, 0.0, 1.0, out=canvas)


def _reframe(canvas: Canvas, rng: Stream) -> Canvas:
    """A window of the place, maybe mirrored, so that no two pictures share their layout."""
    size = len(canvas)
    zoom = rng.uniform(1.0, MAX_ZOOM)
    left, top = rng.uniform(0.0, 1.0 - 1.0 / zoom, 2) * size
    matrix = np.array([[zoom, 0.0, -left * zoom], [0.0, zoom, -top * zoom]])
    if rng.random() < 0.5:
        canvas = canvas[:, ::-1].copy()
    framed: Canvas = cv2.warpAffine(canvas, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return framed


def rows(size: int, span: Sequence[float]) -> slice:
    top, bottom = (round(edge * size) for edge in span)
    return slice(max(top, 0), min(bottom, size))


def _gradient(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    part = rows(len(canvas), layer["span"])
    first, last = (unit(color) for color in layer["colors"])
    t = np.linspace(0.0, 1.0, part.stop - part.start, dtype=np.float32)[:, None, None]
    canvas[part] = first + (last - first) * t


def _grain(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Blotches: `scale` cells across and down the picture, brightness by +-`amount`."""
    part = rows(len(canvas), layer["span"])
    across, down = layer["scale"]
    height = part.stop - part.start
    grid = rng.uniform(-1, 1, (max(2, round(down * height / len(canvas))), across))
    noise = cv2.resize(grid.astype(np.float32), (len(canvas), height))
    canvas[part] *= 1.0 + np.float32(layer["amount"]) * noise[..., None]


def _profile(size: int, rough: float, rng: Stream) -> NDArray[np.float64]:
    """A skyline in -1..1: long waves, and noise by the share `rough`."""
    x = np.linspace(0.0, 1.0, size)
    waves = sum(np.sin(x * rng.uniform(2, 9) + rng.uniform(0, 6)) for _ in range(2)) / 2
    return waves * (1 - rough) + rough * np.interp(x, np.linspace(0, 1, 24), rng.uniform(-1, 1, 24))


def _below(canvas: Canvas, top: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.arange(len(canvas))[:, None] >= np.round(top * len(canvas))[None, :]


def _ridge(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    skyline = layer["base"] + layer["height"] * 0.6 * _profile(len(canvas), layer["rough"], rng)
    canvas[_below(canvas, skyline)] = unit(layer["color"])


def _peaks(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Pointed mountains, the light side left; `cap` colours what rises above two thirds."""
    x = np.linspace(0.0, 1.0, len(canvas))
    tops = (np.arange(layer["count"]) + rng.uniform(0.1, 0.9, layer["count"])) / layer["count"]
    heights = layer["height"] * rng.uniform(0.55, 1.0, layer["count"])
    slopes = heights[:, None] - np.abs(x[None] - tops[:, None]) * rng.uniform(1.1, 1.7)
    nearest = slopes.argmax(axis=0)
    rise = slopes.max(axis=0) + 0.02 * _profile(len(canvas), 1.0, rng)
    here = _below(canvas, layer["base"] - rise)
    light = np.where(x < tops[nearest], 1.08, 0.8).astype(np.float32)
    paint = unit(layer["color"])[None, :] * light[:, None]
    canvas[here] = np.broadcast_to(paint, canvas.shape)[here]
    snowline = layer["base"] - layer["height"] * 0.5 + 0.04 * _profile(len(canvas), 1.0, rng)
    capped = here & ~_below(canvas, snowline)
    paint = unit(layer["cap"])[None, :] * np.clip(light, 0.86, 1.0)[:, None]
    canvas[capped] = np.broadcast_to(paint, canvas.shape)[capped]


def _waves(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    top, bottom = layer["span"]
    for y in np.linspace(top, bottom, layer["count"]):
        line = y + 0.012 * _profile(len(canvas), 0.3, rng)
        foot = line + layer["height"] * rng.uniform(0.6, 1.4)
        band = _below(canvas, line) & ~_below(canvas, foot)
        canvas[band] = 0.3 * canvas[band] + 0.7 * unit(layer["color"])


def _ripples(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Wavy lines that draw together towards the horizon."""
    part = rows(len(canvas), layer["span"])
    depth = np.linspace(0.02, 1.0, part.stop - part.start, dtype=np.float32) ** 0.55
    shift = _profile(len(canvas), 0.35, rng).astype(np.float32)
    phase = depth[:, None] * np.float32(np.pi * 2 * layer["count"] / 2) + shift[None] * 2.2
    breaks = cv2.resize(rng.uniform(0, 1, (14, 9)).astype(np.float32), phase.shape[::-1])
    amount = np.clip(np.sin(phase), 0, 1) ** 2 * breaks * np.float32(layer["amount"])
    canvas[part] += amount[..., None] * (unit(layer["color"]) - canvas[part])


def _posts(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Tree trunks, round by a darker right side."""
    part = rows(len(canvas), layer["span"])
    size, colors = len(canvas), [unit(color) for color in layer["colors"]]
    for _ in range(layer["count"]):
        x, width = rng.uniform(-0.02, 1.0), rng.uniform(*layer["width"])
        foot = min(part.stop + int(rng.uniform(0, 0.12) * size), size)
        left, right = max(round(x * size), 0), min(round((x + width) * size) + 1, size)
        shade = np.linspace(1.25, 0.65, right - left, dtype=np.float32)[None, :, None]
        canvas[part.start : foot, left:right] = colors[rng.integers(len(colors))] * shade


def _facades(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """House fronts side by side, with rows of windows."""
    colors = [unit(color) for color in layer["colors"]]
    top, bottom = layer["span"]
    shifts = rng.uniform(-0.04, 0.04, layer["count"] + 1)
    edges = np.linspace(-0.05, 1.05, layer["count"] + 1) + shifts
    order = rng.permutation(len(colors))
    for index, (left, right) in enumerate(pairwise(edges)):
        roof = top + rng.uniform(0.0, 0.2)
        box = [left, roof, right, bottom]
        fill(canvas, box, colors[order[index % len(colors)]] * np.float32(rng.uniform(0.85, 1.08)))
        glass = unit("#4c5f70") * np.float32(rng.uniform(0.8, 1.2))
        for y in np.arange(roof + 0.05, bottom - 0.08, 0.12):
            for x in (left + (right - left) * share for share in (0.18, 0.58)):
                fill(canvas, [x, y, x + 0.24 * (right - left), y + 0.065], glass)


def _dashes(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    for x in np.arange(rng.uniform(-0.3, 0.0), 1.0, layer["period"]):
        box = [x, layer["y"], x + layer["period"] * 0.55, layer["y"] + layer["height"]]
        fill(canvas, box, unit(layer["color"]))


def _grid(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    part = rows(len(canvas), layer["span"])
    period = layer["period"] * rng.uniform(0.85, 1.2)
    x = np.mod(np.arange(len(canvas)) / len(canvas) / period + rng.uniform(), 1.0)
    y = np.mod(np.arange(part.start, part.stop) / len(canvas) / period + rng.uniform(), 1.0)
    gap = (x[None] < layer["gap"]) | (y[:, None] < layer["gap"])
    canvas[part] = np.where(gap[..., None], unit(layer["gap_color"]), unit(layer["color"]))


def _frame(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """A window, a picture, a cupboard: a box in a box, moved a little sideways."""
    shift = rng.uniform(-0.05, 0.05)
    left, top, right, bottom = layer["area"]
    fill(canvas, [left + shift, top, right + shift, bottom], unit(layer["color"]))
    rim = 0.028
    inner = [left + shift + rim, top + rim, right + shift - rim, bottom - rim]
    fill(canvas, inner, unit(layer["inner"]))


def _bricks(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    size, count = len(canvas), layer["rows"]
    colors = np.stack([unit(color) for color in layer["colors"]])
    y = np.arange(size) / size * count + rng.uniform()
    x = np.arange(size) / size * count / 2.1 + rng.uniform()
    row = np.floor(y).astype(int)[:, None]
    along = x[None] + 0.5 * (row % 2)
    paint = colors[rng.integers(len(colors), size=(count + 2, count + 3))]
    paint = paint * rng.uniform(0.85, 1.15, (count + 2, count + 3, 1)).astype(np.float32)
    gap = (np.mod(along, 1.0) < 0.08) | (np.mod(y, 1.0)[:, None] < 0.17)
    wall = paint[np.broadcast_to(row, along.shape), np.floor(along).astype(int)]
    canvas[:] = np.where(gap[..., None], unit(layer["gap_color"]), wall)


def _boards(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Floor boards, their joints meeting far behind the wall."""
    size = len(canvas)
    top, bottom = (round(edge * size) for edge in layer["span"])
    color = [float(c) for c in unit(layer["color"])]
    for x in np.linspace(-0.6, 1.6, 2 * layer["count"]) + rng.uniform(-0.05, 0.05):
        start = (round((0.5 + (x - 0.5) * 0.6) * size), top)
        cv2.line(canvas, start, (round(x * size), bottom), color, 1, cv2.LINE_8)


def _carpet(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    left, top, right, bottom = (edge * len(canvas) for edge in layer["area"])
    centre = (round((left + right) / 2), round((top + bottom) / 2))
    for shrink, color in ((1.0, layer["edge"]), (0.88, layer["color"])):
        axes = (round((right - left) / 2 * shrink), round((bottom - top) / 2 * shrink))
        paint = [float(c) for c in unit(color)]
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, paint, -1, cv2.LINE_8)


def _disc(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    left, top, right, bottom = layer["area"]
    x, y = rng.uniform(left, right) * len(canvas), rng.uniform(top, bottom) * len(canvas)
    paint = [float(c) for c in unit(layer["color"])]
    radius = max(1, round(layer["radius"] * len(canvas)))
    cv2.circle(canvas, (round(x), round(y)), radius, paint, -1, cv2.LINE_8)


def _clouds(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    size = len(canvas)
    cover = np.zeros((size, size), np.uint8)
    top, bottom = layer["span"]
    for _ in range(layer["count"]):
        x, y, radius = rng.uniform(), rng.uniform(top, bottom), rng.uniform(*layer["size"])
        for shift in (-0.9, 0.0, 0.9):
            axes = (round(radius * size * 0.8), round(radius * size * rng.uniform(0.25, 0.5)))
            centre = (round((x + shift * radius) * size), round(y * size))
            cv2.ellipse(cover, centre, axes, 0, 0, 360, 230, -1, cv2.LINE_8)
    soft = cv2.GaussianBlur(cover, (0, 0), size * 0.025).astype(np.float32)[..., None] / 255
    canvas += soft * (unit(layer["color"]) - canvas)


def _rays(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Shafts of light from above, fading with depth."""
    size = len(canvas)
    x = np.linspace(0, 1, size, dtype=np.float32)
    slant = x[None] + np.float32(rng.uniform(-0.5, 0.5)) * x[:, None]
    wave = np.sin(slant * np.float32(layer["count"] * np.pi * 2) + np.float32(rng.uniform(0, 6)))
    light = np.clip(wave, 0, 1) ** 2 * np.clip(0.85 - x[:, None], 0, 1) * np.float32(0.4)
    canvas += light[..., None] * (unit(layer["color"]) - canvas)


def _veins(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    """Glowing cracks: a wide line in `color`, a thin one in `core`."""
    size = len(canvas)
    top, bottom = layer["span"]
    for _ in range(layer["count"]):
        start = np.array([rng.uniform(), rng.uniform(top + 0.03, bottom)])
        steps = rng.uniform([0.03, -0.05], [0.13, 0.07], (6, 2)).cumsum(axis=0)
        steps[:, 0] *= rng.choice([-1.0, 1.0])
        path = np.round(np.clip(start + steps, [-0.1, top], [1.1, 1.1]) * size).astype(np.int32)
        for width, color in ((size // 28 + 1, layer["color"]), (size // 90 + 1, layer["core"])):
            paint = [float(c) for c in unit(color)]
            cv2.polylines(canvas, [path], False, paint, width, cv2.LINE_8)


def _craters(canvas: Canvas, layer: Mapping[str, Any], rng: Stream) -> None:
    size = len(canvas)
    top, bottom = layer["span"]
    for y in np.sort(rng.uniform(top, bottom, layer["count"])):
        radius = rng.uniform(*layer["size"]) * (0.4 + y) * size
        centre = (round(rng.uniform() * size), round(y * size))
        axes = (max(2, round(radius)), max(1, round(radius * 0.4)))
        shifted = (centre[0], centre[1] + max(1, round(radius * 0.12)))
        cv2.ellipse(canvas, shifted, axes, 0, 0, 360, (0.82, 0.82, 0.8), -1, cv2.LINE_8)
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, (0.4, 0.4, 0.39), -1, cv2.LINE_8)


PAINTERS: Mapping[str, Painter] = {
    "gradient": _gradient,
    "grain": _grain,
    "ridge": _ridge,
    "peaks": _peaks,
    "waves": _waves,
    "ripples": _ripples,
    "posts": _posts,
    "facades": _facades,
    "dashes": _dashes,
    "grid": _grid,
    "frame": _frame,
    "bricks": _bricks,
    "boards": _boards,
    "carpet": _carpet,
    "disc": _disc,
    "clouds": _clouds,
    "rays": _rays,
    "veins": _veins,
    "craters": _craters,
    "scatter": scatter,
}
