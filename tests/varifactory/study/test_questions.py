"""Which comparisons a grid gives, on which seeds; nothing here looks at an answer."""

from typing import Any

import numpy as np
import pytest

from tests.simulated_study import cells_of, manifest_of
from varifactory.errors import StudyError
from varifactory.recipe import Recipe
from varifactory.store.studies import StudyCell
from varifactory.study.counting import order_of
from varifactory.study.predictions import Answers
from varifactory.study.questions import (
    Asked,
    Place,
    asked,
    place_of,
    placed,
    primary,
    rectangle,
    shared,
)
from varifactory.training.grid import Stratum

ALL = ["zero-shot", "real", "real-standard", "copy-real", "feasible", "infeasible", "mixed",
       "unfiltered", "unchanged", "real+feasible", "real+infeasible", "real+mixed",
       "real+unfiltered", "real+unchanged"]  # fmt: skip


def recipe(arms: list[str], study: dict[str, Any] | None = None, seeds: int = 2) -> Recipe:
    return Recipe.parse({
        "name": "s", "sources": {"kind": "world"}, "study": study or {},
        "edits": {"unchanged": any("unchanged" in arm for arm in arms)},
        "training": {"arms": arms, "seeds": list(range(1, seeds + 1))},
    })  # fmt: skip


def answers(cells: list[StudyCell]) -> list[Answers]:
    """Each cell right on the images of its number, so that hits tell which cell they are of."""
    return [Answers(cell, np.arange(len(cells)) == at, None, {}) for at, cell in enumerate(cells)]


def questions(one: Recipe) -> list[Asked]:
    cells = list(cells_of(one).values())
    return asked(placed(answers(cells)), order_of(manifest_of(one, cells)))


def pairs(found: list[Asked], question: str) -> list[tuple[str, str]]:
    return [(one.first.arm, one.second.arm) for one in found if one.question == question]


def test_every_arm_is_compared_with_what_its_effect_must_beat() -> None:
    found = questions(recipe(ALL))
    assert pairs(found, "helps") == [
        (arm, "real") for arm in ("real+mixed", "real+feasible", "real+infeasible", "mixed",
                                  "feasible", "infeasible")
    ]  # fmt: skip
    assert pairs(found, "matters") == [
        ("real+feasible", "real+infeasible"), ("feasible", "infeasible")
    ]  # fmt: skip
    controls = set(pairs(found, "control"))
    assert {(arm, "real") for arm in ("zero-shot", "real-standard", "copy-real", "unchanged",
                                      "unfiltered", "real+unchanged")} <= controls  # fmt: skip
    assert {
        (f"real+{side}", "copy-real") for side in ("feasible", "infeasible", "mixed")
    } <= controls
    assert ("real+feasible", "real+unchanged") in controls
    assert ("mixed", "unfiltered") in controls
    assert len({(one.first, one.second) for one in found}) == len(found) == 6 + 2 + 22


def test_cells_without_a_factor_stand_in_every_stratum() -> None:
    arms = ["zero-shot", "real", "real+feasible", "real+infeasible", "feasible", "infeasible"]
    found = questions(recipe(arms, {"attributes": ["all", "color"], "per_source": [1, 0]}))
    helps = [one for one in found if one.question == "helps"]
    assert len(helps) == 4 * 4
    assert {one.second.stratum.attribute for one in helps} == {""}
    assert {(one.stratum.attribute, one.stratum.per_source) for one in helps} == {
        ("all", 1), ("all", 0), ("color", 1), ("color", 0)
    }  # fmt: skip
    assert len(pairs(found, "matters")) == 4 * 2
    assert pairs(found, "control") == [("zero-shot", "real")]


def test_schedules_augmentations_and_trainees_are_set_against_each_other() -> None:
    study = {"schedules": ["mixed", "bridged"], "augmentations": ["standard", "geometry"],
             "trainees": ["clip-lora", "classifier"]}  # fmt: skip
    found = questions(recipe(["real", "real+feasible"], study))
    for question, values, count in (
        ("schedule", ("bridged", "mixed"), 4),
        ("augmentation", ("geometry", "standard"), 2 * (1 + 2)),
        ("trainee", ("classifier", "clip-lora"), 2 * (1 + 2)),
    ):
        mine = [one for one in found if one.question == question]
        assert len(mine) == count
        assert {one.values for one in mine} == {values}
        assert {getattr(one.stratum, question) for one in mine} == {""}
        assert all(one.first.arm == one.second.arm for one in mine)


def test_a_probe_which_no_augmentation_reaches_is_set_against_every_other_trainee() -> None:
    study = {"trainees": ["clip-lora", "linear-probe"], "augmentations": ["none", "geometry"]}
    found = questions(recipe(["real", "feasible"], study))
    told = [one for one in found if one.question == "trainee"]
    assert {one.values for one in told} == {("linear-probe", "clip-lora")}
    assert {(one.first.arm, one.second.stratum.augmentation) for one in told} == {
        (arm, augmentation) for arm in ("real", "feasible") for augmentation in ("none", "geometry")
    }  # fmt: skip
    assert {one.first.stratum.augmentation for one in told} == {""}
    assert all(one.stratum.augmentation == one.second.stratum.augmentation for one in told)
    alone = questions(recipe(["real", "feasible"], {"trainees": ["linear-probe"]}))
    assert not [one for one in alone if one.question == "trainee"]


