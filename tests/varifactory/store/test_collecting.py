"""Garbage collection: what is needed stays, what is not goes, and nothing is lost to a race."""

import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from varifactory.store import (
    Manifest,
    ManifestPart,
    PartDamaged,
    Store,
    StoreError,
    StoreMissing,
    VersionTaken,
    dataset_hash,
    names,
)
from varifactory.store.collecting import DAY, Collected
from varifactory.store.reach import Since

Rows = Callable[..., pa.Table]
on_one_server = pytest.mark.parametrize("url", ["local", "moto"], indirect=True)
"""Where the kind of server does not matter: what differs between them is moved and put back."""
in_a_folder = pytest.mark.parametrize("url", ["local"], indirect=True)
SPEC, OTHER = "a" * 64, "b" * 64


def tick(store: Store) -> None:
    """Past the second in which a server writes its times."""
    time.sleep(1.1 if store.backend.remote else 0.02)


def emptied(store: Store, **asked: float) -> list[Collected]:
    """Collections without grace until nothing is left to do."""
    reports: list[Collected] = []
    for _ in range(6):
        tick(store)
        reports.append(store.collect(delete=True, grace=0, who="ann", **asked))
        last = reports[-1]
        if not (last.marked or last.moved or last.removed):
            return reports
    raise AssertionError(f"it does not end: {last}")


def blob(store: Store, text: str) -> str:
    return store.put_blob(text.encode(), "png") + ".png"


def has(store: Store, name: str) -> bool:
    return store.backend.size(names.blob(*names.split_blob(name))) is not None


def publish(store: Store, rows: pa.Table, version: int = 1, run: str = "r") -> Manifest:
    part = store.append("items", SPEC, rows)
    listed = ManifestPart(
        stage="items", spec=SPEC, name=part.name, rows=part.rows, bytes=part.bytes
    )
    return store.publish(
        Manifest(
            name="cats", version=version, created_at=datetime.now(UTC), actor="ann", recipe={},
            recipe_fingerprint="f", dataset_hash=dataset_hash(rows), counts={}, parts=(listed,),
            run_id=run,
        )
    )  # fmt: skip


def run_with(store: Store, run: str, *specs: str, ended: bool = True) -> None:
    store.write_run(run, {"actor": "ann"})
    for spec in specs:
        store.use_spec(run, "edits", spec)
    if ended:
        store.put_run_object(run, "ended.json", b"{}")


def kinds(report: Collected) -> dict[str, int]:
    found: dict[str, int] = {}
    for tally in report.unneeded:
        found[tally.kind] = found.get(tally.kind, 0) + tally.count
    return found


@on_one_server
def test_what_versions_pins_and_runs_need_stays_and_the_rest_goes(store: Store, rows: Rows) -> None:
    listed, used, unused, orphan = (blob(store, text) for text in ("v", "used", "unused", "none"))
    run_with(store, "r1", SPEC)
    publish(store, rows("a", image_blob=listed, pixel_sha256="x"), run="r1")
    parts = [store.append("edits", SPEC, rows(key, image_blob=used)).name for key in "abc"]
    fold = store.fold("edits", SPEC, parts)
    store.append("edits", OTHER, rows("d", image_blob=unused))
    store.append("decisions", OTHER, rows("e"))
    told = store.collect()
    assert kinds(told) == {"replaced rows": 3, "unused rows": 1, "blobs": 1}
    assert (told.follows.count, told.follows.bytes) == (1, len(b"unused"))
    assert told.marked == told.moved == 0
    assert not store.backend.entries(names.GC)
    emptied(store)
    assert (has(store, listed), has(store, used)) == (True, True)
    assert (has(store, unused), has(store, orphan)) == (False, False)
    assert [part.name for part in store.parts("edits", SPEC)] == [fold.name]
    assert store.rows("edits", SPEC)["key"].to_pylist() == ["a", "b", "c"]
    assert store.rows("edits", OTHER).num_rows == 0
    assert store.rows("decisions", OTHER).num_rows == 1
    assert not list(store.backend.walk(names.TRASH))
    assert store.verify().whole
    assert store.collect().count == 0


