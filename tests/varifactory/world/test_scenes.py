"""Sampling of scenes and the sentences about them."""

import json
from collections import Counter
from dataclasses import asdict

import pytest

from varifactory.errors import RecipeError
from varifactory.world import ATTRIBUTES, Scene, caption, load_world, sample_scene

WORLD = load_world()


def _feasibilities(scene: Scene) -> set[str | None]:
    pairs = ((a, getattr(scene, a)) for a in ATTRIBUTES)
    return {WORLD.feasibility(scene.class_name, a, value) for a, value in pairs}


def test_the_same_seed_gives_the_same_scene() -> None:
    first = [sample_scene(WORLD, seed) for seed in range(50)]
    assert first == [sample_scene(WORLD, seed) for seed in range(50)]
    assert len(set(first)) > 40


def test_a_scene_survives_json() -> None:
    scene = sample_scene(WORLD, 3)
    assert Scene(**json.loads(json.dumps(asdict(scene)))) == scene


def test_classes_limit_what_is_drawn_and_all_of_them_come() -> None:
    names = {sample_scene(WORLD, s, classes=WORLD.study_classes).class_name for s in range(300)}
    assert names == set(WORLD.study_classes)
    assert sample_scene(WORLD, 1, class_name="bus").class_name == "bus"


def test_full_skew_is_the_usual_place_only() -> None:
    for seed in range(40):
        scene = sample_scene(WORLD, seed, skew=1.0)
        usual = WORLD.classes[scene.class_name].feasible
        assert all(getattr(scene, a) == usual[a][0] for a in ATTRIBUTES)


def test_partial_skew_raises_the_usual_place_to_its_share() -> None:
    usual = WORLD.classes["horse"].feasible["background"][0]
    scenes = [sample_scene(WORLD, s, class_name="horse", skew=0.8) for s in range(600)]
    counts = Counter(scene.background for scene in scenes)
    expected = 0.8 + 0.2 / len(WORLD.classes["horse"].feasible["background"])
    assert counts[usual] / 600 == pytest.approx(expected, abs=0.05)
    assert len(counts) > 1


def test_without_skew_feasible_values_are_uniform() -> None:
    scenes = [sample_scene(WORLD, seed, class_name="apple") for seed in range(800)]
    for attribute in ATTRIBUTES:
        counts = Counter(getattr(scene, attribute) for scene in scenes)
        values = WORLD.classes["apple"].feasible[attribute]
        assert set(counts) == set(values)
        assert min(counts.values()) > 0.7 * 800 / len(values)


@pytest.mark.parametrize(("share", "seen"), [(1.0, {"feasible"}), (0.0, {"infeasible"})])
def test_feasible_share_at_its_ends(share: float, seen: set[str]) -> None:
    scenes = [sample_scene(WORLD, seed, feasible_share=share) for seed in range(60)]
    assert {found for scene in scenes for found in _feasibilities(scene)} == seen


@pytest.mark.parametrize("name", list(WORLD.classes))
def test_captions_name_all_parts(name: str) -> None:
    sentences = set()
    for seed in range(12):
        scene = sample_scene(WORLD, seed, class_name=name, feasible_share=0.5)
        sentence = caption(WORLD, scene)
        sentences.add(sentence.split(" ")[0])
        for word in (scene.class_name, scene.color, scene.texture, scene.background):
            assert word in sentence
    assert len(sentences) > 1


def test_captions_use_the_right_article() -> None:
    scene = Scene("shark", "orange", "plain", "open sea", 0)
    found = {caption(WORLD, Scene("shark", "orange", "plain", "open sea", s)) for s in range(30)}
    assert any("an orange plain shark" in sentence for sentence in found)
    assert any("a plain orange shark" in sentence for sentence in found)
    assert caption(WORLD, scene) == caption(WORLD, scene)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed: -1 is negative"),
        ({"seed": 1, "skew": 1.5}, "skew: 1.5 is not a share"),
        ({"seed": 1, "feasible_share": -0.1}, "feasible_share: -0.1 is not a share"),
        ({"seed": 1, "class_name": "kiwi"}, "'kiwi' is not known; allowed: apple"),
        ({"seed": 1, "classes": []}, "classes: none given"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        sample_scene(WORLD, **arguments)