def test_steps_that_differ_between_the_sides_are_known() -> None:
    cells = list(cells_of(recipe(["zero-shot", "real", "feasible"])).values())
    for longer, equal in ((60, True), (90, False), (None, None)):
        known = placed([
            Answers(cell, np.array([True]), None,
                    {"steps": longer if (cell.arm, cell.seed) == ("real", 2) else 60})
            for cell in cells
        ])  # fmt: skip
        place = {place.arm: place for place in known}
        found = shared(known, [place["feasible"], place["real"]])
        assert found is not None
        assert found.equal_steps is equal
        untrained = shared(known, [place["zero-shot"], place["feasible"]])
        assert untrained is not None
        assert untrained.equal_steps is None


def test_the_verdict_rests_on_the_first_of_each_data_set_in_the_order_of_the_recipe() -> None:
    study = {"datasets": [{"name": "pets", "settings": ["sources.size=64"]},
                          {"name": "cars", "settings": ["sources.size=96"]}],
             "attributes": ["color", "all"], "per_source": [2, 1]}  # fmt: skip
    found = questions(recipe(["feasible", "infeasible", "real", "mixed"], study))
    first = [found[at] for at in sorted(primary(found))]
    assert [(one.stratum.dataset, one.question, one.first.arm) for one in first] == [
        ("pets", "helps", "mixed"), ("pets", "matters", "feasible"),
        ("cars", "helps", "mixed"), ("cars", "matters", "feasible"),
    ]  # fmt: skip
    assert {(one.stratum.attribute, one.stratum.per_source) for one in first} == {("color", 2)}


def test_order_does_not_depend_on_that_of_the_cells() -> None:
    one = recipe(ALL, {"attributes": ["color", "all"], "generation_seeds": [0, 1]})
    cells = list(cells_of(one).values())
    order = order_of(manifest_of(one, cells))
    assert asked(placed(answers(cells)), order) == asked(placed(answers(cells[::-1])), order)


def test_a_side_that_a_seed_does_not_move_stands_beside_every_value_of_it() -> None:
    one = recipe(["zero-shot", "real", "feasible"], {"generation_seeds": [0, 1, 2]})
    cells = list(cells_of(one).values())
    known = placed(answers(cells))
    place = {place.arm: place for place in known}
    found = shared(known, [place["feasible"], place["real"], place["zero-shot"]])
    assert found is not None
    assert found.seeds == tuple((made, seed) for made in (0, 1, 2) for seed in (1, 2))
    assert [hits.shape for hits in found.hits] == [(3, 2, len(cells))] * 3
    feasible, real, untrained = (hits.argmax(axis=-1) for hits in found.hits)
    assert len(set(feasible.ravel().tolist())) == 6
    assert (real == real[:1]).all()
    assert len(set(real[0].tolist())) == 2
    assert (untrained == untrained[0, 0]).all()


def test_only_seeds_that_both_sides_have_are_paired() -> None:
    one = recipe(["real", "feasible"], {"generation_seeds": [0, 1]}, seeds=3)
    cells = [cell for cell in cells_of(one).values()
             if (cell.arm, cell.generation_seed, cell.seed) != ("feasible", 1, 2)
             and (cell.arm, cell.seed) != ("real", 3)]  # fmt: skip
    known = placed(answers(cells))
    place = {place.arm: place for place in known}
    found = shared(known, [place["feasible"], place["real"]])
    assert found is not None
    assert found.seeds == ((0, 1), (0, 2))
    assert found.left_out == 1
    assert shared(placed(answers([cell for cell in cells if cell.seed != 2 or cell.arm == "real"
                                  if cell.seed != 1 or cell.arm != "real"])),
                  [place["feasible"], place["real"]]) is None  # fmt: skip


@pytest.mark.parametrize(
    ("there", "rows", "columns"),
    [
        (["111", "111"], [0, 1], [0, 1, 2]),
        (["111", "110"], [0, 1], [0, 1]),
        (["111", "100"], [0], [0, 1, 2]),
        (["100", "011", "011"], [1, 2], [1, 2]),
        (["000"], [0], []),
        (["10"] * 20, list(range(20)), [0]),
    ],
)
def test_the_largest_rectangle(there: list[str], rows: list[int], columns: list[int]) -> None:
    cells = np.array([[one == "1" for one in row] for row in there])
    assert rectangle(cells) == (rows, columns)


def test_one_place_of_the_grid_holds_one_cell() -> None:
    one = recipe(["real", "feasible"])
    cells = list(cells_of(one).values())
    twice = cells[0].model_copy(update={"key": "f" * 64, "attribute": "color"})
    with pytest.raises(StudyError, match="two cells of arm 'real'"):
        placed(answers([*cells, twice]))
    with pytest.raises(StudyError, match="arm 'dreamt' is none of"):
        placed(answers([cells[0].model_copy(update={"arm": "dreamt"})]))


def test_factors_that_an_arm_does_not_depend_on_are_not_looked_at() -> None:
    told = {"trainee": "clip-lora", "name": "d", "version": 1, "spec": "s", "key": "k"}
    cell = StudyCell(**told, arm="zero-shot", seed=7, generation_seed=3, augmentation="flip",
                     attribute="color", per_source=2, schedule="bridged")  # fmt: skip
    assert place_of(cell) == (Place(Stratum(trainee="clip-lora"), "zero-shot"), (0, 0))
