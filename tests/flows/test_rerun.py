"""Single failures made again: what is, what hangs on it, and that nothing else moves."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.rerunning.refreshing import others
from flows.tally import StageFailed
from tests.flows.conftest import Generate, Make
from varifactory.errors import FactoryError
from varifactory.loading import items_of, items_table
from varifactory.runs.selection import NothingSelected
from varifactory.runs.where import WhereError
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.verdicts import decisions

PROVENANCE = {"made_at", "first_part", "run", "seconds", "device", "versions"}


@pytest.fixture(scope="module")
def hurt(
    tiny: Make, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A store whose last run failed on the edits of two images: their bytes had rotted."""
    store = tmp_path_factory.mktemp("hurt") / "store"
    generate(tiny(), store)
    edits = [row for row in items_of(Store(str(store)), "tiny", 1) if row["kind"] == "edit"]
    for blob in sorted({row["source_blob"] for row in edits})[:2]:
        (store / "blobs/sha256" / blob[:2] / blob).write_bytes(b"rotten")
    return store, generate(tiny(edits__per_source=2, run__error_budget=1.0), store)


@pytest.fixture
def copy(hurt: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """That store, for a test that changes it."""
    return Path(shutil.copytree(hurt[0], tmp_path / "store"))


@pytest.fixture(params=["short", "whole"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By the affected images alone, as in a large data set, and through the whole recipe."""
    few = 0 if request.param == "short" else 2000
    monkeypatch.setattr("flows.rerunning.refreshing.FEW", few)
    monkeypatch.setattr("flows.rerun.FEW", few)
    return str(request.param)


def rerun(store: Path, **asked: Any) -> dict[str, Any]:
    from flows.rerun import rerun as flow

    said: dict[str, Any] = flow(store=str(store), **asked)
    return said


def held(store: Path, version: int) -> dict[tuple[Any, ...], Row]:
    """Place -> item, without how it came to be."""
    names = ("kind", "source_key", "attribute", "feasibility", "index", "editor")
    return {
        tuple(row[name] for name in names): {k: row[k] for k in row.keys() - PROVENANCE}
        for row in items_of(Store(str(store)), "tiny", version)
    }


def differing(store: Path, before: int, after: int) -> set[tuple[Any, ...]]:
    first, second = held(store, before), held(store, after)
    assert first.keys() == second.keys()
    return {place for place in first if first[place] != second[place]}


def failed(store: Path, version: int) -> list[Row]:
    rows = [row for row in held(store, version).values() if row["status"] == "failed"]
    return sorted(rows, key=lambda row: str(row["edit_key"]))


def test_one_failure_is_made_again_and_the_others_keep_their_rows(
    copy: Path, hurt: tuple[Path, dict[str, Any]], way: str
) -> None:
    before = hurt[1]["dataset"]["version"]
    bad = failed(copy, before)
    assert len(bad) > 4
    one = bad[0]
    said = rerun(copy, stage="edits", keys=(one["edit_key"][:12],))
    told, after = said["rerun"], said["dataset"]["version"]
    assert after == before + 1
    assert said["failed"] == 0
    assert bool(told["whole_recipe"]) is (way == "whole")
    assert (told["recomputed"], told["others_changed"]) == (1, 0)
    # Its verdict, its own item and, where the pair is whole now, its partner's.
    changed = differing(copy, before, after)
    pair = {place for place in held(copy, after) if place[1:3] == (one["source_key"],
            one["attribute"]) and place[4] == one["index"]}  # fmt: skip
    assert changed <= pair
    assert told["refreshed"] == len(changed) + 1
    assert told["reused"] == len(held(copy, after)) - len(changed)
    line = f"1 recomputed, {told['reused']} reused, {told['refreshed']} downstream refreshed, 0 "
    assert said["lines"][0] == f"{line}others changed"
    assert [row["edit_key"] for row in failed(copy, after)] == [r["edit_key"] for r in bad[1:]]
    assert Store(str(copy)).verify().whole


def test_both_ways_end_in_the_same_version(
    copy: Path, tmp_path: Path, hurt: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    key = failed(copy, hurt[1]["dataset"]["version"])[1]["edit_key"]
    whole = rerun(copy, keys=(key,))
    monkeypatch.setattr("flows.rerunning.refreshing.FEW", 0)
    short = rerun(other, keys=(key,))
    assert whole["rerun"]["whole_recipe"]
    assert not short["rerun"]["whole_recipe"]
    assert short["dataset_hash"] == whole["dataset_hash"]
    manifests = [Store(str(place)).dataset("tiny") for place in (copy, other)]
    assert manifests[0].counts == manifests[1].counts
    assert [len(manifest.parts) for manifest in manifests] == [1, 3]


def test_all_failures_one_after_the_other_end_as_an_undisturbed_run(
    copy: Path, tmp_path: Path, tiny: Make, generate: Generate,
    hurt: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Versions of many parts are read, hashed and verified as those of one, and folded in time."""
    monkeypatch.setattr("flows.rerunning.refreshing.FEW", 0)
    monkeypatch.setattr("flows.publishing.MOST_PARTS", 6)
    store, version = Store(str(copy)), hurt[1]["dataset"]["version"]
    parts = []
    while bad := failed(copy, version):
        said = rerun(copy, stage="edits", keys=(bad[0]["edit_key"],))
        assert said["rerun"]["others_changed"] == 0
        version = said["dataset"]["version"]
        parts.append(len(store.dataset("tiny", version).parts))
    assert max(parts) == 5
    assert parts[2] == 1
    calm = generate(tiny(edits__per_source=2, run__error_budget=1.0), tmp_path / "calm")
    assert said["dataset_hash"] == calm["dataset_hash"]
    assert store.dataset("tiny", version).counts == Store(str(tmp_path / "calm")).dataset(
        "tiny").counts  # fmt: skip
    assert store.verify().whole


def test_a_second_link_of_the_same_run_keeps_what_the_first_mended(
    copy: Path, tmp_path: Path, hurt: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All links of a page name the run that failed; each goes on from what the last one left."""
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    run, version = hurt[1]["run"], hurt[1]["dataset"]["version"]
    bad = [row["edit_key"] for row in failed(copy, version)]
    hashes = []
    for store, few in ((copy, 2000), (other, 0)):
        monkeypatch.setattr("flows.rerunning.refreshing.FEW", few)
        for number, key in enumerate((bad[0], bad[-1])):
            said = rerun(store, run=run, keys=(key,))
            assert bool(said["rerun"]["whole_recipe"]) is (few > 0)
            assert said["rerun"]["from"]["version"] == version + number
            assert said["rerun"]["others_changed"] == 0
        last = said["dataset"]["version"]
        assert [row["edit_key"] for row in failed(store, last)] == bad[1:-1]
        hashes.append((last, said["dataset_hash"]))
    assert hashes[0] == hashes[1]


def test_a_version_that_came_in_between_is_not_written_over(
    copy: Path, hurt: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two links pressed at once: who is later goes through the whole, and loses nothing."""
    from flows.rerunning import refreshing

    monkeypatch.setattr(refreshing, "FEW", 0)
    bad = [row["edit_key"] for row in failed(copy, hurt[1]["dataset"]["version"])]
    plain = refreshing.publish_changes

    def late(*args: Any) -> Any:
        monkeypatch.setattr(refreshing, "publish_changes", plain)
        rerun(copy, run=hurt[1]["run"], keys=(bad[-1],))
        return plain(*args)

    monkeypatch.setattr(refreshing, "publish_changes", late)
    said = rerun(copy, run=hurt[1]["run"], keys=(bad[0],))
    assert "was published meanwhile" in said["rerun"]["whole_recipe"]
    assert [row["edit_key"] for row in failed(copy, said["dataset"]["version"])] == bad[1:-1]


def test_an_older_run_made_again_does_not_hide_the_newest_recipe_silently(
    copy: Path, tiny: Make, generate: Generate, hurt: tuple[Path, dict[str, Any]], way: str
) -> None:
    run, old = hurt[1]["run"], hurt[1]["dataset"]["version"]
    newest = generate(tiny(), copy)["dataset"]["version"]
    assert newest > old
    good = next(r["edit_key"] for r in held(copy, old).values() if r["status"] == "ok"
                and r["kind"] == "edit")  # fmt: skip
    same = rerun(copy, run=run, keys=(good,), force=True, stage="edits")
    assert same["dataset"]["version"] == old
    assert dict(Store(str(copy)).datasets())["tiny"][-1] == newest
    assert any("it stays the newest" in line for line in same["lines"])
    mended = rerun(copy, run=run, keys=(failed(copy, old)[0]["edit_key"],))
    assert mended["dataset"]["version"] == newest + 1
    told = f"version {newest} of data set tiny"
    assert any(told in line and "ANOTHER RECIPE" in line for line in mended["lines"])
    assert any(told in line for line in mended["notices"])


def test_what_people_decided_since_is_in_the_version_whatever_its_size(
    copy: Path, hurt: tuple[Path, dict[str, Any]], way: str
) -> None:
    version = hurt[1]["dataset"]["version"]
    bad = failed(copy, version)
    edit = next(
        row
        for row in held(copy, version).values()
        if row["status"] == "ok"
        and row["kind"] == "edit"
        and row["source_key"] != bad[0]["source_key"]
    )

    store = Store(str(copy))
    decisions.record(store, [edit], decisions.Word(False, "ada", "blurred"))
    said = rerun(copy, keys=(bad[0]["edit_key"],))
    assert said["rerun"]["whole_recipe"].startswith("people decided of 1 edits") is (way == "short")
    assert 0 < said["saved"]["items"] <= said["reused"]  # not counted on both ways
    items = items_of(store, "tiny", said["dataset"]["version"])
    (row,) = [row for row in items if row["edit_key"] == edit["edit_key"]]
    assert (row["status"], row["reason"]) == ("rejected", "rejected by ada: blurred")
    # Known to the version from now on: the next rerun need not go through the whole.
    said = rerun(copy, keys=(bad[-1]["edit_key"],))
    assert bool(said["rerun"]["whole_recipe"]) is (way == "whole")


def test_other_pixels_under_the_same_key_are_another_row(
    copy: Path, hurt: tuple[Path, dict[str, Any]]
) -> None:
    """An edit drawn anew on a card, without a judge whose verdict would name its pixels."""
    store = Store(str(copy))
    table = items_table(store, store.dataset("tiny"))
    rows = [{k: v for k, v in row.items() if k not in PROVENANCE} for row in table.to_pylist()]
    assert others(table, rows) == []
    for column in ("pixel_sha256", "image_blob", "mask_blob", "status", "label", "split"):
        drawn = [dict(rows[0], **{column: "b" * 64}), *rows[1:]]
        assert others(table, drawn) == drawn[:1], column


def test_an_error_class_a_condition_and_a_shard_select(
    copy: Path, hurt: tuple[Path, dict[str, Any]]
) -> None:
    version = hurt[1]["dataset"]["version"]
    bad = failed(copy, version)
    kind = bad[0]["error_type"]
    assert kind == "BlobCorrupt"
    color = [row for row in bad if row["attribute"] == "color"]
    said = rerun(copy, stage="edits", where="attribute = 'color'", error_class=kind)
    assert said["rerun"]["recomputed"] == len(color)
    left = failed(copy, said["dataset"]["version"])
    assert {row["attribute"] for row in left} == {"background"}
    # The rest by the run that failed, not by the rerun that came after it.
    said = rerun(copy, run=hurt[1]["run"], stage="edits", where="attribute = 'background'")
    assert said["rerun"]["recomputed"] == len(left)
    assert said["rerun"]["of"] == hurt[1]["run"]


def test_a_shard_of_the_run_is_made_again(copy: Path, hurt: tuple[Path, dict[str, Any]]) -> None:
    store, run = Store(str(copy)), hurt[1]["run"]
    (number, *_) = sorted(
        int(name[-13:-8]) for name in store.run_objects(run) if name.startswith("plan-edits-")
    )
    before = {row["edit_key"] for row in failed(copy, hurt[1]["dataset"]["version"])}
    said = rerun(copy, run=run, stage="edits", shard=number)
    after = {row["edit_key"] for row in failed(copy, said["dataset"]["version"])}
    assert after < before
    assert said["rerun"]["recomputed"] == len(before - after)


def test_a_good_edit_is_made_again_if_it_is_forced(
    copy: Path, hurt: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = hurt[1]["dataset"]["version"]
    (good, *_) = [row for row in held(copy, version).values()
                  if row["kind"] == "edit" and row["status"] == "ok"]  # fmt: skip
    with pytest.raises(NothingSelected, match=r"1 ok; force makes good ones again"):
        rerun(copy, stage="edits", keys=(good["edit_key"],))
    monkeypatch.setenv("VARIFACTORY_ACTOR", "ada")
    said = rerun(copy, stage="edits", keys=(good["edit_key"],), force=True, reason="looks odd")
    # Equal pixels on a CPU: nothing hangs on it that would have to change.
    assert (said["rerun"]["recomputed"], said["rerun"]["others_changed"]) == (1, 0)
    assert said["dataset"]["version"] == version
    assert any("it holds the same" in line for line in said["lines"])
    store = Store(str(copy))
    (spec,) = store.specs("edits")
    stones = [row for row in store.history("edits", spec).to_pylist()
              if row["status"] == "tombstone" and row["key"] == good["edit_key"]]  # fmt: skip
    assert [row["reason"] for row in stones] == ["looks odd: made again by ada"]
    made = [row for row in store.rows("edits", spec).to_pylist() if row["key"] == good["edit_key"]]
    assert made[0]["run"] == said["run"]
    assert store.verify().whole


def test_what_fails_again_is_told_and_makes_no_version(
    copy: Path, hurt: tuple[Path, dict[str, Any]]
) -> None:
    version = hurt[1]["dataset"]["version"]
    one = failed(copy, version)[0]
    # Its mask rots as well, after the image was found damaged: one rerun mends one of them.
    mask = one["mask_blob"]
    (copy / "blobs/sha256" / mask[:2] / mask).write_bytes(b"rotten")
    said = rerun(copy, stage="edits", keys=(one["edit_key"],))
    if said["rerun"]["failed_again"]:
        assert said["failed"] == 1
        assert said["dataset"]["version"] == version
        assert "1 of them failed again" in said["lines"]
        said = rerun(copy, stage="edits", keys=(one["edit_key"],))
    assert said["rerun"]["failed_again"] == 0
    assert said["dataset"]["version"] == version + 1


def test_the_record_of_a_rerun_names_what_was_asked(
    copy: Path, hurt: tuple[Path, dict[str, Any]]
) -> None:
    key = failed(copy, hurt[1]["dataset"]["version"])[0]["edit_key"]
    said = rerun(copy, keys=(key,))
    store = Store(str(copy))
    record = store.read_run(said["run"])
    assert record["flow"] == "rerun"
    assert record["rerun"] == {"of": hurt[1]["run"], "flow": "generate",
                               "selected": {"edits": 1}, "reason": ""}  # fmt: skip
    ended = json.loads(store.get_run_object(said["run"], "ended.json"))
    # A forecast would be of the whole recipe, of which the rerun makes one row.
    assert (ended["estimate"], said["estimate"]) == ({}, {})
    assert ended["dataset"] == {**said["dataset"], "dataset_hash": said["dataset_hash"]}


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"stage": "edits", "where": "colour = 1"}, WhereError, "columns of stage edits"),
        ({"stage": "edits", "where": "exists (from '/etc/passwd')"}, WhereError, "passwd"),
        ({"where": "true"}, FactoryError, "needs a stage"),
        ({"stage": "training"}, FactoryError, "has rows of sources"),
        ({"keys": ("f" * 64,)}, FactoryError, "names 0 rows"),
        ({"run": "nothere0"}, FactoryError, "names 0 of 2 runs"),
        ({"dataset": "other"}, FactoryError, "no run of data set 'other'"),
    ],
)
def test_wrong_use_is_told_before_a_run_begins(
    hurt: tuple[Path, dict[str, Any]], asked: dict[str, Any], error: type[Exception], told: str
) -> None:
    runs = Store(str(hurt[0])).runs()
    with pytest.raises(error, match=told):
        rerun(hurt[0], **asked)
    assert Store(str(hurt[0])).runs() == runs


def test_nothing_that_failed_is_an_answer(tiny: Make, generate: Generate, tmp_path: Path) -> None:
    generate(tiny(), tmp_path)
    said = rerun(tmp_path)
    assert (said["failed"], said["rerun"]["recomputed"]) == (0, 0)
    assert "nothing to rerun" in said["lines"][0]


def test_a_failed_cell_is_trained_again_by_its_flow(
    tiny: Make, prefect_server: str, tmp_path: Path
) -> None:
    """A test image rots after the data set was made: the cell fails, and is mended with it."""
    from flows.train import train

    recipe = tiny(training__seeds=[1])
    first = train(recipe, str(tmp_path))
    store = Store(str(tmp_path))
    rows = [row for row in items_of(store, "tiny", 1) if row["split"] == "test"]
    blob = rows[0]["image_blob"]
    (tmp_path / "blobs/sha256" / blob[:2] / blob).write_bytes(b"rotten")
    with pytest.raises(StageFailed, match=r"no cell was trained.*holds other bytes"):
        train(tiny(training__seeds=[2]), str(tmp_path))
    said = rerun(tmp_path, stage="training", error_class="BlobCorrupt")
    assert said["rerun"]["flow"] == "train"
    assert (said["rerun"]["recomputed"], said["rerun"]["failed_again"]) == (1, 0)
    assert said["rerun"]["on_the_way"] == {"sources": 1}
    assert said["dataset"] == first["dataset"]
    cells = [row for spec in store.specs("training")
             for row in store.rows("training", spec).to_pylist()]  # fmt: skip
    assert {(row["seed"], row["status"]) for row in cells} == {(1, "ok"), (2, "ok")}
