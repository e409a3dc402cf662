"""From the names in a recipe to models. Building one loads nothing; its first use does."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.errors import ModelError
from varifactory.images import decode_mask, decode_png
from varifactory.models import ClipModel, Inpainter, Judge, Segmenter, Trainee, Writer
from varifactory.recipe import Prompts, Recipe

BUILT_IN = Path(__file__).parent / "builtin"
SEGMENTERS = ("small-sam", "grabcut-saliency", "grabcut-box")
EDITORS = ("compositor", "small-diffusion")
JUDGES = ("measured",)


def writer(recipe: Recipe) -> Writer:
    """Who writes the prompts: the catalog itself, or a language model by its litellm name."""
    return _writer(recipe.prompts)


@cache
def _writer(prompts: Prompts) -> Writer:
    catalog = load_catalog(prompts.catalog)
    if prompts.writer == "catalog":
        from varifactory.models.catalog_writer import CatalogWriter

        return CatalogWriter(catalog, load_taxonomy(prompts.taxonomy))
    from varifactory.models.llm import LitellmWriter

    return LitellmWriter(
        prompts.writer,
        base_url=prompts.base_url or None,
        key_variable=prompts.key_variable or None,
        max_usd=prompts.max_usd,
        max_requests=prompts.max_requests,
    )


def segmenter(recipe: Recipe) -> Segmenter:
    """Who finds the object.

    Raises:
        ModelError: for a name that is none of ``SEGMENTERS``.
    """
    return _segmenter(recipe.masks.segmenter, recipe.run.threads)


@cache
def _segmenter(name: str, threads: int) -> Segmenter:
    if name == "small-sam":
        from varifactory.models.sam import SmallSam

        return SmallSam(threads=threads)
    if name in SEGMENTERS:
        from varifactory.grabcut import GrabCut

        return GrabCut("saliency" if name == "grabcut-saliency" else "box")
    raise _unknown("masks.segmenter", name, SEGMENTERS)


def inpainter(recipe: Recipe, editor: str) -> Inpainter:
    """Who makes the edits.

    Raises:
        ModelError: for a name that is none of ``EDITORS``.
    """
    edits = recipe.edits
    return _inpainter(editor, edits.steps, edits.guidance, recipe.run.threads)


@cache
def _inpainter(editor: str, steps: int, guidance: float, threads: int) -> Inpainter:
    if editor == "compositor":
        from varifactory.compositor import Compositor

        return Compositor()
    if editor == "small-diffusion":
        from varifactory.models.diffusion import SmallDiffusion

        return SmallDiffusion(steps=steps, guidance=guidance, threads=threads)
    raise _unknown("edits.editor", editor, EDITORS)


@cache
def clip(name: str, threads: int) -> ClipModel:
    """A CLIP model for embeddings, by the name ``clip.find_checkpoint`` knows."""
    from varifactory.models.clip import OpenClip

    return OpenClip(name, threads=threads)


Exemplar = tuple[str, str, str, str, str]
"""Of a real training image: pixel hash, class name, mask hash, image blob, mask blob."""


def judge(recipe: Recipe, exemplars: tuple[Exemplar, ...], store: str) -> Judge:
    """Who judges, with the real training images it may know classes from.

    Raises:
        ModelError: for a name that is none of ``JUDGES``.
    """
    if recipe.verdicts.judge not in JUDGES:
        raise _unknown("verdicts.judge", recipe.verdicts.judge, JUDGES)
    world = recipe.sources.kind == "world"
    return _judge(recipe.training.clip, recipe.run.threads, world, exemplars, store)


@cache
def _judge(
    clip_name: str, threads: int, world: bool, exemplars: tuple[Exemplar, ...], store: str
) -> Judge:
    from varifactory.judge import MeasuredJudge, Prototypes, load_references
    from varifactory.loading import read_blob
    from varifactory.store import Store

    images = {pixels: image for pixels, _, _, image, _ in exemplars}
    masks = {mask: blob for _, _, mask, _, blob in exemplars}
    prototypes = Prototypes(
        clip(clip_name, threads),
        [(pixels, label, mask) for pixels, label, mask, _, _ in exemplars],
        lambda pixels: decode_png(read_blob(Store(store), images[pixels])),
        lambda mask: decode_mask(read_blob(Store(store), masks[mask])),
    )
    return MeasuredJudge(load_references() if world else None, prototypes)


def trainee(recipe: Recipe) -> Trainee:
    """A fresh classifier to train: every cell gets its own, so cells may run side by side."""
    from varifactory.models.lora import LoraClip

    return LoraClip(recipe.training.clip, recipe.training.template, threads=recipe.run.threads)


def cards(names: Sequence[str]) -> list[dict[str, Any]]:
    """The cards of those names that are built-in models with weights."""
    paths = [BUILT_IN / name / "card.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def _unknown(key: str, name: str, known: tuple[str, ...]) -> ModelError:
    return ModelError(f"{key} is {name!r}; known are {', '.join(known)}")
