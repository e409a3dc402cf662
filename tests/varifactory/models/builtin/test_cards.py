import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from varifactory.errors import ModelError
from varifactory.models import builtin
from varifactory.models.builtin.cards import (
    check_weights,
    read_card,
    weights_hash,
    world_hash,
    write_card,
)

BUILT_IN = Path(builtin.__file__).parent
FOLDERS = sorted(path for path in BUILT_IN.glob("small-*") if path.is_dir())
MOST_BYTES = 16_000_000


def test_all_built_in_models_are_there_and_small_together():
    assert [folder.name for folder in FOLDERS] == ["small-clip", "small-diffusion", "small-sam"]
    files = [path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
class TestBuiltIn:
    def test_the_weights_are_those_of_the_card(self, folder):
        card = read_card(folder)
        assert card["name"] == folder.name
        check_weights(folder, card["sha256"])
        weights = folder.rglob("*.safetensors")
        assert card["bytes"] == sum(path.stat().st_size for path in weights)

    def test_the_card_tells_who_may_use_it_and_how_to_make_it_again(self, folder):
        card = read_card(folder)
        assert card["licence"] == "Apache-2.0"
        module = card["script"].removeprefix("python -m ")
        assert importlib.util.find_spec(module) is not None
        assert {"seed", "libraries"} <= set(card["trained_with"])

    def test_the_figures_were_measured_on_the_world_that_ships(self, folder):
        card = read_card(folder)
        assert card["world"] == world_hash()
        assert card["figures"]

    def test_what_people_read_says_what_the_card_says(self, folder):
        card, text = read_card(folder), (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert card["script"] in text
        assert "not on photographs" in text
        rows = re.findall(r"^\| [^|]+ \| ([0-9.]+)", text, flags=re.MULTILINE)
        known = [value for value in card["figures"].values() if isinstance(value, int | float)]
        assert rows
        assert all(any(abs(float(row) - value) < 0.006 for value in known) for row in rows)


@pytest.fixture
def folder(tmp_path) -> Path:
    save_file({"weight": np.arange(3)}, tmp_path / "model.safetensors")
    write_card(tmp_path, name="m", script="a.b", figures={"x": 1}, trained_with={"seed": 1})
    return tmp_path


def test_a_card_that_was_written_reads_back_and_fits_its_weights(folder):
    card = read_card(folder)
    assert card["figures"] == {"x": 1}
    assert "torch" in card["trained_with"]["libraries"]
    check_weights(folder, card["sha256"])


def test_the_hash_covers_every_weights_file_and_its_place(folder):
    alone = weights_hash(folder)
    (folder / "part").mkdir()
    save_file({"weight": np.arange(3)}, folder / "part" / "model.safetensors")
    both = weights_hash(folder)
    (folder / "part").rename(folder / "other")
    assert len({alone, both, weights_hash(folder)}) == 3


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"name": 1, "sha256": "a"})])
def test_a_card_that_names_no_model_is_refused(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(ModelError, match=r"card\.json lacks"):
        read_card(folder)
