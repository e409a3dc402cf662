"""A finished data set of any size: sources, prompts and masks are real, edits and verdicts rows.

What a rerun reads and rests on is real: the plans, the keys, the parts in the sizes that shards
leave behind, the sources and masks with their images. Invented are the pixels of the edits and
what was measured of them, for making a hundred thousand takes hours.
"""

import json
from collections.abc import Sequence
from typing import Any

from flows.dataset import class_prompts, object_masks, source_images
from flows.editing import judged_edits
from flows.judging import _exemplars
from flows.publishing import publish
from flows.rerunning.run import Rerun
from varifactory import edits
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.keys import item_key, spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made, Row, accepted
from varifactory.verdicts import agreement
from varifactory.verdicts.planning import plan_verdicts, verdict_spec

CLASSES, PER_SOURCE, ATTRIBUTES = 12, 8, ("background", "color", "texture")
ERROR = "OutOfMemoryError"


def recipe(items: int) -> Recipe:
    """A recipe of about so many edits."""
    each = -(-items // (CLASSES * PER_SOURCE * 2 * len(ATTRIBUTES)))
    return Recipe.parse({
        "name": "large",
        "sources": {"kind": "world", "size": 64, "shots": each,
                    "world": {"classes": CLASSES, "train": each, "validation": 2, "test": 4}},
        "prompts": {"attributes": list(ATTRIBUTES), "per_pool": 8},
        "masks": {"segmenter": "grabcut-box",
                  "gate": {"min_area": 0, "max_area": 1, "max_components": 99,
                           "min_predicted_iou": 0, "max_border": 1}},
        "edits": {"per_source": PER_SOURCE, "attempts": 1},
        "run": {"retries": 0},
    })  # fmt: skip


def fill(run: Rerun) -> str:
    """Fill the store of a run that makes nothing it finds, publish, and give the failed edit."""
    chosen = source_images(run)
    training = [row for row in chosen if row["split"] == "train"]
    written = class_prompts(run, {row["label"] for row in training})
    found = object_masks(run, training)
    made = _edits(run, found, written)
    taxonomy = load_taxonomy(run.recipe.prompts.taxonomy)
    controls = agreement.controls(chosen, found, run.recipe.prompts.attributes, taxonomy)
    _verdicts(run, [*made, *controls], found)
    judged = judged_edits(run, chosen, found, written)
    publish(run, chosen, found, judged)
    (failed,) = [str(row["key"]) for row in made if row["status"] == "failed"]
    return failed


def _edits(run: Rerun, found: Sequence[Row], written: Sequence[Row]) -> list[Row]:
    inpainter = registry.inpainter(run.recipe, run.recipe.edits.editor)
    spec = spec_of("edits", edits.edit_spec(run.recipe, inpainter))
    planned = edits.plan_edits(
        spec, accepted(found), written, run.recipe, load_catalog(run.recipe.prompts.catalog),
        inpainter,
    )  # fmt: skip
    rows = [_edit(row) for row in planned]
    rows[len(rows) // 2] = {
        **planned[len(rows) // 2], "status": "failed", "error_type": ERROR,
        "reason": "CUDA out of memory. Tried to allocate 2.00 GiB",
    }  # fmt: skip
    _keep(run, "edits", spec, rows)
    return rows


def _edit(row: Row) -> Row:
    pixels = item_key(row["key"], made="pixels")
    return {
        **row, "status": "ok", "pixel_sha256": pixels, "image_blob": f"{pixels}.png",
        "phash": pixels[:16], "change_inside": 40.0, "change_outside": 0.0, "region_share": 0.3,
    }  # fmt: skip


def _verdicts(run: Rerun, made: Sequence[Row], found: Sequence[Row]) -> None:
    judge = registry.judge(
        run.recipe, _exemplars(found), run.store.url, name=run.recipe.verdicts.judge, run=run.id
    )
    spec = spec_of("verdicts", verdict_spec(run.recipe, judge))
    catalog = load_catalog(run.recipe.prompts.catalog)
    by_key = {row["pixel_sha256"]: row for row in accepted(made)}
    planned = plan_verdicts(spec, accepted(made), catalog)
    _keep(run, "verdicts", spec, [_verdict(row, by_key[row["pixel_sha256"]]) for row in planned])


def _verdict(row: Row, edit: Row) -> Row:
    scores = {f"value {number}": 0.01 for number in range(12)} | {edit["value"]: 0.9}
    classes = {f"class {number}": 0.02 for number in range(CLASSES)} | {edit["label"]: 0.8}
    return {
        **row, "status": "ok", "measured_value": edit["value"], "measured_class": edit["label"],
        "value_scores": json.dumps(scores), "class_scores": json.dumps(classes),
        "judge": "measured", "raw": json.dumps({"descriptor": [0.5] * 8}),
    }  # fmt: skip


def _keep(run: Rerun, stage: str, spec: str, rows: Sequence[dict[str, Any]]) -> None:
    """In parts as folded shards leave them."""
    size = run.recipe.run.shard_size
    ordered = sorted(rows, key=lambda row: str(row["key"]))
    for start in range(0, len(ordered), size):
        piece = [Made(row) for row in ordered[start : start + size]]
        keep_rows(run.store, stage, spec, "earlier", piece, seconds=len(piece))
