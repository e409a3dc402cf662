import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.drawn_items import Drawn, masked, trained
from varifactory.errors import FactoryError
from varifactory.statistics import IMAGES_AND_SEEDS, IMAGES_ONLY
from varifactory.study import StudyTables, study_figures

SHARES = {"zero-shot": 0.35, "real": 0.55, "real+feasible": 0.72, "real+infeasible": 0.71,
          "real+mixed": 0.75}  # fmt: skip


@pytest.fixture(scope="module")
def items() -> pa.Table:
    return Drawn(sources=1).items


def tables(items: pa.Table, **options: object) -> StudyTables:
    training, predictions = trained(SHARES, **options)
    return StudyTables(items, training, predictions, masked())


def test_accuracy_is_counted_from_predictions(items: pa.Table) -> None:
    given = tables(items)
    figures = study_figures(given, resamples=500)
    assert [arm.arm for arm in figures.arms] == list(SHARES)
    for arm in figures.arms:
        rows = given.predictions.filter(pc.equal(given.predictions["arm"], arm.arm)).to_pylist()
        right = sum(row["truth"] == row["predicted"] for row in rows)
        assert arm.top1.estimate == right / len(rows)
        assert sum(total for _, total in arm.by_class.values()) == len(rows)
        assert sum(hits for hits, _ in arm.by_class.values()) == right
        assert arm.top1.covers == IMAGES_ONLY


def test_the_two_questions_are_answered_by_arms_fixed_beforehand(items: pa.Table) -> None:
    figures = study_figures(tables(items), resamples=2000)
    assert figures.helps
    assert (figures.helps.arm, figures.helps.other) == ("real+mixed", "real")
    assert figures.helps.winner == "above"
    assert figures.matters
    assert (figures.matters.arm, figures.matters.other) == ("real+feasible", "real+infeasible")
    assert figures.matters.winner == "no winner"
    assert figures.helps.mcnemar
    assert figures.helps.mcnemar.p_value < 0.05


def test_several_seeds_are_paired_by_seed_and_image(items: pa.Table) -> None:
    figures = study_figures(tables(items, seeds=(1, 2, 3)), resamples=500)
    assert all(found.interval.covers == IMAGES_AND_SEEDS for found in figures.differences)
    assert all(found.mcnemar is None for found in figures.differences)
    assert {len(arm.seeds) for arm in figures.arms} == {3}


def test_zero_shot_answers_once_and_stands_beside_every_seed(items: pa.Table) -> None:
    training, predictions = trained(SHARES, seeds=(1, 2, 3))
    once = pc.or_(pc.not_equal(predictions["arm"], "zero-shot"), pc.equal(predictions["seed"], 2))
    figures = study_figures(StudyTables(items, training, predictions.filter(once)), resamples=500)
    found = next(found for found in figures.differences if found.arm == "zero-shot")
    assert found.winner == "below"
    assert found.interval.covers == IMAGES_AND_SEEDS


def test_a_cell_that_lacks_answers_is_left_out_and_named(items: pa.Table) -> None:
    training, predictions = trained(SHARES)
    short = predictions.slice(0, len(predictions) - 5)
    figures = study_figures(StudyTables(items, training, short), resamples=500)
    assert "real+mixed" not in [arm.arm for arm in figures.arms]
    assert figures.notes == (
        "real+mixed, seed 1 answered 235 of 240 test images and is left out of every figure.",
    )
    assert figures.helps
    assert figures.helps.arm == "real+feasible"


def test_an_image_predicted_twice_is_refused(items: pa.Table) -> None:
    training, predictions = trained({"real": 0.5})
    doubled = pa.concat_tables([predictions, predictions.slice(0, 1)])
    with pytest.raises(FactoryError, match="predicted twice"):
        study_figures(StudyTables(items, training, doubled))


def test_near_its_bound_the_exact_test_must_agree(items: pa.Table) -> None:
    """27 images only one arm got right, 14 only the other: the bootstrap alone would call it."""
    training, predictions = trained({"real": 0.5, "real+mixed": 0.5})
    right = {
        "real": np.arange(240) < 14,
        "real+mixed": (np.arange(240) >= 14) & (np.arange(240) < 41),
    }
    rows = predictions.to_pylist()
    for row in rows:
        hit = right[row["arm"]][int(row["source_key"])]
        row["predicted"] = row["truth"] if hit else "none"
    figures = study_figures(StudyTables(items, training, pa.Table.from_pylist(
        rows, schema=predictions.schema)))  # fmt: skip
    assert figures.helps
    assert figures.helps.interval.low > 0
    assert figures.helps.mcnemar
    assert figures.helps.mcnemar.p_value > 0.05
    assert figures.helps.winner == "no winner"


def test_masks_are_compared_where_a_truth_is_known(items: pa.Table) -> None:
    figures = study_figures(StudyTables(items, masks=masked(60)))
    assert figures.masks
    assert figures.masks.count == 60
    assert figures.masks.mean_iou == pytest.approx(np.mean(figures.masks.ious))
    assert figures.masks.correlation
    assert 0.5 < figures.masks.correlation <= 1
    unknown = masked(3).set_column(
        masked(3).schema.get_field_index("true_iou"), "true_iou", pa.nulls(3, pa.float32())
    )
    assert study_figures(StudyTables(items, masks=unknown)).masks is None
    assert figures.arms == ()
