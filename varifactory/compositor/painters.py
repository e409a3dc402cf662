"""Painters of places: each paints over a view (rows of a picture, sRGB 0 to 1) in place.

Lengths are shares of the view's width or height, so that a place looks the same at every size.
"""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from varifactory.compositor.color import Canvas, rgb_of
from varifactory.compositor.ground import ground
from varifactory.compositor.noise import between, fractal, profile


def _over(view: Canvas, color: Canvas, cover: Canvas) -> None:
    weight = np.clip(cover, 0, 1)[..., None].astype(np.float32)
    view *= 1 - weight
    view += weight * color


def wash(
    view: Canvas, rng: np.random.Generator, colors: Sequence[str], uneven: float = 0.03
) -> None:
    """A soft run of colours from top to bottom, a little uneven."""
    steps = np.array([rgb_of(color) for color in colors])
    y = np.linspace(0, len(steps) - 1, view.shape[0])[:, None]
    drift = rng.uniform(-1, 1) * 2 * uneven + uneven * fractal(rng, _shape(view), 2, 2)
    place = np.clip(y + drift * len(steps), 0, len(steps) - 1)
    for channel in range(3):
        view[..., channel] = np.interp(place, np.arange(len(steps)), steps[:, channel])


def mottle(
    view: Canvas,
    rng: np.random.Generator,
    amount: float = 0.1,
    cells: float = 8,
    stretch: float = 1,
) -> None:
    """Lighter and darker patches; ``amount`` is their standard deviation as a factor."""
    view *= (1 + amount * fractal(rng, _shape(view), cells, 4, stretch))[..., None]


def vapour(
    view: Canvas,
    rng: np.random.Generator,
    color: str,
    cover: float = 0.4,
    softness: float = 0.8,
    cells: float = 3,
    stretch: float = 2.5,
    strength: float = 0.9,
) -> None:
    """Clouds, fog or a nebula over about ``cover`` of the view."""
    noise = fractal(rng, _shape(view), cells, 5, stretch) + rng.uniform(-0.2, 0.2)
    limit = float(np.quantile(noise, 1 - cover))
    amount = np.clip((noise - limit) / softness, 0, 1)
    shade = 1 - 0.12 * np.clip(fractal(rng, _shape(view), cells * 2, 2, stretch), -1, 1)
    _over(view, rgb_of(color) * shade[..., None], strength * amount * amount * (3 - 2 * amount))


def rise(
    view: Canvas,
    rng: np.random.Generator,
    color: str,
    height: float,
    rough: float = 0.3,
    cells: float = 3,
    peaked: bool = False,
    top: str = "",
    top_share: float = 0.4,
    shade: float = 0.12,
) -> None:
    """Hills, tree lines or mountains that stand on the view's lower edge.

    ``peaked`` folds the line into summits; ``top`` colours the highest ``top_share`` of them.
    """
    rows, columns = _shape(view)
    line = profile(rng, columns, cells, 6 if peaked else 5)
    line = 1 - 2 * np.abs(line) / 1.6 if peaked else line
    tall = np.clip(height * (1 + rough * line), 0.02, 1) * rows
    above_foot = rows - np.arange(rows, dtype=np.float32)[:, None] - 0.5
    # A slope that faces the light: the two-dimensional noise, drawn out along the fall line.
    relief = fractal(rng, (rows, columns), cells * 3, 4, 0.7)
    tone = (1 + shade * relief)[..., None]
    body = rgb_of(color) * tone
    if top:
        limit = (1 - top_share + 0.12 * relief) * float(tall.max())
        share = np.clip((above_foot - limit) / (0.05 * rows + 1), 0, 1)[..., None]
        body = body + share * (rgb_of(top) * (0.88 + 0.12 * tone) - body)
    _over(view, body.astype(np.float32), tall[None] - above_foot + 0.5)


