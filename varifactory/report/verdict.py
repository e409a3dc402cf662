"""The verdict of a study in one sentence: what it says, of which setting, and what is missing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from varifactory.report.wording import Numbers, Strata, level, words
from varifactory.study.figures import Comparison, Missing, Plan, Study

OUTCOMES = ("above", "below", "equivalent", "open", "missing")
ASKED = ("helps", "matters")
NOTHING = "No arm was trained, so nothing is said of what the edits are worth."
UNCOMPARED = "The arms that were trained cannot be compared, so nothing is said of what the edits "\
             "are worth."  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What the planned primary comparisons say of one question."""

    question: str
    found: tuple[Comparison, ...]
    missing: tuple[Missing, ...]

    @property
    def asked(self) -> tuple[Comparison | Missing, ...]:
        """One a data set."""
        return (*self.found, *self.missing)

    @property
    def outcomes(self) -> list[str]:
        return [*map(outcome, self.found), *("missing" for _ in self.missing)]

    def place(self, strata: Strata) -> str:
        """The setting that it speaks of; of several data sets what they share, or nothing."""
        if len(self.asked) == 1:
            return strata.name(self.asked[0].stratum)
        names = {strata.name(replace(one.stratum, dataset="")) for one in self.asked}
        return names.pop() if len(names) == 1 else ""


def headline(study: Study) -> str:
    """The verdict in one sentence; no winner where an interval spans zero or Holm forbids it.

    It names the setting it is of where the study has several.
    """
    if not study.arms:
        return NOTHING
    given = answers(study)
    if not given:
        return UNCOMPARED
    strata = strata_of(study)
    places = [one.place(strata) for one in given]
    clauses = [_clause(one, study.plan) for one in given]
    sentence = "; ".join(clauses)
    if len(set(places)) == 1:
        if [one.outcomes for one in given] == [["open"], ["open"]]:
            also = _single("matters", "also_open", given[1].found[0], study.plan)
            sentence = f"{clauses[0]}, {also}"
        sentence = _of_place(places[0], sentence)
    else:
        sentence = "; ".join(map(_of_place, places, clauses))
    return f"{sentence[:1].upper()}{sentence[1:]}."


def answers(study: Study) -> list[Answer]:
    """The questions that primary comparisons were planned for, in the order of ``ASKED``."""
    found = [
        Answer(
            question,
            tuple(one for one in study.comparisons if one.primary and one.question == question),
            tuple(one for one in study.missing if one.question == question),
        )
        for question in ASKED
    ]
    return [one for one in found if one.asked]


def strata_of(study: Study) -> Strata:
    """Names of all settings of a study, those that could not be counted among them."""
    compared = [
        *(one.stratum for one in study.comparisons),
        *(one.stratum for one in study.missing),
    ]
    return Strata([*(one.stratum for one in study.arms), *compared])


def outcome(found: Comparison) -> str:
    """One of ``OUTCOMES``: a winner is named only where the verdict is ``different``."""
    if found.verdict == "different" and found.winner in ("above", "below"):
        return found.winner
    return "equivalent" if found.verdict == "equivalent" else "open"


def _of_place(place: str, clause: str) -> str:
    return f"for {place}: {clause}" if place else clause


def _clause(given: Answer, plan: Plan) -> str:
    if len(given.asked) > 1:
        return _counted(given, Numbers(plan.margin))
    if given.missing:
        one = given.missing[0]
        return str(words()[given.question]["missing"]).format(arm=one.arm, other=one.other)
    return _single(given.question, outcome(given.found[0]), given.found[0], plan)


def _single(question: str, said: str, found: Comparison, plan: Plan) -> str:
    numbers = Numbers(plan.margin)
    return str(words()[question][said]).format(
        size=numbers.size(found.interval.estimate),
        points=numbers.points(found.interval.estimate),
        interval=f"{level(found.interval.confidence)} interval {numbers.bounds(found.interval)}",
        margin=numbers.exact(plan.margin),
    )


def _counted(given: Answer, numbers: Numbers) -> str:
    said, asked = words()[f"{given.question}_counts"], given.asked
    counts = Counter(given.outcomes)
    places = "data sets" if len({one.stratum.dataset for one in asked}) == len(asked) else "choices"
    parts = [f"{said[one]} {_of(counts[one], len(asked), places)}"
             for one in OUTCOMES if counts[one]]  # fmt: skip
    return f"{', '.join(parts)}{_range(given.found, numbers)}"


def _range(found: Sequence[Comparison], numbers: Numbers) -> str:
    if not found:
        return ""
    low, high = (numbers.points(end(one.interval.estimate for one in found)) for end in (min, max))
    return f" ({low} points)" if low == high else f" ({low} to {high} points)"


def _of(count: int, total: int, places: str) -> str:
    if count < total:
        return f"{count} of {total} {places}"
    return f"both {places}" if total == 2 else f"all {total} {places}"
