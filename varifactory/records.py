"""The table of every stage: its columns, their units, written down once.

Rows are joined by key, never by position. A column named ``<what>_blob`` holds
``<sha256>.<ext>`` of a blob in the store, or null.
"""

import pyarrow as pa

TEXT = pa.string()
TIME = pa.timestamp("us", tz="UTC")

STATUSES = ("ok", "rejected", "failed", "skipped")
"""How an item of a stage ends: exactly one of these. Accepted is ``ok``."""
DONE = ("ok", "rejected")
"""What counts as finished work: a run reuses these and tries the others again."""

COMMON: list[tuple[str, pa.DataType, str]] = [
    ("key", TEXT, "sha256 of the item's content, 64 hexadecimal digits"),
    ("status", TEXT, "ok, rejected, failed or skipped"),
    ("reason", TEXT, "why it was not ok; empty where it was"),
    ("error_type", TEXT, "class of the exception of a failed item"),
    ("label", TEXT, "class name of the source image"),
    ("made_at", TIME, "when the row was made, UTC"),
    ("first_part", TEXT, "hash of the part the row was first written in; null in that part"),
    ("run", TEXT, "id of the run that made the row"),
    ("seconds", pa.float32(), "share of its batch's wall time, s"),
    ("device", TEXT, "cpu or the accelerator's name; provenance, not identity"),
    ("versions", TEXT, "library versions, JSON; provenance, not identity"),
]

PROVENANCE = ("made_at", "first_part", "run", "seconds", "device", "versions")
"""Columns of ``COMMON`` about how a row came to be, which no later stage reads."""

LARGE = ("vector", "predicted_classes", "true_classes")
"""Columns of long lists, read as arrays by who needs them and never as rows."""

