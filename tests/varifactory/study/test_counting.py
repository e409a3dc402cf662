"""A study counted from a store: what it says of arms, comparisons, classes and sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.simulated_study import PER_SOURCE, SETTLED, Noise, simulated
from varifactory.statistics import (
    accuracy,
    false_discovery,
    holm,
    mcnemar,
    paired_effect,
)
from varifactory.store import Store
from varifactory.store.studies import StudyManifest
from varifactory.study.counting import count_predictions, plan_of
from varifactory.study.figures import Study
from varifactory.study.predictions import Predictions, read_predictions
from varifactory.training.grid import Factors

ARMS = ["zero-shot", "real", "real+feasible", "real+infeasible", "real+mixed"]
HIGH = {"zero-shot": 0.5, "real": 0.6, "real+mixed": 0.9}


def counted(
    place: Path, settings: dict[str, Any], accuracy: Any = lambda _: 0.7, **more: Any
) -> Study:
    store = Store(str(place))
    manifest = simulated(store, settings, accuracy, **more)
    return count_predictions(read_predictions(store, manifest), manifest)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyManifest, Predictions]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    settings = {"training": {"arms": ARMS, "seeds": [1, 2, 3]},
                "study": {"generation_seeds": [0, 1]}}  # fmt: skip
    manifest = simulated(store, settings, lambda cell: HIGH.get(cell.arm, 0.7), images=300)
    return manifest, read_predictions(store, manifest)


@pytest.fixture(scope="module")
def study(read: tuple[StudyManifest, Predictions]) -> Study:
    return count_predictions(read[1], read[0])


def hits(found: Predictions, arm: str, generations: tuple[int, ...] = (0, 1)) -> np.ndarray:
    by = {(one.cell.generation_seed, one.cell.seed): one.right
          for one in found.cells if one.cell.arm == arm}  # fmt: skip
    made = generations if len(by) == 6 else (0,) * len(generations)
    return np.stack([[by[one, seed] for seed in (1, 2, 3)] for one in made])


def test_a_comparison_is_of_all_seeds_at_once(
    read: tuple[StudyManifest, Predictions], study: Study
) -> None:
    first = study.comparisons[0]
    assert (first.arm, first.other, first.question) == ("real+mixed", "real", "helps")
    arm, other = hits(read[1], "real+mixed"), hits(read[1], "real")
    effect = paired_effect(arm, other)
    assert first.effect == effect
    assert (effect.generation_seeds, effect.seeds, effect.images) == (2, 3, 300)
    assert first.interval == effect.interval(0.95)
    assert (first.verdict, first.winner, first.primary) == ("different", "above", True)
    assert first.mcnemar == tuple(
        mcnemar(arm[one, two], other[one, two]) for one in range(2) for two in range(3)
    )
    assert first.bootstrap is not None
    assert first.bootstrap.low > 0
    # Two primary comparisons: at worst Holm holds the smaller p-value to half of 5 %.
    assert (first.family, first.family_size) == ("primary", 2)
    assert first.detectable == effect.detectable(0.8, 0.975)
    assert first.seeds_needed == effect.seeds_for(0.003, 0.8, 0.975)
    assert first.generations_needed == effect.generations_for(0.003, 0.8, 0.975)
    assert (first.images_needed is None) or first.seeds_needed is None
    assert (first.spread_known, first.equal_steps) == (True, True)


def test_holm_corrects_the_primary_comparisons_by_themselves(study: Study) -> None:
    for family, size in (("primary", 2), ("other", 3)):
        mine = [one for one in study.comparisons if one.family == family]
        assert [one.p_holm for one in mine] == holm([one.p_value for one in mine])
        assert {one.family_size for one in mine} == {size}
        assert {one.primary for one in mine} == {family == "primary"}
        assert len(mine) == size
    assert len(study.comparisons) == 5
    assert sum(one.primary for one in study.comparisons) == 2
    assert [one.bootstrap is not None for one in study.comparisons] == [
        one.primary for one in study.comparisons
    ]


def test_arms_stand_in_the_order_of_the_recipe_with_all_their_cells(
    read: tuple[StudyManifest, Predictions], study: Study
) -> None:
    assert {one.arm for one in study.arms} == set(ARMS)
    by = {one.arm: one for one in study.arms}
    mixed, untrained = by["real+mixed"], by["zero-shot"]
    assert mixed.top1 == accuracy(hits(read[1], "real+mixed"), 0.95)
    assert (mixed.generation_seeds, mixed.seeds) == ((0, 1), (1, 2, 3))
    assert (by["real"].generation_seeds, by["real"].seeds) == ((), (1, 2, 3))
    assert (untrained.generation_seeds, untrained.seeds) == ((), (0,))
    assert sum(total for _, total in mixed.by_class.values()) == 6 * 300
    assert mixed.macro_top1 == pytest.approx(
        np.mean([right / total for right, total in mixed.by_class.values()])
    )
    assert mixed.worst_top1 == min(right / total for right, total in mixed.by_class.values())
    assert len(mixed.curves) == len(mixed.chosen_steps) == 6
    assert mixed.calibration_error is not None
    assert (mixed.train_real, mixed.train_edits, mixed.steps) == (40, 50, 60)


def test_changes_of_classes_are_those_of_the_primary_comparisons(
    read: tuple[StudyManifest, Predictions], study: Study
) -> None:
    mine = [one for one in study.classes if one.other == "real"]
    assert {(one.arm, one.other) for one in study.classes} == {
        ("real+mixed", "real"), ("real+feasible", "real+infeasible")
    }  # fmt: skip
    owl = read[1].truth[""] == mine[0].class_name
    effect = paired_effect(hits(read[1], "real+mixed")[..., owl], hits(read[1], "real")[..., owl])
    assert mine[0].interval == effect.interval(0.95)
    assert mine[0].images == 75
    assert [one.p_false_discovery for one in mine] == false_discovery([one.p_value for one in mine])


def test_trainees_are_described_and_never_win(tmp_path: Path) -> None:
    settings = {"training": {"arms": ["real", "feasible"], "seeds": [1, 2]},
                "study": {"trainees": ["clip-lora", "classifier"]}}  # fmt: skip
    found = counted(tmp_path, settings,
                    lambda cell: 0.5 if cell.stratum.trainee == "classifier" else 0.9)  # fmt: skip
    told = [one for one in found.comparisons if one.question == "trainee"]
    assert len(told) == 2
    for one in told:
        assert one.interval.high < 0
        assert (one.inferential, one.p_holm, one.winner) == (False, 1.0, "no winner")
        assert (one.verdict, one.family) == ("inconclusive", "")
    for family in ("primary", "other"):
        mine = [one for one in found.comparisons if one.family == family]
        assert [one.p_holm for one in mine] == holm([one.p_value for one in mine])


def test_with_one_pair_of_cells_the_exact_test_must_agree(tmp_path: Path) -> None:
    settings = {"training": {"arms": ["real", "feasible"], "seeds": [1]}}
    for seed in range(12):
        found = counted(
            tmp_path / str(seed), settings, images=60, seed=seed, noise=Noise(0, 0, 0.3)
        )
        (one,) = found.comparisons
        assert one.p_value == max(one.mcnemar[0].p_value, one.effect.p_value)
        assert (one.seeds_needed, one.generations_needed, one.spread_known) == (None, None, False)
        assert "not training noise" in one.interval.covers


def test_sizes_make_a_curve_and_settings_a_ranking(tmp_path: Path) -> None:
    """The error falls as n^-0.5 with one guidance, and not at all with the other."""

    def right(cell: Factors) -> float:
        if cell.arm == "real":
            return 0.5
        falls = "2.0" in cell.stratum.sweep
        return 1 - 0.4 * (cell.stratum.per_source**-0.5 if falls else 1)

    settings = {"training": {"arms": ["real", "feasible"], "seeds": [1, 2, 3]},
                "study": {"per_source": [1, 2, 4, 8],
                          "sweep": [{"key": "edits.guidance", "values": [1.0, 2.0]}]}}  # fmt: skip

    def validation(cell: Factors) -> float:
        return 0.9 if "1.0" in cell.stratum.sweep else 0.4

    found = counted(tmp_path, settings, right, images=2000, noise=Noise(0, 0.005, 0.2),
                    validation=validation)  # fmt: skip
    flat, falling = found.scaling
    assert [size for size, _ in falling.points] == [PER_SOURCE * n for n in (1, 2, 4, 8)]
    assert falling.exponent is not None
    assert falling.exponent.low < 0.5 < falling.exponent.high
    assert flat.exponent is not None
    assert flat.exponent.low < 0 < flat.exponent.high
    assert set(falling.classes.values()) == {"scaling"}
    assert "scaling" not in flat.classes.values()
    assert falling.stratum.per_source == 0
    # Validation images rank, not the test images, which say the opposite here.
    best, worst = found.ranking
    assert (best.stratum.sweep, worst.stratum.sweep) == (
        "edits.guidance=1.0", "edits.guidance=2.0"
    )  # fmt: skip
    assert (best.validation_top1, worst.validation_top1) == (pytest.approx(0.9), pytest.approx(0.4))
    assert best.top1.high < worst.top1.low
    assert best.edits == worst.edits == PER_SOURCE * 8
    assert best.same_edits
    assert worst.exponent == falling.exponent


def test_combinations_are_ranked_at_as_many_edits_or_it_is_told(tmp_path: Path) -> None:
    """One combination lacks its largest size: the other is not taken at more edits."""
    settings = {"training": {"arms": ["feasible"], "seeds": [1, 2]},
                "study": {"per_source": [1, 2, 4],
                          "sweep": [{"key": "edits.guidance", "values": [1.0, 2.0]}]}}  # fmt: skip

    def lacks(*sizes: int) -> Callable[[Factors], bool]:
        return lambda cell: "2.0" in cell.stratum.sweep and cell.stratum.per_source in sizes

    found = counted(tmp_path / "common", settings, images=50, fails=lacks(4))
    assert [(one.edits, one.same_edits) for one in found.ranking] == [(20, True), (20, True)]
    few = {**settings, "study": {**settings["study"], "per_source": [1, 2]}}
    store = Store(str(tmp_path / "apart"))
    manifest = simulated(store, few, lambda _: 0.7, images=50)
    apart = [cell for cell in manifest.cells
             if cell.per_source == (1 if "1.0" in cell.sweep else 2)]  # fmt: skip
    manifest = manifest.model_copy(update={"cells": tuple(apart)})
    found = count_predictions(read_predictions(store, manifest), manifest)
    assert sorted((one.edits, one.same_edits) for one in found.ranking) == [
        (10, False), (20, False)
    ]  # fmt: skip


def test_without_validation_the_recipe_orders_a_sweep(tmp_path: Path) -> None:
    settings = {"training": {"arms": ["feasible"], "seeds": [1, 2]},
                "study": {"sweep": [{"key": "edits.guidance", "values": [2.0, 1.0]}]}}  # fmt: skip
    found = counted(tmp_path, settings, lambda cell: 0.5 if "2.0" in cell.stratum.sweep else 0.9,
                    validation=lambda _: None)  # fmt: skip
    assert [one.stratum.sweep for one in found.ranking] == [
        "edits.guidance=2.0", "edits.guidance=1.0"
    ]  # fmt: skip
    assert {one.validation_top1 for one in found.ranking} == {None}


def test_cells_of_an_arm_that_differ_in_steps_are_told(
    read: tuple[StudyManifest, Predictions],
) -> None:
    manifest, found = read
    cells = [
        replace(one, training={**one.training, "steps": 90})
        if (one.cell.arm, one.cell.seed) == ("real+mixed", 2) else one
        for one in found.cells
    ]  # fmt: skip
    study = count_predictions(replace(found, cells=tuple(cells)), manifest)
    (remark,) = study.remarks
    assert remark == "real+mixed: its cells were trained 60 to 90 steps; its row shows the most."
    assert {one.equal_steps for one in study.comparisons if one.arm == "real+mixed"} == {False}
    assert not study.notes


def test_one_size_is_no_curve(study: Study) -> None:
    assert study.scaling == ()
    assert study.ranking == ()


def test_the_plan_says_what_had_been_trained_before_it(
    read: tuple[StudyManifest, Predictions],
) -> None:
    manifest, found = read
    for registered, before in (("2026-01-01T00:00:00+00:00", 0), ("2026-01-03T00:00:00", 21)):
        plan = {**SETTLED, "registered_at": registered}
        told = plan_of(manifest.model_copy(update={"plan": plan}), found)
        assert told.trained_before == before
        assert told.registered_at == registered
    assert plan_of(manifest, found).registered_at == ""


def test_seeds_that_do_not_fit_are_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    settings = {"training": {"arms": ["real", "feasible"], "seeds": [1, 2]},
                "study": {"generation_seeds": [0, 1]}}  # fmt: skip
    manifest = simulated(store, settings, lambda _: 0.7)
    cells = [one for one in manifest.cells
             if (one.arm, one.generation_seed, one.seed) != ("feasible", 1, 2)]  # fmt: skip
    fewer = manifest.model_copy(update={"cells": tuple(cells)})
    found = count_predictions(read_predictions(store, fewer), fewer)
    (note,) = found.notes
    assert note.startswith("feasible minus real: 1 pair")
    # The largest rectangle is two training seeds of one generation seed: one cell is beside it.
    (remark,) = found.remarks
    assert remark.startswith("feasible: 1 cells do not count into the arm's own accuracy")
    assert found.cells == 5


def test_without_cells_nothing_is_said(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    manifest = simulated(store, {"training": {"arms": ["real"]}}, lambda _: 0.7)
    empty = manifest.model_copy(update={"cells": ()})
    found = count_predictions(read_predictions(store, empty), empty)
    assert (found.arms, found.comparisons, found.cells) == ((), (), 0)
