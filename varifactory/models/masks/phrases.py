"""Class names as words for models that read text."""

import unicodedata

from varifactory.recipe.masks import PLACE


def phrase(template: str, class_name: str) -> str:
    """``template`` with the class name in words; empty where the name has none.

    Folder names come as they are: underscores become spaces, control characters go.
    """
    words = spoken(class_name)
    return template.replace(PLACE, words) if words else ""


def spoken(class_name: str) -> str:
    """A class name as words; empty where it holds neither a letter nor a digit."""
    plain = unicodedata.normalize("NFC", class_name).replace("_", " ")
    words = " ".join("".join(one if one.isprintable() else " " for one in plain).split())
    return words if any(one.isalnum() for one in words) else ""


def no_words(class_name: str) -> str:
    """What is told where a class name cannot be asked for."""
    return f"the class name {class_name!r} has no words to look for"
