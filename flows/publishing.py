"""The data set version that a run ends in."""

from collections.abc import Sequence
from datetime import UTC, datetime

from flows.editing import Judged
from flows.run import FactoryRun, actor
from varifactory import items, records
from varifactory.keys import spec_of
from varifactory.loading import items_table
from varifactory.stages import Row
from varifactory.store import (
    Manifest,
    ManifestPart,
    PartRef,
    StoreError,
    VersionTaken,
    dataset_hash,
)


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
