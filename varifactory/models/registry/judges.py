"""From ``recipe.verdicts`` to who judges."""

import threading
from functools import cache

from varifactory.images import decode_mask, decode_png
from varifactory.models import ClipModel, Judge
from varifactory.models.provider.budget import shared
from varifactory.models.registry.clips import clip, training_clip
from varifactory.models.registry.local_weights import local_weights
from varifactory.models.registry.naming import unknown
from varifactory.recipe import Checkpoint, Recipe, Verdicts
from varifactory.recipe.prompts import Price

JUDGES = ("measured", "clip", "vision", "vision-local")

Exemplar = tuple[str, str, str, str, str]
"""Of a real training image: pixel hash, class name, mask hash, image blob, mask blob."""

_BUILDING = threading.Lock()


def judge(
    recipe: Recipe,
    exemplars: tuple[Exemplar, ...],
    store: str,
    *,
    name: str = "",
    run: str = "",
) -> Judge:
    """Who judges, with the real training images it may know classes from.

    Args:
        recipe: its ``verdicts``, and what else a judge needs of it.
        exemplars: real training images.
        store: where these lie.
        name: one of ``JUDGES``; empty: the first of the recipe.
        run: whose budget is spent; all judges of a run share it, and each is one object, which
            knows for all threads when its provider has stopped.

    Raises:
        ModelError: for a name that is none of ``JUDGES``.
    """
    # A cache alone lets threads that ask first at once build two.
    with _BUILDING:
        return _named(recipe, exemplars, store, name or recipe.verdicts.judge, run)


def _named(
    recipe: Recipe, exemplars: tuple[Exemplar, ...], store: str, name: str, run: str
) -> Judge:
    settings, run_on = recipe.verdicts, recipe.run
    if name == "measured":
        world = recipe.sources.kind == "world"
        return _measured(training_clip(recipe), world, exemplars, store)
    if name == "clip":
        return _clip(_judging_clip(recipe), recipe.training.template)
    if name == "vision":
        return _vision(settings, recipe.prompts.prices, run)
    if name == "vision-local":
        return _vision_local(
            settings.checkpoint, settings.side, settings.pointer, run_on.device, run_on.threads,
            local_weights(settings.checkpoint),
        )  # fmt: skip
    raise unknown("verdicts.judge", name, JUDGES)


def _judging_clip(recipe: Recipe) -> ClipModel:
    verdicts = recipe.verdicts
    if not verdicts.clip:
        return training_clip(recipe)
    return clip(
        verdicts.clip, recipe.run.threads, device=recipe.run.device,
        revision=verdicts.clip_revision, sha256=verdicts.clip_sha256, key="verdicts.clip",
    )  # fmt: skip


@cache
def _measured(model: ClipModel, world: bool, exemplars: tuple[Exemplar, ...], store: str) -> Judge:
    from varifactory.judge import MeasuredJudge, Prototypes, load_references
    from varifactory.loading import read_blob
    from varifactory.store import Store

    images = {pixels: image for pixels, _, _, image, _ in exemplars}
    masks = {mask: blob for _, _, mask, _, blob in exemplars}
    prototypes = Prototypes(
        model,
        [(pixels, label, mask) for pixels, label, mask, _, _ in exemplars],
        lambda pixels: decode_png(read_blob(Store(store), images[pixels])),
        lambda mask: decode_mask(read_blob(Store(store), masks[mask])),
    )
    return MeasuredJudge(load_references() if world else None, prototypes)


@cache
def _clip(model: ClipModel, template: str) -> Judge:
    from varifactory.models.verdicts.clip import ClipJudge

    return ClipJudge(model, template)


@cache
def _vision(settings: Verdicts, prices: tuple[Price, ...], run: str) -> Judge:
    from varifactory.models.verdicts.vision import VisionJudge

    return VisionJudge(
        settings.model,
        base_url=settings.base_url or None,
        key_variable=settings.key_variable or None,
        budget=shared(run, "verdicts", settings.max_usd, settings.max_requests),
        prices=prices,
        side=settings.side,
        pointer=settings.pointer,
        at_once=settings.at_once,
        max_tokens=settings.max_tokens,
    )


@cache
def _vision_local(
    checkpoint: Checkpoint, side: int, pointer: str, device: str, threads: int,
    weights: tuple[str, ...],
) -> Judge:  # fmt: skip
    del weights  # another judge where other weights lie there
    from varifactory.models.verdicts.local import LocalVision

    return LocalVision(checkpoint, side=side, pointer=pointer, device=device, threads=threads)
