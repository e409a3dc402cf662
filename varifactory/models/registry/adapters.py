"""From ``recipe.edits`` to who tunes its generator."""

from functools import cache
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import checkpoints
from varifactory.models.edits.families import Family, families
from varifactory.models.registry.local_weights import local_weights
from varifactory.models.tuning import Tuner
from varifactory.recipe import Checkpoint, Recipe


def tuner(recipe: Recipe) -> Tuner:
    """Who tunes the generator that ``edits.editor`` makes edits with.

    Raises:
        ModelError: the editor has no generator that can be adapted, or its checkpoint is not there.
    """
    edits, run = recipe.edits, recipe.run
    family = families().get(edits.editor)
    able = [each.name for each in families().values() if each.adapters]
    if family is None or not family.adapters:
        raise ModelError(
            f"adaptation.scope asks for adapters, and edits.editor is {edits.editor!r}, whose "
            "generator is no UNet that can be adapted: set adaptation.scope=none, or edits.editor "
            f"to one of {', '.join(able)}"
        )
    if edits.kind not in family.kinds:
        raise ModelError(
            f"{family.name} makes no {edits.kind} edits: set edits.kind to one of "
            f"{', '.join(family.kinds)}, or edits.editor to another"
        )
    device = "cpu" if family.built_in else run.device
    return _tuner(
        family.name, edits.kind, edits.checkpoint, edits.side, device, run.threads,
        local_weights(edits.checkpoint),
    )  # fmt: skip


@cache
def _tuner(
    name: str, kind: str, checkpoint: Checkpoint, side: int, device: str, threads: int,
    weights: tuple[str, ...],
) -> Tuner:  # fmt: skip
    del weights  # another tuner where other weights lie there
    from varifactory.models.adapters.tuner import LoraTuner
    from varifactory.models.edits.loading import Setup, load_plain
    from varifactory.models.edits.sizes import working_size

    family = families()[name]
    found = _weights(family, kind, checkpoint)
    on_cpu = {"threads": threads} if device == "cpu" else {}

    def load() -> Any:
        return load_plain(family, found, Setup(kind=kind, device=device))

    return LoraTuner(
        {"name": name, **found.identity(), **on_cpu}, load,
        side=working_size(1, 1, family, side)[0], half=device == "cuda",
    )  # fmt: skip


def _weights(family: Family, kind: str, checkpoint: Checkpoint) -> checkpoints.Found:
    from varifactory.models.edits.loading import built_in_weights
    from varifactory.models.registry import BUILT_IN

    if family.built_in:
        return built_in_weights(BUILT_IN / family.built_in)
    return checkpoints.find(checkpoint, "edits.checkpoint", usual=family.usual(kind))
