"""File and folder names of an export: made of class names and keys, never those themselves.

A class is called what its user calls it: ``../../etc``, ``CON``, ``Cat`` beside ``cat``, or a word
with an invisible letter. A folder's name keeps what is plain of it, and where that is not the whole
name, or another class has the same, a piece of the name's hash.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from varifactory.store.names import plain

LONGEST = 64
"""Characters of a folder's name before the hash."""
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_STEM = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Windows opens a device under these names, whatever the extension.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """Class name -> folder name: ASCII, no dots, distinct also where case does not count.

    The same class gets the same folder whatever others there are, unless two would collide.
    """
    found = {label: _readable(label) for label in sorted(set(labels))}
    owners: dict[str, list[str]] = defaultdict(list)
    for label, name in found.items():
        owners[name.lower()].append(label)
    for shared in owners.values():
        if len(shared) > 1:
            found |= {label: _hashed(label, found[label]) for label in shared}
    for name in found.values():
        plain("class folder", name)
    return found


def file_stem(key: str) -> str:
    """An item's file name without its extension: the key, or its hash if it is none of ours."""
    return key if _STEM.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def _readable(label: str) -> str:
    letters = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    name = _ODD.sub("_", letters).strip("_")[:LONGEST]
    told = label.replace(" ", "_") == name
    if not name or _DEVICE.fullmatch(name) or not (told or _accents_alone(label)):
        return _hashed(label, name)
    return name


def _accents_alone(label: str) -> bool:
    """Whether every letter that was dropped was an accent: ``café`` is well called ``cafe``."""
    kept = (c for c in unicodedata.normalize("NFKD", label) if not unicodedata.combining(c))
    return all(c == " " or (c.isascii() and not _ODD.match(c)) for c in kept)


def _hashed(label: str, name: str) -> str:
    # Encoded as it is, lone surrogates too, so that any text there may be has a name.
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name or 'class'}-{digest[:8]}"
