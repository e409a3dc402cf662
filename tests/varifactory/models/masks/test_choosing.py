"""Which of several masks is taken, and what is told of it."""

import numpy as np
import pytest

from varifactory.models import Region
from varifactory.models.masks.choosing import EMPTY, NOT_FINITE, Found, chosen, nothing


def square(side: int, left: int = 0, top: int = 0) -> Region:
    mask = np.zeros((100, 100), bool)
    mask[top : top + side, left : left + side] = True
    return mask


SURE = Found(square(10), "dino+sam", 0.9, 0.8, (0, 0, 10, 10))
LARGE = Found(square(50), "dino+sam", 0.95, 0.4, (0, 0, 50, 50))
MIDDLE = Found(square(20, 40, 40), "dino+sam", 0.7, 0.5, (40, 40, 60, 60))


@pytest.mark.parametrize(
    ("rule", "best", "said"),
    [
        ("best-score", SURE, "best-score of 3: score 0.720 = box 0.800 x mask 0.900"),
        ("largest", LARGE, "largest of 3: score 0.380 = box 0.400 x mask 0.950, area 0.250"),
        ("most-central", MIDDLE, "most-central of 3: score 0.350 = box 0.500 x mask 0.700, "),
    ],
)
def test_each_rule_takes_its_own_whatever_the_order(rule, best, said):
    for found in ([SURE, LARGE, MIDDLE], [MIDDLE, LARGE, SURE]):
        taken = chosen(found, rule, "dino+sam")
        assert taken.mask is best.mask
        assert taken.box == best.box
        assert taken.predicted_iou == best.score
        assert taken.choice.startswith(said)
        assert [one.score for one in taken.candidates] == [one.trust for one in found]
        assert [one.area for one in taken.candidates] == [one.mask.mean() for one in found]


def test_a_single_mask_needs_no_words_unless_its_box_was_looked_for():
    alone = chosen([Found(square(10), "sam", 0.9)], "best-score", "sam")
    assert (alone.candidates, alone.choice) == ((), "")
    looked_for = chosen([SURE], "best-score", "dino+sam", note="2 more left out")
    assert looked_for.choice == (
        "the only one: score 0.720 = box 0.800 x mask 0.900; 2 more left out"
    )
    assert len(looked_for.candidates) == 1


def test_empty_masks_and_numbers_that_are_not_finite_are_no_candidates():
    broken = Found(square(90), "sam", float("nan"))
    empty = Found(square(0), "sam", 0.99)
    taken = chosen([broken, empty, MIDDLE], "best-score", "sam")
    assert taken.mask is MIDDLE.mask
    assert [one.note for one in taken.candidates] == [NOT_FINITE, EMPTY, ""]
    assert taken.candidates[0].score is None
    assert taken.choice.startswith("the only one of 3 that could be taken")


def test_nothing_that_can_be_taken_is_an_empty_mask_that_says_why():
    broken = Found(square(90), "sam", float("nan"))
    taken = chosen([broken, Found(square(0), "sam", 0.99)], "best-score", "sam")
    assert taken.mask.shape == (100, 100)
    assert not taken.mask.any()
    assert taken.predicted_iou is None
    assert EMPTY in taken.choice
    assert "masks.checkpoint.dtype=float32" in taken.choice


def test_without_any_score_the_largest_is_taken_and_that_is_told():
    found = [Found(square(10), "m", None), Found(square(30), "m", None)]
    taken = chosen(found, "best-score", "m")
    assert taken.mask is found[1].mask
    assert taken.choice == "best-score of 2, no scores, so the largest"


def test_equals_fall_to_the_first():
    found = [Found(square(10, left), "m", 0.5) for left in (0, 50)]
    assert chosen(found, "best-score", "m").mask is found[0].mask
    assert chosen(found, "largest", "m").mask is found[0].mask


def test_scores_beyond_their_range_are_brought_into_it():
    assert chosen([Found(square(10), "m", 1.2)], "best-score", "m").predicted_iou == 1
    assert chosen([Found(square(10), "m", -0.2)], "best-score", "m").predicted_iou == 0


def test_a_score_below_zero_still_is_a_score():
    found = [Found(square(10), "m", -0.2), Found(square(20), "m", -0.1)]
    assert chosen(found, "best-score", "m").mask is found[1].mask


def test_nothing_tells_its_way_and_why():
    found = nothing((4, 6, 3), "dino", "no box")
    assert found.mask.shape == (4, 6)
    assert found.candidates[0].note == "no box"
    assert found.choice == "dino: no box"
