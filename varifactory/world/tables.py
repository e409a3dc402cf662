"""The world as data: `catalog/world.yaml`, read once, checked, frozen.

Every check names the key, the value found and what would be allowed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import yaml

from varifactory.errors import RecipeError
from varifactory.world import backgrounds, scatter, textures
from varifactory.world.palette import rgb
from varifactory.world.shapes import Part, parse_part

ATTRIBUTES = ("background", "color", "texture")
ROLES = ("study", "pretraining")
FACTORS = ("rotation", "squash", "taper", "bend", "wobble", "white_balance", "occluder")
RANGES = ("scale", "exposure", "blur", "noise")
MIN_VALUES = 4  # values an attribute, class and feasibility: fewer could be learned by heart

Feasibility = Literal["feasible", "infeasible"]
Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """One class of objects; `feasible` and `infeasible` map an attribute to its values."""

    name: str
    role: Literal["study", "pretraining"]
    feasible: Values
    infeasible: Values
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be drawn, in the order of the file."""

    classes: Mapping[str, ObjectClass]
    colors: Mapping[str, tuple[int, int, int]]
    textures: Mapping[str, Mapping[str, Any]]
    backgrounds: Mapping[str, Mapping[str, Any]]
    captions: tuple[str, ...]
    variation: Mapping[str, Any]

    @property
    def study_classes(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.classes.items() if kind.role == "study")

    @property
    def pretraining_classes(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.classes.items() if kind.role == "pretraining")

    def values(self, attribute: str) -> tuple[str, ...]:
        """All values of an attribute, also those that no class lists."""
        tables = {"background": self.backgrounds, "color": self.colors, "texture": self.textures}
        _one_of(attribute, ATTRIBUTES, "attribute")
        return tuple(tables[attribute])

    def feasibility(self, class_name: str, attribute: str, value: str) -> Feasibility | None:
        """None where the table does not judge the pair; unknown words raise RecipeError."""
        _one_of(class_name, self.classes, "class")
        _one_of(value, self.values(attribute), attribute)
        kind = self.classes[class_name]
        if value in kind.feasible[attribute]:
            return "feasible"
        return "infeasible" if value in kind.infeasible[attribute] else None