def test_nothing_moves_before_its_mark_is_old_enough(local: Store, rows: Rows) -> None:
    orphan = blob(local, "orphan")
    assert local.collect(delete=True, who="ann").marked == 1
    again = local.collect(delete=True, who="ann")
    assert (again.marked, again.moved, again.waiting) == (0, 0, 1)
    tick(local)
    assert local.collect(delete=True, grace=3600).moved == 0
    assert has(local, orphan)
    assert local.collect(delete=True, grace=0).moved == 1
    assert not has(local, orphan)


def test_mark_of_what_was_written_since_counts_no_more(store: Store) -> None:
    orphan = blob(store, "orphan")
    tick(store)
    store.collect(delete=True, grace=DAY)
    tick(store)
    path = names.blob(*names.split_blob(orphan))
    store.backend.put_over(path, b"orphan")  # what a bucket's put_blob does to an old object
    tick(store)
    assert store.collect(delete=True, grace=DAY).marked == 1
    assert not store.backend.move(path, names.trash(path), 1.0)
    assert has(store, orphan)


def test_putting_a_blob_again_makes_it_young(local: Store) -> None:
    """Also for a role that may not touch the file: it writes it anew."""
    orphan = blob(local, "orphan")
    path = names.blob(*names.split_blob(orphan))
    tick(local)
    before = local.backend.modified(path)
    blob(local, "orphan")
    assert before is not None
    assert (local.backend.modified(path) or 0) > before


def test_what_a_row_needs_after_all_is_found_in_the_trash_and_put_back(
    store: Store, rows: Rows
) -> None:
    wanted, other = blob(store, "wanted"), blob(store, "other")
    for name in (wanted, other):
        path = names.blob(*names.split_blob(name))
        assert store.backend.move(path, names.trash(path), math.inf)
        assert not has(store, name)
    store.append("edits", SPEC, rows("ab", image_blob=[wanted, other]))
    run_with(store, "r1", SPEC)
    assert store.get_blob(*names.split_blob(wanted)) == b"wanted"
    assert has(store, wanted)
    report = store.collect(delete=True, grace=DAY)
    assert report.put_back == 1
    assert has(store, other)
    assert store.verify().whole


def test_hidden_rows_let_go_of_their_blobs_and_stay_hidden(local: Store, rows: Rows) -> None:
    good, bad = blob(local, "good"), blob(local, "bad")
    run_with(local, "r1", SPEC)
    local.append("edits", SPEC, rows("ab", image_blob=[good, bad]))
    local.invalidate("edits", SPEC, ["b"], "smeared")
    emptied(local)
    assert (has(local, good), has(local, bad)) == (True, False)
    assert local.rows("edits", SPEC)["key"].to_pylist() == ["a"]


def test_unused_spec_goes_whole_and_what_hides_goes_last(local: Store, rows: Rows) -> None:
    local.append("edits", SPEC, rows("ab"))
    stone = local.invalidate("edits", SPEC, ["a"], "wrong").name
    reach = local.unreachable(Since(time.time(), time.time()))
    assert [one.last for one in reach.found] == [one.path.endswith(stone) for one in reach.found]
    tick(local)
    local.collect(delete=True, grace=DAY)
    tick(local)
    local.append("edits", SPEC, rows("c"))  # younger than the marks: the spec waits for it
    ripe = local.collect(delete=True, grace=0.005)
    assert ripe.moved == 0
    assert local.rows("edits", SPEC)["key"].to_pylist() == ["b", "c"]
    emptied(local)
    assert local.rows("edits", SPEC).num_rows == 0


