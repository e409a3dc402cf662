"""From ``recipe.edits`` to who makes the edits."""

from functools import cache

from varifactory.errors import ModelError
from varifactory.models import Inpainter, checkpoints
from varifactory.models.edits.families import Family, families, schedule_for
from varifactory.models.registry.local_weights import local_weights
from varifactory.models.registry.naming import unknown
from varifactory.recipe import Checkpoint, Edits, Recipe, Run
from varifactory.recipe.varireal import VariReal

EDITORS = ("compositor", "varireal", *families())


def inpainter(recipe: Recipe, editor: str) -> Inpainter:
    """Who makes the edits of the recipe's first editor, or of the one it is compared with.

    Checkpoint, schedule, side and few-step adapter are the first editor's; a second one has a
    checkpoint of its own, and of the edits' settings it reads what it has.

    Raises:
        ModelError: for a name that is none of ``EDITORS``, and for a checkpoint that is not there.
    """
    if editor == "compositor":
        return _compositor()
    if editor == "varireal":
        return _varireal(recipe)
    if editor not in families():
        raise unknown("edits.editor", editor, EDITORS)
    first = editor == recipe.edits.editor
    edits = recipe.edits if first else _second(recipe.edits)
    prefix = "edits" if first else "edits.compare"
    return _diffusers(families()[editor], edits, recipe.run, prefix)


def _second(edits: Edits) -> Edits:
    return Edits(
        kind=edits.kind, batch=edits.batch, offload=edits.offload,
        checkpoint=edits.compare.checkpoint,
    )  # fmt: skip


@cache
def _compositor() -> Inpainter:
    from varifactory.compositor import Compositor

    return Compositor()


def _diffusers(family: Family, edits: Edits, run: Run, prefix: str) -> Inpainter:
    """One inpainter for all recipes that load and drive it the same way."""
    loading = Edits.model_validate(
        edits.model_dump(include={
            "kind", "checkpoint", "batch", "side", "scheduler", "distilled", "offload",
        })
    )  # fmt: skip
    driving = Run.model_validate(
        run.model_dump(include={"device", "threads", "compile", "channels_last"})
    )
    return _built(family.name, loading, driving, prefix, local_weights(loading))


@cache
def _built(name: str, edits: Edits, run: Run, prefix: str, weights: tuple[str, ...]) -> Inpainter:
    del weights  # another model where other weights lie there
    from varifactory.models.edits.diffusion import DiffusersInpainter, small_diffusion
    from varifactory.models.edits.loading import Distilled, Setup

    family = families()[name]
    distilled = edits.distilled
    adapter = None
    if distilled.checkpoint != Checkpoint():
        found = checkpoints.find(distilled.checkpoint, f"{prefix}.distilled.checkpoint")
        adapter = Distilled(found, distilled.file, distilled.weight)
    setup = Setup(
        kind=edits.kind, device=run.device, batch=edits.batch, threads=run.threads,
        side=edits.side, schedule=schedule_for(family, edits.scheduler), distilled=adapter,
        offload=edits.offload == "model", compile=run.compile, channels_last=run.channels_last,
        second=prefix != "edits",
    )  # fmt: skip
    if family.built_in:
        _refuse_other_weights(family, edits, prefix)
        return small_diffusion(threads=run.threads, setup=setup)
    found = checkpoints.find(
        edits.checkpoint, f"{prefix}.checkpoint", usual=family.usual(edits.kind)
    )
    return DiffusersInpainter(family, found, setup)


def _refuse_other_weights(family: Family, edits: Edits, prefix: str) -> None:
    if edits.checkpoint.name or edits.side:
        key = f"{prefix}.checkpoint.name" if edits.checkpoint.name else "edits.side"
        raise ModelError(
            f"{family.name} has weights and a side of its own: clear {key}, or set edits.editor "
            "to another family"
        )


def _varireal(recipe: Recipe) -> Inpainter:
    edits, run = recipe.edits, recipe.run
    first = edits.editor == "varireal"
    given = ("scheduler", "distilled") if first else ()
    for name in given:
        if getattr(edits, name) != Edits.model_fields[name].default:
            raise ModelError(f"varireal has samplers of its own: clear edits.{name}")
    named = edits.checkpoint if first else edits.compare.checkpoint
    return _recipes_of_the_paper(
        named, edits.varireal, edits.side if first else 0, edits.batch, edits.offload == "model",
        run.device, run.threads, "edits.checkpoint" if first else "edits.compare.checkpoint",
        local_weights(named, edits.varireal),
    )  # fmt: skip


@cache
def _recipes_of_the_paper(
    inpainting: Checkpoint, parts: VariReal, side: int, batch: int, offload: bool, device: str,
    threads: int, key: str, weights: tuple[str, ...],
) -> Inpainter:  # fmt: skip
    del weights  # as above
    from varifactory.models.edits.varireal.editor import VariRealEditor

    return VariRealEditor(
        inpainting, parts, side=side, batch=batch, offload=offload, device=device, threads=threads,
        key=key,
    )  # fmt: skip
