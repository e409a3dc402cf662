"""The shape language: parts as data, turned into polygons, moved per instance, filled into layers.

Coordinates are those of `catalog/world.yaml`: a square of -1..1, x to the right, y down.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.errors import RecipeError
from varifactory.world.palette import rgb

Points = NDArray[np.float64]

CURVE_STEPS = 6  # points between two control points of a smoothed outline
ROUND_STEPS = 28  # points of a full ellipse
FRACTION_BITS = 4  # sub-pixel digits of OpenCV's fixed-point coordinates
SUPERSAMPLING = 2  # layers are drawn this much larger and averaged down
OUTLINE_TONE = 0.78  # the seam that keeps parts of one colour apart

SHAPES = ("ellipse", "box", "polygon", "blob", "stroke")
OPTIONS = ("angle", "half", "mirror", "tone", "paint", "round", "width", "end")


@dataclass(frozen=True, slots=True)
class Part:
    """One filled outline: `paint` None takes the object's colour (times `tone`) and texture."""

    outline: Points
    tone: float
    paint: tuple[int, int, int] | None


def parse_part(data: Mapping[str, Any], where: str) -> list[Part]:
    """The one or (mirrored) two parts of an entry; raises RecipeError on an unknown word."""
    kinds = [key for key in data if key in SHAPES]
    unknown = [key for key in data if key not in SHAPES and key not in OPTIONS]
    if len(kinds) != 1 or unknown:
        raise RecipeError(
            f"{where}: {dict(data)!r} needs exactly one shape of {', '.join(SHAPES)} "
            f"and beside it only {', '.join(OPTIONS)}"
        )
    try:
        outline = _outline(kinds[0], data)
    except KeyError as error:
        raise RecipeError(f"{where}.{kinds[0]}: {error.args[0]} missing in {data!r}") from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where}.{kinds[0]}: {data[kinds[0]]!r} is not a {kinds[0]}") from error
    paint = rgb(data["paint"], f"{where}.paint") if "paint" in data else None
    part = Part(outline, float(data.get("tone", 1.0)), paint)
    if not data.get("mirror"):
        return [part]
    return [part, Part(outline * (-1.0, 1.0), part.tone, paint)]


def _outline(kind: str, data: Mapping[str, Any]) -> Points:
    numbers = np.asarray(data[kind], dtype=np.float64)
    if kind in ("ellipse", "box"):
        x, y, a, b = numbers
        shape = _ellipse(a, b) if kind == "ellipse" else _box(a, b, float(data.get("round", 0)))
        turned: Points = turn(shape, float(data.get("angle", 0.0))) + np.array([x, y])
        return turned
    if numbers.ndim != 2 or numbers.shape[0] < 3 or numbers.shape[1] != 2:
        raise ValueError("at least three [x, y] points")
    if kind == "stroke":
        width = float(data["width"])
        return ribbon(_smooth(numbers, closed=False), width, float(data.get("end", width)))
    if data.get("half"):
        inner = numbers[1:-1] if kind == "blob" else numbers
        ends = (numbers[:1], numbers[-1:]) if kind == "blob" else (numbers[:0], numbers[:0])
        numbers = np.concatenate([ends[0], inner, ends[1], inner[::-1] * (-1.0, 1.0)])
    return _smooth(numbers, closed=True) if kind == "blob" else _dense(numbers)


def turn(points: Points, degrees: float) -> Points:
    """Rotate about the origin, clockwise on the screen."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Points = points @ np.array([[c, s], [-s, c]])
    return turned


def _ellipse(rx: float, ry: float) -> Points:
    t = np.linspace(0.0, 2.0 * np.pi, ROUND_STEPS, endpoint=False)
    return np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1)


def _box(width: float, height: float, radius: float) -> Points:
    radius = min(radius, width / 2, height / 2)
    x, y = width / 2 - radius, height / 2 - radius
    corner = np.linspace(0.0, np.pi / 2, 5 if radius else 1)
    points = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        t = corner + quarter * np.pi / 2
        points.append(np.stack([sx * x + radius * np.cos(t), sy * y + radius * np.sin(t)], axis=1))
    return _dense(np.concatenate(points))


def _dense(corners: Points) -> Points:
    """Points along straight edges too, so that an instance's wobble can bend them."""
    following = np.roll(corners, -1, axis=0)
    t = np.linspace(0.0, 1.0, 4, endpoint=False)[None, :, None]
    return (corners[:, None] * (1 - t) + following[:, None] * t).reshape(-1, 2)


