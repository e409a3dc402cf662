"""Controls that hold, and grids that they must not let pass."""

from dataclasses import replace
from functools import cache

import numpy as np

from varifactory.exchange.controls import DUPLICATE, IDENTITY, MISLABELLED
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import Control, ExchangeRate
from varifactory.exchange.simulation import Truth, Worth, effective, noisy, none, same
from varifactory.exchange.surface import Surface
from varifactory.report.exchange.page import alarms
from varifactory.report.wording import NBSP


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
    assert found.failed
    assert "(0.91 to 1.19), and would cost 1.25 times as much" in found.sentence.replace(NBSP, " ")


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


def test_other_real_images_never_pass_for_lack_of_power() -> None:
    """They cost 2, and in half of the grids the interval holds 1, too."""
    truth = Truth(pools={IDENTITY: effective(0.5, 1e6)})
    found = [small(truth, seed).controls[0] for seed in range(12)]
    assert not any(one.passed for one in found)
    wide = [one for one in found if "may cost 0." in one.sentence]
    assert len(wide) > 2
    assert not any(one.tells for one in wide)


def test_wrong_labels_never_fail_for_lack_of_power() -> None:
    """They cost 1.67 times as much, which so few seeds do not always see."""
    truth = Truth(pools={IDENTITY: same, MISLABELLED: effective(0.6, 1e6)})
    found = []
    for seed in range(12):
        grid = noisy(truth, seed, seeds=(1, 2, 3))
        _, wrong = count_exchange(grid, title="", gains=(1.0,), resamples=60).controls
        found.append(wrong)
    assert not any(one.failed for one in found)
    assert 0 < sum(one.passed for one in found) < len(found)
    assert all("may cost" in one.sentence for one in found if not one.passed)


def test_few_wrong_labels_need_not_cost_much() -> None:
    grid = noisy(Truth(pools={IDENTITY: same, MISLABELLED: same}), 2, seeds=range(10))
    for wrong, failed in ((0.2, True), (0.05, False)):
        _, told = count_exchange(grid, title="", resamples=100, wrong=wrong).controls
        assert told.failed is failed


def test_wrong_labels_alone_are_held_against_nothing_that_was_measured() -> None:
    for worth, said in (
        (HELD[2], "cost 2.83 for one (2."), (none, "right ones, which were not tried, should"),
        (same, "right ones, which were not tried, cost 1"),
    ):  # fmt: skip
        grid = noisy(Truth(pools={MISLABELLED: worth}), 2, seeds=range(10))
        (told,) = count_exchange(grid, title="", resamples=100).controls
        assert said in told.sentence.replace(NBSP, " ")
        assert "what they do with right ones" not in told.sentence
        assert told.tells


def test_controls_of_one_number_of_images_are_told_by_that_number() -> None:
    pools = {IDENTITY: same, MISLABELLED: effective(0.5, 1e6)}
    for synthetic in (1.0, 2.0):
        grid = noisy(Truth(pools=pools, synthetic=(synthetic,)), 0, seeds=range(10))
        found = count_exchange(grid, title="", gains=(1.0,), resamples=100)
        assert [one.passed for one in found.controls] == [True, True]
        assert "includes 1" in found.controls[0].sentence
    dear = Truth(pools={IDENTITY: effective(0.5, 1e6), MISLABELLED: none}, synthetic=(4.0,))
    found = count_exchange(noisy(dear, 0, seeds=range(10)), title="", resamples=100)
    assert found.controls[0].failed
    assert "and cost 2." in found.controls[0].sentence
    assert "do not gain" in found.controls[1].sentence


def test_each_base_is_told_by_its_duplicates_nearest_to_once_more() -> None:
    """Half of three images is two of them, and of six or twelve it is half."""
    whole = noisy(Truth(pools={DUPLICATE: none}, synthetic=(0.5, 2.0)), 0)
    at = [one.pool == DUPLICATE and (one.base, one.multiple) == (3, 0.5) for one in whole.cells]
    rounded = Surface(
        tuple(replace(one, multiple=2 / 3) if here else one
              for one, here in zip(whole.cells, at, strict=True)),
        whole.real, tuple(np.where(at, 20, whole.other).tolist()), whole.hits,
    )  # fmt: skip
    (found,) = count_exchange(rounded, title="", resamples=60).controls
    assert "once more (as 0.5 to 0.67 times the base) gain" in found.sentence
    near = [one.pool == DUPLICATE and one.multiple < 1 for one in rounded.cells]
    bare = [one.multiple == 0 for one in rounded.cells]
    gained = 100 * (rounded.hits[near].mean() - rounded.hits[bare].mean())
    assert f"gain {gained:+.1f} points".replace("-", "−") in found.sentence


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
