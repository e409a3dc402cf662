"""Controls that hold, and grids that they must not let pass."""

from functools import cache

from varifactory.exchange.controls import DUPLICATE, IDENTITY, MISLABELLED
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import Control
from varifactory.exchange.simulation import Truth, Worth, effective, noisy, none, same


@cache
def told(identity: Worth, duplicate: Worth, mislabelled: Worth) -> dict[str, Control]:
    pools = {"edits": same, IDENTITY: identity, DUPLICATE: duplicate, MISLABELLED: mislabelled}
    found = count_exchange(noisy(Truth(pools=pools), 2), title="")
    assert [one.pool for one in found.controls] == [IDENTITY, DUPLICATE, MISLABELLED]
    assert len(found.verdict) == 1  # controls are no generators
    return {one.pool: one for one in found.controls}


HELD = (same, none, effective(0.4, 8.0))


def test_a_sound_grid_passes() -> None:
    found = told(*HELD)
    assert all(one.passed for one in found.values())
    assert "includes 1" in found[IDENTITY].sentence


def test_real_images_that_are_worth_less_fail() -> None:
    found = told(effective(0.4, 50.0), *HELD[1:])[IDENTITY]
    assert not found.passed
    assert "should cost 1 for one, and cost 2." in found.sentence


def test_real_images_that_reach_nothing_fail() -> None:
    found = told(none, *HELD[1:])[IDENTITY]
    assert not found.passed
    assert "not reached" in found.sentence


def test_duplicates_that_gain_fail() -> None:
    found = told(same, effective(1.0, 0.7), HELD[2])[DUPLICATE]
    assert not found.passed
    assert "more often helps" in found.sentence


def test_wrong_labels_that_cost_no_more_fail() -> None:
    found = told(same, none, same)[MISLABELLED]
    assert not found.passed
    assert "too small to see" in found.sentence


def test_wrong_labels_that_reach_nothing_are_told_without_a_number() -> None:
    found = told(same, none, effective(0.05, 0.2))[MISLABELLED]
    assert found.passed
    assert "4 times the base" in found.sentence
    assert "∞" not in found.sentence