def trunks(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    count: int = 8,
    width: Sequence[float] = (0.02, 0.06),
    haze: str = "",
) -> None:
    """Upright stems from top to bottom, far ones paler."""
    rows, columns = _shape(view)
    x = np.arange(columns, dtype=np.float32)[None] / columns
    y = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    bark = fractal(rng, (rows, columns), 40, 2, 0.1)
    for depth in np.sort(rng.random(count)):
        half = (width[0] + (width[1] - width[0]) * depth) / 2
        middle = rng.random() + 0.02 * rng.uniform(-1, 1) * y + 0.004 * np.sin(9 * y + 6 * depth)
        inside = (half * (0.9 + 0.25 * y**4) - np.abs(x - middle)) * columns + 0.5
        tone = (1 + 0.1 * bark - 0.35 * (x - middle) / half)[..., None]
        color = rgb_of(colors[int(rng.integers(len(colors)))])
        if haze:
            color = color + (1 - depth) * 0.75 * (rgb_of(haze) - color)
        _over(view, (color * np.clip(tone, 0.4, 1.5)).astype(np.float32), inside)


def masonry(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    joint: str,
    courses: float = 9,
    ratio: float = 2.2,
    bond: float = 0.5,
    gap: float = 0.12,
) -> None:
    """Bricks or tiles seen from the front; ``ratio`` is their width by height."""
    rows, columns = _shape(view)
    pitch = columns / (courses * rng.uniform(0.85, 1.15))
    y = (np.arange(rows) + rng.uniform(0, pitch))[:, None] / pitch
    course = np.floor(y)
    x = (np.arange(columns) + rng.uniform(0, pitch))[None] / (pitch * ratio) + bond * (course % 2)
    number = np.floor(x)
    palette = np.array([rgb_of(color) for color in colors], np.float32)
    choice = rng.integers(len(palette), size=(64, 64))
    tone = rng.uniform(0.86, 1.1, (64, 64)).astype(np.float32)
    at = course.astype(int) % 64, number.astype(int) % 64
    body = palette[choice[at]] * tone[at][..., None]
    down, across = np.abs(y - course - 0.5), np.abs(x - number - 0.5) * ratio
    depth = np.minimum(0.5 - down, ratio / 2 - across) - gap / 2
    inside = np.clip(depth * pitch + 0.5, 0, 1).astype(np.float32)
    view[:] = rgb_of(joint)
    _over(view, body, inside)
    mottle(view, rng, 0.05, 14)


def block(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    left: Sequence[float],
    width: Sequence[float],
    top: Sequence[float],
    height: Sequence[float] | float = 1.0,
    panes: Sequence[int] = (),
    pane: str = "#8fa7b5",
    round: float = 0.0,
) -> None:
    """A box seen from the front: a house with windows, a cupboard, a sofa, a picture.

    ``panes`` (columns, rows) divide it. All ranges are shares of the view.
    """
    rows, columns = _shape(view)
    x0, wide = between(rng, left) * columns, between(rng, width) * columns
    y0 = between(rng, top) * rows
    tall = (height if isinstance(height, float | int) else between(rng, height)) * rows
    color = rgb_of(colors[int(rng.integers(len(colors)))]) * rng.uniform(0.92, 1.06)
    inside = _box(view, x0, y0, wide, tall, round * wide)
    across = (np.arange(columns)[None] - x0) / max(wide, 1)
    tone = (1.06 - 0.14 * np.clip(across, 0, 1))[..., None]
    _over(view, (color * tone).astype(np.float32), inside)
    if len(panes) == 2:
        for column in range(panes[0]):
            for row in range(panes[1]):
                x, y = x0 + wide * (column + 0.22) / panes[0], y0 + tall * (row + 0.2) / panes[1]
                size = wide * 0.56 / panes[0], tall * 0.6 / panes[1]
                cover = _box(view, x, y, *size, 0)
                _over(view, rgb_of(pane) * np.float32(rng.uniform(0.8, 1.15)), cover)


