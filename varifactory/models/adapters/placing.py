"""A trained adapter put on a pipeline and taken off again, by diffusers' own loader."""

import warnings
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import Weights
from varifactory.models.clip.adapter import read_manifest, unpack

KIND = "generator-adapter"
"""Of our files, told in their manifest."""
OURS = "varifactory-"
"""How names of our adapters on a pipeline begin: others (few-step ones, say) stay in place."""


def put(pipeline: Any, weights: Weights, base: str = "") -> None:
    """Adapt a loaded pipeline; nothing is done where these weights are on it already.

    An adapter of ours that was on it is taken off first; adapters of other makers stay active.

    Args:
        pipeline: of diffusers, with a UNet.
        weights: a file that the stage ``adapters`` made.
        base: what names the pipeline's own weights (``identity["weights"]``); empty: unknown, and
            then only the shapes can tell another base.

    Raises:
        ModelError: another base, a damaged file, or a pipeline that takes no such adapter.
    """
    name = OURS + weights.sha256[:16]
    if name in _names(pipeline):
        return
    refuse_other_base(weights, base)
    _refuse_fused(pipeline)
    tensors, manifest = unpack(weights.data, KIND)
    take_off(pipeline)
    others = _names(pipeline)
    try:
        with warnings.catch_warnings():
            # PEFT tells of a second adapter on one model, and of its removal where it does not
            # fit; both are meant here.
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            warnings.filterwarnings("ignore", "Adapter .* was active", UserWarning)
            pipeline.load_lora_weights(tensors, adapter_name=name)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        if not others:
            pipeline.unload_lora_weights()
        raise ModelError(
            f"the adapter of {manifest['base']['name']} does not fit this generator "
            f"({str(error)[:200]}): it was trained on another checkpoint; run flows.adapt again"
        ) from None
    if others:
        pipeline.set_adapters([*others, name])


def take_off(pipeline: Any) -> None:
    """The pipeline without our adapter, its weights bit for bit those of before."""
    names = _names(pipeline)
    ours = [name for name in names if name.startswith(OURS)]
    if not ours:
        return
    if len(ours) == len(names):
        pipeline.unload_lora_weights()
    else:
        pipeline.set_adapters([name for name in names if name not in ours])
        pipeline.delete_adapters(ours)


def refuse_other_base(weights: Weights, base: str) -> None:
    """Raise where an adapter was trained on other weights than ``base`` (empty: unknown).

    Raises:
        ModelError: another base; both are named.
    """
    trained_on = read_manifest(weights.data).get("base", {})
    if base and trained_on.get("weights") != base:
        raise ModelError(
            f"the adapter was trained on {trained_on.get('name')} (weights "
            f"{trained_on.get('weights')}), not on weights {base}: set edits.editor and "
            "edits.checkpoint to that base, or run flows.adapt again"
        )


def _refuse_fused(pipeline: Any) -> None:
    """Fused projections bypass q, k and v, so an adapter on them would silently do nothing."""
    fused = (getattr(part, "fused_projections", False) for part in pipeline.unet.modules())
    if any(fused):
        raise ModelError(
            "the generator's attention projections are fused, past which an adapter has no "
            "effect: switch fusing off, or set adaptation.scope=none"
        )


def _names(pipeline: Any) -> list[str]:
    """Adapters on any part of the pipeline."""
    found = pipeline.get_list_adapters() if hasattr(pipeline, "get_list_adapters") else {}
    return list(dict.fromkeys(name for names in found.values() for name in names))
