"""What hangs on rows of a finished run: the edits that verdicts judge, failed rows further on."""

from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.keys import source_key
from varifactory.runs.past import PastRun
from varifactory.stages import Row
from varifactory.standing import standing
from varifactory.store import Store


def place_verdicts(store: Store, run: PastRun, rows: Mapping[str, tuple[Row, ...]]) -> None:
    """Give verdicts the place of the edits whose pixels they judge."""
    verdicts = rows.get("verdicts", ())
    if not verdicts:
        return
    by_pixels: dict[str, Row] = {}
    wanted = pa.array(sorted({row["pixel_sha256"] for row in verdicts}), pa.string())
    for spec in run.specs.get("edits", ()):
        table = standing(store, "edits", spec)
        names = ["pixel_sha256", "source_key", "index", "editor"]
        if not set(names) <= set(table.column_names):
            continue
        hit = table.filter(pc.is_in(table["pixel_sha256"], value_set=wanted)).select(names)
        by_pixels |= {row["pixel_sha256"]: row for row in hit.to_pylist()}
    for row in verdicts:
        row |= by_pixels.get(row["pixel_sha256"], {})


def hanging_on(
    store: Store, run: PastRun, rows: Mapping[str, tuple[Row, ...]]
) -> dict[str, frozenset[str]]:
    """Failed and skipped rows that hang on selected ones: they are tried again, too."""
    hanging: dict[str, frozenset[str]] = {}
    sources = source_keys(store, run.specs.get("sources", ()), rows)
    masked = sources | {row["source_key"] for row in rows.get("masks", ())}
    # On an edit that failed nothing hangs yet: a verdict is of pixels.
    edited = {row["key"] for row in rows.get("edits", ()) if row["status"] in records.DONE}
    for stage, column, parents in (
        ("masks", "source_key", sources),
        ("edits", "source_key", masked),
        ("verdicts", "edit_key", edited),
    ):
        found = _failed_of(store, run, stage, column, parents) if parents else frozenset()
        hanging[stage] = found
        edited |= found if stage == "edits" else set()
    return hanging


def source_keys(
    store: Store, specs: Iterable[str], rows: Mapping[str, tuple[Row, ...]]
) -> set[str]:
    """Keys that later stages know selected sources by, as they were read last.

    A file that was mended is another row of the table, found by its place.
    """
    places = {row["uri"] for row in rows.get("sources", ())}
    if not places:
        return set()
    found = {str(row["key"]) for row in rows["sources"]}
    for spec in specs:
        table = standing(store, "sources", spec)
        here = table.filter(pc.is_in(table["uri"], value_set=pa.array(sorted(places), pa.string())))
        read = here.filter(pc.is_valid(here["bytes_sha256"]))
        found |= {
            source_key(spec, row) for row in read.select(["bytes_sha256", "label"]).to_pylist()
        }
    return found


def _failed_of(
    store: Store, run: PastRun, stage: str, column: str, parents: Collection[str]
) -> frozenset[str]:
    keys: set[str] = set()
    for spec in run.specs.get(stage, ()):
        table = standing(store, stage, spec)
        if column in table.column_names:
            bad = pc.is_in(table["status"], value_set=pa.array(["failed", "skipped"]))
            mine = pc.is_in(table[column], value_set=pa.array(sorted(parents), pa.string()))
            keys |= set(table.filter(pc.and_(bad, mine))["key"].to_pylist())
    return frozenset(keys)
