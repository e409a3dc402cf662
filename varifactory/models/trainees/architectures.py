"""Architectures of timm by name, and weights to begin with; nothing is loaded or imported here."""

import difflib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from varifactory.errors import ModelError
from varifactory.models.weight_hashes import files_hash

REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Which image classifier, and what it begins with."""

    name: str
    """As timm names it."""
    weights: str = ""
    """sha256 of ``path``; empty: from scratch."""
    path: str = ""


def find_architecture(name: str, weights: str = "", sha256: str = "") -> Architecture:
    """The architecture and the weights that a recipe names (``training.classifier...``).

    Args:
        name: as timm names it.
        weights: path of a safetensors file with timm's names of tensors; empty: from scratch.
        sha256: of that file; another is refused; empty for any.

    Raises:
        ModelError: no such architecture or file, another hash, or timm is not there.
    """
    known = _names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        raise ModelError(
            f"training.classifier {name!r} is no architecture of timm; "
            + (f"near are {', '.join(near)}" if near else "an example is resnet50")
        )
    if not weights:
        if sha256:
            raise ModelError(
                "training.classifier_sha256 is of training.classifier_weights, which is empty: "
                "name the file, or take the hash out"
            )
        return Architecture(name)
    path = Path(weights).expanduser()
    if not path.is_file() or path.suffix != ".safetensors":
        raise ModelError(
            f"training.classifier_weights {weights!r} is no safetensors file here: name one, or "
            "leave it empty to begin from scratch"
        )
    found = files_hash(path.resolve())
    if sha256 and found != sha256:
        raise ModelError(
            f"training.classifier_sha256 is {sha256}, what lies at {path} has {found}: it is "
            "another file; correct the path, or the hash if it is meant"
        )
    return Architecture(name, found, str(path))


@cache
def _names() -> frozenset[str]:
    """All that timm registers, read from its source: importing it costs seconds, and torch."""
    place = importlib.util.find_spec("timm")
    if place is None or place.origin is None:
        raise ModelError(
            "the trainee 'classifier' needs the library timm, which is not installed: pip install "
            "timm, or take another training.trainee"
        )
    files = sorted(Path(place.origin).parent.glob("models/*.py"))
    return frozenset(
        name for each in files for name in REGISTERED.findall(each.read_text(encoding="utf-8"))
    )
