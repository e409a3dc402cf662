"""Whatever reads items copes with foreign ones: pages, copies, history, checks."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from tests.foreign_images import CLASSES, SPLITS, picture
from varifactory import items, yields
from varifactory.card.rendering import known_limits
from varifactory.command import main
from varifactory.datasets import open_dataset
from varifactory.errors import TrainingError
from varifactory.exports.copying import export_copy
from varifactory.exports.request import FORMS, Request
from varifactory.gallery.page import gallery_pages
from varifactory.history.finding import find
from varifactory.history.ledger import Ledger
from varifactory.images import encode_png
from varifactory.ingest.publishing import Ingested
from varifactory.loading import read_blob
from varifactory.store import Store
from varifactory.training.arms import held_out, mixture

Take = Callable[..., Ingested]
TRAIN = SPLITS["train"] * len(CLASSES)


@pytest.fixture
def taken(take: Take, theirs: Path, tmp_path: Path) -> Ingested:
    """Nine good foreign images, one that is broken, and what their generator saw."""
    (theirs / "cat" / "broken.png").write_bytes(b"no")
    seen = tmp_path / "seen.txt"
    seen.write_text("a" * 64)
    return take(trained_on=str(seen))


def ask(store: Store, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--store", store.url])


def said(store: Store, *words: str) -> dict[str, Any]:
    done = ask(store, *words, "--json")
    assert done.exit_code in (0, 1), done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_command_takes_in_and_says_what_was_left_out(
    store: Store, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varifactory.commands.ingest.TELL_EVERY", -1.0)
    (theirs / "cat" / "broken.png").write_bytes(b"no")
    words = ("ingest", str(theirs), "--as", "theirs", "--beside", "pets@1", "--generator", "sd-xl")
    done = ask(store, *words)
    assert done.exit_code == 1, done.output
    assert (
        "published: theirs@1, beside pets@1: ok 9, rejected 1, failed 0, skipped 0" in done.output
    )
    assert "  10 of 10 files read" in done.output
    assert "1 left out: the content is not PNG, JPEG or WebP" in done.output
    (theirs / "cat" / "broken.png").unlink()
    again = said(store, *words)
    assert (again["version"], again["reused"], again["classes"]) == (
        2, 9, dict.fromkeys(CLASSES, 3),
    )  # fmt: skip
    assert ask(store, *words).exit_code == 0
    wrong = ask(store, *words[:-2], "--generator", "")
    assert wrong.exit_code == 2
    assert "varifactory ingest: generator is empty" in wrong.output


def test_reasons_that_are_not_shown_are_counted(
    store: Store, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varifactory.commands.ingest.SHOWN_REASONS", 1)
    (theirs / "cat" / "broken.png").write_bytes(b"no")
    (theirs / "dog" / "again.png").write_bytes((theirs / "dog" / "0.png").read_bytes())
    words = ("--as", "theirs", "--beside", "pets@1", "--generator", "sd-xl")
    done = ask(store, "ingest", str(theirs), *words)
    assert "\n  and 1 further reason (--json)\n" in done.output


def test_pages_of_a_gallery_show_them(store: Store, taken: Ingested) -> None:
    data = open_dataset(store.url, "theirs")
    pages = dict(gallery_pages(data.table(), lambda name: read_blob(store, name), title="theirs",
                               page_size=6))  # fmt: skip
    first = pages["index.html"].decode()
    assert len(pages) == 2
    assert "What became of 10 foreign images" in first
    assert "No edit was asked for" not in first
    assert "Sources without an edit" not in first
    whole = "".join(page.decode() for page in pages.values())
    assert len(re.findall(r'<img[^>]*alt="Foreign image: ', whole)) == 9
    assert "the content is not PNG, JPEG or WebP" in whole
    for absent in ('id="by-attribute"', 'id="by-feasibility"', 'id="contours"'):
        assert absent not in first
    assert 'id="by-editor"' in first
    done = ask(store, "gallery", "theirs", "--no-open")
    assert done.exit_code == 0, done.output


def test_a_gallery_holds_edits_and_foreign_images_alike() -> None:
    from tests.drawn_items import Drawn

    drawn = Drawn()
    edits = sum(row["kind"] == "edit" for row in drawn.rows)
    image = drawn.keep(encode_png(picture(4)))
    drawn.rows += [
        {"key": f"{number:064d}", "status": "ok", "reason": "", "kind": "foreign", "label": "owl",
         "editor": "sd-xl", "split": "train", "image_blob": image}
        for number in range(7)
    ]  # fmt: skip
    pages = dict(gallery_pages(drawn.items, drawn.read, title="both", page_size=5000))
    page = pages["index.html"].decode()
    assert "What became of 7 foreign images" in page
    assert f"What became of {edits} edits" in page
    assert page.count("<header><h3") == page.count("</h3><span")
    assert page.count('alt="Foreign image: ') == 7
    index = json.loads(re.findall(r'id="index">(.*?)</script>', page, re.DOTALL)[0])
    assert sum(row[-1] for row in index["counts"][0]) == edits + 7
    assert "none" in index["names"]["attribute"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_copy_has_them(
    store: Store, taken: Ingested, tmp_path: Path, form: str
) -> None:
    data = open_dataset(store.url, "theirs")
    found = export_copy(data, Request(form), tmp_path / form)
    assert found["rows"]["train"] == TRAIN + 9
    if form == "hf":
        table = pa.concat_tables(
            pq.read_table(path) for path in (tmp_path / form / "data").glob("train-*.parquet")
        )
        kinds = table["kind"].to_pylist()
        assert (kinds.count("foreign"), kinds.count("source")) == (9, TRAIN)


def test_a_reader_sees_them_as_arrays(store: Store, taken: Ingested) -> None:
    data = open_dataset(store.url, "theirs").select(kind="foreign", status="ok")
    samples = data.numpy(("image",), ("key", "editor"))
    assert samples[0]["image"].shape == (32, 32, 3)
    assert samples[0]["editor"] == "sd-xl"
    assert data.classes == tuple(sorted(CLASSES))


def test_figures_of_edits_leave_them_out(store: Store, taken: Ingested) -> None:
    table = open_dataset(store.url, "theirs").table()
    rows = table.to_pylist()
    assert yields.edits_of(table) == yields.unchanged_of(table) == []
    assert len(yields.foreign_of(table)) == 10
    assert len(mixture("real", rows, rows, 1).real) == TRAIN
    assert len(held_out(rows, "train")) == TRAIN
    with pytest.raises(TrainingError, match="none of the 0 accepted ones"):
        mixture("real+feasible", rows, rows, 1)
    assert any("9 foreign images were taken in" in word for word in known_limits(table, False))
    assert all(not items.is_unchanged(row) for row in rows)


@pytest.mark.parametrize("by", ["key", "pixel_sha256", "bytes_sha256", "uri", "item"])
def test_why_tells_where_one_came_from(store: Store, taken: Ingested, by: str) -> None:
    rows = store.rows("foreign", store.specs("foreign")[0]).to_pylist()
    row = next(row for row in rows if row["uri"].endswith("dog/1.png"))
    name = {"uri": "theirs/dog/1.png"}.get(by) or str(row.get(by))
    if by == "item":
        name = open_dataset(store.url, "theirs").select(edit_key=row["key"])[0].key
    assert find(Ledger(store), name).key == row["key"]
    told = said(store, "why", name)
    assert told["kind"] == "foreign image"
    assert told["title"].endswith(": 'dog' by sd-xl")
    assert told["facts"]["trained on"] == "1 images"
    assert told["facts"]["made"]["flow"] == "ingest"
    versions = [part for part in told["parts"] if part["kind"] == "version"]
    assert [part["key"] for part in versions] == ["theirs@1"]
    assert versions[0]["facts"]["status"] == "accepted, decided by the stage foreign"


def test_why_survives_a_lost_list_of_hashes(store: Store, taken: Ingested) -> None:
    blob = store.rows("foreign", store.specs("foreign")[0])["trained_on_blob"][0].as_py()
    store.backend.delete(f"blobs/sha256/{blob[:2]}/{blob}")
    assert "is lost" in said(store, "why", "theirs/dog/1.png")["facts"]["trained on"]
    kinds = [finding["kind"] for finding in said(store, "verify", "--no-heal")["findings"]]
    assert kinds == ["blob lost"]


def test_diff_finds_them_again_by_content(
    store: Store, taken: Ingested, take: Take, theirs: Path, tmp_path: Path
) -> None:
    assert said(store, "diff", "pets", "theirs")["counts"]["added"] == 10
    (theirs / "cat" / "0.png").unlink()
    (theirs / "cat" / "copy.png").write_bytes((theirs / "cat" / "1.png").read_bytes())
    seen = tmp_path / "seen.txt"
    take(trained_on=str(seen))
    told = said(store, "diff", "theirs@1", "theirs@2")
    counts = told["counts"]
    assert (counts["added"], counts["removed"], counts["alarm"]) == (1, 1, 0)
    assert {(one["kind"], one["what"]) for one in told["changes"]} == {
        ("added", "foreign"), ("removed", "foreign"),
    }  # fmt: skip
    assert told["by"]["attribute"] == {"foreign images": {"added": 1, "removed": 1}}
    page = tmp_path / "diff.html"
    done = ask(store, "diff", "theirs@1", "theirs@2", "--html", str(page))
    assert done.exit_code == 0, done.output
    shown = page.read_text()
    assert "foreign image by sd-xl" in shown
    assert "Source image:" not in shown


def test_images_without_a_class_are_named_as_galleries_name_them(
    store: Store, taken: Ingested, take: Take, theirs: Path
) -> None:
    (theirs / "loose.png").write_bytes((theirs / "cat" / "0.png").read_bytes())
    take()
    told = said(store, "diff", "theirs@1", "theirs@2")
    assert told["by"]["class"]["(no class)"] == {"added": 1}
    assert not {"foreign images", "None"} & told["by"]["class"].keys()
    assert "(no class)" in ask(store, "diff", "theirs@1", "theirs@2").output


def test_diff_tells_of_another_status(
    store: Store, taken: Ingested, take: Take, theirs: Path
) -> None:
    take()
    (theirs / "dog" / "same.png").write_bytes((theirs / "cat" / "0.png").read_bytes())
    take()
    told = said(store, "diff", "theirs@2", "theirs@3")
    assert told["counts"]["flipped"] == 1
    flipped = next(one for one in told["changes"] if one["kind"] == "flipped")
    assert "the same image has the labels ['cat', 'dog']" in flipped["because"]


def test_reproduce_says_how_they_are_taken_in_again(store: Store, taken: Ingested) -> None:
    told = said(store, "reproduce", "theirs@1")
    assert told["commands"][0].startswith("varifactory ingest /")
    assert "--trained-on" in told["commands"][0]
    for words in (("--check",), ("--recipe", "r.yaml")):
        done = ask(store, "reproduce", "theirs@1", *words)
        assert done.exit_code == 2
        assert "no recipe makes: take their files in again" in done.output


def test_the_account_and_the_state_of_a_store_count_them(store: Store, taken: Ingested) -> None:
    by = said(store, "du")["by"]
    assert {one["name"] for one in by["stage"]} >= {"foreign", "items", "sources"}
    assert {one["name"] for one in by["data set"]} == {"pets@1", "theirs@1"}
    told = said(store, "status")
    assert told["stages"]["foreign"]["statuses"] == {"ok": 9, "rejected": 1}
    assert told["datasets"]["theirs"]["1"]["counts"]["foreign"] == {"ok": 9, "rejected": 1}
    assert said(store, "verify")["whole"]
    pinned = ask(store, "pin", "keep", "--version", "theirs@1", "--who", "ann")
    assert pinned.exit_code == 0, pinned.output


def test_one_lost_master_is_found_and_made_again(
    store: Store, taken: Ingested, take: Take, tmp_path: Path
) -> None:
    item = open_dataset(store.url, "theirs").select(kind="foreign", status="ok")[0]
    blob = item["image_blob"]
    store.backend.delete(f"blobs/sha256/{blob[:2]}/{blob}")
    found = said(store, "verify")
    assert [one["kind"] for one in found["findings"]] == ["blob lost"]
    again = take(trained_on=str(tmp_path / "seen.txt"))
    assert (again.adopted, again.reused) == (True, 9)
    assert np.asarray(item.image()).shape == (32, 32, 3)
    assert said(store, "verify")["whole"]