@cache
def load_world() -> World:
    """The world that ships with the package."""
    text = files("varifactory").joinpath("catalog/world.yaml").read_text(encoding="utf-8")
    # The C loader takes 30 ms where the Python one takes 250 ms.
    return parse_world(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def parse_world(data: Any) -> World:
    """Check the parsed YAML; RecipeError at the first thing that could not be drawn."""
    keys = ("colors", "textures", "backgrounds", "captions", "variation", "classes")
    _keys(data, keys, "world")
    colors = {name: rgb(text, f"colors.{name}") for name, text in data["colors"].items()}
    for name, texture in data["textures"].items():
        _check_texture(texture, f"textures.{name}")
    for name, background in data["backgrounds"].items():
        _check_background(background, f"backgrounds.{name}")
    world = World(
        classes={},
        colors=MappingProxyType(colors),
        textures=MappingProxyType(data["textures"]),
        backgrounds=MappingProxyType(data["backgrounds"]),
        captions=tuple(data["captions"]),
        variation=MappingProxyType(data["variation"]),
    )
    _check_captions(world.captions)
    _check_variation(world.variation)
    classes = {name: _parse_class(name, kind, world) for name, kind in data["classes"].items()}
    return World(
        MappingProxyType(classes),
        world.colors,
        world.textures,
        world.backgrounds,
        world.captions,
        world.variation,
    )


def _parse_class(name: str, data: Any, world: World) -> ObjectClass:
    where = f"classes.{name}"
    _keys(data, ("role", "feasible", "infeasible", "parts"), where)
    _one_of(data["role"], ROLES, f"{where}.role")
    tables: dict[str, Values] = {}
    for feasibility in ("feasible", "infeasible"):
        _keys(data[feasibility], ATTRIBUTES, f"{where}.{feasibility}")
        for attribute in ATTRIBUTES:
            for value in data[feasibility][attribute]:
                _one_of(value, world.values(attribute), f"{where}.{feasibility}.{attribute}")
        tables[feasibility] = {a: tuple(data[feasibility][a]) for a in ATTRIBUTES}
    for attribute in ATTRIBUTES:
        pair = (tables["feasible"][attribute], tables["infeasible"][attribute])
        _check_pools(*pair, f"{where}, attribute {attribute}")
    parts = [parse_part(part, f"{where}.parts[{i}]") for i, part in enumerate(data["parts"])]
    return ObjectClass(
        name=name,
        role=data["role"],
        feasible=MappingProxyType(tables["feasible"]),
        infeasible=MappingProxyType(tables["infeasible"]),
        parts=tuple(part for group in parts for part in group),
    )


def _check_pools(feasible: tuple[str, ...], infeasible: tuple[str, ...], where: str) -> None:
    together = feasible + infeasible
    if repeated := sorted({value for value in together if together.count(value) > 1}):
        raise RecipeError(f"{where}: {', '.join(repeated)} listed twice; keep it in one list only")
    if len(feasible) != len(infeasible) or len(feasible) < MIN_VALUES:
        raise RecipeError(
            f"{where}: {len(feasible)} feasible and {len(infeasible)} infeasible values; "
            f"list equally many, at least {MIN_VALUES} each"
        )


def _check_texture(data: Any, where: str) -> None:
    _one_of(data.get("painter"), textures.PAINTERS, f"{where}.painter")
    base, plane = np.full(3, 0.5, np.float32), np.zeros((2, 2), np.float32)
    with _naming(where, data):
        textures.paint_texture(base, plane, plane, data, np.random.default_rng(0))


def _check_background(data: Any, where: str) -> None:
    _keys(data, ("place", "ambience", "shadow", "layers"), where)
    for index, layer in enumerate(data["layers"]):
        here = f"{where}.layers[{index}]"
        _one_of(layer.get("painter"), backgrounds.PAINTERS, f"{here}.painter")
        if layer["painter"] == "scatter":
            _one_of(layer.get("shape"), scatter.MARKS, f"{here}.shape")
        for key in ("color", "inner", "gap_color", "cap", "core", "edge"):
            if key in layer:
                rgb(layer[key], f"{here}.{key}")
        for color in layer.get("colors", ()):
            rgb(color, f"{here}.colors")
        with _naming(here, layer):
            backgrounds.paint_background(16, [layer], np.random.default_rng(0))


@contextmanager
def _naming(where: str, data: Any) -> Iterator[None]:
    """Painters are tried once on a few pixels: what stops them is an error of the data."""
    try:
        yield
    except KeyError as error:
        raise RecipeError(f"{where}: {error.args[0]} missing in {data!r}") from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where}: {data!r} cannot be painted ({error})") from error


def _check_variation(data: Mapping[str, Any]) -> None:
    _keys(data, (*FACTORS, *RANGES, "occluder_colors"), "variation")
    for key in FACTORS:
        if not isinstance(data[key], int | float) or data[key] < 0:
            raise RecipeError(f"variation.{key}: {data[key]!r}; give a number of at least 0")
    for key in RANGES:
        pair = data[key]
        numbers = isinstance(pair, list) and all(isinstance(n, int | float) for n in pair)
        if not numbers or len(pair) != 2 or not 0 <= pair[0] <= pair[1]:
            raise RecipeError(f"variation.{key}: {pair!r}; give [low, high], neither negative")
    for color in data["occluder_colors"]:
        rgb(color, "variation.occluder_colors")


def _check_captions(captions: Iterable[str]) -> None:
    for index, text in enumerate(captions):
        if "{object}" not in text or "{place}" not in text:
            raise RecipeError(f"captions[{index}]: {text!r} needs both {{object}} and {{place}}")


def _keys(data: Any, allowed: Iterable[str], where: str) -> None:
    allowed = tuple(allowed)
    if not isinstance(data, Mapping):
        raise RecipeError(f"{where}: {data!r} is not a mapping with {', '.join(allowed)}")
    for key in data:
        _one_of(key, allowed, f"{where}: key")
    if missing := [key for key in allowed if key not in data]:
        raise RecipeError(f"{where}: {', '.join(missing)} missing; needed: {', '.join(allowed)}")


def _one_of(value: Any, allowed: Iterable[str], where: str) -> None:
    allowed = tuple(allowed)
    if value not in allowed:
        raise RecipeError(f"{where}: {value!r} is not known; allowed: {', '.join(allowed)}")
