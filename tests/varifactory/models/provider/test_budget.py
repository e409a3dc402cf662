"""Budgets: no bound is passed, whatever is under way, and what others spent counts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from varifactory.errors import ModelError
from varifactory.models.provider.budget import Budget, shared


def budget(max_usd: float = 1.0, max_requests: int = 1000) -> Budget:
    return Budget(max_usd=max_usd, max_requests=max_requests, section="verdicts")


def test_what_is_under_way_counts_as_its_worst() -> None:
    purse = budget(max_usd=1.0)
    purse.reserve(0.6)
    with pytest.raises(ModelError, match=r"could cost \$0\.5000, \$0\.6000 is spent and verdicts"):
        purse.reserve(0.5)
    purse.settle(0.6, 0.1)
    purse.reserve(0.5)
    assert purse.spent_usd == pytest.approx(0.1)


def test_requests_are_counted_even_without_a_price() -> None:
    purse = budget(max_usd=0, max_requests=2)
    for _ in range(2):
        purse.reserve(None)
        purse.settle(None, None)
    with pytest.raises(
        ModelError, match=r"2 requests were made, as many as verdicts\.max_requests"
    ):
        purse.reserve(None)


def test_many_at_once_pass_no_bound() -> None:
    purse = budget(max_usd=1.0)

    def request(_: int) -> bool:
        try:
            purse.reserve(0.05)
        except ModelError:
            return False
        purse.settle(0.05, 0.05)
        return True

    with ThreadPoolExecutor(16) as pool:
        made = sum(pool.map(request, range(200)))
    assert made in (19, 20), "20 times 0.05, but for rounding"
    assert purse.spent_usd <= 1.0 + 1e-9


def test_what_earlier_tries_of_the_run_cost_counts() -> None:
    purse = budget(max_usd=1.0)
    purse.known_spent(0.7)
    assert purse.spent_usd == pytest.approx(0.7)
    with pytest.raises(ModelError, match=r"\$0\.7000 is spent"):
        purse.reserve(0.4)
    purse.reserve(0.2)
    purse.settle(0.2, 0.2)
    assert purse.spent_usd == pytest.approx(0.9)


def test_rows_of_its_own_are_not_counted_twice_and_those_of_others_are_seen() -> None:
    purse = budget(max_usd=1.0)
    purse.known_spent(0.0)
    purse.reserve(0.3)
    purse.settle(0.3, 0.3)
    purse.known_spent(0.3)
    assert purse.spent_usd == pytest.approx(0.3), "they are the same dollars"
    purse.known_spent(0.8)
    assert purse.spent_usd == pytest.approx(0.8), "another worker spent half a dollar"


def test_one_run_has_one_budget_a_section_and_runs_do_not_share() -> None:
    mine = shared("run-1", "verdicts", 1.0, 10)
    assert shared("run-1", "verdicts", 1.0, 10) is mine
    assert shared("run-2", "verdicts", 1.0, 10) is not mine
    assert shared("run-1", "prompts", 1.0, 10) is not mine
