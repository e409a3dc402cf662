"""Model cards: what a built-in model is, beside its weights."""

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from varifactory.errors import ModelError
from varifactory.keys import digest

LICENCE = "Apache-2.0"
TRAINED_BY = ("torch", "diffusers", "transformers", "segment-anything", "open_clip_torch", "peft")
PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
REPAIR = "install varifactory again, or train the model with `make models`"


def weights_hash(folder: Path) -> str:
    """sha256 that names the weights of a model's folder.

    Of the file itself where there is one, else of the names and hashes of all ``*.safetensors``.
    """
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }
    return next(iter(found.values())) if len(found) == 1 else digest(found)


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a model's folder; reads no weights.

    Raises:
        ModelError: there is none, or it does not name a model and the hash of its weights.
    """
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(card["name"], str) and isinstance(card["sha256"], str):
            return dict(card)
    except OSError as error:
        raise ModelError(f"no model at {folder}: {path.name}: {error.strerror}; {REPAIR}") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise ModelError(f"{path} lacks `name` or `sha256`, the hash of the weights; {REPAIR}")


def check_weights(folder: Path, sha256: str) -> None:
    """See that a folder holds the weights its card names, and no pickle.

    Raises:
        ModelError: it does not.
    """
    pickles = sorted(path for path in folder.rglob("*") if path.suffix in PICKLES)
    if pickles:
        raise ModelError(
            f"{pickles[0]} is a pickle checkpoint: loading one runs whatever code it holds. "
            "Convert it to safetensors and remove it"
        )
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"{folder} has no weights (*.safetensors); {REPAIR}")
    found = weights_hash(folder)
    if found != sha256:
        raise ModelError(
            f"the weights in {folder} have the hash {found[:12]}, their card says {sha256[:12]}; "
            f"{REPAIR}"
        )


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
