"""A recipe as text: YAML, settings laid over it, and what is wrong with it in words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from varifactory.errors import RecipeError


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        RecipeError: no such file, not YAML, or not a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(
            f"no recipe at {path}: the shipped ones are in deployments/recipes"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path} cannot be read as a YAML recipe: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path} holds {type(data).__name__}, not the keys of a recipe")
    return data


def overlaid(data: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Settings ``key.inner=value`` laid over a mapping; values are YAML.

    Raises:
        RecipeError: a setting without ``=``, or below a plain value.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip():
            raise RecipeError(
                f"--set {setting!r}: write it as key=value, such as edits.per_source=4"
            )
        *folders, last = path.strip().split(".")
        place = data
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                raise RecipeError(f"--set {setting!r}: {folder!r} is a value, not a group of keys")
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {setting!r}: the value is not YAML: {error}") from None
    return data


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line a problem: the key, the value, and what is allowed."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(step) for step in problem["loc"]) or "recipe"
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r} (value {problem['input']!r}); allowed here are "
                         f"{', '.join(_allowed(model, problem['loc'][:-1]))}")  # fmt: skip
        elif problem["type"] == "missing":
            lines.append(f"key {key!r} is missing")
        else:
            lines.append(f"key {key!r} has the value {problem['input']!r}: {problem['msg']}")
    return lines


def _allowed(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    place = model
    for step in path:
        inner = (
            place.model_fields[str(step)].annotation if str(step) in place.model_fields else None
        )
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ["(none)"]
        place = inner
    return sorted(place.model_fields)
