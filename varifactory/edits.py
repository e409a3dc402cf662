"""Edits: which change is asked of which image, made, pasted back, measured and gated.

The feasible and the infeasible edit of one source, attribute, index and attempt share their seed
and their place in their pools, so that the two arms of a study are paired.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog import Attribute, Catalog
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.errors import RecipeError
from varifactory.images import encode_png, phash, pixel_hash
from varifactory.keys import edit_seed, item_key, seed_from
from varifactory.models import Inpainter, InpaintingJob, Pixels, Region, Weights
from varifactory.pasting import feathered, measure, paste_back, region_of
from varifactory.recipe import EditGate, Edits, Recipe
from varifactory.stages import Made, Row

SETTINGS = ("strength", "steps", "guidance", "negative_prompt", "alpha", "image_scale", "dilate")
"""Settings of one edit that an inpainter may read (``recipe.edits.settings_of``)."""
PAINT = "paint"
"""Named by an inpainter that reads a value's ``paint``, which then enters the key."""


@runtime_checkable
class Selective(Protocol):
    """An inpainter that can tell beforehand what it cannot do."""

    def refusal(self, job: InpaintingJob) -> str:
        """Why the job cannot be done and what to do instead; empty where it can."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """One edit that is wanted, whatever the attempt."""

    source_key: str
    attribute: str
    index: int
    feasibility: str


def edit_spec(recipe: Recipe, inpainter: Inpainter) -> dict[str, Any]:
    """What all edits share: the inpainter, the kind and the feather; settings are each edit's own.

    An inpainter names what it reads in its identity (``settings: "paint,strength"``); one that
    names nothing is taken to read every setting but the paint.
    """
    return {
        "inpainter": dict(inpainter.identity),
        "feather": recipe.edits.feather,
        "kind": recipe.edits.kind,
    }


def _settings_read(inpainter: Inpainter) -> tuple[str, ...]:
    named = inpainter.identity.get("settings")
    return tuple(named.split(",")) if isinstance(named, str) else SETTINGS


def plan_edits(
    spec: str,
    mask_rows: Sequence[Row],
    prompt_rows: Sequence[Row],
    recipe: Recipe,
    catalog: Catalog,
    inpainter: Inpainter,
    attempt: int = 0,
    wanted: Collection[Wish] | None = None,
    indexes: range | None = None,
    adapters: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:
    """The edits of accepted masks at one attempt.

    Args:
        mask_rows: accepted masks, with the source's columns as ``plan_masks`` left them.
        prompt_rows: written prompts of every class; a class without prompts gets no edit.
        attempt: from 0; a later one has new noise and the next prompts of its pools.
        wanted: the edits to plan; None plans all. Give both feasibilities of a pair to keep it.
        indexes: which edits of a source and attribute; None is the first ``edits.per_source``.
        adapters: class name -> blob of the generator's fine-tuned weights.

    Raises:
        RecipeError: an attribute of the recipe is not in the catalog.
    """
    pools = _pools(prompt_rows)
    attributes = [catalog.attribute(name) for name in recipe.prompts.attributes]
    return [
        _planned(spec, mask, prompt, attribute, recipe, wish, attempt, inpainter, adapters)
        for mask in mask_rows
        for attribute in attributes
        for index in (range(recipe.edits.per_source) if indexes is None else indexes)
        for feasibility in FEASIBILITIES
        for wish in [Wish(mask["source_key"], attribute.name, index, feasibility)]
        if wanted is None or wish in wanted
        for prompt in _chosen(pools, mask, wish, recipe, attempt)
    ]


Pool = tuple[str, str, str]


def _pools(prompt_rows: Sequence[Row]) -> dict[Pool, list[Row]]:
    pools: dict[Pool, list[Row]] = {}
    for row in sorted(prompt_rows, key=lambda row: (row["index"], row["key"])):
        pools.setdefault((row["label"], row["attribute"], row["feasibility"]), []).append(row)
    return pools


def _chosen(
    pools: Mapping[Pool, list[Row]], mask: Row, wish: Wish, recipe: Recipe, attempt: int
) -> list[Row]:
    """One prompt, or none: a shuffle of the pool read on from attempt to attempt."""
    pool = pools.get((mask["label"], wish.attribute, wish.feasibility), [])
    if not pool:
        return []
    seed = seed_from("choice", recipe.seed, mask["source_pixels"], wish.attribute)
    order = np.random.default_rng(seed).permutation(len(pool))
    place = wish.index + attempt * recipe.edits.per_source
    return [pool[order[place % len(pool)]]]


def _planned(
    spec: str,
    mask: Row,
    prompt: Row,
    attribute: Attribute,
    recipe: Recipe,
    wish: Wish,
    attempt: int,
    inpainter: Inpainter,
    adapters: Mapping[str, str],
) -> Row:
    editor = str(inpainter.identity["name"])
    seed = edit_seed(recipe.seed, mask["source_pixels"], attribute.name, wish.index, attempt)
    value = attribute.values.get(prompt["value"])
    read = _settings_read(inpainter)
    own = recipe.edits.settings_of(attribute.name, wish.feasibility)
    settings = {name: own[name] for name in SETTINGS if name in read and name in own}
    paint = value.paint if value else None
    special: dict[str, Any] = {PAINT: paint} if PAINT in read else {}
    if adapter := adapters.get(mask["label"]):
        special["adapter"] = adapter
    key = item_key(
        spec,
        source_pixels=mask["source_pixels"],
        mask_sha256=mask["mask_sha256"],
        attribute=attribute.name,
        region=attribute.region,
        operation=attribute.editors.get(editor),
        value=prompt["value"],
        prompt=prompt["text"],
        seed=seed,
        settings=settings,
        **special,
    )
    return {
        "key": key,
        "label": mask["label"],
        "source_key": mask["source_key"],
        "source_pixels": mask["source_pixels"],
        "source_blob": mask["image_blob"],
        "mask_key": mask["key"],
        "mask_sha256": mask["mask_sha256"],
        "mask_blob": mask["mask_blob"],
        "prompt_key": prompt["key"],
        "attribute": attribute.name,
        "feasibility": wish.feasibility,
        "value": prompt["value"],
        "prompt": prompt["text"],
        "editor": editor,
        "index": wish.index,
        "attempt": attempt,
        "seed": seed,
        "kind": recipe.edits.kind,
        "settings": json.dumps(settings, sort_keys=True),
        **({"adapter_blob": adapter} if adapter else {}),
    }


@dataclass(frozen=True, slots=True)
class _Task:
    place: int
    row: Row
    job: InpaintingJob
    alpha: NDArray[np.float32]


def make_edits(
    rows: Sequence[Row],
    images: Sequence[Pixels],
    masks: Sequence[Region],
    inpainter: Inpainter,
    catalog: Catalog,
    settings: Edits,
    weights: Mapping[str, Weights] = MappingProxyType({}),
) -> list[Made]:
    """Edits of planned rows, the source pasted back outside the feathered region.

    ``weights`` are the fine-tuned ones that rows name (``adapter_blob``).
    An attribute or value the inpainter cannot do ends as a ``skipped`` row, an answer of another
    size as a ``failed`` one.
    """
    made: dict[int, Made] = {}
    tasks: list[_Task] = []
    for place, (row, image, mask) in enumerate(zip(rows, images, masks, strict=True)):
        prepared = _prepare(place, row, image, mask, inpainter, catalog, settings, weights)
        if isinstance(prepared, _Task):
            tasks.append(prepared)
        else:
            made[place] = Made({**row, "status": "skipped", "reason": prepared})
    if tasks:
        edited = inpainter.inpaint([task.job for task in tasks])
        made |= {task.place: _made(task, new) for task, new in zip(tasks, edited, strict=True)}
    return [made[place] for place in range(len(rows))]


def _prepare(
    place: int,
    row: Row,
    image: Pixels,
    mask: Region,
    inpainter: Inpainter,
    catalog: Catalog,
    settings: Edits,
    weights: Mapping[str, Weights],
) -> "_Task | str":
    """What to do, or why it cannot be done."""
    try:
        attribute = catalog.attribute(row["attribute"])
    except RecipeError as error:
        return str(error)
    reads_prompt = bool(inpainter.identity.get("reads_prompt"))
    if row["editor"] not in attribute.editors and not reads_prompt:
        able = ", ".join(sorted(attribute.editors)) or "none"
        return (
            f"editor {row['editor']!r} has no operation for attribute {attribute.name!r} (able are "
            f"{able}): name it under `editors` of the attribute, or set edits.editor to an able one"
        )
    if mask.shape != image.shape[:2]:
        return (
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its image {image.shape[1]} x {image.shape[0]}: make the mask again"
        )
    whole = row["kind"] != "inpaint"
    region = np.ones_like(mask) if whole else region_of(mask, attribute.region)
    alpha = region.astype(np.float32) if whole else feathered(region, settings.feather)
    job = InpaintingJob(
        image=image,
        object_mask=mask,
        region=alpha > 0,
        class_name=row["label"],
        attribute=attribute,
        value=row["value"],
        prompt=row["prompt"],
        seed=row["seed"],
        settings=json.loads(row["settings"]),
        kind=row["kind"],
        adapter=weights.get(row.get("adapter_blob") or ""),
    )
    refusal = inpainter.refusal(job) if isinstance(inpainter, Selective) else ""
    return refusal or _Task(place, row, job, alpha)


def _made(task: _Task, edited: Pixels) -> Made:
    source = task.job.image
    if edited.shape != source.shape or edited.dtype != np.uint8:
        reason = f"the editor answered {edited.dtype} {edited.shape}, not uint8 {source.shape}"
        return Made({**task.row, "status": "failed", "reason": reason})
    pasted = paste_back(source, edited, task.alpha)
    measures = {
        **measure(source, pasted, task.alpha > 0),
        "pixel_sha256": pixel_hash(pasted),
        "phash": phash(pasted),
    }
    return Made(
        {**task.row, **measures, "status": "ok", "reason": ""}, {"image_blob": encode_png(pasted)}
    )


def gate(
    row: Mapping[str, Any], settings: EditGate, neighbours: NDArray[np.uint64] | None = None
) -> str:
    """Why an edit is rejected; empty where it passes.

    ``neighbours`` are the perceptual hashes (``perceptual_hashes``) of what an edit must not
    resemble: the test images, and sources other than its own, if wanted. Its own source always
    resembles it; of that it is told apart by ``min_change``.
    """
    if row["change_outside"] > settings.max_outside:
        return (
            f"change_outside {row['change_outside']:g} is above edits.gate.max_outside "
            f"{settings.max_outside:g}"
        )
    if row["pixel_sha256"] == row["source_pixels"]:
        return "the edit is its source image, pixel for pixel"
    if row["change_inside"] < settings.min_change:
        return (
            f"change_inside {row['change_inside']:.3g} is below edits.gate.min_change "
            f"{settings.min_change:g}"
        )
    distance = nearest(row["phash"], neighbours) if neighbours is not None else 64
    if distance < settings.min_distance:
        return (
            f"near-duplicate of another image: {distance} perceptual-hash bits is below "
            f"edits.gate.min_distance {settings.min_distance}"
        )
    return ""


def perceptual_hashes(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.uint64]:
    """The ``phash`` column of rows as numbers, once each, for ``gate``."""
    return np.array(sorted({int(row["phash"], 16) for row in rows}), dtype=np.uint64)


def nearest(hash_: str, neighbours: NDArray[np.uint64]) -> int:
    """Fewest bits in which a perceptual hash differs from any neighbour; 64 without neighbours."""
    if not len(neighbours):
        return 64
    differing = (neighbours ^ np.uint64(int(hash_, 16)))[:, None].view(np.uint8)
    return int(np.unpackbits(differing, axis=1).sum(axis=1).min())