def _box(view: Canvas, x0: float, y0: float, wide: float, tall: float, round: float) -> Canvas:
    y, x = np.mgrid[0 : view.shape[0], 0 : view.shape[1]].astype(np.float32) + 0.5
    across = np.abs(x - x0 - wide / 2) - wide / 2 + round
    down = np.abs(y - y0 - tall / 2) - tall / 2 + round
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    signed = outside + np.minimum(np.maximum(across, down), 0) - round
    return np.asarray(np.clip(0.5 - signed, 0, 1), np.float32)


def specks(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    count: int,
    size: Sequence[float],
    near: float = 0.0,
    tall: float = 1.0,
    strength: float = 1.0,
) -> None:
    """Small soft marks: stars, flakes, bubbles, flowers, stones.

    ``near`` above 0 makes them grow towards the lower edge and crowd at the upper one, as on
    ground seen from the side; ``tall`` stretches them upwards.
    """
    rows, columns = _shape(view)
    color = np.zeros((rows, columns, 3), np.uint8)
    cover = np.zeros((rows, columns), np.uint8)
    places = rng.random((count, 5))
    for x, y, amount, choice, bright in places:
        down = y ** (1 + near)
        radius = columns * (size[0] + (size[1] - size[0]) * amount) * (1 + near * (2 * down - 1))
        middle = (int(x * columns * 16), int(down * rows * 16))
        axes = (max(int(radius * 16), 4), max(int(radius * tall * 16), 4))
        tone = rgb_of(colors[int(choice * len(colors))]) * (0.85 + 0.25 * bright)
        shade = [int(255 * min(part, 1)) for part in tone]
        cv2.ellipse(color, middle, (axes[0] + 16, axes[1] + 16), 0, 0, 360, shade, -1, 8, 4)
        level = int(255 * min(1.0, strength * min(1.0, radius / 0.6)))
        cv2.ellipse(cover, middle, axes, 0, 0, 360, level, -1, cv2.LINE_AA, 4)
    _over(view, color.astype(np.float32) / 255, cover.astype(np.float32) / 255)


def blades(
    view: Canvas,
    rng: np.random.Generator,
    colors: Sequence[str],
    count: int = 90,
    length: Sequence[float] = (0.03, 0.1),
    lean: float = 0.35,
) -> None:
    """Grass or weed: thin bent strokes that grow towards the lower edge."""
    rows, columns = _shape(view)
    picture = np.rint(np.clip(view, 0, 1) * 255).astype(np.uint8)
    for x, y, amount, choice, side in rng.random((count, 5))[np.argsort(rng.random(count))]:
        down = y**1.3
        tall = columns * (length[0] + (length[1] - length[0]) * amount) * (0.35 + down)
        bend = (2 * side - 1) * lean * tall
        x, y = x * columns, down * rows * 1.1
        bow = np.array([(x, y), (x + 0.3 * bend, y - 0.6 * tall), (x + bend, y - tall)])
        tone = rgb_of(colors[int(choice * len(colors))]) * (0.75 + 0.4 * amount)
        shade = [int(255 * min(part, 1)) for part in tone]
        thick = max(1, int(0.006 * columns * (0.4 + down)))
        line = [np.rint(bow * 16).astype(np.int32)]
        cv2.polylines(picture, line, False, shade, thick, cv2.LINE_AA, 4)
    view[:] = picture.astype(np.float32) / 255


def beams(
    view: Canvas, rng: np.random.Generator, color: str, count: int = 4, strength: float = 0.25
) -> None:
    """Shafts of light that fan out from above."""
    rows, columns = _shape(view)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    turn = np.arctan2(x - rng.uniform(0.2, 0.8) * columns, y + 0.6 * rows)
    light = sum(
        np.exp(-(((turn - rng.uniform(-0.6, 0.6)) / rng.uniform(0.02, 0.07)) ** 2))
        for _ in range(count)
    )
    fade = np.clip(1 - y / rows, 0, 1)
    _over(view, rgb_of(color), strength * np.asarray(light) * fade)


