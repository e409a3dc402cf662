"""Attribute entries, read from ``attributes/*.yaml``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from varifactory.errors import RecipeError

BUILT_IN = Path(__file__).parent / "attributes"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(_Entry):
    """One value of an attribute: words for a prompt and settings for the classical editor."""

    phrase: str
    paint: Mapping[str, Any] = {}


class Attribute(_Entry):
    """What can be changed in an image."""

    name: str
    region: Literal["object", "surroundings", "image"]
    """Where pixels may change."""
    measure: Literal["color", "texture", "surroundings", "none"]
    """How the built-in judge looks at it; ``none`` leaves it not judged."""
    editors: Mapping[str, str]
    """Editor name -> the operation it does for this attribute."""
    templates: tuple[str, ...]
    """Prompts with ``{class_name}`` and ``{phrase}``."""
    values: Mapping[str, Value]

    @field_validator("templates")
    @classmethod
    def _templates_hold_both(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if "{class_name}" not in template or "{phrase}" not in template:
                raise ValueError(f"template {template!r} must hold {{class_name}} and {{phrase}}")
        if not templates:
            raise ValueError("at least one template is needed")
        return templates


class Catalog(_Entry):
    """All attributes by name."""

    attributes: Mapping[str, Attribute]

    def attribute(self, name: str) -> Attribute:
        """The entry of that name.

        Raises:
            RecipeError: for a name without an entry.
        """
        if name not in self.attributes:
            raise RecipeError(
                f"unknown attribute {name!r}; the catalog has {', '.join(sorted(self.attributes))}"
            )
        return self.attributes[name]


@cache
def load_catalog(folder: str = "") -> Catalog:
    """The catalog in a folder of YAML files, laid over the built-in one.

    Raises:
        RecipeError: no such folder, or an entry that is not as ``Attribute`` describes.
    """
    entries = _read(BUILT_IN)
    if folder:
        if not Path(folder).is_dir():
            raise RecipeError(f"prompts.catalog {folder!r} is not a folder of attribute files")
        entries |= _read(Path(folder))
    return Catalog(attributes=entries)


def _read(folder: Path) -> dict[str, Attribute]:
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            entry = Attribute.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValidationError) as error:
            raise RecipeError(f"attribute file {path} cannot be used: {error}") from None
        found[entry.name] = entry
    return found
