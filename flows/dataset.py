"""Sources to verdicts, one stage after the other, and the data set version they end in."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.run import FactoryRun, StageFailed, actor
from tasks.edits import edit_shard
from tasks.leakage import PICTURES, leakage_shard
from tasks.masks import mask_shard
from tasks.prompts import prompt_shard
from tasks.sources import source_shard
from tasks.verdicts import EXEMPLARS, verdict_shard
from varifactory import agreement, edits, items, leakage, masks, prompts, records, sources, verdicts
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.edits import Wish
from varifactory.keys import spec_of
from varifactory.loading import items_table
from varifactory.models import registry
from varifactory.shards import finished
from varifactory.stages import Row
from varifactory.store import (
    Manifest,
    ManifestPart,
    PartRef,
    StoreError,
    VersionTaken,
    dataset_hash,
)

JUDGE_EXAMPLES = 32
"""Real training images a class that a judge learns its class from: more changes little."""


@dataclass(frozen=True, slots=True)
class Judged:
    """All attempts of all editors, with what the gates and the judge made of them."""

    edits: list[Row]
    outcomes: Mapping[str, items.Outcome]
    controls: list[Row]
    """Unedited pictures whose values are known, asked like edits; of a drawn world alone."""
    control_outcomes: Mapping[str, items.Outcome]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published version, with the tables it came from."""

    manifest: Manifest
    masks: list[Row]
    judged: Judged


def make_dataset(run: FactoryRun) -> Dataset:
    """Every stage from the sources to the published version."""
    chosen = source_images(run)
    training = [row for row in chosen if row["split"] == "train"]
    written = class_prompts(run, {row["label"] for row in training})
    found = object_masks(run, training)
    judged = judged_edits(run, chosen, found, written)
    return Dataset(publish(run, chosen, found, judged), found, judged)


def source_images(run: FactoryRun) -> list[Row]:
    """The labelled images that take part: the shots for training, and the held-out splits."""
    settings = run.recipe.sources
    fields = sources.source_fields(settings)
    spec = spec_of("sources", fields)
    listing = sources.list_sources(spec, settings)
    if settings.rehash:
        known = finished(run.store, "sources", spec) & {row["key"] for row in listing.planned}
        run.store.invalidate("sources", spec, sorted(known), "sources.rehash: read again")
    read = run.stage(source_shard, "sources", fields, listing.planned)
    settled = sources.settle(listing, {row["key"]: row for row in read}, settings, spec)
    run.decided("sources", settled.rows)
    shots = sources.few_shot(settled.rows, settings.shots, settings.shot_seed)
    run.notices += [*settled.notices, *shots.notices]
    test = settled.usable("test")
    return [*unleaked(run, shots.rows, test), *settled.usable("validation"), *test]


def unleaked(run: FactoryRun, training: Sequence[Row], test: Sequence[Row]) -> list[Row]:
    """The training images that are no copy of a test image; the others are told and left out."""
    if not training or not test:
        return list(training)
    fields = leakage.leakage_spec()
    planned = leakage.plan_check(spec_of("leakage", fields), training, test)
    run.store.put_run_object(run.id, PICTURES, leakage.pictures(training, test))
    (checked,) = run.stage(leakage_shard, "leakage", fields, [planned])
    if checked["status"] != "ok":
        raise StageFailed(
            "the check for copies of test images failed, so nothing was trained on or published: "
            f"{checked['reason']}. Run the same command again"
        )
    leaks = {leak.train_key: leak for leak in leakage.read_leaks(checked)}
    uris = {row["key"]: row["uri"] for row in [*training, *test]}
    run.notices += [
        f"{uris[leak.train_key]} is a {leak.how} of the test image {uris[leak.test_key]} "
        f"(likeness {leak.score:.2f}): left out of training"
        for leak in leaks.values()
    ]
    return [row for row in training if row["key"] not in leaks]


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
    return _ok(run.stage(prompt_shard, "prompts", fields, planned, size=size, together=together))


def object_masks(run: FactoryRun, training: Sequence[Row]) -> list[Row]:
    """The masks of the training images, gated; a poor one is rejected with its reason."""
    segmenter = registry.segmenter(run.recipe)
    fields = masks.mask_spec(run.recipe, segmenter)
    planned = masks.plan_masks(spec_of("masks", fields), training, segmenter)
    found = run.stage(mask_shard, "masks", fields, planned)
    gate = run.recipe.masks.gate
    reasons = {row["key"]: masks.gate(row, gate) for row in found if row["status"] == "ok"}
    return run.decided("masks", items.refused(found, reasons))


def judged_edits(
    run: FactoryRun, chosen: Sequence[Row], found_masks: Sequence[Row], written: Sequence[Row]
) -> Judged:
    """Edits and their verdicts; a rejected pair is made anew, with a new seed, a few times."""
    recipe, taxonomy = run.recipe, load_taxonomy(run.recipe.prompts.taxonomy)
    near = edits.perceptual_hashes([row for row in chosen if row["split"] == "test"])
    editor, second = recipe.edits.editor, recipe.edits.compare
    made: list[Row] = []
    gates: dict[str, str] = {}
    controls = agreement.controls(chosen, found_masks, recipe.prompts.attributes, taxonomy)
    said = _verdicts(run, controls, found_masks, 0)
    of_controls = items.outcomes(controls, {}, said, recipe, taxonomy)
    wanted: set[Wish] | None = None
    found: Mapping[str, items.Outcome] = {}
    for attempt in range(recipe.edits.attempts):
        fresh = _edits(run, _ok(found_masks), written, editor, attempt, wanted)
        if attempt == 0 and second.count:
            some = _spread(fresh, second.count)
            fresh += _edits(run, _ok(found_masks), written, second.editor, attempt, some)
        made += fresh
        gates |= {row["key"]: edits.gate(row, recipe.edits.gate, near) for row in _ok(fresh)}
        said |= _verdicts(run, [r for r in _ok(fresh) if not gates[r["key"]]], found_masks, attempt)
        found = items.outcomes(made, gates, said, recipe, taxonomy)
        again = items.wanted(made, found, recipe)
        if not again:
            break
        wanted = {
            Wish(pair.source_key, pair.attribute, pair.index, feasibility)
            for pair, _ in again
            for feasibility in FEASIBILITIES
        }
    run.decided("edits", items.refused(made, gates))
    run.decided("verdicts", [{"status": o.status} for o in found.values() if o.stage == "verdicts"])
    return Judged(made, found, controls, of_controls)


