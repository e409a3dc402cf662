from math import inf

import pytest

from varifactory.exchange.surface import REAL
from varifactory.exchange.wording import (
    figure,
    gain_name,
    listed,
    more_words,
    pool_name,
    pool_told,
    ratio,
    ratio_bounds,
    share_name,
    words,
)
from varifactory.recipe.exchange import CONTROLS, GENERATORS
from varifactory.statistics import Interval


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0.00"), (0.934, "0.93"), (9.99, "9.99"), (9.996, "10.0"), (12.34, "12.3"),
     (1234.5, "1,234"), (-0.14, "−0.14"), (-0.001, "0.00"), (inf, "∞")],
)  # fmt: skip
def test_a_rate_has_three_digits(value: float, said: str) -> None:
    assert ratio(value) == said


def test_every_pool_has_a_name_and_says_what_it_is() -> None:
    for pool in (REAL, *GENERATORS, *CONTROLS):
        assert pool_name(pool)
        assert pool_told(pool)
    assert (pool_name("mine"), pool_told("mine")) == ("mine", "")
    assert set(words()["pools"]) == {REAL, *GENERATORS, *CONTROLS}


def test_numbers_in_words() -> None:
    assert ratio_bounds(Interval(1.0, 0.62, 1.4, 0.95)) == "0.62\xa0to\xa01.40"
    assert (gain_name(0.5), gain_name(2.0)) == ("+50\xa0%", "+200\xa0%")
    assert (share_name(0.5), share_name(1.0), share_name(0.3)) == ("half", "all", "30\xa0%")
    assert (figure(-0.00111), figure(1234.5), figure(inf)) == ("−0.00111", "1,234", "∞")
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
    assert more_words(1200).startswith("1,200 more")
    assert more_words(None).startswith("no number of seeds")
