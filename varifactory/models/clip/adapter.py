"""Adapters: fresh ones from a seed, and their files with a manifest in the header's metadata."""

import json
import math
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


def seed_adapter(trained: Mapping[str, Any], random: "torch.Generator") -> None:
    """Fresh A and zero B from ``random``, in the order of ``trained`` (A before its B).

    PEFT draws from torch's global state, which threads share and no checkpoint of ours holds.
    """
    from torch import nn

    for name, tensor in trained.items():
        if name.endswith(".A"):
            drawn = tensor.detach().cpu()
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=random)
            tensor.data.copy_(drawn)
        else:
            nn.init.zeros_(tensor)


def seed_dropout(model: Any, random: "torch.Generator") -> None:
    """Dropout of every adapter that draws from ``random``."""
    from torch import nn

    for part in model.modules():
        layers = getattr(part, "lora_dropout", {})
        for key, layer in layers.items():
            if isinstance(layer, nn.Dropout):
                layers[key] = seeded_dropout(layer.p, random)


def seeded_dropout(share: float, random: "torch.Generator") -> "torch.nn.Module":
    """Dropout of ``share`` of the inputs, drawn from ``random``.

    Where activations are computed again in the backward pass it drops the same inputs again.
    """
    import torch

    class SeededDropout(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return x
            again = torch._C._current_graph_task_id() != -1
            now = random.get_state() if again else None
            if now is None:
                self.before = random.get_state()
            else:
                random.set_state(self.before)
            kept = torch.empty_like(x).bernoulli_(1 - share, generator=random)
            if now is not None:
                random.set_state(now)
            return x * kept / (1 - share)

    return SeededDropout()