STAGES: dict[str, list[tuple[str, pa.DataType, str]]] = {
    "sources": [
        ("uri", TEXT, "where the user's file was found"),
        ("uri_size", pa.int64(), "size of that file, bytes"),
        ("uri_stamp", TEXT, "its modification time or ETag: a re-run lists instead of reading"),
        ("bytes_sha256", TEXT, "hash of the file's bytes; the identity of a source"),
        ("pixel_sha256", TEXT, "hash of the decoded, upright, resized pixels as stored"),
        ("image_blob", TEXT, "PNG master"),
        ("width", pa.int32(), "of the master, pixels"),
        ("height", pa.int32(), "of the master, pixels"),
        ("split", TEXT, "train, validation or test"),
        ("phash", TEXT, "perceptual hash, hexadecimal, for near-duplicates"),
        ("truth", TEXT, "what is known of a drawn image (its scene), JSON; empty for photographs"),
        ("truth_mask_blob", TEXT, "exact mask of a drawn image, PNG"),
    ],
    "leakage": [
        ("pairs", TEXT, "training and test sources that show the same picture, JSON"),
    ],
    "prompts": [
        ("attribute", TEXT, "catalog entry: background, color, texture or a user's own"),
        ("feasibility", TEXT, "feasible or infeasible, as asked"),
        ("value", TEXT, "the attribute's value in one or two words"),
        ("text", TEXT, "the prompt for the inpainter"),
        ("index", pa.int32(), "place in its pool, from 0"),
        ("raw", TEXT, "the writer's raw answer"),
        ("cost_usd", pa.float64(), "price of the call, US dollars; null if unknown"),
    ],
    "masks": [
        ("source_key", TEXT, "key of the source image"),
        ("source_pixels", TEXT, "pixel hash of the source image"),
        ("image_blob", TEXT, "the source's PNG master"),
        ("truth_mask_blob", TEXT, "the source's exact mask, where one is known"),
        ("mask_blob", TEXT, "PNG, 255 on the object, 0 elsewhere"),
        ("mask_sha256", TEXT, "hash of the decoded mask"),
        ("method", TEXT, "how it was found, fallbacks included"),
        ("area", pa.float32(), "share of the image, 0 to 1"),
        ("components", pa.int32(), "connected parts of at least 0.5 % of the mask"),
        (
            "predicted_iou",
            pa.float32(),
            "the segmenter's own estimate, 0 to 1; null if it has none",
        ),
        ("border", pa.float32(), "share of the image's border covered by the mask, 0 to 1"),
        ("candidates", TEXT, "all masks that were found, with their scores, JSON; null if one"),
        ("choice", TEXT, "why this mask was taken; empty where there was one"),
        ("true_iou", pa.float32(), "against the exact mask where one is known, 0 to 1"),
    ],
    "adapters": [
        ("scope", TEXT, "class or dataset"),
        ("shots", TEXT, "pixel hash and caption of the images it was tuned on, JSON"),
        ("adapter_blob", TEXT, "LoRA weights of the generator, safetensors"),
        ("steps", pa.int32(), "optimiser steps"),
        ("first_loss", pa.float64(), "mean loss of the first tenth of the steps"),
        ("last_loss", pa.float64(), "mean loss of the last tenth of the steps"),
        ("curve", TEXT, "loss by step, and on fixed noise before and after, JSON"),
        ("settings", TEXT, "settings of the tuning, JSON"),
    ],
    "edits": [
        ("source_key", TEXT, "key of the source image"),
        ("source_pixels", TEXT, "pixel hash of the source image"),
        ("source_blob", TEXT, "the source's PNG master"),
        ("mask_key", TEXT, "key of the mask"),
        ("mask_sha256", TEXT, "hash of the decoded mask"),
        ("mask_blob", TEXT, "the object's mask"),
        ("prompt_key", TEXT, "key of the prompt"),
        ("attribute", TEXT, "what was changed"),
        ("feasibility", TEXT, "as asked of the prompt's writer; unchanged: no change was asked"),
        ("value", TEXT, "value asked for"),
        ("prompt", TEXT, "text given to the inpainter"),
        ("editor", TEXT, "compositor, small-diffusion, ..."),
        ("index", pa.int32(), "which edit of its source and attribute, from 0"),
        ("attempt", pa.int32(), "from 0; part of the seed"),
        ("seed", pa.int64(), "63 bits"),
        ("kind", TEXT, "inpaint, text-to-image or image-to-image"),
        ("settings", TEXT, "settings of this edit, JSON"),
        ("adapter_blob", TEXT, "fine-tuned weights of the generator; null without any"),
        ("image_blob", TEXT, "the edit, PNG"),
        ("pixel_sha256", TEXT, "hash of the decoded edit"),
        ("phash", TEXT, "perceptual hash of the edit"),
        ("change_inside", pa.float32(), "mean absolute change inside the region, 0 to 255"),
        ("change_outside", pa.float32(), "largest change outside the feathered region, 0 to 255"),
        ("region_share", pa.float32(), "share of the image that may change, 0 to 1"),
    ],
    "verdicts": [
        ("edit_key", TEXT, "key of the edit"),
        ("pixel_sha256", TEXT, "hash of the pixels that were judged"),
        ("mask_sha256", TEXT, "hash of the mask the judge was given"),
        ("image_blob", TEXT, "the edit, PNG"),
        ("mask_blob", TEXT, "the object's mask, PNG"),
        ("attribute", TEXT, "what the judge was asked to measure"),
        ("measured_value", TEXT, "most likely value of the attribute"),
        ("value_scores", TEXT, "score of every value, JSON"),
        ("measured_class", TEXT, "most likely class name"),
        ("class_scores", TEXT, "probability of every class, JSON"),
        ("judge", TEXT, "who judged"),
        ("possible", pa.float32(), "probability that it could exist, 0 to 1; null if not said"),
        ("cost_usd", pa.float64(), "price of the judge's call, US dollars; null if unknown"),
        ("raw", TEXT, "the judge's raw answer, JSON"),
    ],
    "decisions": [
        ("edit_key", TEXT, "key of the edit that a person decided on"),
        ("pixel_sha256", TEXT, "hash of the pixels that the person saw"),
        ("decision", TEXT, "accept or reject"),
        ("who", TEXT, "name of the person"),
        ("note", TEXT, "what the person added"),
    ],
    "training": [
        ("arm", TEXT, "training mixture"),
        ("seed", pa.int64(), "training seed"),
        ("adapter_blob", TEXT, "LoRA weights, safetensors"),
        ("steps", pa.int32(), "optimiser steps, the same in every arm"),
        ("chosen_step", pa.int32(), "step kept, chosen on validation"),
        ("train_real", pa.int32(), "real images in the mixture"),
        ("train_edits", pa.int32(), "edits in the mixture"),
        ("validation_top1", pa.float64(), "accuracy on validation at the chosen step, 0 to 1"),
        ("test_top1", pa.float64(), "accuracy on test of the chosen step, 0 to 1"),
        ("curve", TEXT, "loss and validation accuracy by step, JSON"),
        ("settings", TEXT, "settings of the training, JSON"),
        ("bridge_blob", TEXT, "what the bridge was crossed with: weights after the edits alone"),
        ("bridge_step", pa.int32(), "step at which it was crossed; null where there was none"),
    ],
    "embeddings": [
        ("pixel_sha256", TEXT, "hash of the decoded pixels"),
        ("image_blob", TEXT, "PNG that was embedded"),
        ("encoder", TEXT, "name of the encoder; the spec tells its revision or weight hash"),
        ("vector", pa.list_(pa.float32()), "of length 1"),
    ],
    "texts": [
        ("text", TEXT, "as it was encoded"),
        ("encoder", TEXT, "name of the encoder; the spec tells its revision or weight hash"),
        ("vector", pa.list_(pa.float32()), "of length 1"),
    ],
    "foreign": [
        ("uri", TEXT, "where the user's file was found"),
        ("uri_size", pa.int64(), "size of that file, bytes"),
        ("uri_stamp", TEXT, "its modification time or ETag: a re-run lists instead of reading"),
        ("bytes_sha256", TEXT, "hash of the file's bytes"),
        ("pixel_sha256", TEXT, "hash of the decoded, upright, resized pixels as stored"),
        ("image_blob", TEXT, "PNG master"),
        ("width", pa.int32(), "of the master, pixels"),
        ("height", pa.int32(), "of the master, pixels"),
        ("phash", TEXT, "perceptual hash, hexadecimal"),
        ("prompt", TEXT, "text it was made from; empty if unknown"),
        ("generator", TEXT, "who made it, as the user said"),
        (
            "trained_on_blob",
            TEXT,
            "pixel hashes its generator was trained on, sorted, JSON; null if unknown",
        ),
    ],
    "closed": [
        ("generator", TEXT, "who made it"),
        ("trained_on_blob", TEXT, "pixel hashes of the base it was trained on, sorted, JSON"),
        ("index", pa.int32(), "which image of its class and generator, from 0"),
        ("seed", pa.int64(), "63 bits"),
        ("pixel_sha256", TEXT, "hash of the decoded pixels"),
        ("image_blob", TEXT, "PNG"),
    ],
    "exchange": [
        ("seed", pa.int64(), "of the subsets and the training"),
        ("trainee", TEXT, "who was trained"),
        ("train_images", pa.int32(), "images it was trained on"),
        ("steps", pa.int32(), "optimiser steps; null of one that is fitted until it converges"),
        ("class_names", pa.list_(TEXT), "order of the classes"),
        ("predicted_classes", pa.list_(pa.int16()), "a test image each: place in class_names"),
        ("true_classes", pa.list_(pa.int16()), "a test image each: place in class_names"),
        ("test_sha256", TEXT, "hash of the test images' pixel hashes, in their order"),
        ("lineage", TEXT, "what the images of the pool were made from, JSON"),
        ("settings", TEXT, "of the training, JSON"),
    ],
    "predictions": [
        ("training_key", TEXT, "key of the trained cell"),
        ("arm", TEXT, "training mixture"),
        ("seed", pa.int64(), "training seed"),
        ("source_key", TEXT, "key of the test image"),
        ("pixel_sha256", TEXT, "hash of its decoded pixels; null in rows of earlier versions"),
        ("truth", TEXT, "its class name"),
        ("predicted", TEXT, "class of the largest logit"),
        ("logits", pa.list_(pa.float32()), "one a class, in the order of class_names"),
        ("class_names", pa.list_(TEXT), "order of the logits"),
    ],
    "checkpoints": [
        ("training_key", TEXT, "key of the cell in training"),
        ("step", pa.int32(), "optimiser steps done"),
        ("checkpoint_blob", TEXT, "weights, optimiser and random state"),
    ],
    "items": [
        ("kind", TEXT, "source, edit or foreign"),
        ("split", TEXT, "train, validation or test"),
        ("stage", TEXT, "the stage that decided the status"),
        ("source_key", TEXT, "key of the source image; its own for a source; null if foreign"),
        ("edit_key", TEXT, "key of the edit or of the foreign image; null for a source"),
        ("verdict_key", TEXT, "key of the first judge's verdict; null where none was needed"),
        ("pixel_sha256", TEXT, "hash of the decoded pixels"),
        ("image_blob", TEXT, "PNG"),
        ("source_blob", TEXT, "PNG of the source image"),
        ("mask_blob", TEXT, "PNG of the object's mask; null where none was made"),
        ("attribute", TEXT, "what was changed; null for a source"),
        ("feasibility", TEXT, "as asked, or unchanged; null for a source"),
        ("value", TEXT, "value asked for"),
        ("prompt", TEXT, "text given to the inpainter"),
        ("editor", TEXT, "who made the edit, or the generator of a foreign image"),
        ("index", pa.int32(), "which edit of its source and attribute"),
        ("attempt", pa.int32(), "attempt that was kept, from 0"),
        ("paired", pa.bool_(), "its feasible or infeasible partner was accepted at this attempt"),
        (
            "forced",
            pa.bool_(),
            "taken although its judge refused it; only under the preset faithful",
        ),
        ("measured_value", TEXT, "what the judge saw"),
        ("measured_class", TEXT, "class the judge saw"),
        ("presence", pa.float32(), "judge's score of the value asked for, 0 to 1"),
        ("judged_feasibility", TEXT, "feasible, infeasible or not judged, of the measured value"),
        ("class_score", pa.float32(), "judge's probability of the label, 0 to 1"),
        (
            "judgements",
            TEXT,
            "every judge's word on it, JSON; null where one judge alone was asked",
        ),
        ("predicted_iou", pa.float32(), "of the mask"),
        ("change_inside", pa.float32(), "mean absolute change inside the region, 0 to 255"),
        ("region_share", pa.float32(), "share of the image that may change, 0 to 1"),
        (
            "first_blob",
            TEXT,
            "PNG of the first attempt, whatever a judge said; null if not made or gated",
        ),
        ("first_sha256", TEXT, "hash of its decoded pixels"),
    ],
}


def schema(stage: str) -> pa.Schema:
    """The Arrow schema of a stage's table, units in each field's metadata.

    Raises:
        KeyError: for a stage that is not in this module.
    """
    return pa.schema(
        [
            pa.field(name, kind, metadata={"doc": doc})
            for name, kind, doc in [*COMMON, *STAGES[stage]]
        ]
    )


def table(stage: str, rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table of the stage's schema; absent columns are null, unknown ones refused."""
    wanted = schema(stage)
    unknown = {name for row in rows for name in row} - set(wanted.names)
    if unknown:
        raise KeyError(f"stage {stage!r} has no column {sorted(unknown)}")
    return pa.Table.from_pylist(rows, schema=wanted)
