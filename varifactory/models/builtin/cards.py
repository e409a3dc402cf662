"""Model cards: what a built-in model is, beside its weights."""

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from varifactory.keys import digest

LICENCE = "Apache-2.0"
TRAINED_BY = ("torch", "diffusers", "transformers", "segment-anything", "open_clip_torch", "peft")


def weights_hash(folder: Path) -> str:
    """sha256 that names the weights of a built-in folder.

    Of the file itself where there is one, else of the names and hashes of all ``*.safetensors``.
    """
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }
    return next(iter(found.values())) if len(found) == 1 else digest(found)


def write_card(
    folder: Path,
    *,
    name: str,
    script: str,
    figures: Mapping[str, Any],
    trained_with: Mapping[str, Any],
) -> None:
    """Write ``card.json`` beside weights: their hash and size, figures, how they came to be."""
    card = {
        "name": name,
        "sha256": weights_hash(folder),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        "licence": LICENCE,
        "script": f"python -m {script}",
        "data": "the built-in drawn world; see varifactory/catalog/world.yaml",
        "world": world_hash(),
        "figures": dict(figures),
        "trained_with": {**trained_with, "libraries": _libraries()},
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / "card.json").write_text(text, encoding="utf-8")


def world_hash() -> str:
    """Hash of the world's table: cards tell which world their figures were measured on."""
    path = Path(__file__).parents[2] / "catalog" / "world.yaml"
    return digest(path.read_text(encoding="utf-8"))


def _libraries() -> dict[str, str]:
    found = {}
    for name in TRAINED_BY:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
