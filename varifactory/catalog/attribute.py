"""Attribute entries, read from ``attributes/*.yaml``."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.errors import RecipeError

BUILT_IN = Path(__file__).parent / "attributes"
PLACES = re.compile(r"\{([^{}]*)\}")
"""A place to fill in a template, such as ``{phrase}``."""

Words = Annotated[str, Field(min_length=1, max_length=200)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(_Entry):
    """One value of an attribute: words for a prompt and settings for the classical editor."""

    phrase: Words
    paint: Mapping[str, Any] = {}


class Attribute(_Entry):
    """What can be changed in an image."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    region: Literal["object", "surroundings", "image"]
    """Where pixels may change."""
    measure: Literal["color", "texture", "surroundings", "none"]
    """How the built-in judge looks at it; ``none`` leaves it not judged."""
    editors: Mapping[str, str]
    """Editor name -> the operation it does for this attribute."""
    templates: tuple[Words, ...]
    """Prompts with ``{class_name}`` and ``{phrase}``."""
    values: Mapping[Words, Value]
    unchanged: Value | None = None
    """How an edit is asked for that leaves the attribute as it is, where a source's value is not
    known; its own words, so that no judge takes it for a value."""

    @field_validator("templates")
    @classmethod
    def _templates_hold_both(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if sorted(PLACES.findall(template)) != ["class_name", "phrase"]:
                raise ValueError(
                    f"template {template!r} must hold {{class_name}} and {{phrase}}, once each, "
                    "and no other place to fill"
                )
        if not templates:
            raise ValueError("at least one template is needed")
        return templates

    def value(self, name: str) -> Value | None:
        """What is known of a value; None of one that is a model's own word."""
        return self.values.get(name) or (self.unchanged if name == UNCHANGED else None)

    def template(self, index: int) -> str:
        """The template of a place in a pool: both feasibilities of one index share theirs."""
        return self.templates[index % len(self.templates)]

    def render(self, index: int, class_name: str, phrase: str) -> str:
        """The prompt for the inpainter. Braces in a class name or a phrase stay as they are."""
        words = {"class_name": class_name, "phrase": phrase}
        return PLACES.sub(lambda place: words[place[1]], self.template(index))


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
                f"unknown attribute {name!r}; the catalog has "
                f"{', '.join(sorted(self.attributes))}: write its file into the folder that "
                "prompts.catalog names"
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
    found: dict[str, Attribute] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            entry = Attribute.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
            raise RecipeError(f"attribute file {path} cannot be used: {error}") from None
        if entry.name in found:
            raise RecipeError(
                f"attribute file {path} describes {entry.name!r}, which another file of the same "
                "folder describes already: keep one"
            )
        found[entry.name] = entry
    return found
