"""Shipped recipes with a commit for every hub name, so that no hub is asked for one."""

from pathlib import Path
from typing import Any

from varifactory.recipe import Checkpoint, Recipe

COMMIT = "0" * 40


def pinned(path: Path) -> Recipe:
    """A recipe whose checkpoints that have a name have a commit too."""
    keys = checkpoints(Recipe.read(path).model_dump())
    return Recipe.read(path, [f"{key}.revision={COMMIT!r}" for key in keys])


def checkpoints(part: Any, key: str = "") -> list[str]:
    """Keys of all named checkpoints in a dumped part of a recipe."""
    if not isinstance(part, dict):
        return []
    if set(part) == set(Checkpoint.model_fields):
        return [key] if part["name"] else []
    inner = [checkpoints(value, f"{key}.{name}" if key else name) for name, value in part.items()]
    return [found for each in inner for found in each]
