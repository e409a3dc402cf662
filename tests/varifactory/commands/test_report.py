"""``varifactory report``: a study counted anew from its store, without training or models."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.drawn_items import Drawn
from tests.simulated_study import SPEC, Noise, simulated
from varifactory.command import main
from varifactory.recipe import Recipe
from varifactory.report.recounting import recounted, write_report
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

ROOT = Path(__file__).parents[3]
ARMS = ["zero-shot", "real", "real+feasible", "real+infeasible"]
SETTINGS = {"training": {"arms": ARMS, "seeds": [1, 2, 3]}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one study of one data set, whose edits help by 20 points."""
    url = tmp_path_factory.mktemp("store")
    store = Store(str(url))
    store.prepare()
    store.write_run("run", {"actor": "ann", "flow": "study"})
    items = Drawn(sources=1).items
    part = store.append("items", SPEC, items)
    recipe = Recipe.parse({"name": "simulated", "sources": {"kind": "world"}, **SETTINGS})
    store.publish(Manifest(
        name="simulated", version=1, created_at=datetime(2026, 1, 1, tzinfo=UTC), actor="ann",
        recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
        dataset_hash=dataset_hash(items), counts={}, run_id="run",
        parts=(ManifestPart(stage="items", spec=SPEC, name=part.name, rows=part.rows,
                            bytes=part.bytes),),
    ))  # fmt: skip
    store.put_export("simulated", 1, "gallery/index.html", b"pictures")
    right = {"real": 0.6}
    store.put_study(simulated(store, SETTINGS, lambda cell: right.get(cell.arm, 0.8),
                              noise=Noise(0, 0.005, 0.1)))  # fmt: skip
    return url


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, ["report", *words])


def test_the_verdict_is_said_and_the_page_lies_beside_the_study(place: Path) -> None:
    done = ask(str(place), "simulated")
    assert done.exit_code == 0, done.output
    first = done.output.splitlines()[0]
    assert "edits help" in first.lower()
    store = Store(str(place))
    page = store.get_study_file("simulated", 1, "report.html").decode()
    assert "exports/simulated/1/gallery/index.html" in page
    assert 'href="../../../exports' in page
    told = json.loads(store.get_study_file("simulated", 1, "report.json"))
    assert told["verdict"] == first
    assert told["cells"] == 10
    assert told["machinery"]
    assert [one["question"] for one in told["primary"]] == ["helps", "matters"]
    files = store.study_files("simulated", 1)
    assert any(name.endswith(".parquet") for name in files)
    assert any(name.endswith(".csv") for name in files)


def test_a_version_of_a_study_goes_into_a_folder(place: Path, tmp_path: Path) -> None:
    words = ("simulated@1", "--store", str(place), "--to", str(tmp_path / "out"), "--json")
    done = ask(*words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["report"] == str(tmp_path / "out" / "report.html")
    page = (tmp_path / "out" / "report.html").read_bytes()
    assert (place / "exports/simulated/1/gallery/index.html").as_uri().encode() in page
    ask(*words)
    assert (tmp_path / "out" / "report.html").read_bytes() == page


def test_nothing_that_trains_is_imported(place: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom varifactory.command import main\n"
        f"sys.argv[1:] = ['report', {str(place)!r}, 'simulated', '--to', {str(tmp_path)!r}]\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert not error.code, error.code\n"
        "heavy = {'torch', 'prefect', 'open_clip', 'diffusers', 'transformers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_wrong_names_and_folders_are_told(place: Path, tmp_path: Path) -> None:
    for words, told in (
        ((str(place), "nothing"), "no study 'nothing'"),
        ((str(place), "simulated@7"), "no version 7"),
        ((str(place), "simulated", "more"), "give a store and one study"),
    ):
        done = ask(*words)
        assert done.exit_code == 2
        assert told in done.output
    (tmp_path / "file").write_text("taken")
    done = ask(str(place), "simulated", "--to", str(tmp_path / "file"))
    assert done.exit_code == 2
    assert "give a folder that can be written" in done.output


def test_what_the_store_lacks_is_not_put_down_to_the_folder(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that cannot be read from the store is the store's own trouble."""
    store = Store(str(place))
    report = recounted(store, store.study("simulated"))

    def gone(*_: object) -> None:
        raise OSError("stage file is gone")

    monkeypatch.setattr(Store, "rows", gone)
    with pytest.raises(OSError, match="stage file is gone"):
        write_report(store, report, str(tmp_path / "out"))


def test_only_a_study_of_drawn_images_alone_checks_the_machinery(place: Path) -> None:
    store = Store(str(place))
    manifest = store.study("simulated")
    assert recounted(store, manifest).machinery
    drawn = store.dataset("simulated", 1)
    photographs = {**drawn.recipe, "name": "photos", "sources": {"kind": "folder", "uri": "/p"}}
    store.publish(drawn.model_copy(update={"name": "photos", "recipe": photographs}))
    both = manifest.model_copy(update={
        "datasets": (*manifest.datasets, {"name": "photos", "version": 1})
    })  # fmt: skip
    found = recounted(store, both)
    assert not found.machinery
    assert found.study.alarms[-1] == (
        "Drawn by a program, and no photographs, are the images of simulated, version 1."
    )
    only = manifest.model_copy(update={
        "datasets": ({"name": "photos", "version": 1},),
        "cells": tuple(one.model_copy(update={"name": "photos"}) for one in manifest.cells),
    })  # fmt: skip
    found = recounted(store, only)
    assert not found.machinery
    assert not [one for one in found.study.alarms if "Drawn by a program" in one]


def test_a_cell_that_came_out_otherwise_since_is_told(place: Path) -> None:
    store = Store(str(place))
    manifest = store.study("simulated")
    cell = next(one for one in manifest.cells if one.arm == "real")
    row = store.rows("training", SPEC, keys={cell.key}).drop_columns(["first_part"])
    store.invalidate("training", SPEC, [cell.key], "trained again")
    at = row.schema.get_field_index("adapter_blob")
    changed = row.set_column(at, "adapter_blob", [[f"{'a' * 64}.safetensors"]])
    store.append("training", SPEC, changed)
    told = json.loads(ask(str(place), "simulated", "--json").stdout)
    assert not told["notes"]
    (note,) = told["remarks"]
    assert note.startswith(f"cell real, seed {cell.seed}")
    assert "was trained again since" in note