def glow(
    view: Canvas,
    rng: np.random.Generator,
    color: str,
    radius: Sequence[float],
    edge: float = 1.0,
    top: Sequence[float] = (0.1, 0.4),
    strength: float = 1.0,
) -> None:
    """A lit disc: sun, moon or lamp; ``edge`` 0 is sharp, 1 a halo."""
    rows, columns = _shape(view)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    size = between(rng, radius) * columns
    away = np.hypot(x - rng.uniform(0.1, 0.9) * columns, y - between(rng, top) * rows) / size
    disc = np.clip((1 - away) * size + 0.5, 0, 1)
    _over(view, rgb_of(color), strength * (edge * np.exp(-(away**2)) + (1 - edge) * disc))


def pits(
    view: Canvas, rng: np.random.Generator, count: int = 10, size: Sequence[float] = (0.03, 0.1)
) -> None:
    """Craters: a shaded bowl with a lit far rim, flat towards the upper edge."""
    rows, columns = _shape(view)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    for across, y0, amount in rng.random((count, 3)):
        down = y0**1.4
        wide = columns * (size[0] + (size[1] - size[0]) * amount) * (0.3 + 0.9 * down)
        u = (x - across * columns) / wide
        v = (y - down * rows) / (wide * 0.38)
        away = np.hypot(u, v)
        light = np.exp(-(((away - 1) / 0.22) ** 2)) * np.clip(v, -1, 1)
        view *= (1 + 0.35 * light - 0.28 * np.exp(-(away**4)) * (1 - 0.6 * v))[..., None]


def lines(
    view: Canvas, rng: np.random.Generator, color: str, width: float = 0.03, strength: float = 0.9
) -> None:
    """A lane marking that runs to the vanishing point."""
    rows, columns = _shape(view)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    depth = (y + 0.5) / rows
    foot = rng.uniform(-0.1, 1.1)
    middle = (0.5 + (foot - 0.5) * depth) * columns
    half = np.maximum(width * columns * depth, 0.4)
    dash = np.sin(5.5 / (depth + 0.08) + rng.uniform(0, 6)) > -0.2
    _over(view, rgb_of(color), strength * dash * np.clip(half - np.abs(x - middle), 0, 1))


def surf(
    view: Canvas,
    rng: np.random.Generator,
    water: Sequence[str],
    foam: str,
    reach: Sequence[float] = (0.2, 0.35),
) -> None:
    """Water from the upper edge down to a foaming, wavering line."""
    rows, columns = _shape(view)
    line = between(rng, reach) * rows * (1 + 0.12 * profile(rng, columns, 3, 3))
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    wet = np.clip((line * 1.25 - y) / (0.12 * rows) + 0.5, 0, 1)
    view *= (1 - 0.2 * wet)[..., None]
    sea = view.copy()
    wash(sea, rng, water)
    mottle(sea, rng, 0.05, 10, 8)
    _over(view, sea, line - y + 0.5)
    _over(view, rgb_of(foam), 0.9 * np.exp(-(((y - line) / (0.018 * rows + 0.6)) ** 2)))
    _over(view, rgb_of(foam), 0.45 * np.exp(-(((y - 0.72 * line) / (0.012 * rows + 0.5)) ** 2)))


Painter = Callable[..., None]

PAINTERS: Mapping[str, Painter] = {
    "wash": wash,
    "mottle": mottle,
    "vapour": vapour,
    "rise": rise,
    "trunks": trunks,
    "masonry": masonry,
    "block": block,
    "specks": specks,
    "blades": blades,
    "beams": beams,
    "glow": glow,
    "pits": pits,
    "lines": lines,
    "ground": ground,
    "surf": surf,
}


def _shape(view: Canvas) -> tuple[int, int]:
    return view.shape[0], view.shape[1]
