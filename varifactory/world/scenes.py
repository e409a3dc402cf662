"""Scenes: what is to be drawn, as a handful of words and a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.errors import RecipeError
from varifactory.world.palette import stream
from varifactory.world.tables import ATTRIBUTES, World


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture; pose, light and camera derive from `seed` alone (0 or greater)."""

    class_name: str
    color: str
    texture: str
    background: str
    seed: int


def sample_scene(
    world: World,
    seed: int,
    *,
    class_name: str | None = None,
    skew: float = 0.0,
    classes: Sequence[str] | None = None,
    feasible_share: float = 1.0,
) -> Scene:
    """Draw a scene; the same arguments give the same scene.

    skew: probability that every attribute is the first feasible value of the class, as few
    photographs of a thing show it in its usual place. Otherwise each attribute by itself is
    uniform over the feasible values, or, with probability 1 - feasible_share, over the infeasible.
    classes: the ones to draw from when class_name is not given (default: all of the world).
    """
    if seed < 0:
        raise RecipeError(f"seed: {seed} is negative; give 0 or greater")
    for key, share in (("skew", skew), ("feasible_share", feasible_share)):
        if not 0.0 <= share <= 1.0:
            raise RecipeError(f"{key}: {share} is not a share; give 0 to 1")
    names = tuple(world.classes if classes is None else classes)
    if class_name is None:
        if not names:
            raise RecipeError(f"classes: none given; allowed: {', '.join(world.classes)}")
        class_name = names[int(stream(seed, "class").integers(len(names)))]
    if class_name not in world.classes:
        raise RecipeError(
            f"class: {class_name!r} is not known; allowed: {', '.join(world.classes)}"
        )
    usual = bool(stream(seed, "usual").random() < skew)
    chosen = {a: _value(world, class_name, a, seed, usual, feasible_share) for a in ATTRIBUTES}
    return Scene(class_name, chosen["color"], chosen["texture"], chosen["background"], seed)


def _value(
    world: World, class_name: str, attribute: str, seed: int, usual: bool, feasible_share: float
) -> str:
    kind = world.classes[class_name]
    if usual:
        return kind.feasible[attribute][0]
    rng: np.random.Generator = stream(seed, f"value {attribute}")
    pool = kind.feasible if rng.random() < feasible_share else kind.infeasible
    return pool[attribute][int(rng.integers(len(pool[attribute])))]


def caption(world: World, scene: Scene) -> str:
    """One sentence with the class name, colour, texture and the background's words."""
    rng = stream(scene.seed, "caption")
    words = [scene.color, scene.texture]
    if rng.random() < 0.5:
        words.reverse()
    phrase = f"{' '.join(words)} {scene.class_name}"
    article = "an" if phrase[0] in "aeiou" else "a"
    template = world.captions[int(rng.integers(len(world.captions)))]
    place = world.backgrounds[scene.background]["place"]
    return template.format(object=f"{article} {phrase}", place=place)
