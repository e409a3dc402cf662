"""What edits and verdicts tell of first attempts, where items tell of a later one that was kept.

Without it the unfiltered arm would be described by those of its edits that needed no second try.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.catalog import Taxonomy, load_taxonomy
from varifactory.errors import FactoryError
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Manifest, Store
from varifactory.verdicts.deciding import decide

FROM_EDIT = ("value", "prompt", "change_inside", "region_share")
SAID = ("status", "reason", "attribute", "judge", "measured_value", "measured_class",
        "value_scores", "class_scores", "possible")  # fmt: skip


def with_first_words(store: Store, dataset: Manifest, rows: Sequence[Row]) -> list[Row]:
    """The rows, completed where they are a first attempt of which items tell nothing.

    Found by pixels under the specs of the run that made the version; what is no longer there, or
    was never judged, stays unknown.
    """
    wanted = {row["pixel_sha256"] for row in rows if _untold(row)}
    if not wanted:
        return list(rows)
    edits = _by_pixels(store, dataset, "edits", FROM_EDIT, wanted)
    words = _by_pixels(store, dataset, "verdicts", SAID, wanted)
    recipe = Recipe.parse(dataset.recipe)
    taxonomy = _taxonomy(recipe)
    return [_completed(row, edits, words, recipe, taxonomy) if _untold(row) else row
            for row in rows]  # fmt: skip


def _untold(row: Row) -> bool:
    """Whether a row is a first attempt and its item one of a later attempt."""
    return row["edit_key"] is None and row["pixel_sha256"] == row["first_sha256"]


def _by_pixels(
    store: Store, dataset: Manifest, stage: str, columns: Sequence[str], wanted: Collection[str]
) -> dict[str, list[Row]]:
    """Pixel hash -> rows of a stage."""
    found: dict[str, list[Row]] = {}
    for table in _tables(store, dataset, stage, columns):
        chosen = table.filter(pc.is_in(table["pixel_sha256"], value_set=pa.array(sorted(wanted))))
        for row in chosen.to_pylist():
            found.setdefault(row["pixel_sha256"], []).append(row)
    return found


def _tables(
    store: Store, dataset: Manifest, stage: str, columns: Sequence[str]
) -> Iterator[pa.Table]:
    for name in sorted(store.specs_of(dataset.run_id)):
        of, _, spec = name.partition("/")
        if of == stage:
            yield store.rows(stage, spec, columns=["key", "pixel_sha256", *columns])


def _taxonomy(recipe: Recipe) -> Taxonomy | None:
    """None where the file it lay in is no longer there."""
    try:
        return load_taxonomy(recipe.prompts.taxonomy)
    except FactoryError:
        return None


def _completed(
    row: Row,
    edits: Mapping[str, Sequence[Row]],
    words: Mapping[str, Sequence[Row]],
    recipe: Recipe,
    taxonomy: Taxonomy | None,
) -> Row:
    pixels = row["pixel_sha256"]
    edit = next(iter(edits.get(pixels, ())), None)
    if edit is None:
        return row
    row = {**row, **{name: edit[name] for name in FROM_EDIT}}
    said = [word for word in words.get(pixels, ())
            if word["attribute"] == row["attribute"] and word["status"] == "ok"]  # fmt: skip
    # As in items, measures are the first judge's.
    said.sort(key=lambda word: word["judge"] != recipe.verdicts.judge)
    if not said or taxonomy is None:
        return row
    decision = decide(said[0], row, recipe.verdicts, taxonomy)
    return {
        **row,
        "measured_value": said[0]["measured_value"],
        "measured_class": said[0]["measured_class"],
        "presence": decision.presence,
        "judged_feasibility": decision.judged_feasibility,
    }
