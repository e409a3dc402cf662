"""What a name in a recipe may be."""

from collections.abc import Iterable

from varifactory.errors import ModelError


def unknown(key: str, name: str, known: Iterable[str]) -> ModelError:
    """The refusal of a name that no model has."""
    return ModelError(f"{key} is {name!r}; known are {', '.join(known)}")
