import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.judge.measure_references import figures, learn
from varifactory.judge.references import BUILT_IN, fit, load_references, pack, read
from varifactory.world import load_world


def test_the_card_is_that_of_the_shipped_file_and_meets_its_goals():
    card = json.loads(BUILT_IN.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == load_references().sha256
    accuracy = {name: found["accuracy"] for name, found in card["held_out"].items()}
    assert accuracy["color"] >= 0.85
    assert accuracy["texture"] >= 0.75
    assert accuracy["background"] >= 0.85
    assert card["held_out_other_light"]["accuracy"] >= 0.85


def test_the_shipped_references_still_fit_the_world_and_the_descriptors():
    """Fails when the world or a descriptor changed: run measure_references again."""
    card = json.loads(BUILT_IN.with_suffix(".json").read_text(encoding="utf-8"))
    world, shipped = load_world(), load_references()
    found = figures(world, shipped.by_attribute, 240, 99)
    for name, reference in shipped.by_attribute.items():
        assert reference.values == world.values(name)
        # 240 pictures: a standard error of 2.5 points at most.
        assert abs(found[name]["accuracy"] - card["held_out"][name]["accuracy"]) < 0.08


def test_learning_is_seeded_and_few_pictures_already_teach():
    world = load_world()
    small = learn(world, 300, 3)
    assert pack(small) == pack(learn(world, 300, 3))
    found = figures(world, small, 120, 4)
    assert found["background"]["accuracy"] > 0.9
    assert found["color"]["accuracy"] > 0.7


def test_a_discriminant_finds_separate_values_and_knows_its_doubt():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 3000)
    rows = (np.eye(3)[labels] * 2 + rng.normal(size=(3000, 3))).astype(np.float32)
    reference = fit("color", ("a", "b", "c"), rows, labels, np.arange(3000) % 3 == 0)
    tops, right = [], []
    for row, label in zip(rows[:1000], labels[:1000], strict=True):
        scores = reference.scores(row, ("a", "b", "c"))
        best = max(scores, key=lambda name: scores[name])
        tops.append(scores[best])
        right.append(best == "abc"[label])
    assert np.mean(right) > 0.8
    assert abs(np.mean(tops) - np.mean(right)) < 0.03


def test_packing_loses_nothing_and_other_files_are_refused(tmp_path: Path):
    data = BUILT_IN.read_bytes()
    held = read(data, "here").by_attribute
    again = read(pack(held), "here").by_attribute
    assert again.keys() == held.keys()
    for name, one in held.items():  # the bytes of an archive differ between versions of Python
        for each, other in zip(astuple(one), astuple(again[name]), strict=True):
            np.testing.assert_array_equal(each, other)
    torn = tmp_path / "torn.npz"
    torn.write_bytes(data[:500])
    with pytest.raises(ModelError, match="measure_references"):
        load_references(str(torn))
    with pytest.raises(ModelError, match="nowhere"):
        load_references(str(tmp_path / "nowhere.npz"))
