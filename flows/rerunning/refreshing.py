"""A data set with chosen rows made again: by its few affected sources alone, or as a whole.

The short way holds where nothing but the edits of those sources can change. That is not assumed:
before anything is made, these sources' rows are put together once more as they were, and must be
those of the version.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from flows.costs import note_paid
from flows.dataset import Dataset, class_prompts, make_dataset, object_masks, source_images
from flows.editing import Judged, judged_edits
from flows.publishing import Overtaken, item_table, publish_changes
from flows.rerunning.run import Rerun, Strayed
from varifactory import items
from varifactory.changes import changes
from varifactory.keys import spec_of
from varifactory.loading import items_table
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Manifest, Store, StoreError
from varifactory.verdicts import decisions

FEW = 2000
"""Items up to which going through the whole recipe takes seconds and draws the pages as well."""
ALONE = ("edits", "verdicts")
"""Stages whose rows concern one source image each."""
COUNTED = (*ALONE, "decisions")
"""Stages of which the short way sees a part, so that their counts are the version's, corrected."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The version a rerun ended in."""

    manifest: Manifest
    made: Dataset | None
    """All tables of it; None where the short way was taken."""
    why: str
    """Why the whole recipe was gone through; empty where it was not."""


def refreshed(run: Rerun, *, trains: bool) -> Refreshed:
    """Make the chosen rows again, and what hangs on them, and publish.

    ``trains`` says whether training or a report comes after it, which read the whole.
    """
    why = "a study reads all of it" if trains else _reason(run)
    if not why:
        try:
            return Refreshed(_shortly(run), None, "")
        except (Strayed, Overtaken) as error:
            why = str(error)
            run.start_over()
    made = make_dataset(run, trains=trains)
    return Refreshed(made.manifest, made, why)


def _reason(run: Rerun) -> str:
    """Why the short way cannot be taken, as far as is known ahead."""
    before, recipe = run.before, run.recipe
    if before is None:
        return "no version is there to start from: the run published none, or it was dropped"
    if not run.again.rows or set(run.again.rows) - set(ALONE):
        others = ", ".join(sorted(set(run.again.rows) - set(ALONE)))
        return f"on rows of {others or 'no stage'} more than single images may hang"
    if count(before) <= FEW:
        return f"the version has no more than {FEW} items"
    return _entangled(recipe)


def _entangled(recipe: Recipe) -> str:
    """What in a recipe lets one image's edits change those of another."""
    if recipe.edits.exact:
        return "edits.exact counts edits over all images"
    if recipe.edits.compare.count:
        return "edits.compare chooses among all edits"
    if recipe.adaptation.scope != "none":
        return "adaptation.scope tunes the generator on many images"
    return ""


def count(version: Manifest) -> int:
    """Items of a version."""
    return sum((version.counts.get("items") or {}).values())


def _shortly(run: Rerun) -> Manifest:
    assert run.before is not None
    registry.find_all(run.recipe, trains=False)
    chosen = source_images(run)
    training = [row for row in chosen if row["split"] == "train"]
    written = class_prompts(run, {row["label"] for row in training})
    found = object_masks(run, training)
    held = run.held = _held(run, run.before)
    _same_sources(run, chosen, found, held)
    affected = run.again.sources
    some = [row for row in chosen if row["key"] in affected or row["split"] == "test"]
    past = run.rehearsal()
    mine = held.filter(pc.is_in(held["source_key"], value_set=_texts(affected)))
    earlier = judged_edits(past, some, found, written, affected)
    _undecided(past)
    _same(_assembled(run, some, found, earlier, affected), mine, "its edits")
    judged = judged_edits(run, some, found, written, affected)
    note_paid(run)
    rows = _assembled(run, some, found, judged, affected)
    return _exchange(run, held, mine, rows, past.counts())


def _held(run: Rerun, version: Manifest) -> pa.Table:
    spec = spec_of("items", items.item_spec())
    if {part.spec for part in version.parts} != {spec}:
        raise Strayed("items are put together in another way since")
    try:
        return items_table(run.store, version)
    except StoreError as error:
        raise Strayed(f"version {version.version} is damaged: {error}") from None


def _same_sources(run: Rerun, chosen: Sequence[Row], found: Sequence[Row], held: pa.Table) -> None:
    """Every source image and mask is the version's, so what judges learn from them is."""
    if run.made.get("prompts"):
        raise Strayed("prompts had to be made")
    real = held.filter(pc.equal(held["kind"], "source"))
    _same(items.assemble(chosen, found, [], {}, run.recipe), real, "source images and masks")


def _same(rows: Sequence[Row], held: pa.Table, what: str) -> None:
    now, then = {row["key"] for row in rows}, set(held["key"].to_pylist())
    if now != then:
        raise Strayed(f"{what} are others than the version's: {len(now ^ then)} rows differ")


def _undecided(past: Rerun) -> None:
    """No person spoke of an edit of this recipe since the version: the whole takes it up."""
    assert past.before is not None
    words = decisions.since(past.store, _began(past.store, past.before))
    edits = (name.partition("/")[2] for name in past.specs if name.startswith("edits/"))
    for spec in edits if words else ():
        if count := len(past.store.rows("edits", spec, ["key"], keys=words)):
            raise Strayed(f"people decided of {count} edits since version {past.before.version}")


def _began(store: Store, version: Manifest) -> datetime:
    """When the run began that made a version: what was said before then it knew."""
    try:
        return datetime.fromisoformat(str(store.read_run(version.run_id)["began_at"]))
    except (StoreError, KeyError, ValueError):
        return datetime.min.replace(tzinfo=UTC)  # unknown: every word may be newer


def _assembled(
    run: Rerun, some: Sequence[Row], found: Sequence[Row], judged: Judged, affected: Collection[str]
) -> list[Row]:
    """The items of the affected sources."""
    own = [row for row in some if row["key"] in affected]
    masks = [row for row in found if row["source_key"] in affected]
    return items.assemble(own, masks, judged.edits, judged.outcomes, run.recipe)


def _exchange(
    run: Rerun, held: pa.Table, mine: pa.Table, rows: Sequence[Row],
    past: Mapping[str, Mapping[str, int]],
) -> Manifest:  # fmt: skip
    """Publish the version with what is another now, and count its stages."""
    assert run.before is not None
    fresh = others(mine, rows)
    standing = {row["key"] for row in rows} - {row["key"] for row in fresh}
    gone = mine.filter(pc.invert(pc.is_in(mine["key"], value_set=_texts(standing))))
    ended = Counter(held["status"].to_pylist())
    ended.subtract(gone["status"].to_pylist())
    ended.update(row["status"] for row in fresh)
    counts = {**run.counts(), "items": +ended}
    for stage in COUNTED:
        whole = Counter(run.before.counts.get(stage) or {})
        whole.subtract(past.get(stage) or {})
        whole.update(run.counts().get(stage) or {})
        if +whole:
            counts[stage] = dict(+whole)
    return publish_changes(run, run.before, held, gone, fresh, counts)


def others(held: pa.Table, rows: Sequence[Row]) -> list[Row]:
    """The items of which anything but provenance is not as a version has it.

    An item's key tells its edit and its verdict, not its pixels: a card need not draw an edit
    twice alike.
    """
    found = changes(held, item_table(rows))
    keys = {row["key"] for row in (*found.added, *found.altered)}
    return [row for row in rows if row["key"] in keys]


def _texts(values: Collection[str]) -> pa.Array:
    return pa.array(sorted(values), pa.string())
