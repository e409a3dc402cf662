"""What a study rests on, told from a store that a real run filled."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flows.study import study
from tests.flows.conftest import TINY
from varifactory.recipe import Recipe
from varifactory.store import Store, StudyManifest
from varifactory.study.provenance import provenance, small_models

PRICES = {"cpu_hour": 36.0}


@pytest.fixture(scope="module")
def studied(prefect_server: str, tmp_path_factory) -> tuple[Store, StudyManifest]:
    training = {**TINY["training"], "arms": ["zero-shot", "real", "real+feasible"], "seeds": [3]}
    recipe = Recipe.parse({**TINY, "training": training, "prices": PRICES})
    store = Store(str(tmp_path_factory.mktemp("study") / "store"))
    study(recipe, store.url)
    return store, store.study("tiny")


@pytest.fixture(scope="module")
def told(studied) -> dict[str, dict[str, str]]:
    store, manifest = studied
    return {name: dict(lines) for name, lines in provenance(Store(store.url), manifest).items()}


def test_who_made_it_when_and_under_which_plan(studied, told) -> None:
    _, manifest = studied
    said = told["Study"]
    assert (said["study"], said["hash"]) == ("tiny@1", manifest.study_hash)
    assert (said["made by"], said["cells"]) == (manifest.actor, "3")
    assert said["plan: margin"] == "0.005"
    assert said["plan: registered_at"] == manifest.plan["registered_at"]


def test_the_command_makes_it_again(studied, told) -> None:
    store, manifest = studied
    command = shlex.split(told["Study"]["to make it again"])
    assert command[:3] == ["python", "-m", "flows.study"]
    assert Recipe.read(command[3]) == Recipe.parse(manifest.recipe)
    assert Path(command[5]) == Path(store.url)


def test_every_choice_is_told(studied, told) -> None:
    said = told["Choices"]
    assert said["training.steps"] == "2"
    assert said["study.leaks"] == "stop"
    assert len(said) > 200


def test_models_are_told_by_their_weights_and_small_ones_in_a_sentence(studied, told) -> None:
    (clip,) = [value for stages, value in told["Models"].items() if "training" in stages]
    assert re.search(r"small-clip, weights [0-9a-f]{64}, float32, Apache-2.0", clip)
    (sentence,) = told["Small models"].values()
    assert "drawn, not photographed" in sentence
    assert "training (small-clip)" in sentence
    parts = small_models(*studied)
    assert parts == ("embeddings, verdicts, training (small-clip)",)


def test_splits_have_sizes_and_hashes_and_validation_chose(told) -> None:
    said = told["Selection"]
    assert "validation" in said["what chose the epochs"]
    sizes = {split: said[f"tiny@1: {split}"] for split in ("train", "validation", "test")}
    assert [re.match(r"\d+", size)[0] for size in sizes.values()] == ["6", "3", "3"]
    assert len({size.partition("hash ")[2] for size in sizes.values()}) == 3
    assert "looked for by 5 checks" in said["copies of test images"]


def test_seeds(told) -> None:
    assert told["Seeds"]["training"] == "3"  # zero-shot is not trained
    assert told["Seeds"]["generation"] == "7"


def test_seconds_by_device_and_their_price(studied, told) -> None:
    said = told["Time"]
    hours = float(said["processors"].partition(" ")[0])
    assert said["cards"].startswith("0.0000 hours")
    seconds = [float(re.search(r"([\d.,]+) s on", line)[1].replace(",", ""))
               for name, line in said.items() if name not in ("cards", "processors")]  # fmt: skip
    assert hours == pytest.approx(sum(seconds) / 3600, abs=2e-4)
    assert "at $36.00 an hour" in said["processors"]


def test_refused_and_forced_edits_are_counted(studied, told) -> None:
    store, _ = studied
    counts = store.dataset("tiny", 1).counts
    said = told["Refused and forced"]
    assert f"{counts['masks']['rejected']:,} rejected" in said["tiny@1: masks"]
    assert re.fullmatch(r"0 of \d+ edits", said["tiny@1: taken although refused"])


def test_it_is_told_from_the_store_alone(studied, tmp_path) -> None:
    """In a process that can import no model, from a store that lies elsewhere."""
    store, _ = studied
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-r", store.url, moved], check=True)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['open_clip'] = None\n"
        "from varifactory.store import Store\n"
        "from varifactory.study.provenance import provenance\n"
        f"store = Store({str(moved)!r})\n"
        "print(len(provenance(store, store.study('tiny'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "12"
