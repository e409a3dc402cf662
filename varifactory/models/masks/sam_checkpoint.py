"""segment_anything's published weights: ViT-H, -L, -B, or sizes of their own."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from varifactory.errors import ModelError
from varifactory.keys import digest
from varifactory.models import Identity
from varifactory.models.accelerator import ready
from varifactory.models.checkpoints import Found, load_weights_only
from varifactory.models.masks.files import weights_file
from varifactory.models.masks.running import compute_in
from varifactory.models.masks.sam import Sam, build_sam

ENDINGS = (".pth", ".pt", ".safetensors")
CONFIG = "config.json"
NEEDED = frozenset({"image_size", "patch_size", "width", "depth", "heads", "prompt_width"})


def large_sam(found: Found, *, architecture: str, file: str, device: str, threads: int) -> Sam:
    """A SAM by its checkpoint, ``architecture`` as ``recipe.masks`` names it.

    Raises:
        ModelError: ``config`` is asked for, and a local checkpoint has none that can be read.
    """
    own = architecture == "config" and found.is_local
    identity: Identity = {
        "name": "sam",
        **found.identity(),
        "architecture": architecture,
        **({"config": digest(dict(_own_config(found, file)))} if own else {}),
        **({"file": file} if file else {}),
        **({"batch": 1, "threads": threads} if device == "cpu" else {}),
    }
    return Sam(identity, lambda: _load(found, architecture, file, device))


@cache
def sizes() -> dict[str, dict[str, Any]]:
    """Sizes by architecture, as ``build_sam`` takes them."""
    text = Path(__file__).with_name("sam_sizes.yaml").read_text(encoding="utf-8")
    return {name: size for name, size in yaml.safe_load(text).items() if name != "shared"}


def read_config(weights: Path) -> Mapping[str, Any]:
    """The sizes in ``config.json`` beside the weights (``NEEDED``, more in ``build_sam``).

    Raises:
        ModelError: there is none, or it lacks sizes.
    """
    path = weights.with_name(CONFIG)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"masks.architecture is 'config', and {path} cannot be read ({error}): set it to "
            f"{', '.join(sizes())}, or write the sizes there"
        ) from None
    lacking = NEEDED - set(config) if isinstance(config, dict) else NEEDED
    if lacking:
        raise ModelError(f"{path} lacks {', '.join(sorted(lacking))}, sizes of a SAM")
    return dict(config)


def _own_config(found: Found, file: str) -> Mapping[str, Any]:
    return read_config(weights_file(found, file, ENDINGS, "masks.file"))


def _load(found: Found, architecture: str, file: str, device: str) -> Any:
    import torch

    place, dtype = ready(device, found.dtype, found.key)
    path = weights_file(found, file, ENDINGS, "masks.file")
    weights = load_weights_only(path, found.key)
    config = read_config(path) if architecture == "config" else sizes()[architecture]
    sam = build_sam(config)
    _check_fit(sam.state_dict(), weights, path, architecture)
    sam.load_state_dict({name: tensor.to(torch.float32) for name, tensor in weights.items()})
    compute_in(sam.image_encoder, dtype)
    return sam.to(place)


def _check_fit(wanted: Mapping[str, Any], weights: Any, path: Path, architecture: str) -> None:
    """Raise unless every tensor is there in its shape."""
    import torch

    if not isinstance(weights, dict) or not all(
        isinstance(value, torch.Tensor) for value in weights.values()
    ):
        raise ModelError(f"masks.checkpoint.name: {path} holds no mapping of names to tensors")
    lacking = sorted(set(wanted) - set(weights))
    unknown = sorted(set(weights) - set(wanted))
    other = sorted(
        name for name in set(wanted) & set(weights) if wanted[name].shape != weights[name].shape
    )
    if lacking or unknown or other:
        first = (other or lacking or unknown)[0]
        raise ModelError(
            f"masks.checkpoint.name: {path} does not fit masks.architecture {architecture!r}: "
            f"{len(other)} tensors of another shape, {len(lacking)} missing, {len(unknown)} "
            f"unknown, such as {first}; {_advice(weights)}"
        )


def _advice(weights: Mapping[str, Any]) -> str:
    """Which architecture the weights are of, by the width of their first layer."""
    first = weights.get("image_encoder.patch_embed.proj.weight")
    if first is None:
        return (
            "it is no segment_anything checkpoint (sam2 and sam3 have segmenters of their own): "
            "name another"
        )
    for name, size in sizes().items():
        if size["width"] == first.shape[0]:
            return f"it looks like {name}: set masks.architecture={name}"
    return f"its encoder is {first.shape[0]} wide: set masks.architecture=config"
