"""Foreign images become a version beside real ones; the same again is the same version."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.foreign_images import (
    CLASSES,
    SPLITS,
    foreign,
    picture,
    published,
    real,
    saved,
)  # fmt: skip
from varifactory.datasets import Dataset, open_dataset
from varifactory.deriving import derive
from varifactory.errors import FactoryError
from varifactory.history.commands import PRUNE
from varifactory.images import encode_png, pixel_hash
from varifactory.ingest import reading
from varifactory.ingest.asking import IngestError
from varifactory.ingest.lineage import lineage_of
from varifactory.ingest.publishing import Ingested
from varifactory.loading import items_table
from varifactory.store import Manifest, Store, StoreMissing

Take = Callable[..., Ingested]
TRAIN = sum(SPLITS.values()) * len(CLASSES)
TRAIN_ONLY = SPLITS["train"] * len(CLASSES)


def opened(store: Store, taken: Ingested) -> Dataset:
    return open_dataset(store.url, taken.manifest.name, taken.manifest.version)


def test_a_folder_becomes_a_version_of_real_and_foreign_items(
    store: Store, take: Take, theirs: Path
) -> None:
    taken = take()
    assert taken.statuses == {"ok": 9, "rejected": 0, "failed": 0, "skipped": 0}
    assert taken.classes == dict.fromkeys(CLASSES, 3)
    assert (taken.beside, taken.manifest.version, taken.adopted) == ("pets@1", 1, False)
    data = opened(store, taken)
    assert len(data.select(kind="source")) == TRAIN
    made = data.select(kind="foreign", status="ok", split="train")
    assert len(made) == 9
    item = made.select(label=CLASSES[2])[0]
    assert (item["editor"], item["stage"], item["source_key"], item["prompt"]) == (
        "sd-xl", "foreign", None, None,
    )  # fmt: skip
    assert item.image().size == (32, 32)
    hashes = {pixel_hash(picture(2, at, number)) for at in range(3) for number in range(3)}
    assert set(made.table()["pixel_sha256"].to_pylist()) == hashes
    rows = store.rows("foreign", store.specs("foreign")[0]).to_pylist()
    assert {row["key"] for row in rows} == {one["edit_key"] for one in made}
    assert {row["uri"] for row in rows} == {str(path) for path in theirs.rglob("*.png")}
    assert {(row["width"], row["run"]) for row in rows} == {(32, taken.manifest.run_id)}
    assert store.verify().whole


def test_source_items_are_those_of_the_data_set_beside(store: Store, take: Take) -> None:
    before = open_dataset(store.url, "pets").table()
    after = opened(store, take()).select(kind="source").table()
    for column in ("key", "source_key", "status", "split", "label", "pixel_sha256", "image_blob"):
        assert before[column].to_pylist() == after[column].to_pylist()


def test_the_same_again_reads_nothing_and_adopts_the_version(
    store: Store, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take()
    read: list[Any] = []
    monkeypatch.setattr(reading, "read_sources", lambda rows, settings: read.append(rows))
    again = take()
    assert (again.adopted, again.reused, read) == (True, 9, [])
    assert again.manifest == first.manifest
    assert again.statuses == first.statuses


def test_a_damaged_version_is_not_adopted(store: Store, take: Take) -> None:
    first = take().manifest
    (part,) = first.parts
    next(Path(store.url).rglob(f"{part.name}*")).unlink()
    again = take()
    assert (again.adopted, again.manifest.version) == (False, 2)
    assert again.manifest.dataset_hash == first.dataset_hash
    assert "version 1 is damaged in the store: published anew" in again.notices
    assert take().adopted


def test_another_place_gives_the_same_hash_and_another_generator_other_items(
    take: Take, theirs: Path, tmp_path: Path
) -> None:
    shutil.copy(theirs / "cat" / "0.png", theirs / "cat" / "copy.png")
    (theirs / "cat" / "broken.png").write_bytes(b"no")
    first = take()
    assert (first.statuses["skipped"], first.statuses["rejected"]) == (1, 1)
    moved = shutil.copytree(theirs, tmp_path / "elsewhere")
    assert take(moved).manifest == first.manifest
    other = take(generator="flux").manifest
    assert other.version == 2
    assert other.dataset_hash != first.manifest.dataset_hash
    assert take().manifest.version == 3  # the newest is another data set


def test_new_files_make_a_new_version_of_old_and_new(take: Take, theirs: Path) -> None:
    first = take()
    (theirs / "cat" / "new.png").write_bytes(encode_png(picture(9)))
    taken = take()
    assert (taken.reused, taken.manifest.version, taken.classes["cat"]) == (9, 2, 4)
    assert taken.manifest.dataset_hash != first.manifest.dataset_hash


def test_what_a_generator_was_trained_on_is_kept_once_and_told_of_every_item(
    store: Store, take: Take, tmp_path: Path
) -> None:
    data = open_dataset(store.url, "pets")
    seen = data.select(split="train").table()["pixel_sha256"].to_pylist()
    listed = tmp_path / "hashes.txt"
    listed.write_text("\n".join(seen) + "\n")
    taken = take(trained_on=str(listed))
    found = lineage_of(store, taken.manifest)
    assert len(found) == 9
    assert set(found.values()) == {frozenset(seen)}
    spec = store.specs("foreign")[0]
    blobs = set(store.rows("foreign", spec)["trained_on_blob"].to_pylist())
    assert len(blobs) == 1
    assert not any("test images" in notice for notice in taken.notices)
    unknown = take(name="others", trained_on="")
    assert set(lineage_of(store, unknown.manifest).values()) == {None}
    leaked = tmp_path / "leaked.json"
    leaked.write_text(json.dumps(data.select(split="test").table()["pixel_sha256"].to_pylist()))
    told = take(name="leaks", trained_on=str(leaked)).notices
    assert any("trained on test images of pets@1 (9 of them)" in notice for notice in told)


def test_test_images_in_other_bytes_are_found_among_what_a_generator_was_trained_on(
    store: Store, take: Take, tmp_path: Path
) -> None:
    data = open_dataset(store.url, "pets")
    seen = tmp_path / "seen"
    seen.mkdir()
    for number, item in enumerate(data.select(split="train")):
        (seen / f"{number}.png").write_bytes(encode_png(np.asarray(item.image())))
    tested = data.select(split="test")
    for number, item in enumerate(tested):
        lossy = saved(np.asarray(item.image()), "JPEG", quality=75)
        (seen / f"t{number}.jpg").write_bytes(lossy)
    taken = take(trained_on=str(seen))
    known = set(data.table()["pixel_sha256"].to_pylist())
    (trained_on,) = set(lineage_of(store, taken.manifest).values())
    assert trained_on is not None
    assert trained_on < known
    assert set(tested.table()["pixel_sha256"].to_pylist()) < trained_on
    assert f"images that the generator was trained on: {TRAIN_ONLY + 9}" in taken.notices
    assert any("trained on test images of pets@1 (9 of them)" in one for one in taken.notices)
    assert any("9 files under --trained-on are copies" in one for one in taken.notices)


def test_lineage_tells_when_its_rows_are_gone(store: Store, take: Take) -> None:
    taken = take()
    spec = store.specs("foreign")[0]
    rows = store.rows("foreign", spec)["key"].to_pylist()
    store.invalidate("foreign", spec, rows[:1], "lost")
    with pytest.raises(Exception, match=f"of 1 foreign images, such as {rows[0]}"):
        lineage_of(store, taken.manifest)


def test_names_that_cannot_be(store: Store, take: Take, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="'pets' is the data set beside it"):
        take(name="pets")
    published(store, real(tmp_path / "real"), "mine")
    with pytest.raises(IngestError, match="'mine' was made by 'generate', not by an ingest"):
        take(name="mine")
    with pytest.raises(IngestError, match="generator is empty: give one: set --generator"):
        take(generator=" ")
    for name in ("../x", "SD15", "-x", "a" * 70, "Öwl"):
        with pytest.raises(FactoryError, match=f"data set {name!r} cannot be used: give 1 to"):
            take(name=name)
    with pytest.raises(StoreMissing, match="no data set 'nobody'"):
        take(beside="nobody")
    with pytest.raises(StoreMissing, match="no version 7"):
        take(beside="pets@7")
    assert [name for name, _ in store.datasets()] == ["mine", "pets"]


def test_more_images_come_to_a_set_that_was_pruned(
    store: Store, take: Take, theirs: Path, tmp_path: Path
) -> None:
    def pruned(held: Manifest, name: str) -> None:
        items = items_table(store, held).to_pylist()
        derive(store, held, items[1:], name, flow=PRUNE, asked={}, note="", actor="ann")

    pruned(take().manifest, "theirs")
    (theirs / "cat" / "new.png").write_bytes(encode_png(picture(9)))
    again = take()
    assert (again.manifest.version, again.statuses["ok"]) == (3, 10)
    pruned(published(store, real(tmp_path / "real"), "mine"), "mine")
    with pytest.raises(IngestError, match="'mine' was made by 'prune', not by an ingest"):
        take(name="mine")


@pytest.mark.parametrize("make", ["missing", "empty", "flat", "no table"])
def test_a_place_that_holds_nothing_says_so(take: Take, tmp_path: Path, make: str) -> None:
    place = tmp_path / "place"
    if make in ("empty", "flat"):
        place.mkdir()
    if make == "flat":
        (place / "a.png").write_bytes(encode_png(picture(5)))
    if make == "no table":
        place.write_bytes(b"no table")
    words = {"missing": "does not exist", "empty": "holds no images", "flat": "in no class folder",
             "no table": "cannot be read as Parquet"}  # fmt: skip
    with pytest.raises(IngestError, match=words[make]) as caught:
        take(place)
    assert "sources." not in str(caught.value)


def test_an_ingest_leaves_a_record_and_a_card(store: Store, take: Take) -> None:
    taken = take()
    held = taken.manifest
    record, ended = store.read_run(held.run_id), store.ended(held.run_id)
    assert (record["flow"], record["actor"], record["recipe"]["name"]) == (
        "ingest", "bob", "theirs",
    )  # fmt: skip
    assert ended is not None
    assert ended["dataset"]["dataset_hash"] == held.dataset_hash
    assert held.counts == {"sources": {"ok": TRAIN}, "foreign": {"ok": 9},
                           "items": {"ok": TRAIN + 9}}  # fmt: skip
    card = store.get_export("theirs", 1, "card.md").decode()
    assert "| Foreign images | accepted 9, rejected 0, failed 0, left out 0; by sd-xl |" in card
    assert f"varifactory ingest {record['asked']['place']} --store" in card
    assert 'data.select(kind="foreign", status="ok")' in card
    assert re.search(r"\n\| foreign \| 9 \| [0-9.]+ s \|", card)
    with pytest.raises(IngestError, match="does not exist"):
        take("/nowhere")
    last = store.ended(next(run for run in store.latest_runs() if run != held.run_id))
    assert last is not None
    assert last["error"].startswith("IngestError: FOLDER|TABLE '/nowhere' does not exist")


def test_rows_stay_when_what_nothing_needs_goes(store: Store, take: Take) -> None:
    taken = take(trained_on="")
    store.drop("pets", 1, "ann")
    for _ in range(4):
        store.collect(delete=True, grace=0, keep_runs=0, who="ann")
    assert len(store.rows("foreign", store.specs("foreign")[0])) == 9
    assert len(store.rows("sources", store.specs("sources")[0])) == TRAIN
    assert len(lineage_of(store, taken.manifest)) == 9
    assert store.verify().whole


def test_two_ingests_at_once_take_two_numbers(
    store: Store, take: Take, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = foreign(tmp_path / "other", each=2)
    counted = store.next_version
    raced: list[int] = []

    def slow(self: Store, name: str) -> int:
        number = int(counted(name))
        if not raced:
            raced.append(number)
            take(other)
        return number

    monkeypatch.setattr(Store, "next_version", slow)
    assert take().manifest.version == 2
    assert dict(store.datasets())["theirs"] == [1, 2]
