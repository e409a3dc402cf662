"""Class names and the names of splits, as users write them.

A class name is a label: it is shown, put into prompts and stored in columns, never into a path.
"""

import unicodedata

from varifactory.errors import SourceError

MAX_NAME = 200
"""Characters; more would fill CLIP's text context of 77 tokens without the rest of a prompt."""

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class ClassNameError(SourceError):
    """A class name that cannot be a label."""


def class_name(text: str) -> str:
    """The label for a class as the user wrote it: Unicode composed (NFC), spaces trimmed.

    Slashes, dots and any script are fine.

    Raises:
        ClassNameError: empty, longer than ``MAX_NAME``, without a letter, digit or symbol, or
            with characters that do not print.
    """
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise ClassNameError(f"class name {shown(text)} is not valid Unicode: rename it")
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise ClassNameError("the class name is empty: give one")
    if len(name) > MAX_NAME:
        raise ClassNameError(
            f"class name {shown(name)} has {len(name)} characters: give at most {MAX_NAME}"
        )
    if any(_is_hidden(character) for character in name):
        raise ClassNameError(
            f"class name {shown(name)} has characters that do not print: rename it"
        )
    if not any(unicodedata.category(character)[0] in "LNS" for character in name):
        raise ClassNameError(f"class name {shown(name)} has no letter or digit: rename it")
    return name


def split_name(text: str) -> str | None:
    """``train``, ``validation`` or ``test`` for its usual spellings, None for anything else."""
    return _SPLIT_NAMES.get(text.strip().casefold())


def shown(text: str, most: int = 60) -> str:
    """Text for a message or a column: escaped where it would not print, shortened."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
                   for c in text)  # fmt: skip
    return repr(safe if len(safe) <= most else f"{safe[:most]}...").replace("\\\\", "\\")


def _is_hidden(character: str) -> bool:
    """Control characters and the marks that reorder text; joiners of real scripts are fine."""
    category = unicodedata.category(character)
    reorders = unicodedata.bidirectional(character) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip
    return category in {"Cc", "Cn", "Co"} or category in {"Zl", "Zp"} or reorders
