"""Edits made of planned rows: drawn, pasted back, measured."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog import Catalog
from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.errors import RecipeError
from varifactory.images import encode_png, phash, pixel_hash
from varifactory.models import Inpainter, InpaintingJob, Pixels, Region, Weights
from varifactory.pasting import feathered, measure, paste_back, region_of
from varifactory.recipe import Edits
from varifactory.stages import Made, Row


@runtime_checkable
class Selective(Protocol):
    """An inpainter that can tell beforehand what it cannot do."""

    def refusal(self, job: InpaintingJob) -> str:
        """Why the job cannot be done and what to do instead; empty where it can."""
        ...


Edge = NDArray[np.float32]
"""How much of an edit shows, (height, width), 0 to 1: above 0 where pixels may change."""


@dataclass(frozen=True, slots=True)
class _Task:
    place: int
    row: Row
    job: InpaintingJob
    alpha: Edge


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch that its inpainter is done with: what is left needs no model."""

    tasks: Sequence[_Task]
    edited: Sequence[Pixels]
    skipped: Mapping[int, str]
    """Place in the batch -> why it was not drawn."""


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
    drawn = draw_edits(rows, images, masks, inpainter, catalog, settings, weights)
    return finish_edits(rows, drawn)


def draw_edits(
    rows: Sequence[Row],
    images: Sequence[Pixels],
    masks: Sequence[Region],
    inpainter: Inpainter,
    catalog: Catalog,
    settings: Edits,
    weights: Mapping[str, Weights] = MappingProxyType({}),
    edges: Sequence[Edge | None] = (),
) -> Drawn:
    """The part of ``make_edits`` that keeps a card busy.

    ``edges`` are what ``edges_of`` gives, which may be asked for before; empty makes them here.
    """
    edges = edges or edges_of(rows, masks, catalog, settings)
    tasks: list[_Task] = []
    skipped: dict[int, str] = {}
    for place, (row, image, mask, edge) in enumerate(zip(rows, images, masks, edges, strict=True)):
        prepared = _prepare(place, row, image, mask, edge, inpainter, catalog, weights)
        if isinstance(prepared, _Task):
            tasks.append(prepared)
        else:
            skipped[place] = prepared
    edited = inpainter.inpaint([task.job for task in tasks]) if tasks else []
    return Drawn(tasks, edited, skipped)


def edges_of(
    rows: Sequence[Row], masks: Sequence[Region], catalog: Catalog, settings: Edits
) -> list[Edge | None]:
    """How much of each edit shows where, 0 to 1; None for an attribute that no catalog has.

    Measuring the distance to an edge takes tens of milliseconds of a large image, which need no
    model.
    """
    return [_edge(row, mask, catalog, settings) for row, mask in zip(rows, masks, strict=True)]


def _edge(row: Row, mask: Region, catalog: Catalog, settings: Edits) -> Edge | None:
    if row["kind"] != "inpaint":
        return np.ones(mask.shape, np.float32)
    try:
        attribute = catalog.attribute(row["attribute"])
    except RecipeError:
        return None
    return feathered(region_of(mask, attribute.region), settings.feather)


def finish_edits(rows: Sequence[Row], drawn: Drawn) -> list[Made]:
    """The rest of ``make_edits``: pasted back, measured, encoded."""
    made = {
        place: Made({**rows[place], "status": "skipped", "reason": reason})
        for place, reason in drawn.skipped.items()
    }
    for task, new in zip(drawn.tasks, drawn.edited, strict=True):
        made[task.place] = _made(task, new)
    return [made[place] for place in range(len(rows))]


def _prepare(
    place: int,
    row: Row,
    image: Pixels,
    mask: Region,
    alpha: Edge | None,
    inpainter: Inpainter,
    catalog: Catalog,
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
    if row["value"] == UNCHANGED and attribute.value(UNCHANGED) is None:
        return (
            f"attribute {attribute.name!r} has no words for an edit that leaves it unchanged: give "
            "its file an `unchanged` with a phrase, or set edits.unchanged=false"
        )
    if mask.shape != image.shape[:2]:
        return (
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its image {image.shape[1]} x {image.shape[0]}: make the mask again"
        )
    assert alpha is not None, "edges are made with the same catalog"
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
        adapter=weights[row["adapter_blob"]] if row.get("adapter_blob") else None,
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
