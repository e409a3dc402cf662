"""Classes that exist nowhere: pretraining shapes warped, recombined and repainted.

Twenty shapes teach a network those twenty; some hundred neighbours of them, told apart only by
their outlines, teach it to look at outlines. No study class is among the parents.
"""

from dataclasses import replace

import numpy as np

from varifactory.world import ObjectClass, World
from varifactory.world.shapes import Part, Points

STRETCH = 0.22
"""Spread of the logarithm of width and height: more than one instance's pose varies."""
BEND = 0.16
"""Largest amplitude of the wave that bends all outlines, object units (-1 to 1)."""
SHIFT, GROWTH = 0.07, 0.18
"""Spread of a part's place (object units) and of the logarithm of its size."""
DROPPED, BORROWED, REPAINTED = 0.2, 0.5, 0.6
"""Chances that a part is left out, that one of another class is added, that a detail's colour
changes."""


def with_invented(world: World, count: int, seed: int) -> tuple[World, tuple[str, ...]]:
    """The pretraining classes with ``count`` invented ones after them, and all their names."""
    random = np.random.default_rng(seed)
    parents = [world.classes[name] for name in world.pretraining_classes]
    invented = {}
    for number in range(count):
        parent, donor = (parents[at] for at in random.choice(len(parents), 2, replace=False))
        name = f"invented {number}"
        invented[name] = replace(parent, name=name, parts=_parts(parent, donor, random))
    classes = {kind.name: kind for kind in parents} | invented
    return replace(world, classes=classes), tuple(classes)


def _parts(
    parent: ObjectClass, donor: ObjectClass, random: np.random.Generator
) -> tuple[Part, ...]:
    areas = [np.prod(np.ptp(part.outline, axis=0)) for part in parent.parts]
    main = int(np.argmax(areas))
    parts = [
        _moved(part, random)
        for at, part in enumerate(parent.parts)
        if at == main or random.random() > DROPPED
    ]
    if random.random() < BORROWED:
        borrowed = donor.parts[int(random.integers(len(donor.parts)))]
        parts.insert(int(random.integers(len(parts) + 1)), _moved(borrowed, random))
    stretch = np.exp(random.normal(0, STRETCH, 2))
    wave = random.uniform([0, 1, 0], [BEND, 4, 2 * np.pi], (2, 3))
    outlines = [_warped(part.outline, stretch, wave) for part in parts]
    reach = max(np.abs(outline).max() for outline in outlines)
    return tuple(
        replace(part, outline=outline / reach)
        for part, outline in zip(parts, outlines, strict=True)
    )


def _moved(part: Part, random: np.random.Generator) -> Part:
    centre = part.outline.mean(axis=0)
    size = np.exp(random.normal(0, GROWTH, 2))
    outline = (part.outline - centre) * size + centre + random.normal(0, SHIFT, 2)
    paint = part.paint
    if paint is not None and random.random() < REPAINTED:
        red, green, blue = (int(each) for each in random.integers(20, 240, 3))
        paint = (red, green, blue)
    return replace(part, outline=outline, paint=paint)


def _warped(outline: Points, stretch: Points, wave: Points) -> Points:
    x, y = (outline * stretch).T
    (ax, fx, px), (ay, fy, py) = wave
    return np.stack([x + ax * np.sin(fx * y + px), y + ay * np.sin(fy * x + py)], axis=1)
