"""Costs in words, before and after."""

import pytest

from varifactory.models.provider.estimate import Question, added, dollars, spent
from varifactory.models.provider.prices import Rate

QUESTIONS = [Question(asked=100, most_asked=400, answered=50, most_answered=1000, most_requests=3)]


def test_an_estimate_is_a_sum_and_a_bound() -> None:
    found = added("prompts", "m", Rate(1e-3, 2e-3), QUESTIONS * 2, 100.0, 1000)
    assert found.expected_usd == pytest.approx(2 * (0.1 + 0.1))
    assert found.most_usd == pytest.approx(2 * (0.4 + 2.0))
    assert (found.questions, found.most_requests) == (2, 6)
    assert found.words() == "prompts by m: 2 questions, about $0.40, at most $4.80"


def test_the_budget_bounds_it_and_one_too_small_is_told() -> None:
    found = added("verdicts", "m", Rate(1e-3, 2e-3), QUESTIONS * 10, 1.5, 12)
    assert (found.most_usd, found.most_requests) == (1.5, 12)
    assert "verdicts.max_usd is 1.5 and will stop it: raise it" in found.words()


def test_too_few_requests_are_told() -> None:
    for rate in (Rate(1e-3, 2e-3), None):
        found = added("verdicts", "m", rate, QUESTIONS * 10, 100.0, 4)
        assert "verdicts.max_requests is 4 and will stop it: raise it" in found.words()


def test_an_unknown_price_is_told_with_its_bound() -> None:
    found = added("verdicts", "m", None, QUESTIONS * 5, 1.0, 1000)
    assert (found.expected_usd, found.most_usd) == (None, None)
    assert found.words() == (
        "verdicts by m: 5 questions, at most 15 requests; the price of m is unknown, so "
        "verdicts.max_usd cannot be kept: name it in prompts.prices (0 for a server of your own)"
    )


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ([0.5, 0.75], "prompts cost $1.25 in 2 items"),
        ([0.5, None], "prompts cost $0.50 in 1 items, and an unknown price in 1 more"),
        ([None], "prompts cost $0 in 0 items, and an unknown price in 1 more"),
        ([0.0, 0.0], ""),
        ([], ""),
    ],
)
def test_what_was_spent_is_told_with_what_is_unknown(costs: list[float | None], said: str) -> None:
    rows = [{"cost_usd": cost, "raw": "words"} for cost in costs]
    said = said.replace("$0 ", "$0.00 ")
    assert spent("prompts", [*rows, {"cost_usd": None, "raw": ""}]) == said


def test_dollars_keep_what_tells_something() -> None:
    assert [dollars(usd) for usd in (0, 0.00123, 0.5, 12.345, 1234.5)] == [
        "$0.00", "$0.0012", "$0.50", "$12.35", "$1,234.50"
    ]  # fmt: skip
