"""What adapters and checkpoints tell of themselves, and which of them belong together."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import LoraSettings
from varifactory.models.clip import canonical
from varifactory.models.clip.classifier import TARGETS, base_hash
from varifactory.models.clip.embedder import Base

VERSION = 2
"""2: our own names of tensors, and the hash of the base over canonical tensors."""
MUST_AGREE = {"weights": "", "template": "", "settings": "", "class_names": "",
              "encoders": "both", "precision": "float32"}  # fmt: skip
"""What a checkpoint and its training share, with the value where version 1 did not tell it."""


def manifest_of(
    kind: str, base: Base, settings: LoraSettings, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of an ``adapter`` or a ``checkpoint``; ``told`` is what the trainee adds."""
    import peft
    import torch

    return {
        "manifest_version": VERSION,
        "kind": kind,
        "base": base.name,
        "library": base.library,
        "weights": base.weights,
        "targets": list(TARGETS),
        "rank": settings.rank,
        "alpha": settings.alpha,
        **told,
        "settings": asdict(settings),
        "versions": {"peft": peft.__version__, "torch": torch.__version__},
    }


def refuse_other(given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise unless a checkpoint was taken of this very training.

    Raises:
        ModelError: it names what differs.
    """
    for field, usual in MUST_AGREE.items():
        if given.get(field, usual) != own[field]:
            raise ModelError(
                f"the checkpoint was taken with {field} {given.get(field)!r}, now "
                f"{own[field]!r}: start that training anew"
            )


def refuse_other_base(manifest: Mapping[str, Any], base: Base, device: str = "cpu") -> None:
    """Raise unless an adapter was trained on these weights, in either library's format.

    The base is loaded only where the files' hashes differ.

    Raises:
        ModelError: it was trained on others.
    """
    if manifest["weights"] == base.weights:
        return
    known = manifest.get("canonical")
    if not known or known != base_hash(base, device):
        raise ModelError(
            f"the adapter was trained on {manifest['base']} (weights {manifest['weights']}), not "
            f"on {base.name} (weights {base.weights}): name that base in {base.key}"
        )


def own_tensor(name: str) -> str:
    """Our name of a tensor in an adapter's file; version 1 had PEFT's names of open_clip's."""
    return canonical.adapter_name(name, "open_clip") or name


def resumed(name: str) -> str:
    """Our name of a tensor in a checkpoint's file."""
    part, dot, rest = name.partition(".")
    return f"{part}.{own_tensor(rest)}" if dot else name