def _edits(
    run: FactoryRun,
    good_masks: Sequence[Row],
    written: Sequence[Row],
    editor: str,
    attempt: int,
    wanted: set[Wish] | None,
) -> list[Row]:
    inpainter = registry.inpainter(run.recipe, editor)
    catalog = load_catalog(run.recipe.prompts.catalog)
    fields = edits.edit_spec(run.recipe, inpainter)
    planned = edits.plan_edits(
        spec_of("edits", fields), good_masks, written, run.recipe, catalog, inpainter, attempt,
        wanted,
    )  # fmt: skip
    return run.stage(edit_shard, "edits", fields, planned, round=attempt, extra={"editor": editor})


def _spread(planned: Sequence[Row], count: int) -> set[Wish]:
    """About ``count`` edits for the second editor: whole pairs, the attributes in turn."""
    by_attribute: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(planned, key=lambda row: str(row["key"])):
        if row["feasibility"] == "feasible":
            by_attribute[row["attribute"]].append(row)
    share = -(-count // (2 * max(1, len(by_attribute))))
    return {
        Wish(row["source_key"], row["attribute"], row["index"], feasibility)
        for rows in by_attribute.values()
        for row in rows[:share]
        for feasibility in ("feasible", "infeasible")
    }


def _verdicts(
    run: FactoryRun, worth: Sequence[Row], found_masks: Sequence[Row], attempt: int
) -> dict[str, Row]:
    """Edit key -> verdict."""
    if run.recipe.verdicts.judge == "none" or not worth:
        return {}
    exemplars = _exemplars(found_masks)
    run.store.put_run_object(run.id, EXEMPLARS, json.dumps(exemplars).encode())
    judge = registry.judge(run.recipe, exemplars, run.store.url)
    catalog = load_catalog(run.recipe.prompts.catalog)
    fields = verdicts.verdict_spec(run.recipe, judge)
    spec = spec_of("verdicts", fields)
    planned = verdicts.plan_verdicts(spec, worth, catalog)
    said = run.stage(verdict_shard, "verdicts", fields, planned, round=attempt)
    return verdicts.by_edit(spec, worth, said, catalog)


def _exemplars(found_masks: Sequence[Row]) -> tuple[registry.Exemplar, ...]:
    """Real training images with accepted masks, the same few of each class for every edit."""
    by_class: dict[str, list[registry.Exemplar]] = defaultdict(list)
    for row in sorted(_ok(found_masks), key=lambda row: str(row["key"])):
        by_class[row["label"]].append(
            (row["source_pixels"], row["label"], row["mask_sha256"], row["image_blob"],
             row["mask_blob"])
        )  # fmt: skip
    return tuple(one for rows in by_class.values() for one in rows[:JUDGE_EXAMPLES])


def publish(
    run: FactoryRun, chosen: Sequence[Row], found_masks: Sequence[Row], judged: Judged
) -> Manifest:
    """Freeze what counts as the next version of the data set, or adopt an equal one."""
    rows = items.assemble(chosen, found_masks, judged.edits, judged.outcomes, run.recipe)
    table = records.table("items", [{**row, "made_at": datetime.now(UTC)} for row in rows])
    held = dataset_hash(table)
    run.decided("items", rows)
    name = run.recipe.name
    before = dict(run.store.datasets()).get(name, [])
    if before and (last := run.store.dataset(name, before[-1])).dataset_hash == held:
        if _is_whole(run, last):
            return last
        run.notices.append(f"version {last.version} is damaged in the store: published anew")
    part = run.store.append("items", spec_of("items", items.item_spec()), table)
    return _published(run, held, part, spec_of("items", items.item_spec()))


def _is_whole(run: FactoryRun, manifest: Manifest) -> bool:
    try:
        items_table(run.store, manifest)
    except StoreError:
        return False
    return True


def _published(run: FactoryRun, held: str, part: PartRef, spec: str) -> Manifest:
    listed = ManifestPart(
        stage="items", spec=spec, name=part.name, rows=part.rows, bytes=part.bytes
    )
    while True:
        manifest = Manifest(
            name=run.recipe.name,
            version=run.store.next_version(run.recipe.name),
            created_at=datetime.now(UTC),
            actor=actor(),
            recipe=run.recipe.model_dump(mode="json"),
            recipe_fingerprint=run.recipe.fingerprint(),
            dataset_hash=held,
            counts=run.counts(),
            parts=(listed,),
            run_id=run.id,
            note=run.recipe.note,
        )
        try:
            return run.store.publish(manifest)
        except VersionTaken:
            # Another run took the number for other content in the same moment: take the next.
            continue


def _ok(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok"]
