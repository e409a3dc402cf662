"""What a team asks of finished runs: what differs, where it came from, whether it comes out again.

In `other` one thing was planted: a compositor that is not deterministic.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from tests import tiny_pipelines
from tests.flows.conftest import Generate, Make
from varifactory.command import main
from varifactory.compositor import Compositor
from varifactory.datasets import open_dataset
from varifactory.models import InpaintingJob, Pixels
from varifactory.recipe import Recipe
from varifactory.store import Store

Asked = tuple[int, dict[str, Any], str]
REFUSING = {"verdicts__min_presence": 1.0}


def ask(*words: object) -> Asked:
    """Exit code, the JSON answer, and what was said for people."""
    done = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def store(generate: Generate, tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: the second one's threshold refuses what the first accepts."""
    place = tmp_path_factory.mktemp("history") / "store"
    generate(tiny(), place)
    generate(tiny(**REFUSING), place)
    return place


@pytest.fixture(scope="module")
def other(generate: Generate, tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colleague's store, made from the same recipe by a compositor that rolls dice."""
    place = tmp_path_factory.mktemp("other") / "store"
    with pytest.MonkeyPatch.context() as patch:
        spoil(patch)
        generate(tiny(), place)
    return place


def spoil(patch: pytest.MonkeyPatch) -> None:
    """Let the compositor add noise that no seed decides."""
    whole, dice = Compositor.inpaint, np.random.default_rng()

    def noisy(self: Compositor, jobs: list[InpaintingJob]) -> list[Pixels]:
        made = whole(self, jobs)
        return [image ^ dice.integers(0, 64, image.shape, np.uint8) for image in made]

    patch.setattr(Compositor, "inpaint", noisy)


@pytest.fixture(scope="module")
def edits(store: Path) -> list[dict[str, Any]]:
    """The edits of the first version."""
    rows: list[dict[str, Any]] = open_dataset(str(store), "tiny", 1).table(kind="edit").to_pylist()
    return rows


def test_another_threshold_flips_verdicts_and_changes_nothing_else(
    store: Path, edits: list[dict[str, Any]], tmp_path: Path
) -> None:
    page = tmp_path / "changes.html"
    code, found, words = ask("diff", "tiny", "--store", store, "--html", page)
    assert code == 0, words
    accepted = sum(row["status"] == "ok" for row in edits)
    flipped = sum(found["flips"].values())
    assert 0 < flipped == found["flips"]["accepted to rejected"] <= accepted
    assert {kind: n for kind, n in found["counts"].items() if n} == {"flipped": flipped}
    assert all("attribute not seen" in change["because"] for change in found["changes"])
    everything, *groups = found["accepted"]["attribute"]
    assert everything["group"] == "all edits"
    assert everything["difference"] == pytest.approx(-flipped / len(edits))
    assert everything["low"] < everything["difference"] < everything["high"]
    assert {group["group"] for group in groups} == {"background", "color"}
    assert page.read_text(encoding="utf-8").count("<article") == flipped


def test_one_key_with_two_pictures_is_an_alarm(store: Path, other: Path) -> None:
    code, found, words = ask("diff", "tiny@1", "tiny@1", "--other", other, "--store", store)
    assert code == 1
    alarms = [change for change in found["changes"] if change["kind"] == "alarm"]
    assert len(alarms) == found["counts"]["alarm"] > 0
    assert all(change["apart"].startswith("different: mean") for change in alarms)
    assert "same key, other pixels" in words
    for change in alarms:
        assert change["before"]["pixel_sha256"] != change["after"]["pixel_sha256"]
    code, same, _ = ask("diff", "tiny@1", "tiny@1", "--store", store)
    assert (code, same["changes"]) == (0, [])


def test_why_leads_from_an_edit_to_file_prompt_model_run_and_person(
    store: Path, edits: list[dict[str, Any]]
) -> None:
    edit = next(row for row in edits if row["status"] == "ok")
    code, told, words = ask("why", edit["edit_key"][:12], "--store", store)
    assert (code, told["kind"], told["key"]) == (0, "edit", edit["edit_key"])
    facts, keys = told["facts"], {part["kind"]: part["key"] for part in told["parts"]}
    parts = {part["kind"]: part["facts"] for part in told["parts"]}
    assert keys["source"] == edit["source_key"]
    assert parts["source"]["uri"].startswith("world://")
    assert parts["prompt"]["text"] == edit["prompt"]
    assert parts["mask"]["by"]["segmenter"]["name"] == "grabcut-box"
    assert facts["by"]["inpainter"]["name"] == "compositor"
    assert parts["verdict"]["by"]["judge"]["name"] == "measured"
    run = Store(str(store)).read_run(facts["made"]["run"])
    assert facts["made"]["person"] == run["actor"]
    versions = {part["key"]: part["facts"] for part in told["parts"] if part["kind"] == "version"}
    assert versions["tiny@1"]["status"].startswith("accepted")
    assert versions["tiny@2"]["limits"]["verdicts.min_presence"] == 1.0
    assert "verdicts that hang on it: 1" in words
    assert words.splitlines()[0].startswith(f"edit {edit['edit_key'][:16]}")


def test_why_takes_whatever_a_person_has_in_hand(store: Path, edits: list[dict[str, Any]]) -> None:
    row = edits[0]
    found = Store(str(store))
    source = ask("why", row["source_key"], "--store", store)[1]["facts"]
    for name, kind in {
        row["key"]: "edit", row["pixel_sha256"][:20]: "edit", row["image_blob"]: "edit",
        row["verdict_key"]: "verdict", source["uri"]: "source", source["bytes_sha256"]: "source",
    }.items():  # fmt: skip
        if name:
            assert ask("why", name, "--store", store)[1]["kind"] == kind
    (spec,) = found.specs("masks")
    mask = found.rows("masks", spec)["key"][0].as_py()
    downstream = ask("why", mask, "--store", store)[1]["parts"]
    assert downstream[0]["kind"] == "source"
    code, wrong, _ = ask("why", "0" * 64, "--store", store)
    assert (code, "is no item here" in wrong["error"]) == (2, True)


def test_a_sample_comes_out_identical_and_nothing_is_written(store: Path) -> None:
    card = store / "exports" / "tiny" / "1" / "card.md"
    before = sorted(path for path in store.rglob("*") if path.is_file())
    code, found, words = ask("reproduce", card, "--check")
    assert code == 0, words
    assert (found["sampled"], found["of"], found["good"]) == (5, 12, True)
    assert found["edits"] == {"identical": 5, "within tolerance": 0, "different": 0, "not made": 0}
    assert found["verdicts"]["measured"]["identical"] == 5
    (by,) = found["by"]
    assert by["libraries"] == found["here"]["libraries"]
    assert sorted(path for path in store.rglob("*") if path.is_file()) == before


def test_what_is_not_deterministic_does_not_come_out_again(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    code, found, words = ask("reproduce", "tiny@1", "--check", "--least", 3, "--store", store)
    assert (code, found["edits"]["different"]) == (1, 3)
    assert "NOT REPRODUCED" in words
    assert found["verdicts"]["measured"]["identical"] == 3  # the kept pixels are judged


def test_the_commands_on_the_card_make_the_same_data_set_again(
    store: Path, generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads((store / "exports" / "tiny" / "1" / "card.json").read_text(encoding="utf-8"))
    text = (store / "exports" / "tiny" / "1" / "card.md").read_text(encoding="utf-8")
    fetch, make = card["commands"]["again"]
    assert f"```sh\n{fetch}\n{make}\n```" in text
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, shlex.split(fetch)[1:])
    assert done.exit_code == 0, done.output
    python, flag, module, recipe, option, place = shlex.split(make)
    assert (python, flag, module, option) == ("python", "-m", "flows.generate", "--store")
    assert Path(place) == store
    said = generate(Recipe.read(recipe), tmp_path / "again")
    assert said["dataset_hash"] == card["dataset_hash"]
    beside = (store / "exports" / "tiny" / "1" / "recipe.yaml").read_text(encoding="utf-8")
    assert Recipe.parse(yaml.safe_load(beside)) == Recipe.read(recipe)
    check = shlex.split(card["commands"]["check"])
    assert check[:2] == ["varifactory", "reproduce"]
    assert CliRunner().invoke(main, check[1:]).exit_code == 0


def test_every_command_of_the_page_runs(
    store: Path, other: Path, edits: list[dict[str, Any]], tmp_path: Path, root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    card = store / "exports" / "tiny" / "1" / "card.md"
    source = ask("why", edits[0]["source_key"], "--store", store)[1]["facts"]["uri"]
    ours = {"s3://team/store": store, "s3://partner/store": other, "pets@3": "tiny@1",
            "pets@5": "tiny@2", "pets": "tiny", "3f9c1a7be2d04c55": edits[0]["edit_key"][:16],
            "cat/one.jpg": source, "card.md": card}  # fmt: skip
    lines = (root / "docs" / "history.md").read_text(encoding="utf-8").splitlines()
    # Those with a remark are of a study, which this store has none of: test_of_studies asks them.
    commands = [line.split()[1:] for line in lines
                if line.startswith("    varifactory") and "#" not in line]  # fmt: skip
    assert len(commands) == 8
    for command in commands:
        done = CliRunner().invoke(main, [str(ours.get(word, word)) for word in command])
        # Only the colleague's store holds an alarm.
        assert done.exit_code == ("--other" in command), (command, done.output)


def test_other_weights_under_the_same_path_are_flagged(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    weights = tmp_path / "sd15"
    tiny_pipelines.sd15(weights)
    recipe = tiny(
        name="painted", sources__shots=1, sources__world__classes=2, prompts__attributes=["color"],
        edits__editor="sd15", edits__checkpoint={"name": str(weights), "dtype": "float32"},
        edits__side=tiny_pipelines.SIDE, edits__steps=2, edits__batch=2, verdicts__judge="none",
        masks__gate={"min_area": 0, "max_area": 1, "min_predicted_iou": 0},
    )  # fmt: skip
    place = tmp_path / "store"
    generate(recipe, place)
    code, found, words = ask("reproduce", "painted", "--check", "--store", place)
    assert code == 0, words
    kept = found["edits"]["identical"]
    assert kept == found["sampled"] > 0
    tiny_pipelines.sd15(weights, seed=1)
    code, found, words = ask("reproduce", "painted", "--check", "--store", place)
    assert (code, found["edits"]["different"]) == (1, kept)
    (changed,) = found["changed"]["sd15"]
    assert changed.startswith("inpainter.weights: ")
    assert "NOT AS IT WAS, sd15: inpainter.weights" in words