def _smooth(points: Points, *, closed: bool) -> Points:
    """A Catmull-Rom curve through the points."""
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        before, after = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
        padded = np.concatenate([before, points, after])
    p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0.0, 1.0, CURVE_STEPS, endpoint=False)[None, :, None]
    a, b, c = 2 * p0 - 5 * p1 + 4 * p2 - p3, -p0 + 3 * p1 - 3 * p2 + p3, p2 - p0
    curve = 0.5 * (2 * p1[:, None] + c[:, None] * t + a[:, None] * t**2 + b[:, None] * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ribbon(line: Points, width: float, end: float) -> Points:
    """The outline of a line of points, `width` wide at its start and `end` at its end."""
    step = np.gradient(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.linspace(width, end, len(line))[:, None] / 2
    return np.concatenate([line + normal * half, (line - normal * half)[::-1]])


@dataclass(frozen=True, slots=True)
class Pose:
    """How one instance sits in the picture: a warp of the outline, then a similarity."""

    squash: float
    taper: float
    bend: float
    wobble: NDArray[np.float64]  # (2, 3): amplitude, frequency, phase of a wave for x and for y
    flip: bool
    degrees: float
    scale: float  # object units to shares of the picture
    centre: tuple[float, float]  # shares of the picture

    def place(self, points: Points) -> Points:
        """Object coordinates to shares of the picture (0..1)."""
        x, y = points[:, 0], points[:, 1]
        (ax, fx, px), (ay, fy, py) = self.wobble
        moved = np.stack(
            [
                x * (1.0 + self.squash) * (1.0 + self.taper * y)
                + self.bend * (y * y - 0.5)
                + ax * np.sin(fx * y + px),
                y * (1.0 - self.squash) + ay * np.sin(fy * x + py),
            ],
            axis=1,
        )
        if self.flip:
            moved[:, 0] *= -1.0
        return turn(moved, self.degrees) * self.scale + self.centre

    def object_coordinates(self, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(u, v) of every pixel, for textures that turn and scale with the object (no warp)."""
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        x = (axis[None, :] - self.centre[0]) / self.scale
        y = (axis[:, None] - self.centre[1]) / self.scale
        c, s = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        side = -1.0 if self.flip else 1.0
        u, v = (c * x + s * y) * side, c * y - s * x
        return u.astype(np.float32), v.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Layers:
    """An object drawn without its colour; all float32 (size, size), 0..1, premultiplied."""

    body: NDArray[np.float32]  # how much of a pixel takes the object's colour and texture
    tone: NDArray[np.float32]  # brightness factor of that colour, already times `body`
    detail: NDArray[np.float32]  # (size, size, 3) colours of the details, already times their cover
    cover: NDArray[np.float32]  # body and details together


def draw(parts: tuple[Part, ...], pose: Pose, size: int) -> Layers:
    """Fill the parts in order, each later one over the earlier ones."""
    large = size * SUPERSAMPLING
    body = np.zeros((large, large, 2), np.uint8)
    detail = np.zeros((large, large, 4), np.uint8)
    seam = max(1, round(large / 110))
    for part in parts:
        pixels = pose.place(part.outline) * large
        points = np.round(pixels * 2**FRACTION_BITS).astype(np.int32)[None]
        tone = int(min(part.tone, 1.25) * 200)
        if part.paint is None:
            cv2.fillPoly(body, points, (tone, 255, 0, 0), cv2.LINE_8, FRACTION_BITS)
            edge = (int(tone * OUTLINE_TONE), 255, 0, 0)
            cv2.polylines(body, points, True, edge, seam, cv2.LINE_8, FRACTION_BITS)
            cv2.fillPoly(detail, points, (0, 0, 0, 0), cv2.LINE_8, FRACTION_BITS)
        else:
            cv2.fillPoly(body, points, (0, 0, 0, 0), cv2.LINE_8, FRACTION_BITS)
            cv2.fillPoly(detail, points, (*part.paint, 255), cv2.LINE_8, FRACTION_BITS)
    small_body = cv2.resize(body, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    small_detail = cv2.resize(detail, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = small_body[..., 1] / 255.0
    cover = np.minimum(inside + small_detail[..., 3] / 255.0, 1.0)
    return Layers(inside, small_body[..., 0] / 200.0, small_detail[..., :3] / 255.0, cover)
