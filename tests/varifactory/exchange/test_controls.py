"""Controls that hold, and grids that they must not let pass."""

from functools import cache

from varifactory.exchange.controls import DUPLICATE, IDENTITY, MISLABELLED
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import Control, ExchangeRate
from varifactory.exchange.simulation import Truth, Worth, effective, noisy, none, same
from varifactory.report.exchange.page import alarms


@cache
def told(identity: Worth, duplicate: Worth, mislabelled: Worth) -> dict[str, Control]:
    pools = {"edits": same, IDENTITY: identity, DUPLICATE: duplicate, MISLABELLED: mislabelled}
    grid = noisy(Truth(pools=pools), 2, seeds=range(10))
    found = count_exchange(grid, title="", resamples=100)
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


def small(truth: Truth, seed: int) -> ExchangeRate:
    grid = noisy(truth, seed, images=150, seeds=(1, 2, 3))
    return count_exchange(grid, title="", gains=(1.0,), resamples=60)


def test_a_flat_real_curve_tells_nothing_of_any_control() -> None:
    pools = {"edits": same, IDENTITY: same, DUPLICATE: none, MISLABELLED: HELD[2]}
    for flat in (Truth(pools=pools, a=0.0, c=0.2), Truth(pools=pools, a=0.0, c=0.0)):
        found = small(flat, 1)
        assert len(found.controls) == 3
        for one in found.controls:
            assert (one.passed, one.failed, one.tells) == (False, False, False)
            assert "too small to tell" in one.sentence
            assert not any(word in one.sentence for word in ("%", "∞", "cost 1."))
        assert alarms(found) == []


def test_duplicates_never_pass_for_lack_of_power() -> None:
    """They are worth half of the real gain, which so few test images do not see."""
    truth = Truth(pools={DUPLICATE: effective(1.0, 0.5)})
    found = [small(truth, seed).controls[0] for seed in range(12)]
    assert not any(one.passed for one in found)
    assert not all(one.failed for one in found)


def test_duplicates_that_were_not_as_many_as_the_base_are_told_as_such() -> None:
    often = Truth(pools={DUPLICATE: none}, synthetic=(2.0, 4.0))
    assert "once more (as 2 times the base) gain" in small(often, 0).controls[0].sentence
    once = Truth(pools={DUPLICATE: none})
    assert "once more gain" in small(once, 0).controls[0].sentence


def test_wrong_labels_without_a_rate_get_no_number() -> None:
    """Too few were added for either rate; the fit would say 61.7 times, or none at all."""
    short = Truth(pools={IDENTITY: same, MISLABELLED: effective(0.08, 8.0)}, synthetic=(0.25, 0.5))
    for seed in range(4):
        identity, wrong = small(short, seed).controls
        assert not identity.tells
        assert not wrong.tells
        assert "times" not in wrong.sentence
        assert "no rate that they could be held against" in wrong.sentence