def test_run_under_way_keeps_its_specs_and_its_plans(local: Store, rows: Rows) -> None:
    """However short runs are to be kept; of one that ended what it left for its tasks goes."""
    local.append("edits", SPEC, rows("a"))
    plan = f"plan-edits-{OTHER[:12]}-0-00000.parquet"
    local.append("edits", OTHER, rows("b"))
    run_with(local, "now", SPEC, ended=False)
    scratch = [plan, "chunk-edits-3.json", "chunk-edits-3-ended.json", "album.json",
               "pictures.json", "answers.json", "cells.json"]  # fmt: skip
    for name in (*scratch, "forecast.json", "exemplars.json"):
        local.put_run_object("now", name, b"plan")
    emptied(local, keep_runs=0)
    assert local.rows("edits", SPEC).num_rows == local.rows("edits", OTHER).num_rows == 1
    assert set(scratch) <= set(local.run_objects("now"))
    local.put_run_object("now", "ended.json", b"{}")
    assert local.collect(grace=DAY, keep_runs=0).count == 0  # never shorter than the grace
    reports = emptied(local, keep_runs=0)
    assert kinds(reports[0]) == {"unused rows": 2, "plans of runs": len(scratch)}
    assert local.runs() == ["now"]
    left = {name for name in local.run_objects("now") if not name.startswith("uses-")}
    assert left == {"ended.json", "forecast.json", "exemplars.json"}


def test_run_that_was_killed_keeps_no_longer_than_others(local: Store, rows: Rows) -> None:
    local.append("edits", SPEC, rows("a"))
    run_with(local, "killed", SPEC, ended=False)
    for path in (Path(local.url) / names.RUNS).rglob("*"):
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    assert local.collect(keep_runs=3 * DAY).count == 0
    assert kinds(local.collect(grace=0, keep_runs=0)) == {"unused rows": 1}


@in_a_folder
def test_what_others_put_beside_is_left_alone_and_told(store: Store) -> None:
    strange = ["exports/notes.txt", "exports/pets/readme", "exports/pets/²/a", "exports/pets/007/a",
               f"exports/pets/{'9' * 30}/a"]  # fmt: skip
    for path in (*strange, "pins/notes.txt", "runs/my notes/a.txt", "exports/pets/7/old.html"):
        store.backend.put_over(path, b"mine")
    reports = emptied(store, keep_runs=0)
    assert sorted(reports[0].strange) == sorted(strange)
    assert kinds(reports[0]) == {"exports": 1}
    assert all(store.backend.size(path) for path in (*strange, "pins/notes.txt"))


def test_specs_of_a_run_from_before_there_were_notes_are_kept(local: Store, rows: Rows) -> None:
    local.append("edits", SPEC, rows("a"))
    local.write_run("old", {})
    ended = b'{"specs": {"edits/%s": {}}}' % SPEC.encode()
    local.put_run_object("old", "ended.json", ended)
    assert local.collect().count == 0
    local.put_run_object("old", "ended.json", b"[" * 200_000)
    with pytest.raises(StoreError, match="ended"):
        local.collect()


@on_one_server
def test_pins_keep_specs_runs_and_versions(store: Store, rows: Rows) -> None:
    kept, run_kept = blob(store, "kept"), blob(store, "of a run")
    store.append("edits", SPEC, rows("a", image_blob=kept))
    store.append("edits", OTHER, rows("b", image_blob=run_kept))
    run_with(store, "r1", OTHER)
    publish(store, rows("c", pixel_sha256="x"))
    store.pin("paper", "ann", specs=(SPEC,), note="figure 3")
    store.pin("run", "bob", runs=("r1",), versions=(("cats", 1),))
    assert store.pin("paper", "eve", specs=(SPEC,)).who == "ann"
    with pytest.raises(VersionTaken, match="ann"):
        store.pin("paper", "eve", specs=(OTHER,))
    for wrong in ({"specs": ("c" * 64,)}, {"runs": ("r2",)}, {"versions": (("cats", 2),)}, {}):
        with pytest.raises(StoreError):
            store.pin("wrong", "eve", **wrong)
    with pytest.raises(StoreError, match="pinned"):
        store.drop("cats", 1, "eve")
    assert [(pin.name, pin.note) for pin in store.pins()] == [("paper", "figure 3"), ("run", "")]
    assert store.collect(keep_runs=0).count == 0
    assert store.unpin("paper").specs == (SPEC,)
    assert kinds(store.collect(keep_runs=0)) == {"unused rows": 1}
    with pytest.raises(StoreMissing, match="run"):
        store.unpin("paper")


