"""Models that transformers loads: from safetensors alone, and only if every tensor is there."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import Identity
from varifactory.models.accelerator import is_short
from varifactory.models.checkpoints import Found, local_folder, refuse_pickles

PATTERNS = ["*.json", "*.txt", "*.safetensors", "*.model"]
"""What is downloaded of a hub name: no pickles."""


def identity_of(name: str, found: Found, device: str, threads: int) -> dict[str, Any]:
    """The fields that a checkpoint, its device and the threads decide."""
    on_cpu: Identity = {"batch": 1, "threads": threads} if device == "cpu" else {}
    return {"name": name, **found.identity(), **on_cpu}


def load(found: Found, model: str, processor: str, kinds: Collection[str]) -> tuple[Any, Any]:
    """A model in float32 on the CPU, without gradients, and its processor.

    Args:
        found: which checkpoint.
        model: name of a class of transformers.
        processor: the same.
        kinds: what ``model_type`` in the checkpoint's ``config.json`` may be.

    Raises:
        ModelError: another kind of model, files missing or damaged, tensors missing.
    """
    import transformers

    folder = _folder(found, kinds)
    # Its bars are for a terminal; here they would fill a worker's log.
    transformers.utils.logging.disable_progress_bar()
    try:
        loaded, report = getattr(transformers, model).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
            variant=found.variant or None, dtype="float32",
        )  # fmt: skip
        made = getattr(transformers, processor).from_pretrained(folder, local_files_only=True)
    except Exception as error:
        if is_short(error):
            raise
        # Damaged files raise whatever their reader meets: OSError, ValueError, SafetensorError ...
        raise ModelError(
            f"{found.key}.name {found.place} cannot be loaded as {model} ({type(error).__name__}: "
            f"{str(error)[:300]}): fetch it again, or name another checkpoint"
        ) from error
    missing = sorted(report["missing_keys"]) + sorted(str(one) for one in report["mismatched_keys"])
    if missing:
        raise ModelError(
            f"{found.key}.name {found.place} does not fit {model}: {len(missing)} tensors are "
            f"missing or of another shape, such as {missing[0]}; name another checkpoint"
        )
    return loaded.eval().requires_grad_(False), made


def _folder(found: Found, kinds: Collection[str]) -> Path:
    folder = local_folder(found, PATTERNS)
    if folder.is_file():
        raise ModelError(
            f"{found.key}.name {folder} is a file: name the folder, in which config.json, the "
            "processor's files and the weights lie together"
        )
    refuse_pickles(folder, found.key)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{found.key}.name {found.place}: its config.json cannot be read "
            f"({type(error).__name__}: {error}): name a checkpoint in transformers' format"
        ) from None
    if kind not in kinds:
        raise ModelError(
            f"{found.key}.name {found.place} is of the kind {kind!r}, wanted is "
            f"{' or '.join(sorted(kinds))}: name another checkpoint"
        )
    return folder
