import sys

import numpy as np
import pytest

from varifactory.errors import FactoryError
from varifactory.statistics.kappa import ALL_THE_SAME, NOTHING, Kappa, kappas

FLEISS_1971 = """
0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6
"""
"""Psychiatric diagnoses of 30 patients by 6 raters each: the example of Fleiss' paper."""


def answers(*columns: str) -> dict[str, dict[str, str]]:
    """A letter an item, a rater each; a blank is no answer."""
    return {f"r{at}": {f"i{place:03d}": letter for place, letter in enumerate(column)
                       if letter != " "} for at, column in enumerate(columns)}  # fmt: skip


def bounds(found: Kappa) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_the_example_of_fleiss_comes_out_as_in_his_paper() -> None:
    said: dict[str, dict[str, str]] = {f"r{at}": {} for at in range(6)}
    for item, row in enumerate(FLEISS_1971.strip().replace("\n", "|").split("|")):
        given = [str(cat) for cat, count in enumerate(row.split()) for _ in range(int(count))]
        for at, answer in enumerate(given):
            said[f"r{at}"][f"i{item}"] = answer
    found = kappas("diagnosis", said)[0]
    assert (found.method, found.items, len(found.raters)) == ("Fleiss", 30, 6)
    assert found.value == pytest.approx(0.430, abs=5e-4)


def test_cohens_kappa_by_hand() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 observed, 0.5 by chance.
    fleiss, cohen = kappas(
        "q", answers("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15)
    )
    assert cohen.value == pytest.approx(0.4)
    assert cohen.agreed == pytest.approx(0.7)
    low, high = bounds(cohen)
    assert 0.1 < low < 0.4 < high < 0.7
    assert fleiss.value == pytest.approx((0.7 - 0.505) / 0.495)


def test_what_has_no_value_says_so() -> None:
    same = kappas("q", answers("yyyy", "yyyy"))
    assert {(one.value, one.agreed, one.undefined) for one in same} == {(None, 1.0, ALL_THE_SAME)}
    apart = kappas("q", answers("yy  ", "  yy"))
    assert {(one.value, one.items, one.undefined) for one in apart} == {(None, 0, NOTHING)}
    assert kappas("q", answers("yyn")) == []


def test_an_interval_that_rests_on_almost_nothing_is_not_told() -> None:
    _, cohen = kappas("q", answers("y" * 30 + "n", "y" * 30 + "n"))
    assert (cohen.value, cohen.low, cohen.high) == (1.0, None, None)


def test_without_statsmodels_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.stats", None)
    with pytest.raises(FactoryError, match=r"kappa needs statsmodels .*pip install"):
        kappas("q", answers("yn", "yy"))


def test_items_that_one_rater_left_out_count_for_the_others() -> None:
    three = kappas("q", answers("ynyn", "ynny", "yn  "))
    assert [(one.method, one.raters, one.items) for one in three] == [
        ("Fleiss", ("r0", "r1", "r2"), 2), ("Cohen", ("r0", "r1"), 4),
        ("Cohen", ("r0", "r2"), 2), ("Cohen", ("r1", "r2"), 2)]  # fmt: skip


def test_edits_of_one_source_are_drawn_together() -> None:
    dice = np.random.default_rng(1)
    truth = dice.integers(2, size=40)
    first, second = (np.where(dice.random(40) < 0.85, truth, 1 - truth) for _ in range(2))
    said = answers("".join(map(str, first.repeat(8))), "".join(map(str, second.repeat(8))))
    of = {item: f"s{at // 8}" for at, item in enumerate(said["r0"])}
    alone, together = kappas("q", said)[1], kappas("q", said, of)[1]
    assert alone.value == together.value
    wide, narrow = (high - low for low, high in (bounds(together), bounds(alone)))
    # Copies tell nothing new: eight of each make it look as sure as 8 times the sources.
    assert wide / narrow == pytest.approx(8**0.5, rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Simulated: two raters right with 0.85 on a fair coin have kappa 0.49."""
    dice = np.random.default_rng(7)
    true = (2 * 0.85 - 1) ** 2
    covered = 0
    for _ in range(40):
        truth = dice.integers(2, size=80)
        raters = [np.where(dice.random(80) < 0.85, truth, 1 - truth) for _ in range(2)]
        found = kappas("q", answers(*("".join(map(str, one)) for one in raters)))[1]
        low, high = bounds(found)
        covered += low <= true <= high
    assert 35 <= covered <= 40
