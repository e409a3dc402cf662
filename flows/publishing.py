"""The data set version that a run ends in."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.editing import Judged
from flows.run import FactoryRun
from varifactory import items, records
from varifactory.actor import actor
from varifactory.errors import FactoryError
from varifactory.keys import spec_of
from varifactory.loading import lack
from varifactory.runs.past import newer_version
from varifactory.stages import Row
from varifactory.store import (
    Manifest,
    ManifestPart,
    PartRef,
    VersionTaken,
    dataset_hash,
)

MOST_PARTS = 16
"""Parts of a version that reruns may pile up; the next one writes them as one."""

Counts = Mapping[str, Mapping[str, int]]


class Overtaken(FactoryError):
    """A version that was to be changed is not the newest of its recipe any more."""


def publish(
    run: FactoryRun, chosen: Sequence[Row], found_masks: Sequence[Row], judged: Judged
) -> Manifest:
    """Freeze what counts as the next version of the data set, or adopt an equal one."""
    rows = items.assemble(chosen, found_masks, judged.edits, judged.outcomes, run.recipe)
    table = item_table(rows)
    held = dataset_hash(table)
    run.decided("items", rows)
    run.version = _equal(run, held) or _published(run, held, [_kept(run, table)], run.counts())
    return run.version


def publish_changes(
    run: FactoryRun, before: Manifest, held_before: pa.Table, gone: pa.Table, added: Sequence[Row],
    counts: Counts,
) -> Manifest:  # fmt: skip
    """The version ``before`` with some rows exchanged: its parts, and two small ones.

    Args:
        run: a rerun.
        before: the version it starts from.
        held_before: all its rows.
        gone: those of them that it loses.
        added: rows that come instead.
        counts: items by stage and status of the new version.

    Raises:
        Overtaken: another run of the recipe published one since.
    """
    kept = held_before.filter(pc.invert(pc.is_in(held_before["key"], value_set=gone["key"])))
    fresh = item_table(added) if added else held_before.slice(0, 0)
    whole = pa.concat_tables([kept, fresh], promote_options="default")
    held = dataset_hash(whole)
    run.version = _equal(run, held)
    if run.version is None:
        alike = {before.recipe_fingerprint, run.recipe.fingerprint()}
        if newer := newer_version(run.store, before.name, before.version, alike):
            raise Overtaken(f"version {newer.version} was published meanwhile")
        parts = [*before.parts, *_exchanged(run, gone, fresh)]
        if len(parts) > MOST_PARTS:
            parts = [_kept(run, whole.drop_columns(["first_part"]))]
        run.version = _published(run, held, parts, counts)
    return run.version


def item_table(rows: Sequence[Row]) -> pa.Table:
    """Items as a table, sorted by key: readers need not sort what is."""
    now = datetime.now(UTC)
    ordered = sorted(rows, key=lambda row: str(row["key"]))
    return records.table("items", [{**row, "made_at": now} for row in ordered])


def _exchanged(run: FactoryRun, gone: pa.Table, fresh: pa.Table) -> list[ManifestPart]:
    spec = spec_of("items", items.item_spec())
    parts = []
    if len(gone):
        told = f"another row in the version of run {run.id}"
        parts.append(_listed(run.store.hide("items", spec, gone, told), spec))
    if len(fresh):
        parts.append(_kept(run, fresh))
    return parts


def _equal(run: FactoryRun, held: str) -> Manifest | None:
    """The latest version or the one that the run starts from, if it holds just this and is whole.

    A rerun of an older recipe that changes nothing must not make old content the newest.
    """
    for known in (_newest(run), run.before):
        if known is not None and known.dataset_hash == held:
            lacking = lack(run.store, known)
            if not lacking:
                return known
            run.notices.append(f"version {known.version} {lacking}: published anew")
    return None


def _newest(run: FactoryRun) -> Manifest | None:
    name = run.recipe.name
    numbers = dict(run.store.datasets()).get(name, [])
    return run.store.dataset(name, numbers[-1]) if numbers else None


def _kept(run: FactoryRun, table: pa.Table) -> ManifestPart:
    spec = spec_of("items", items.item_spec())
    return _listed(run.store.append("items", spec, table), spec)


def _listed(part: PartRef, spec: str) -> ManifestPart:
    return ManifestPart(stage="items", spec=spec, name=part.name, rows=part.rows, bytes=part.bytes)


def _published(
    run: FactoryRun, held: str, parts: Sequence[ManifestPart], counts: Counts
) -> Manifest:
    told: dict[str, Any] = {stage: dict(statuses) for stage, statuses in counts.items()}
    while True:
        manifest = Manifest(
            name=run.recipe.name,
            version=run.store.next_version(run.recipe.name),
            created_at=datetime.now(UTC),
            actor=actor(),
            recipe=run.recipe.model_dump(mode="json"),
            recipe_fingerprint=run.recipe.fingerprint(),
            dataset_hash=held,
            counts=told,
            parts=tuple(parts),
            run_id=run.id,
            note=run.recipe.note,
        )
        try:
            return run.store.publish(manifest)
        except VersionTaken:
            # Another run took the number for other content in the same moment: take the next.
            continue
