"""gc, pin, du and verify from the command line."""

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from varifactory.command import main
from varifactory.store import Store, names

SPEC = "a" * 64


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def said(*words: str) -> dict[str, Any]:
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """Two people's runs: each has a row of its own, and both name one picture; and an orphan."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    shared, anns, bobs = (
        store.put_blob(text * 100, "png") + ".png" for text in (b"shared", b"ann", b"bob")
    )
    store.put_blob(b"orphan", "png")
    for who, own in (("ann", anns), ("bob", bobs)):
        store.write_run(f"run-{who}", {"actor": who})
        store.put_run_object(f"run-{who}", "ended.json", b"{}")
        store.append("edits", SPEC, pa.table({
            "key": [f"{who}-1", f"{who}-2"], "status": ["ok"] * 2, "run": [f"run-{who}"] * 2,
            "image_blob": [own, shared],
        }))  # fmt: skip
    store.use_spec("run-ann", "edits", SPEC)
    return store


def test_gc_says_what_nothing_needs_and_writes_nothing(place: Store) -> None:
    done = ask("gc", "--store", place.url)
    assert done.exit_code == 0, done.output
    assert "blobs: 1" in done.output
    assert "nothing was written" in done.output
    assert not place.backend.entries(names.GC)


def test_gc_without_grace_removes_all_in_one_call(place: Store) -> None:
    time.sleep(0.02)
    found = said("gc", "--store", place.url, "--delete", "--grace", "0", "--who", "carl")
    assert (found["marked"], found["moved"], found["removed"]) == (1, 1, 1)
    found = said("gc", "--store", place.url, "--delete", "--grace", "0", "--keep-runs", "0")
    assert found["moved"] == 5  # two parts, then the three blobs they named
    assert not list(place.backend.walk("blobs"))
    assert place.runs() == ["run-ann", "run-bob"]


def test_gc_drops_only_what_is_named_exactly(place: Store) -> None:
    for wrong, told in (("cats", "names no version"), ("cats@1", "'cats'"), ("cats@x", "'x'")):
        done = ask("gc", "--store", place.url, "--delete", "--drop", wrong)
        assert done.exit_code == 2, done.output
        assert told in done.output


def test_pin_is_listed_kept_and_taken_out(place: Store) -> None:
    done = ask("pin", "paper", "--spec", SPEC[:10], "--run", "run-bob", "--note", "figure 3",
               "--who", "ann", "--store", place.url)  # fmt: skip
    assert done.exit_code == 0, done.output
    (pin,) = said("pin", "--store", place.url)["pins"]
    assert (pin["who"], pin["note"], pin["specs"]) == ("ann", "figure 3", [SPEC])
    assert said("gc", "--grace", "0", "--keep-runs", "0", "--store", place.url)["count"] == 1
    assert ask("pin", "paper", "--out", "--store", place.url).exit_code == 0
    assert said("gc", "--grace", "0", "--keep-runs", "0", "--store", place.url)["count"] == 3
    for wrong in (["paper"], ["--spec", SPEC], ["p", "--spec", "bbbbbbbb"], ["p", "--out"],
                  ["p", "--version", "cats"]):  # fmt: skip
        assert ask("pin", *wrong, "--store", place.url).exit_code == 2


def test_du_counts_shared_bytes_once_and_tells_them_apart(place: Store) -> None:
    found = said("du", "--store", place.url)
    assert found["folders"]["blobs"] == 600 + 300 + 300 + 6
    assert (found["unnamed_blobs"], found["unnamed_bytes"]) == (1, 6)
    people = {used["name"]: used for used in found["by"]["person"]}
    assert {name: (u["own_bytes"], u["shared_bytes"]) for name, u in people.items()} == {
        "ann": (300, 600), "bob": (300, 600),
    }  # fmt: skip
    (stage,) = found["by"]["stage"]
    assert (stage["name"], stage["own_bytes"], stage["shared_bytes"]) == ("edits", 1200, 0)
    assert stage["table_bytes"] == found["folders"]["stages"]
    assert {used["name"] for used in found["by"]["run"]} == {"run-ann", "run-bob"}
    assert found["by"]["spec"][0]["name"] == f"edits/{SPEC}"
    words = ask("du", "--by", "person", "--top", "1", "--store", place.url)
    assert "and 1 more" in words.output


def test_du_of_data_sets(place: Store) -> None:
    blob = place.put_blob(b"only in cats", "png") + ".png"
    part = place.append("items", SPEC, pa.table({
        "key": ["a"], "status": ["ok"], "image_blob": [blob],
    }))  # fmt: skip
    from varifactory.store import Manifest

    listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": 1, "bytes": part.bytes}
    place.publish(Manifest.model_validate({
        "name": "cats", "version": 1, "created_at": "2026-01-02T03:04:05Z", "actor": "ann",
        "recipe": {}, "recipe_fingerprint": "f", "dataset_hash": "a" * 64, "counts": {},
        "parts": [listed], "run_id": "run-ann",
    }))  # fmt: skip
    (cats,) = said("du", "--store", place.url)["by"]["data set"]
    assert (cats["name"], cats["own_bytes"]) == ("cats@1", len(b"only in cats"))


def test_empty_store(tmp_path: Path) -> None:
    url = str(tmp_path / "new")
    assert said("du", "--store", url)["bytes"] == 0
    assert said("gc", "--store", url)["count"] == 0
    assert said("pin", "--store", url) == {"pins": []}
