"""Files of LoRA training: tensors as safetensors, with a manifest in the header's metadata."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError

if TYPE_CHECKING:
    import torch

MANIFEST = "manifest"
"""The one metadata entry: a second one would be written in an order that changes by itself."""


def pack(tensors: Mapping[str, "torch.Tensor"], manifest: Mapping[str, Any]) -> bytes:
    """Tensors and manifest as one safetensors file; equal inputs give equal bytes."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    packed: bytes = save(plain, metadata={MANIFEST: json.dumps(manifest, sort_keys=True)})
    return packed


def unpack(data: bytes, kind: str) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """Tensors and manifest of a file that ``pack`` made.

    Raises:
        ModelError: not such a file, or one of another ``kind`` (the manifest's).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    manifest = read_manifest(data)
    if manifest.get("kind") != kind:
        raise ModelError(f"expected a file of kind {kind!r}, found {manifest.get('kind')!r}")
    try:
        return dict(load(data)), manifest
    except SafetensorError as error:
        raise ModelError(f"the {kind} is damaged: {error}") from error


def read_manifest(data: bytes) -> dict[str, Any]:
    """The manifest alone, without torch.

    Raises:
        ModelError: the bytes are not a safetensors file with a manifest.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        found: dict[str, Any] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][MANIFEST])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"not a file of ours (no manifest in its header): {error!r}") from None
    return found
