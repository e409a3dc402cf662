"""What was planned and is not there is said, and nothing else takes its place."""

from pathlib import Path
from typing import Any

import pytest

from tests.simulated_study import SETTLED, simulated
from varifactory.statistics import holm
from varifactory.store import Store
from varifactory.store.studies import StudyManifest
from varifactory.study.counting import count_predictions, order_of
from varifactory.study.figures import Study
from varifactory.study.planned import UNPAIRED, planned_places
from varifactory.study.predictions import read_predictions
from varifactory.study.questions import place_of
from varifactory.training.grid import Factors, Stratum

ARMS = ["real", "real+mixed", "real+feasible", "real+infeasible"]
SETTINGS: dict[str, Any] = {"training": {"arms": ARMS, "seeds": [1, 2, 3]}}


def count(store: Store, manifest: StudyManifest) -> Study:
    return count_predictions(read_predictions(store, manifest), manifest)


def is_mixed(cell: Factors) -> bool:
    return cell.arm == "real+mixed"


def test_a_primary_comparison_whose_cells_failed_gives_way_to_no_other(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    study = count(store, simulated(store, SETTINGS, lambda _: 0.7, fails=is_mixed))
    (lacking,) = study.missing
    assert (lacking.question, lacking.arm, lacking.other) == ("helps", "real+mixed", "real")
    assert lacking.why == "real+mixed: failed: out of memory"
    assert [one.question for one in study.comparisons if one.primary] == ["matters"]
    assert {(one.arm, one.family) for one in study.comparisons if one.question == "helps"} == {
        ("real+feasible", "other"), ("real+infeasible", "other")
    }  # fmt: skip


def test_a_family_does_not_shrink_by_what_failed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    study = count(store, simulated(store, SETTINGS, lambda _: 0.7, fails=is_mixed))
    (matters,) = [one for one in study.comparisons if one.primary]
    assert matters.family_size == 2
    assert matters.p_holm == min(1.0, 2 * matters.p_value)
    assert matters.detectable == matters.effect.detectable(SETTLED["power"], 0.975)
    others = [one for one in study.comparisons if one.family == "other"]
    assert {one.family_size for one in others} == {len(others)} == {2}
    assert [one.p_holm for one in others] == holm([one.p_value for one in others])


def test_an_arm_that_could_not_be_planned_is_missing_with_its_reason(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    whole = simulated(store, SETTINGS, lambda _: 0.7)
    cells = tuple(cell for cell in whole.cells if cell.arm != "real+mixed")
    told = [
        {"arm": "real+mixed", "attribute": "all", "per_source": 0, "trainee": "clip-lora",
         "augmentation": whole.recipe["training"]["augmentation"], "schedule": "mixed",
         "dataset": "", "sweep": "", "generation_seed": 7, "seed": seed, "reason": "no pairs"}
        for seed in (1, 2, 3)
    ]  # fmt: skip
    manifest = whole.model_copy(update={"cells": cells, "provenance": {"unplanned": told}})
    study = count(store, manifest)
    (lacking,) = study.missing
    assert lacking.why == "real+mixed: no pairs"
    (note,) = study.notes
    assert note == "real+mixed could not be trained and is in no figure: no pairs"


def test_sides_that_share_no_seed_are_missing(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    whole = simulated(store, {"training": {"arms": ["real", "feasible"], "seeds": [1, 2]}},
                      lambda _: 0.7)  # fmt: skip
    cells = tuple(one for one in whole.cells if (one.arm == "real") == (one.seed == 1))
    study = count(store, whole.model_copy(update={"cells": cells}))
    assert [one.why for one in study.missing] == [UNPAIRED]
    assert not study.comparisons


def test_nothing_is_missing_of_a_whole_study(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert count(store, simulated(store, SETTINGS, lambda _: 0.7)).missing == ()


@pytest.mark.parametrize("study", [
    {},
    {"trainees": ["clip-lora", "linear-probe"], "augmentations": ["none", "flip"]},
    {"attributes": ["color", "all"], "per_source": [1, 2], "schedules": ["mixed", "bridged"]},
])  # fmt: skip
def test_planned_places_are_those_of_the_grid(tmp_path: Path, study: dict[str, Any]) -> None:
    arms = ["zero-shot", "real", "real-standard", "real+feasible", "infeasible"]
    settings = {"training": {"arms": arms, "seeds": [1]}, "study": study}
    manifest = simulated(Store(str(tmp_path)), settings, lambda _: 0.7, images=10)
    planned = planned_places(manifest, order_of(manifest))
    assert len(set(planned)) == len(planned)
    assert set(planned) == {place_of(cell)[0] for cell in manifest.cells}
    nothing = manifest.model_copy(update={"cells": ()})
    assert set(planned_places(nothing, order_of(nothing))) == set(planned)


def test_a_manifest_that_tells_no_recipe_planned_the_cells_it_has(tmp_path: Path) -> None:
    whole = simulated(Store(str(tmp_path)), SETTINGS, lambda _: 0.7, images=10)
    bare = whole.model_copy(update={"recipe": {}})
    arms = {place.arm for place in planned_places(bare, order_of(bare))}
    assert arms == set(ARMS)
    assert all(isinstance(one.stratum, Stratum) for one in planned_places(bare, order_of(bare)))
