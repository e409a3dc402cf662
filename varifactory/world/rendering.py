"""From a scene to pixels: background, shadow, object, occluder, camera."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.errors import RecipeError
from varifactory.world.backgrounds import paint_background
from varifactory.world.palette import stream, unit
from varifactory.world.scenes import Scene
from varifactory.world.shapes import FRACTION_BITS, Layers, Points, Pose, draw, ribbon
from varifactory.world.tables import ObjectClass, World
from varifactory.world.textures import paint_texture

Canvas = NDArray[np.float32]

MIN_SIZE = 16
REFERENCE_SIZE = 96  # the picture whose pixels blur is given in
MAX_BOX_AREA = 0.7  # share of the picture: keeps the fullest object below 60 %
COLOR_JITTER = 0.09  # an instance's colour differs from the palette's by up to this, of 0..1


@dataclass(frozen=True, slots=True)
class Rendered:
    """image: uint8 (size, size, 3) sRGB; mask: bool (size, size), True where the object shows.

    A pixel belongs to the mask where the object covers at least half of it and no occluder does.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def render(world: World, scene: Scene, size: int = 96) -> Rendered:
    """Draw the scene; the same scene and size give the same bits."""
    return _render(world, scene, size, with_object=True)


def render_empty(world: World, scene: Scene, size: int = 96) -> Rendered:
    """The same picture without its object (its shadow stays), with an empty mask."""
    return _render(world, scene, size, with_object=False)


def _render(world: World, scene: Scene, size: int, *, with_object: bool) -> Rendered:
    if size < MIN_SIZE:
        raise RecipeError(f"size: {size} pixels are too few to draw; give {MIN_SIZE} or more")
    kind, place = _look_up(world, scene)
    pose = _pose(kind, world.variation, stream(scene.seed, "pose"))
    layers = draw(kind.parts, pose, size)
    canvas = paint_background(size, place["layers"], stream(scene.seed, "background"))
    _shadow(canvas, layers.cover, float(place["shadow"]), stream(scene.seed, "shadow"))
    if with_object:
        colored = _colored(world, scene, layers, pose, place)
        canvas *= 1.0 - layers.cover[..., None]
        canvas += colored
    hidden = _occlude(canvas, layers.cover, world.variation, stream(scene.seed, "occluder"))
    image = _photograph(canvas, world.variation, stream(scene.seed, "camera"))
    mask = (layers.cover >= 0.5) & ~hidden if with_object else np.zeros((size, size), np.bool_)
    return Rendered(image, mask)


def _look_up(world: World, scene: Scene) -> tuple[ObjectClass, Mapping[str, Any]]:
    for attribute in ("background", "color", "texture"):
        world.feasibility(scene.class_name, attribute, getattr(scene, attribute))
    return world.classes[scene.class_name], world.backgrounds[scene.background]


def _pose(kind: ObjectClass, variation: Mapping[str, Any], rng: np.random.Generator) -> Pose:
    """Draw the pose, then fit the moved outline into the drawn share of the picture."""
    wobble = np.array(
        [
            [rng.uniform(0, variation["wobble"]), rng.uniform(2, 5), rng.uniform(0, 6.3)]
            for _ in "xy"
        ]
    )
    free = Pose(
        squash=rng.uniform(-1, 1) * variation["squash"],
        taper=rng.uniform(-1, 1) * variation["taper"],
        bend=rng.uniform(-1, 1) * variation["bend"],
        wobble=wobble,
        flip=bool(rng.random() < 0.5),
        degrees=float(np.clip(rng.normal(), -2, 2) / 2 * variation["rotation"]),
        scale=1.0,
        centre=(0.0, 0.0),
    )
    outline = np.concatenate([free.place(part.outline) for part in kind.parts])
    low, high = outline.min(axis=0), outline.max(axis=0)
    share = rng.uniform(*variation["scale"])
    width, height = high - low
    share = min(share, float(np.sqrt(MAX_BOX_AREA * max(width, height) / min(width, height))))
    scale = share / float(max(width, height))
    # Up to 2 % of the picture may be cut off the object, as in careless photographs.
    room = np.maximum((1.0 - (high - low) * scale) / 2, 0.0) + 0.02
    middle = 0.5 + rng.uniform(-1, 1, 2) * np.minimum(room, 0.14) + (0.0, 0.03)
    x, y = middle - (low + high) / 2 * scale
    return replace(free, scale=scale, centre=(float(x), float(y)))