@in_a_folder
def test_dropped_version_goes_with_what_it_alone_needed(store: Store, rows: Rows) -> None:
    first, second = blob(store, "first"), blob(store, "second")
    publish(store, rows("a", image_blob=first, pixel_sha256="x"), 1)
    publish(store, rows("b", image_blob=second, pixel_sha256="x"), 2)
    store.put_export("cats", 2, "gallery/index.html", b"<html>")
    store.drop("cats", 2, "ann", "was a test")
    assert store.datasets() == [("cats", [1])]
    assert store.next_version("cats") == 3
    with pytest.raises(StoreMissing, match="dropped"):
        store.dataset("cats", 2)
    with pytest.raises(StoreMissing):
        store.drop("cats", 7, "ann")
    emptied(store)
    assert (has(store, first), has(store, second)) == (True, False)
    assert not list(store.backend.walk(names.EXPORTS))
    assert store.verify().whole


def test_open_reader_of_a_version_reads_on(local: Store, rows: Rows) -> None:
    parts = [local.append("items", SPEC, rows(key, pixel_sha256="x")) for key in "ab"]
    listed = tuple(
        ManifestPart(stage="items", spec=SPEC, name=p.name, rows=p.rows, bytes=p.bytes)
        for p in parts
    )
    manifest = publish(local, rows("z", pixel_sha256="x"))
    held = manifest.model_copy(update={"parts": listed, "version": 2, "dataset_hash": "f" * 64})
    local.publish(held)
    local.fold("items", SPEC, [part.name for part in parts])
    emptied(local)
    names_ = [part.name for part in parts]
    assert local.rows_of("items", SPEC, names_)["key"].to_pylist() == ["a", "b"]


def test_what_cannot_be_read_stops_the_collection(local: Store, rows: Rows) -> None:
    part = local.append("edits", SPEC, rows("a"))
    path = names.part("edits", SPEC, part.name)
    whole = local.backend.read(path)
    from varifactory.store import parts as parts_

    parts_._RECENT._forget()
    local.backend.put_over(path, whole[:-9])
    with pytest.raises(PartDamaged, match="verify"):
        local.collect(delete=True, grace=0)
    local.backend.put_over(path, whole)
    local.backend.put_over(names.dataset("cats", 1), b'{"name": "../../etc"}')
    with pytest.raises(StoreError, match="no manifest"):
        local.collect(delete=True, grace=0)
    local.drop("cats", 1, "ann", "not ours")  # the way out that the message leaves
    local.backend.put_over("pins/p.json", b"{}")
    with pytest.raises(StoreError, match="no pin"):
        local.collect(delete=True, grace=0)


def test_foreign_marks_do_no_harm(local: Store, rows: Rows) -> None:
    kept = blob(local, "kept")
    run_with(local, "r1", SPEC)
    local.append("edits", SPEC, rows("a", image_blob=kept))
    path = names.blob(*names.split_blob(kept))
    for number, text in enumerate([
        f'{{"who": "eve", "marks": {{"{path}": 1, "../../../etc/passwd": 1, "store.json": 1}}}}',
        '{"marks": 7}', "not JSON", "[" * 100_000,
    ]):  # fmt: skip
        local.backend.put_over(f"gc/marks-{number}.json", text.encode())
    emptied(local)
    assert has(local, kept)
    assert local.backend.size("store.json")


def test_marks_say_who_and_what_and_a_record_stays(local: Store) -> None:
    orphan = blob(local, "orphan")
    local.collect(delete=True, who="ann")
    (marks,) = [e.name for e in local.backend.entries(names.GC) if e.name.startswith("marks-")]
    text = local.backend.read(f"{names.GC}/{marks}").decode()
    assert "ann" in text
    assert orphan in text
    emptied(local)
    left = [entry.name for entry in local.backend.entries(names.GC)]
    assert not [name for name in left if name.startswith("marks-")]
    assert len(left) == 3  # marked, moved, removed


@on_one_server
def test_empty_store_and_wrong_times(store: Store) -> None:
    assert store.collect(delete=True).count == 0
    with pytest.raises(StoreError, match="seconds"):
        store.collect(grace=-1)
