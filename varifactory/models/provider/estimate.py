"""What a run's questions to a provider will cost, told before they are asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.models.provider.prices import Rate


@dataclass(frozen=True, slots=True)
class Question:
    """One planned question, in tokens."""

    asked: float
    most_asked: float
    answered: float
    most_answered: float
    most_requests: int = 1
    """Requests it can take: the question, what follows a bad answer, and tries after trouble."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of all questions that one section of a recipe asks."""

    section: str
    """``prompts`` or ``verdicts``: where the budget stands."""
    model: str
    questions: int
    most_requests: int
    """Bounded by ``<section>.max_requests``."""
    expected_usd: float | None
    """None where the price is unknown, as ``most_usd``."""
    most_usd: float | None
    """If every answer were as long as allowed; bounded by ``<section>.max_usd``."""
    max_usd: float

    def words(self) -> str:
        """One line for people."""
        asked = f"{self.section} by {self.model}: {self.questions:,} questions"
        few = ""
        if self.most_requests < self.questions:
            few = (
                f"; {self.section}.max_requests is {self.most_requests} and will stop it: raise it"
            )
        if self.expected_usd is None or self.most_usd is None:
            return (
                f"{asked}, at most {self.most_requests:,} requests; the price of {self.model} is "
                f"unknown, so {self.section}.max_usd cannot be kept: name it in prompts.prices "
                f"(0 for a server of your own){few}"
            )
        if self.expected_usd > self.max_usd:
            few += f"; {self.section}.max_usd is {self.max_usd:g} and will stop it: raise it"
        return f"{asked}, about {dollars(self.expected_usd)}, at most {dollars(self.most_usd)}{few}"


def dollars(usd: float) -> str:
    """US dollars with as many digits as tell something."""
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.2g}"


def spent(section: str, rows: Iterable[dict[str, Any]]) -> str:
    """What one provider's rows cost, one line for people; empty where nothing was asked or paid.

    Answers without a price are told as such, never as free.
    """
    asked = [row for row in rows if row.get("cost_usd") is not None or row.get("raw")]
    known = [float(row["cost_usd"]) for row in asked if row.get("cost_usd") is not None]
    unknown = len(asked) - len(known)
    if not unknown and not sum(known):
        return ""
    told = f"{section} cost {dollars(sum(known))} in {len(known):,} items"
    return f"{told}, and an unknown price in {unknown:,} more" if unknown else told


def added(
    section: str,
    model: str,
    rate: Rate | None,
    questions: Sequence[Question],
    max_usd: float,
    max_requests: int,
) -> Estimate:
    """The questions' sum at a price a token; without prices where that is None."""
    expected = most = None
    if rate is not None:
        expected = sum(rate.cost(q.asked, q.answered) for q in questions)
        most = min(sum(rate.cost(q.most_asked, q.most_answered) for q in questions), max_usd)
    requests = min(sum(q.most_requests for q in questions), max_requests)
    return Estimate(section, model, len(questions), requests, expected, most, max_usd)
