from dataclasses import replace

import pytest

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.effective_data import MOST_KAPPA
from varifactory.exchange.figures import Parameter, Rate, Reached
from varifactory.exchange.sentences import verdict
from varifactory.exchange.simulation import Truth, noisy, same
from varifactory.report.wording import NBSP
from varifactory.statistics import Interval

RATE = Rate(
    pool="edits", base=120, gain=1.0, points=Interval(0.031, 0.02, 0.04, 0.95),
    per_real=Interval(1.434, 1.06, 2.09, 0.95), state="reached", most=4.0, unreached=0.0,
)  # fmt: skip
CEILING = Parameter("edits", 4.04, 2.4, 8.6, identified=True)


def said(*rates: Rate, ceiling: Parameter = CEILING) -> str:
    return verdict(rates, "edits", ceiling).replace(NBSP, " ")


def test_a_rate_is_told_with_its_gain_its_interval_and_its_ceiling() -> None:
    assert said(RATE) == (
        "Edits: to gain what +100 % real images would (+3.1 points from 120 images on), each real "
        "image costs 1.43 of its images (95 % interval 1.06 to 2.09). However many there are, they "
        "replace at most 4.04 times the base (2.40 to 8.60)."
    )


def test_a_ceiling_that_is_not_identified_is_told_by_its_lower_bound() -> None:
    found = said(RATE, ceiling=replace(CEILING, identified=False))
    assert found.endswith(
        " Their ceiling is at least 2.40 times the base; where it lies is not identified."
    )


def test_no_ceiling_is_made_up() -> None:
    ceiling = Parameter("edits", MOST_KAPPA, 0.99 * MOST_KAPPA, MOST_KAPPA, identified=False)
    assert said(RATE, ceiling=ceiling).endswith("No ceiling was seen.")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("not reached", "is not reached with up to 4 times the base, and no number is told."),
        ("no gain", "do not surely gain anything from 120 images on"),
    ],
)
def test_without_a_rate_there_is_no_number(state: Reached, words: str) -> None:
    found = said(replace(RATE, state=state, per_real=None))
    assert words in found
    assert "cost" not in found


def test_a_smaller_gain_that_was_reached_is_told_beside_it() -> None:
    smaller = replace(RATE, gain=0.5, per_real=Interval(1.2, 1.0, 1.5, 0.95))
    found = said(replace(RATE, state="not reached", per_real=None), smaller)
    assert found.endswith("What +50 % real images would gain is reached, at 1.20 of its images "
                          "each (1.00 to 1.50).")  # fmt: skip


AT_MOST = replace(RATE, state="at most", per_real=None, at_most=7.197)


def test_of_one_number_of_images_no_ceiling_is_told() -> None:
    assert said(AT_MOST) == (
        "Edits: to gain what +100 % real images would (+3.1 points from 120 images on), each real "
        "image costs at most 7.20 of its images (the upper end of a 95 % interval). One number of "
        "them was tried, 4 times the base, and whether fewer would do is not known."
    )
    unreached = replace(RATE, state="not reached", per_real=None)
    assert said(unreached, replace(AT_MOST, gain=0.5)).endswith(
        "What +50 % real images would gain is reached, at 7.20 of its images each at most."
    )


@pytest.mark.parametrize(("draws", "confidence", "few"), [(39, 0.95, True), (40, 0.95, False),
                                                          (200, 0.999, True)])  # fmt: skip
def test_too_few_draws_for_an_interval_are_told(draws: int, confidence: float, few: bool) -> None:
    grid = noisy(Truth(pools={"edits": same}), 0, images=50)
    found = count_exchange(grid, title="", resamples=draws, confidence=confidence)
    (note,) = [one for one in found.notes if "outermost" in one] or [""]
    assert bool(note) is few
    if few:
        assert f"of {draws} draws" in note.replace(NBSP, " ")
        assert f"need {40 if confidence == 0.95 else '2,000'} at least" in note


def test_what_lies_beyond_the_grid_is_called_so() -> None:
    assert "beyond the 4 times the base that were tried" in said(replace(RATE, state="beyond"))


def test_a_pool_without_any_rate_says_why() -> None:
    assert "no rate can be told" in said()
