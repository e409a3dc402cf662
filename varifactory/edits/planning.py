"""Which change is asked of which image.

The feasible and the infeasible edit of one source, attribute, index and attempt share their seed
and their place in their pools, so that the two arms of a study are paired.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from varifactory.catalog import Attribute, Catalog
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.keys import edit_seed, item_key, seed_from
from varifactory.models import Inpainter
from varifactory.recipe import Recipe
from varifactory.stages import Row

SETTINGS = ("strength", "steps", "guidance", "negative_prompt", "alpha", "image_scale", "dilate")
"""Settings of one edit that an inpainter may read (``recipe.edits.settings_of``)."""
PAINT = "paint"
"""Named by an inpainter that reads a value's ``paint``, which then enters the key."""


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
