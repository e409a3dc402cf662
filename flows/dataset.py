"""Sources to verdicts, one stage after the other, and the data set version they end in."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from flows.costs import note_estimate, note_paid, say_expected
from flows.editing import Judged, judged_edits
from flows.leaks import unleaked
from flows.publishing import publish
from flows.run import FactoryRun
from tasks.masks import mask_shard
from tasks.prompts import prompt_shard
from tasks.sources import source_shard
from varifactory import items, masks, prompts, sources
from varifactory.catalog import load_catalog
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.runs.previews import first_images
from varifactory.shards.planning import finished
from varifactory.stages import Row, accepted
from varifactory.store import Manifest
from varifactory.verdicts import panel

LEARNS = "measured"
"""The judge that knows classes from masked training images: its identity is made of them."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published version, with the tables it came from."""

    manifest: Manifest
    masks: list[Row]
    judged: Judged


def make_dataset(run: FactoryRun, *, trains: bool = False, preview: int = 0) -> Dataset:
    """Every stage from the sources to the published version.

    Args:
        run: its recipe names the models, which are all found before the first stage.
        trains: whether the run trains on it afterwards.
        preview: edit so many training images alone; 0 edits all.

    Raises:
        ModelError: a model is not there, or not what the recipe says it is.
        Leaked: it trains, and training or validation images show test images.
    """
    if run.foreseen:
        run.before_work = partial(note_estimate, run, trains=trains, preview=preview)
    made = made_items(run, trains=trains, preview=preview)
    note_paid(run)
    manifest = publish(run, made.chosen, made.masks, made.judged)
    return Dataset(manifest, made.masks, made.judged)


@dataclass(frozen=True, slots=True)
class Items:
    """The tables that a version is put together from."""

    chosen: list[Row]
    masks: list[Row]
    judged: Judged


def made_items(run: FactoryRun, *, trains: bool, preview: int) -> Items:
    """Every stage but the publishing; see ``make_dataset``."""
    registry.find_all(run.recipe, trains=trains)
    chosen = source_images(run, study=trains)
    training = [row for row in chosen if row["split"] == "train"]
    labels = {row["label"] for row in training}
    say_expected(run, sorted(labels), len(training))
    written = class_prompts(run, labels)
    edited = first_images(training, preview) if preview else None
    masked = training if edited is None or _learns(run) else _among(training, edited)
    found = object_masks(run, masked)
    judged = judged_edits(run, chosen, found, written, edited)
    return Items(chosen if edited is None else _among(training, edited), found, judged)


def _learns(run: FactoryRun) -> bool:
    """Whether a judge learns its classes from all training images, so that each needs its mask."""
    return LEARNS in panel.judges(run.recipe.verdicts)


def _among(rows: Sequence[Row], keys: Collection[str]) -> list[Row]:
    return [row for row in rows if row["key"] in keys]


def source_images(run: FactoryRun, *, study: bool = False) -> list[Row]:
    """The labelled images that take part: the shots for training, and the held-out splits.

    Raises:
        Leaked: a study has training or validation images that show test images
            (``leaks.unleaked``).
    """
    settings = run.recipe.sources
    fields = sources.source_fields(settings)
    spec = spec_of("sources", fields)
    listing = sources.list_sources(spec, settings)
    if settings.rehash:
        known = finished(run.store, "sources", spec) & {row["key"] for row in listing.planned}
        run.hide("sources", spec, sorted(known), "sources.rehash: read again")
    read = run.stage(source_shard, "sources", fields, listing.planned)
    settled = sources.settle(listing, {row["key"]: row for row in read}, settings, spec)
    run.decided("sources", settled.rows)
    shots = sources.few_shot(settled.rows, settings.shots, settings.shot_seed)
    run.notices += [*settled.notices, *shots.notices]
    test = settled.usable("test")
    images = [*shots.rows, *settled.usable("validation")]
    return [*unleaked(run, images, test, study=study, copies=settled.copies), *test]


def class_prompts(run: FactoryRun, labels: Collection[str]) -> list[Row]:
    """The prompts of all pools of the classes; both pools of a class and attribute in one shard."""
    recipe, writer = run.recipe, registry.writer(run.recipe)
    catalog, fields = load_catalog(recipe.prompts.catalog), prompts.prompt_spec(recipe, writer)
    planned = prompts.plan_prompts(
        spec_of("prompts", fields), sorted(labels), catalog, recipe.prompts, writer
    )
    pair = 2 * recipe.prompts.per_pool
    size = pair * max(1, recipe.run.shard_size // pair) if writer.known_ahead else pair
    together = ("label", "attribute")
    return accepted(
        run.stage(prompt_shard, "prompts", fields, planned, size=size, together=together)
    )


def object_masks(run: FactoryRun, training: Sequence[Row]) -> list[Row]:
    """The masks of the training images, gated; a poor one is rejected with its reason."""
    segmenter = registry.segmenter(run.recipe)
    fields = masks.mask_spec(run.recipe, segmenter)
    planned = masks.plan_masks(spec_of("masks", fields), training, segmenter)
    found = run.stage(mask_shard, "masks", fields, planned)
    if told := _by_fallbacks(found):
        run.notices.append(told)
    gate = run.recipe.masks.gate
    reasons = {row["key"]: masks.gate(row, gate) for row in found if row["status"] == "ok"}
    return run.decided("masks", items.refused(found, reasons))


def _by_fallbacks(found: Sequence[Row]) -> str:
    """How many masks another way than the first found; empty where the first found all."""
    fallen = Counter(
        row["method"] for row in found if (row.get("choice") or "").startswith("fallback")
    )
    ways = ", ".join(f"{count} by {method}" for method, count in sorted(fallen.items()))
    return f"masks by masks.fallbacks, {fallen.total()} of {len(found)}: {ways}" if fallen else ""