def _colored(
    world: World, scene: Scene, layers: Layers, pose: Pose, place: Mapping[str, Any]
) -> Canvas:
    """The object with colour, texture and light; premultiplied by its cover."""
    size = len(layers.cover)
    rng = stream(scene.seed, "surface")
    color = np.array(world.colors[scene.color], np.float32) / np.float32(255)
    color = np.clip(color + rng.uniform(-1, 1, 3).astype(np.float32) * COLOR_JITTER / 2, 0.02, 0.98)
    u, v = pose.object_coordinates(size)
    surface = paint_texture(
        color, u, v, world.textures[scene.texture], stream(scene.seed, "texture")
    )
    result = surface * layers.tone[..., None] + layers.detail
    light = _light(layers.cover, rng)
    shine = np.clip(light - 1.18, 0.0, 1.0)[..., None] * layers.cover[..., None]
    result *= light[..., None] * np.array(place["ambience"], np.float32)
    result += shine * np.float32(0.5)
    colored: Canvas = np.minimum(result, layers.cover[..., None])
    return colored


def _light(cover: Canvas, rng: np.random.Generator) -> Canvas:
    """Brightness factors: the cover's blur serves as relief, lit from above and one side."""
    size = len(cover)
    relief = cv2.GaussianBlur(cover, (0, 0), size * 0.06)
    dx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3)
    side = rng.uniform(-1.0, 1.0)
    strength = rng.uniform(0.6, 1.1) * size / REFERENCE_SIZE
    fall = np.linspace(1.1, 0.86, size, dtype=np.float32)[:, None]
    light = fall + np.float32(strength) * (dx * np.float32(side) + dy * np.float32(0.9))
    clipped: Canvas = np.clip(light, 0.55, 1.4)
    return clipped


def _shadow(canvas: Canvas, cover: Canvas, strength: float, rng: np.random.Generator) -> None:
    """A soft ellipse on the ground below the object; draws its numbers even without one."""
    darkness, lean = strength * rng.uniform(0.6, 1.1), rng.uniform(-0.12, 0.12)
    if not strength:
        return
    size = len(cover)
    ys, xs = np.nonzero(cover >= 0.5)
    left, right, foot = int(xs.min()), int(xs.max()), int(ys.max())
    width = right - left
    spot = np.zeros((size, size), np.uint8)
    centre = (round((left + right) / 2 + lean * width), min(foot, size - 2))
    axes = (max(2, round(width * 0.5)), max(2, round(width * 0.11)))
    cv2.ellipse(spot, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_8)
    soft = cv2.GaussianBlur(spot, (0, 0), max(0.8, size * 0.02)).astype(np.float32) / 255
    canvas *= 1.0 - np.float32(darkness) * soft[..., None]


def _occlude(
    canvas: Canvas, cover: Canvas, variation: Mapping[str, Any], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Sometimes a twig or a blade reaches in front of the object; True where it does."""
    size = len(cover)
    hidden = np.zeros((size, size), np.uint8)
    if rng.random() < variation["occluder"]:
        colors = variation["occluder_colors"]
        color = unit(colors[int(rng.integers(len(colors)))])
        outline = _twig(cover, rng) * size * 2**FRACTION_BITS
        points = np.round(outline).astype(np.int32)[None]
        cv2.fillPoly(hidden, points, 1, cv2.LINE_8, FRACTION_BITS)
        canvas[hidden > 0] = color * np.float32(rng.uniform(0.8, 1.2))
    return hidden > 0


def _twig(cover: Canvas, rng: np.random.Generator) -> Points:
    """From the nearer side border of the picture, bent, to somewhere on the object (0..1)."""
    ys, xs = np.nonzero(cover >= 0.5)
    pick = int(rng.integers(len(ys)))
    tip = np.array([xs[pick], ys[pick]]) / len(cover)
    start = np.array([-0.05 if tip[0] < 0.5 else 1.05, tip[1] + rng.uniform(-0.3, 0.5)])
    t = np.linspace(0.0, 1.0, 12)[:, None]
    bow = np.sin(np.pi * t) * np.array([0.0, rng.uniform(-0.12, 0.12)])
    return ribbon(start + (tip - start) * t + bow, rng.uniform(0.08, 0.18), 0.02)


def _photograph(
    canvas: Canvas, variation: Mapping[str, Any], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Exposure, white balance, a lens a little out of focus, sensor noise."""
    exposure = rng.uniform(*variation["exposure"])
    balance = 1.0 + rng.uniform(-1, 1, 3) * variation["white_balance"]
    sigma = rng.uniform(*variation["blur"]) * len(canvas) / REFERENCE_SIZE
    level = rng.uniform(*variation["noise"])
    picture = canvas * (exposure * balance * 255).astype(np.float32)
    if sigma > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    picture += rng.standard_normal(picture.shape, np.float32) * np.float32(level)
    levels: NDArray[np.uint8] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return levels
