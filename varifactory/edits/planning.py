"""Which change is asked of which image.

The feasible and the infeasible edit of one source, attribute, index and attempt share their seed
and their place in their pools, so that the two arms of a study are paired. So does the unchanged
edit beside a pair, which is asked for the value that its source has already.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from varifactory.catalog import Attribute, Catalog
from varifactory.catalog.taxonomy import FEASIBILITIES, UNCHANGED
from varifactory.keys import Encoded, digest, edit_seed, encoded, seed_from
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
    pools = _Pools(prompt_rows, recipe, attempt)
    attributes = [catalog.attribute(name) for name in recipe.prompts.attributes]
    sides = [
        (attribute.name, [_Side.of(spec, attribute, side, recipe, inpainter)
                          for side in FEASIBILITIES])
        for attribute in attributes
    ]  # fmt: skip
    return [
        _planned(mask, prompt, side, recipe, index, attempt, adapters)
        for mask in mask_rows
        for attribute, both in sides
        for index in (range(recipe.edits.per_source) if indexes is None else indexes)
        for side in both
        if wanted is None or Wish(mask["source_key"], attribute, index, side.feasibility) in wanted
        for prompt in pools.chosen(mask, attribute, side.feasibility, index)
    ]


def plan_unchanged(
    spec: str,
    sides: Sequence[Row],
    mask_rows: Sequence[Row],
    prompt_rows: Sequence[Row],
    truths: Mapping[str, Mapping[str, str]],
    recipe: Recipe,
    catalog: Catalog,
    inpainter: Inpainter,
    adapters: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:
    """An edit beside every pair that asks for the value which its source has already.

    It has the pair's seed, region, template and settings; under ``edits.preset: faithful``, where
    the sides of a pair differ in these, those of the feasible side. Where the value is not known,
    the attribute's ``unchanged`` words ask for no change.

    Args:
        sides: one side of every pair, with the attempt that counts.
        mask_rows: accepted masks.
        prompt_rows: of which the sides were made.
        truths: source key -> attribute -> value, of drawn sources.
        adapters: as of ``plan_edits``.
    """
    mask_of = {mask["source_key"]: mask for mask in mask_rows}
    template = {prompt["key"]: prompt["index"] for prompt in prompt_rows}
    unchanged = {
        name: _Side.of(spec, catalog.attribute(name), UNCHANGED, recipe, inpainter)
        for name in {side["attribute"] for side in sides}
    }
    return [
        _planned(mask_of[row["source_key"]], _as_it_is(row, attribute, known, template),
                 unchanged[row["attribute"]], recipe, row["index"], row["attempt"], adapters)
        for row in sides
        for attribute in [catalog.attribute(row["attribute"])]
        for known in [truths.get(row["source_key"], {}).get(attribute.name, "")]
    ]  # fmt: skip


def _as_it_is(row: Row, attribute: Attribute, known: str, template: Mapping[str, int]) -> Row:
    """The prompt for a value that is there; of no pool, so without a key."""
    value = known if known in attribute.values else UNCHANGED
    told = attribute.value(value)
    index = template.get(row["prompt_key"], 0)
    text = attribute.render(index, row["label"], told.phrase) if told else ""
    return {"key": None, "value": value, "text": text}


Pool = tuple[str, str, str]


class _Pools:
    """The prompts by class, attribute and feasibility, and which of them an edit is given."""

    def __init__(self, prompt_rows: Sequence[Row], recipe: Recipe, attempt: int) -> None:
        self._seed, self._per_source, self._attempt = recipe.seed, recipe.edits.per_source, attempt
        self._pools: dict[Pool, list[Row]] = {}
        for row in sorted(prompt_rows, key=lambda row: (row["index"], row["key"])):
            pool = (row["label"], row["attribute"], row["feasibility"])
            self._pools.setdefault(pool, []).append(row)
        self._order: tuple[tuple[str, str, int], list[int]] = (("", "", 0), [])

    def chosen(self, mask: Row, attribute: str, feasibility: str, index: int) -> list[Row]:
        """One prompt, or none: a shuffle of the pool read on from attempt to attempt."""
        pool = self._pools.get((mask["label"], attribute, feasibility), [])
        if not pool:
            return []
        order = self._shuffled(mask["source_pixels"], attribute, len(pool))
        return [pool[order[(index + self._attempt * self._per_source) % len(pool)]]]

    def _shuffled(self, source_pixels: str, attribute: str, size: int) -> list[int]:
        # The edits of a source and attribute follow each other, and share their shuffle.
        asked = (source_pixels, attribute, size)
        if self._order[0] != asked:
            seed = seed_from("choice", self._seed, source_pixels, attribute)
            self._order = asked, np.random.default_rng(seed).permutation(size).tolist()
        return self._order[1]


@dataclass(frozen=True, slots=True)
class _Side:
    """What the edits of one attribute and feasibility share."""

    attribute: Attribute
    feasibility: str
    editor: str
    fixed: Mapping[str, Encoded]
    """Of every key."""
    settings: str
    """JSON."""
    paints: Mapping[str, Encoded]
    """Value -> what it is painted with, where the inpainter reads that."""
    reads_paint: bool

    @classmethod
    def of(
        cls, spec: str, attribute: Attribute, feasibility: str, recipe: Recipe, inpainter: Inpainter
    ) -> "_Side":
        editor = str(inpainter.identity["name"])
        read = _settings_read(inpainter)
        arm = FEASIBILITIES[0] if feasibility == UNCHANGED else feasibility
        own = recipe.edits.settings_of(attribute.name, arm)
        settings = {name: own[name] for name in SETTINGS if name in read and name in own}
        shared = {
            "spec": spec,
            "attribute": attribute.name,
            "region": attribute.region,
            "operation": attribute.editors.get(editor),
            "settings": settings,
        }
        reads_paint = PAINT in read
        paints = {name: encoded(value.paint) for name, value in attribute.values.items()}
        if feasibility == UNCHANGED and attribute.unchanged:
            paints.setdefault(UNCHANGED, encoded(attribute.unchanged.paint))
        return cls(
            attribute, feasibility, editor,
            {name: encoded(value) for name, value in shared.items()},
            json.dumps(settings, sort_keys=True), paints if reads_paint else {}, reads_paint,
        )  # fmt: skip


def _planned(
    mask: Row,
    prompt: Row,
    side: _Side,
    recipe: Recipe,
    index: int,
    attempt: int,
    adapters: Mapping[str, str],
) -> Row:
    name = side.attribute.name
    seed = edit_seed(recipe.seed, mask["source_pixels"], name, index, attempt)
    # A pair's side may ask for the value that is there as well, and is another item even so.
    special: dict[str, Any] = {UNCHANGED: True} if side.feasibility == UNCHANGED else {}
    if side.reads_paint:
        special[PAINT] = side.paints.get(prompt["value"])
    if adapter := adapters.get(mask["label"]):
        special["adapter"] = adapter
    key = digest(
        {
            **side.fixed,
            "source_pixels": mask["source_pixels"],
            "mask_sha256": mask["mask_sha256"],
            "value": prompt["value"],
            "prompt": prompt["text"],
            "seed": seed,
            **special,
        }
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
        "attribute": name,
        "feasibility": side.feasibility,
        "value": prompt["value"],
        "prompt": prompt["text"],
        "editor": side.editor,
        "index": index,
        "attempt": attempt,
        "seed": seed,
        "kind": recipe.edits.kind,
        "settings": side.settings,
        **({"adapter_blob": adapter} if adapter else {}),
    }
