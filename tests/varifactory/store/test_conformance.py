"""What a store promises, the same on a folder and on every S3 server."""

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from varifactory.store import (
    BlobCorrupt,
    BlobLost,
    Manifest,
    PartDamaged,
    Store,
    StoreError,
    StoreMissing,
    VersionTaken,
    dataset_hash,
    names,
)

Rows = Callable[..., pa.Table]
EARLY = datetime(2020, 1, 1, tzinfo=UTC)


def manifest(part_of: tuple[str, str], store: Store, **changes: object) -> Manifest:
    stage, spec = part_of
    return Manifest.model_validate(
        {
            "name": "cats",
            "version": 1,
            "created_at": datetime.now(UTC),
            "actor": "ann",
            "recipe": {"seed": 1, "nested": {"rate": 0.5}},
            "recipe_fingerprint": "f" * 64,
            "dataset_hash": dataset_hash(store.rows(stage, spec)),
            "counts": {"ok": 2},
            "parts": [
                {
                    "stage": stage,
                    "spec": spec,
                    "name": part.name,
                    "rows": part.rows,
                    "bytes": part.bytes,
                }
                for part in store.parts(stage, spec)
            ],
            "run_id": "r1",
            **changes,
        }
    )


def flip(store: Store, path: str) -> None:
    """Change one bit in the middle of an object, as a bad disk does: size and name stay."""
    data = bytearray(store.backend.read(path))
    data[len(data) // 2] ^= 1
    store.backend.put_over(path, bytes(data))


def test_prepare_twice_finds_the_same_store(url: str) -> None:
    first, second = Store(url).prepare(), Store(url).prepare()
    assert first == second
    assert first.create_once
    assert not list(Store(url).backend.walk("probes"))


def test_create_once_keeps_the_first(store: Store) -> None:
    assert store.backend.put_once("a/b", b"first")
    assert not store.backend.put_once("a/b", b"second")
    assert store.backend.read("a/b") == b"first"
    store.backend.put_over("a/b", b"third")
    assert store.backend.read("a/b") == b"third"


def test_listing(store: Store) -> None:
    for path in ("l/a", "l/m/b", "l/m/c", "l/n/d"):
        store.backend.put_once(path, path.encode())
    assert [entry.name for entry in store.backend.entries("l")] == ["a"]
    assert store.backend.folders("l") == ["m", "n"]
    walked = {entry.name: entry.size for entry in store.backend.walk("l")}
    assert walked == {"a": 3, "m/b": 5, "m/c": 5, "n/d": 5}
    assert store.backend.entries("absent") == []
    assert store.backend.folders("absent") == []
    store.backend.delete("l/a")
    store.backend.delete("l/a")
    assert store.backend.size("l/a") is None
    assert store.backend.size("l/m/b") == 5
    with pytest.raises(FileNotFoundError):
        store.backend.read("l/a")


def test_blobs_are_named_by_content_and_checked(store: Store) -> None:
    sha = store.put_blob(b"pixels", "png")
    assert sha == hashlib.sha256(b"pixels").hexdigest()
    assert store.put_blob(b"pixels", "png") == sha
    assert store.get_blob(sha, "png") == b"pixels"
    assert store.has_blob(sha, "png")
    assert not store.has_blob(sha, "safetensors")
    shas = store.put_blobs([(bytes([n]), "png") for n in range(1, 5)])
    assert store.get_blobs([(sha, "png") for sha in shas]) == [b"\x01", b"\x02", b"\x03", b"\x04"]
    with pytest.raises(BlobLost, match="lost") as lost:
        store.get_blob("0" * 64, "png")
    assert lost.value.blob == "0" * 64 + ".png"
    flip(store, names.blob(sha, "png"))
    with pytest.raises(BlobCorrupt, match=sha):
        store.get_blobs([(sha, "png"), (shas[0], "png")])


def test_torn_blob_is_replaced(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    sha = store.put_blob(b"all of the pixels", "png")
    store.backend.put_over(names.blob(sha, "png"), b"all of")
    store.put_blob(b"all of the pixels", "png")
    assert store.get_blob(sha, "png") == b"all of the pixels"
    assert "torn" in caplog.text


def test_best_row_of_a_key_counts(store: Store, rows: Rows) -> None:
    late, early = EARLY + timedelta(days=1), EARLY
    store.append("edits", "s", rows("abc", "failed", who="failed first", made_at=early))
    store.append("edits", "s", rows("ab", "ok", who="late", made_at=late))
    store.append("edits", "s", rows("a", "rejected", who="early", made_at=early))
    found = store.rows("edits", "s", ["key", "status", "who", "absent"]).to_pylist()
    assert found == [
        {"key": "a", "status": "rejected", "who": "early", "absent": None},
        {"key": "b", "status": "ok", "who": "late", "absent": None},
        {"key": "c", "status": "failed", "who": "failed first", "absent": None},
    ]
    assert store.history("edits", "s").num_rows == 6
    assert (store.stages(), store.specs("edits"), store.specs("masks")) == (["edits"], ["s"], [])


def test_empty_stage_has_base_columns(store: Store) -> None:
    assert store.rows("edits", "s", ["key", "status"]).to_pylist() == []
    assert store.parts("edits", "s") == []


def test_fold_keeps_rows_and_hides_parts(
    store: Store, rows: Rows, forget: Callable[[], None]
) -> None:
    refs = [store.append("edits", "s", rows([f"k{n}"], n=n)) for n in range(5)]
    before = store.rows("edits", "s")
    first = store.fold("edits", "s", [ref.name for ref in refs[:3]])
    assert store.fold("edits", "s", [first.name]) == first
    second = store.fold("edits", "s", [first.name, refs[3].name])
    assert {part.name for part in store.parts("edits", "s")} == {second.name, refs[4].name}
    assert store.rows("edits", "s").select(before.column_names) == before
    for ref in refs[:4]:  # what garbage collection removes, in the end
        store.backend.delete(names.part("edits", "s", ref.name))
    forget()
    assert store.rows("edits", "s").select(before.column_names) == before


def test_tombstone_hides_what_it_saw_whatever_the_clocks(store: Store, rows: Rows) -> None:
    ahead, behind = datetime.now(UTC) + timedelta(days=30), EARLY
    old = store.append("edits", "s", rows("ab", who="wrong", made_at=ahead))
    store.invalidate("edits", "s", ["a"], "wrong colour")
    assert store.rows("edits", "s")["key"].to_pylist() == ["b"]
    new = store.append("edits", "s", rows("a", who="right", made_at=behind))
    assert store.rows("edits", "s", ["who"]).to_pylist() == [{"who": "right"}, {"who": "wrong"}]
    stone = next(row for row in store.history("edits", "s").to_pylist() if row["hides"])
    assert (stone["status"], stone["reason"]) == ("tombstone", "wrong colour")
    store.fold("edits", "s", [part.name for part in store.parts("edits", "s")])
    again = store.rows("edits", "s").to_pylist()
    assert [row["who"] for row in again] == ["right", "wrong"]
    assert [f"part-{row['first_part']}.parquet" for row in again] == [new.name, old.name]
    with pytest.raises(StoreError, match="zz"):
        store.invalidate("edits", "s", ["a", "zz"], "typo")


@pytest.mark.parametrize("harm", ["flipped", "torn", "foreign", "wrong folder"])
def test_damaged_part_is_told_made_again_and_cleared(
    store: Store,
    rows: Rows,
    forget: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    store.append("edits", "s", rows("ab"))
    bad = names.part("edits", "s", store.append("edits", "s", rows("cd")).name)
    if harm == "flipped":
        flip(store, bad)
    elif harm == "torn":
        store.backend.put_over(bad, store.backend.read(bad)[:100])
    elif harm == "foreign":
        store.backend.put_over(bad, b"not a table")
    else:
        elsewhere = store.append("masks", "s", rows("cd"))
        data = store.backend.read(names.part("masks", "s", elsewhere.name))
        store.backend.delete(bad)
        bad = names.part("edits", "s", elsewhere.name)
        store.backend.put_over(bad, data)
    forget()
    assert store.rows("edits", "s")["key"].to_pylist() == ["a", "b"]
    assert bad.rpartition("/")[2] in caplog.text
    report = store.verify()
    assert report.counts == {"part damaged": 1}
    store.append("edits", "s", rows("cd"))
    assert store.rows("edits", "s")["key"].to_pylist() == ["a", "b", "c", "d"]
    assert Store(store.url).verify().whole


@pytest.mark.parametrize("harm", ["lost", "corrupt"])
def test_bad_blob_heals_by_making_it_again(store: Store, rows: Rows, harm: str) -> None:
    good, bad = (f"{sha}.png" for sha in store.put_blobs([(b"good", "png"), (b"bad!", "png")]))
    store.append("edits", "s", rows("ab", image_blob=[good, bad]))
    store.append("verdicts", "v", rows("xy", image_blob=[bad, bad]))
    path = names.blob(*names.split_blob(bad))
    store.backend.delete(path) if harm == "lost" else flip(store, path)
    told = store.verify(heal=False)
    assert told.counts == {f"blob {harm}": 1}
    assert store.rows("edits", "s").num_rows == 2
    assert store.verify().findings[0].healed
    assert store.rows("edits", "s")["key"].to_pylist() == ["a"]
    assert store.rows("verdicts", "v").num_rows == 0
    store.put_blob(b"bad!", "png")
    store.append("edits", "s", rows("b", image_blob=bad))
    report = store.verify()
    assert report.whole
    assert report.checked["blobs hashed"] == 2
    assert store.verify(sample=0.0).checked["blobs hashed"] == 0
    assert store.get_blob(*names.split_blob(bad)) == b"bad!"


def test_publish_adopts_the_same_and_refuses_another(store: Store, rows: Rows) -> None:
    store.append("items", "s", rows("ab"))
    mine = manifest(("items", "s"), store)
    assert store.publish(mine) == mine
    again = mine.model_copy(update={"actor": "bob"})
    assert store.publish(again) == mine
    with pytest.raises(VersionTaken) as taken:
        store.publish(mine.model_copy(update={"dataset_hash": "b" * 64}))
    assert mine.dataset_hash in str(taken.value)
    assert "b" * 64 in str(taken.value)
    assert "version 2" in str(taken.value)
    later = manifest(("items", "s"), store, version=10)
    store.publish(later)
    assert store.datasets() == [("cats", [1, 10])]
    assert store.next_version("cats") == 11
    assert store.dataset("cats") == later
    assert store.dataset("cats", "v1") == mine
    with pytest.raises(StoreMissing, match="cats"):
        store.dataset("dogs")
    with pytest.raises(StoreMissing, match=r"\[1, 10\]"):
        store.dataset("cats", 2)


def test_manifest_needs_its_parts_and_verify_tells_when_they_go(
    store: Store, rows: Rows, forget: Callable[[], None]
) -> None:
    part = store.append("items", "s", rows("ab"))
    mine = manifest(("items", "s"), store)
    absent = mine.parts[0].model_copy(update={"name": f"part-{'0' * 64}.parquet"})
    with pytest.raises(PartDamaged, match="0000"):
        store.publish(mine.model_copy(update={"parts": (absent,)}))
    store.publish(mine)
    store.backend.put_over(names.dataset("cats", 2), b'{"name": "../../etc"}')
    flip(store, names.part("items", "s", part.name))
    forget()
    with pytest.raises(StoreError, match="no manifest"):
        store.dataset("cats", 2)
    report = Store(store.url).verify()
    assert report.counts == {"part damaged": 1, "data set damaged": 1, "manifest unreadable": 1}
    assert [f.healed for f in report.findings if f.kind == "data set damaged"] == [False]


def test_runs_and_exports(store: Store) -> None:
    store.write_run("r1", {"recipe": {"seed": 1}, "started": EARLY})
    with pytest.raises(VersionTaken, match="r1"):
        store.write_run("r1", {"other": True})
    store.put_run_object("r1", "actual.json", b"1")
    store.put_run_object("r1", "actual.json", b"2")
    assert store.get_run_object("r1", "actual.json") == b"2"
    assert store.run_objects("r1") == ["actual.json"]
    assert store.read_run("r1")["recipe"] == {"seed": 1}
    assert store.runs() == ["r1"]
    for missing in (lambda: store.read_run("r2"), lambda: store.get_run_object("r1", "none")):
        with pytest.raises(StoreMissing):
            missing()
    shown = store.put_export("cats", 1, "gallery/index.html", b"<html>")
    assert shown == store.export_path("cats", 1, "gallery/index.html")
    assert shown.startswith(("s3://", "/"))
    assert store.get_export("cats", "v1", "gallery/index.html") == b"<html>"


def test_store_of_a_later_format_is_refused(store: Store) -> None:
    store.backend.put_over("store.json", b'{"format": 99}')
    for look in (
        store.prepare, store.verify, store.collect, store.usage, store.pins,
        lambda: store.drop("cats", 1, "ann"), lambda: store.unpin("paper"),
        lambda: store.pin("paper", "ann", specs=("s",)),
    ):  # fmt: skip
        with pytest.raises(StoreError, match=r"99.*update"):
            look()
    store.backend.put_over("store.json", b"someone's notes")
    with pytest.raises(StoreError, match=r"store\.json"):
        store.prepare()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_opens_its_own_connection(store: Store) -> None:
    """As a data loader's workers do; s3fs itself refuses an instance from before the fork."""
    sha = store.put_blob(b"seen by the child", "png")
    child = os.fork()
    if not child:
        good = False
        try:
            good = store.get_blob(sha, "png") == b"seen by the child"
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
