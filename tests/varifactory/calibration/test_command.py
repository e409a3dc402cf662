"""The whole way: a sheet drawn from a store, filled, read back, and kept where a card finds it."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.drawn_items import Drawn
from varifactory import keys
from varifactory.calibration.kept import latest
from varifactory.calibration.sheet import inert
from varifactory.command import main
from varifactory.store import Manifest, Store, dataset_hash

SPEC = keys.spec_of("items", {})
SECRETS = ("rejected", "infeasible", "feasible", "judge saw", "scored", "presence", "accepted")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one version of one data set, a class of which is named like a formula."""
    drawn = Drawn(classes=("kettle", "=cmd|' /C calc'!A1", "owl"), sources=2)
    store = Store(str(tmp_path_factory.mktemp("place") / "store"))
    store.prepare()
    store.put_blobs([(data, "png") for data in drawn.blobs.values()])
    part = store.append("items", SPEC, drawn.items)
    listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": part.rows,
              "bytes": part.bytes}  # fmt: skip
    store.publish(Manifest.model_validate({
        "name": "toys", "version": 1, "created_at": datetime.now(UTC), "actor": "ada",
        "recipe": {"verdicts": {"judge": "measured"}}, "recipe_fingerprint": "f" * 64,
        "dataset_hash": dataset_hash(drawn.items), "counts": {}, "parts": [listed],
        "run_id": "run-1",
    }))  # fmt: skip
    return store


@pytest.fixture(scope="module")
def sheet(place: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("sheets") / "one"
    said = ask("sample", "--store", place.url, "--dataset", "toys", "--n", "40", "--out", str(to))
    assert said.exit_code == 0, said.output
    assert str(to / "index.html") in said.output
    return to


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, ["calibrate", *words])


def listed(sheet: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((sheet / "sheet.csv").read_text("utf-8-sig"))))


def filled(sheet: Path, to: Path, rater: str, **answers: str) -> Path:
    rows = [{**row, "shows": "yes", "keeps": "yes", "possible": "no", "rater": rater, **answers}
            for row in listed(sheet)]  # fmt: skip
    with to.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return to


def test_a_sheet_holds_what_a_person_needs_and_no_answer(sheet: Path) -> None:
    rows = listed(sheet)
    assert len(rows) == 40
    assert {row[name] for row in rows for name in ("shows", "keeps", "possible", "rater")} == {""}
    for row in rows:
        with Image.open(sheet / row["image"]) as image:
            assert image.size == (2 * 384 + 16, 384)
        assert re.fullmatch(r"(background|color|texture): (red|gold|blue|pink)", row["asked"])
    assert len(list((sheet / "images").iterdir())) == 40


def test_neither_the_decision_nor_the_feasibility_is_in_it(sheet: Path) -> None:
    for path in (sheet / "sheet.csv", sheet / "index.html"):
        text = path.read_text("utf-8-sig")
        words = re.sub(r"<style>.*?</style>|data:image/webp;base64,[A-Za-z0-9+/=]+", "", text,
                       flags=re.DOTALL)  # fmt: skip
        assert [secret for secret in SECRETS if secret in words] == []


def test_no_class_name_is_a_formula_for_a_spreadsheet(sheet: Path) -> None:
    assert {row["class"] for row in listed(sheet)} == {"kettle", "'=cmd|' /C calc'!A1", "owl"}
    assert inert("a\nb") == "a b"


def test_labels_come_back_as_figures_and_are_kept(
    sheet: Path, place: Store, tmp_path: Path
) -> None:
    assert latest(place, "toys", 1) is None
    ada, bob = (filled(sheet, tmp_path / f"{who}.csv", who) for who in ("ada", "bob"))
    said = ask("read", str(ada), str(bob), "--store", place.url, "--json")
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout.splitlines()[-1])
    assert answer["raters"] == ["ada", "bob"]
    assert answer["precision"]["interval"]["estimate"] == 1
    assert answer["between_raters"][0]["undefined"].startswith("all answers are the same")
    kept = latest(place, "toys", 1)
    assert kept is not None
    assert json.loads(json.dumps(kept.as_json())) == {
        k: v for k, v in answer.items() if k != "kept"
    }
    sample = answer["sample"].rpartition("/")[2]
    labels = json.loads(place.get_export("toys", 1, f"calibration/{sample}/labels.json"))
    assert len(labels["labels"]["ada"]) == 40
    words = ask("read", str(ada), "--store", place.url).output
    assert re.search(r"Precision: good, of those accepted +100.0 % \(", words)
    assert re.search(r"Cohen's kappa of filter and people +-?0\.\d\d \(", words)


def test_what_is_wrong_is_told_and_nothing_is_kept(
    sheet: Path, place: Store, tmp_path: Path
) -> None:
    said = ask("read", str(sheet / "sheet.csv"), "--store", place.url)
    assert (said.exit_code, "nobody answered anything" in said.stderr) == (2, True)
    assert said.stderr.startswith("varifactory calibrate read: ")
    elsewhere = Store(str(tmp_path / "other"))
    elsewhere.prepare()
    ada = filled(sheet, tmp_path / "ada.csv", "ada")
    said = ask("read", str(ada), "--store", elsewhere.url)
    assert "which this store does not have: give the store it was drawn from" in said.stderr


def test_a_folder_with_answers_is_not_written_over(sheet: Path, place: Store) -> None:
    said = ask("sample", "--store", place.url, "--dataset", "toys@1", "--n", "40",
               "--out", str(sheet))  # fmt: skip
    assert said.exit_code == 2
    assert "may hold somebody's answers: give another folder (--out)" in said.stderr


def test_too_small_a_sample_is_refused_before_anything_is_written(
    place: Store, tmp_path: Path
) -> None:
    said = ask("sample", "--store", place.url, "--dataset", "toys", "--n", "2",
               "--out", str(tmp_path / "x"))  # fmt: skip
    assert said.exit_code == 2
    assert "give at least" in said.stderr
    assert not (tmp_path / "x").exists()
