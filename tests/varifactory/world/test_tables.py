"""The world's data: complete, balanced, and refused with a reason when it is not."""

from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest
import yaml

from varifactory.errors import RecipeError
from varifactory.world import ATTRIBUTES, load_world, parse_world

WORLD = load_world()
CLASSES = list(WORLD.classes.values())


SHIPPED = yaml.safe_load(files("varifactory").joinpath("catalog/world.yaml").read_text("utf-8"))


@pytest.fixture
def data() -> Any:
    return deepcopy(SHIPPED)


def test_the_world_is_as_large_as_promised() -> None:
    assert len(WORLD.study_classes) >= 12
    assert len(WORLD.pretraining_classes) >= 12
    assert (len(WORLD.colors), len(WORLD.textures), len(WORLD.backgrounds)) == (12, 8, 16)
    assert load_world() is WORLD


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_pools_are_disjoint_and_of_equal_size(kind: Any, attribute: str) -> None:
    feasible, infeasible = kind.feasible[attribute], kind.infeasible[attribute]
    assert len(feasible) == len(infeasible) >= 4
    assert len(set(feasible) | set(infeasible)) == len(feasible) + len(infeasible)
    assert {WORLD.feasibility(kind.name, attribute, value) for value in feasible} == {"feasible"}
    assert {WORLD.feasibility(kind.name, attribute, v) for v in infeasible} == {"infeasible"}


def test_a_value_that_no_list_holds_is_not_judged() -> None:
    listed = WORLD.classes["apple"]
    rest = set(WORLD.colors) - set(listed.feasible["color"]) - set(listed.infeasible["color"])
    assert rest
    assert {WORLD.feasibility("apple", "color", value) for value in rest} == {None}


def test_no_value_gives_its_feasibility_away_without_the_class() -> None:
    for attribute in ATTRIBUTES:
        for value in set(WORLD.values(attribute)) - {"plain"}:
            seen = {WORLD.feasibility(name, attribute, value) for name in WORLD.classes}
            assert {"feasible", "infeasible"} <= seen, (attribute, value)


def test_study_words_are_not_part_of_anything_pretraining_reads() -> None:
    places = [str(background["place"]) for background in WORLD.backgrounds.values()]
    values = [value for attribute in ATTRIBUTES for value in WORLD.values(attribute)]
    known = " ".join([*WORLD.pretraining_classes, *values, *places, *WORLD.captions])
    for word in WORLD.study_classes:
        assert word not in known


def _bad_value(data: Any) -> None:
    data["classes"]["apple"]["feasible"]["color"][0] = "magenta"


def _bad_painter(data: Any) -> None:
    data["textures"]["striped"]["painter"] = "zigzag"


def _bad_layer(data: Any) -> None:
    data["backgrounds"]["meadow"]["layers"][0]["painter"] = "fog"


def _bad_mark(data: Any) -> None:
    data["backgrounds"]["meadow"]["layers"][-1]["shape"] = "hexagon"


def _bad_color(data: Any) -> None:
    data["colors"]["red"] = "crimson"


def _bad_role(data: Any) -> None:
    data["classes"]["apple"]["role"] = "testing"


def _listed_twice(data: Any) -> None:
    data["classes"]["apple"]["infeasible"]["color"][0] = "red"


def _uneven(data: Any) -> None:
    data["classes"]["apple"]["infeasible"]["color"].append("gray")


def _missing_attribute(data: Any) -> None:
    del data["classes"]["apple"]["feasible"]["texture"]


def _unknown_key(data: Any) -> None:
    data["classes"]["apple"]["wings"] = 2


def _unknown_option(data: Any) -> None:
    data["classes"]["apple"]["parts"][0]["bevel"] = 1


def _short_polygon(data: Any) -> None:
    data["classes"]["taxi"]["parts"][1]["polygon"] = [[0, 0], [1, 1]]


def _stroke_without_width(data: Any) -> None:
    del data["classes"]["apple"]["parts"][1]["width"]


def _caption_without_place(data: Any) -> None:
    data["captions"][0] = "a photo of {object}"


def _missing_variation(data: Any) -> None:
    del data["variation"]["noise"]


def _missing_layer_key(data: Any) -> None:
    del data["backgrounds"]["meadow"]["layers"][0]["span"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_bad_value, ["classes.apple.feasible.color", "'magenta'", "teal"]),
        (_bad_painter, ["textures.striped.painter", "'zigzag'", "stripes"]),
        (_bad_layer, ["backgrounds.meadow.layers[0].painter", "'fog'", "gradient"]),
        (_bad_mark, ["backgrounds.meadow.layers[5].shape", "'hexagon'", "blade"]),
        (_bad_color, ["colors.red", "'crimson'", "#rrggbb"]),
        (_bad_role, ["classes.apple.role", "'testing'", "study, pretraining"]),
        (_listed_twice, ["classes.apple", "color", "red", "one list"]),
        (_uneven, ["classes.apple", "color", "4 feasible and 5 infeasible", "equally many"]),
        (_missing_attribute, ["classes.apple.feasible", "texture missing"]),
        (_unknown_key, ["classes.apple", "'wings'", "parts"]),
        (_unknown_option, ["classes.apple.parts[0]", "bevel", "mirror"]),
        (_short_polygon, ["classes.taxi.parts[1].polygon", "[[0, 0], [1, 1]]"]),
        (_stroke_without_width, ["classes.apple.parts[1].stroke", "width"]),
        (_caption_without_place, ["captions[0]", "{place}"]),
        (_missing_variation, ["variation", "noise missing"]),
        (_missing_layer_key, ["backgrounds.meadow.layers[0]", "span missing"]),
    ],
)
def test_bad_data_is_refused_with_key_value_and_remedy(
    data: Any, spoil: Callable[[Any], None], words: list[str]
) -> None:
    spoil(data)
    with pytest.raises(RecipeError) as caught:
        parse_world(data)
    for word in words:
        assert word in str(caught.value)


def test_unknown_words_in_a_look_up_name_what_is_allowed() -> None:
    with pytest.raises(RecipeError, match="'kiwi' is not known; allowed: apple"):
        WORLD.feasibility("kiwi", "color", "red")
    with pytest.raises(RecipeError, match="'mauve' is not known; allowed: red"):
        WORLD.feasibility("apple", "color", "mauve")
    with pytest.raises(RecipeError, match="'lighting' is not known; allowed: background"):
        WORLD.values("lighting")
