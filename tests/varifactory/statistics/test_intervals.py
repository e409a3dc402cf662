import pytest
from scipy import stats

from varifactory.statistics import Interval, proportion, winner


@pytest.mark.parametrize("method", ["wilson", "exact"])
@pytest.mark.parametrize(("successes", "total"), [(0, 9), (9, 9), (1, 30), (377, 600), (5, 5000)])
def test_a_share_has_the_bounds_of_scipy(method: str, successes: int, total: int) -> None:
    ours = proportion(successes, total, 0.95, method)
    theirs = stats.binomtest(successes, total).proportion_ci(0.95, method=method)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.estimate == successes / total


@pytest.mark.parametrize(("successes", "total"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        proportion(successes, total)


def test_no_winner_where_zero_is_within_the_bounds() -> None:
    assert winner(Interval(0.01, -0.01, 0.03, 0.95)) == "no winner"
    assert winner(Interval(0.0, 0.0, 0.0, 0.95)) == "no winner"
    assert winner(Interval(0.02, 0.01, 0.03, 0.95)) == "above"
    assert winner(Interval(-0.02, -0.03, -0.01, 0.95)) == "below"
