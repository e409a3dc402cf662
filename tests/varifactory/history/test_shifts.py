import math

import pytest

from varifactory.history.shifts import ALL, difference, shifts
from varifactory.quotas import SURPLUS
from varifactory.statistics import proportion


def edits(accepted: int, total: int, attribute: str = "color", **more: object) -> list[dict]:
    return [
        {"kind": "edit", "status": "ok" if at < accepted else "rejected", "reason": "",
         "attribute": attribute, "image_blob": "x", **more}
        for at in range(total)
    ]  # fmt: skip


def test_the_interval_is_newcombes() -> None:
    """Newcombe (1998), table II: 56 of 70 and 48 of 80, method 10: 0.0524 to 0.3339."""
    found = difference(proportion(48, 80), proportion(56, 70))
    assert found.estimate == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_bounds_of_shares_at_their_ends_stay_between_minus_one_and_one() -> None:
    found = difference(proportion(10, 10), proportion(0, 10))
    assert found.estimate == -1
    assert -1 <= found.low < found.high < 0
    assert not math.isnan(found.half_width)


def test_groups_that_both_have_are_compared_all_edits_first() -> None:
    before = [*edits(90, 100), *edits(50, 100, "texture"), *edits(1, 2, "gone")]
    after = [*edits(60, 100), *edits(52, 100, "texture"),
             {"kind": "source", "status": "ok", "attribute": None}]  # fmt: skip
    every, color, texture = shifts(before, after, "attribute")
    assert (every.group, color.group, texture.group) == (ALL, "color", "texture")
    assert color.difference.estimate == pytest.approx(-0.3)
    assert (color.moved, texture.moved) == (True, False)
    assert every.totals == (202, 200)


def test_what_was_left_out_as_surplus_counts_as_accepted() -> None:
    extra = edits(0, 10, status="skipped", reason=f"{SURPLUS} (4)")
    (every, _) = shifts(edits(10, 10), extra, "attribute")
    assert every.difference.estimate == 0
