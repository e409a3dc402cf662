"""What the report says first: the verdict in one sentence, and what it rests on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from varifactory.report.wording import (
    NBSP,
    Numbers,
    Strata,
    arm_words,
    compared,
    date_words,
    level,
    p_words,
    signed,
    words,
)
from varifactory.study.figures import Comparison, Plan, Study

OUTCOMES = ("above", "below", "equivalent", "open")
ASKED = ("helps", "matters")
NOTHING = "No arm was trained, so nothing is said of what the edits are worth."
UNCOMPARED = "The arms that were trained cannot be compared, so nothing is said of what the edits "\
             "are worth."  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """The head of the report, in sentences."""

    headline: str
    rests_on: tuple[tuple[str, str, str], ...]
    """Of several primary comparisons each: its name, points with the interval, verdict."""
    lead: tuple[str, ...]
    alarms: tuple[str, ...]
    """What a reader must know before believing the headline."""


def opening(study: Study) -> Opening:
    """The head of the report of a study."""
    primary = [one for one in study.comparisons if one.primary and one.question in ASKED]
    primary.sort(key=lambda one: ASKED.index(one.question))
    numbers = Numbers(study.plan.margin)
    strata = Strata(one.stratum for one in primary)
    single = len({one.question for one in primary}) == len(primary)
    return Opening(
        headline=headline(study),
        rests_on=() if single else tuple(
            (_place(one, strata), _measured(one, numbers), one.verdict) for one in primary
        ),
        lead=tuple(filter(None, (*_arms(primary, single), _margin(study.plan), _holm(study),
                                 *_resolution(study.plan, primary)))),
        alarms=tuple(_alarms(study, primary)),
    )  # fmt: skip


def headline(study: Study) -> str:
    """The verdict in one sentence; no winner where an interval spans zero or Holm forbids it."""
    if not study.arms:
        return NOTHING
    helps, matters = (
        [one for one in study.comparisons if one.primary and one.question == question]
        for question in ASKED
    )
    asked = zip(ASKED, (helps, matters), strict=True)
    clauses = [_clause(question, found, study.plan) for question, found in asked if found]
    if not clauses:
        return UNCOMPARED
    sentence = "; ".join(clauses)
    if [outcome(one) for one in (*helps, *matters)] == ["open", "open"] and helps and matters:
        sentence = f"{clauses[0]}, {_single('matters', 'also_open', matters[0], study.plan)}"
    return f"{sentence[:1].upper()}{sentence[1:]}."


def outcome(found: Comparison) -> str:
    """One of ``OUTCOMES``: a winner is named only where the verdict is ``different``."""
    if found.verdict == "different" and found.winner in ("above", "below"):
        return found.winner
    return "equivalent" if found.verdict == "equivalent" else "open"


def _clause(question: str, asked: Sequence[Comparison], plan: Plan) -> str:
    if len(asked) > 1:
        return _counted(question, asked, Numbers(plan.margin))
    return _single(question, outcome(asked[0]), asked[0], plan)


def _single(question: str, said: str, found: Comparison, plan: Plan) -> str:
    numbers = Numbers(plan.margin)
    return str(words()[question][said]).format(
        size=numbers.size(found.interval.estimate),
        points=numbers.points(found.interval.estimate),
        interval=f"{level(found.interval.confidence)} interval {numbers.bounds(found.interval)}",
        margin=signed(plan.margin, numbers.decimals).lstrip("+"),
    )


def _counted(question: str, asked: Sequence[Comparison], numbers: Numbers) -> str:
    said = words()[f"{question}_counts"]
    counts = Counter(map(outcome, asked))
    places = "data sets" if len({one.stratum.dataset for one in asked}) == len(asked) else "choices"
    parts = [f"{said[one]} {_of(counts[one], len(asked), places)}"
             for one in OUTCOMES if counts[one]]  # fmt: skip
    low, high = (numbers.points(end(one.interval.estimate for one in asked)) for end in (min, max))
    width = f"{low} points" if low == high else f"{low} to {high} points"
    return f"{', '.join(parts)} ({width})"


def _of(count: int, total: int, places: str) -> str:
    if count < total:
        return f"{count} of {total} {places}"
    return f"both {places}" if total == 2 else f"all {total} {places}"


def _place(found: Comparison, strata: Strata) -> str:
    return ": ".join(filter(None, (strata.name(found.stratum), compared(found))))


def _measured(found: Comparison, numbers: Numbers) -> str:
    interval = f"{level(found.interval.confidence)} interval {numbers.bounds(found.interval)}"
    return f"{numbers.points(found.interval.estimate)} points ({interval})"


def _arms(primary: Sequence[Comparison], single: bool) -> list[str]:
    """What was compared with what, in plain words."""
    if not primary or not single:
        return []
    asked = {
        "helps": "Whether edits help is asked of",
        "matters": "whether feasibility matters, of",
    }
    told = [
        f"{asked[one.question]} {one.arm} ({arm_words(one.arm)}) against {one.other} "
        f"({arm_words(one.other)})"
        for one in primary
    ]
    sentence = "; ".join(told)
    effect = primary[0].effect
    seeds = _many(effect.seeds, "training seed")
    made = f" of each of {_many(effect.generation_seeds, 'generation seed')}"
    over = made if effect.generation_seeds > 1 else ""
    return [f"{sentence[:1].upper()}{sentence[1:]}. Both sides see the same "
            f"{_many(effect.images, 'test image')} on {seeds}{over}, after equally many training "
            "steps."]  # fmt: skip


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _margin(plan: Plan) -> str:
    size = signed(plan.margin, Numbers(plan.margin).decimals).lstrip("+")
    text = f"A difference inside ±{size} points counts as none"
    if plan.registered_at and not plan.trained_before:
        when = date_words(plan.registered_at)
        return f"{text}; this margin was fixed on {when}, before the first cell was trained."
    return f"{text}."


def _holm(study: Study) -> str:
    family = [one for one in study.comparisons if one.inferential]
    if not family:
        return ""
    counts = Counter(str(one.verdict) for one in family)
    verdicts = ("different", "equivalent", "inconclusive")
    told = ", ".join(f"{counts[one]} {one}" for one in verdicts if counts[one])
    if len(family) == 1:
        return f"Of one comparison: {told}. Where the interval spans zero no winner is named."
    return (f"Of {len(family)} comparisons, corrected together by Holm: {told}. Where an interval "
            "spans zero no winner is named.")  # fmt: skip


def _resolution(plan: Plan, primary: Sequence[Comparison]) -> list[str]:
    """The smallest difference this study could see, and what would resolve a smaller one."""
    if not primary:
        return []
    worst = max(primary, key=lambda one: one.detectable)
    numbers = Numbers(plan.margin)
    chance = f"{100 * plan.power:.0f}{NBSP}%"
    where = "in one comparison" + (" at worst" if len(primary) > 2 else "")
    seen = (f"With a chance of {chance} this study sees differences of "
            f"{numbers.size(worst.detectable)} points and more {where}")  # fmt: skip
    if worst.detectable > 1:
        seen = "This study is too small to see any difference with such a chance as it plans for"
    goal = signed(plan.resolve, numbers.decimals).lstrip("+")
    if worst.detectable <= plan.resolve:
        return [f"{seen}: enough to resolve {goal} points."]
    return [f"{seen}. To resolve {goal} points it needs {_needs(worst)}."]


def _needs(found: Comparison) -> str:
    if found.seeds_needed is not None:
        return f"{_many(found.seeds_needed, 'training seed')} on the same test images"
    if found.images_needed is not None:
        return (f"{_many(found.images_needed, 'test image')}; on the {found.effect.images:,} there "
                "are, no number of seeds is enough")  # fmt: skip
    return "more test images and more seeds: with either alone no number is enough"


def _alarms(study: Study, primary: Sequence[Comparison]) -> list[str]:
    plan, told = study.plan, []
    if plan.trained_before:
        have = "cell had" if plan.trained_before == 1 else "cells had"
        told.append(f"The margin was fixed on {date_words(plan.registered_at)}, when "
                    f"{plan.trained_before:,} {have} already been trained: it may have been "
                    "chosen with results in sight.")  # fmt: skip
    elif not plan.registered_at:
        told.append("No plan was registered before training: whether the margin was chosen with "
                    "results in sight cannot be known.")  # fmt: skip
    if study.confounds:
        many = len(study.confounds)
        told.append(f"{many} confound{' was' if many == 1 else 's were'} found: arms differ in "
                    "more than feasibility. The manipulation checks say in what.")  # fmt: skip
    told += [_refused(one) for one in primary if _only_alone(one)]
    single = [one.interval.covers for one in primary if one.effect.seeds == 1]
    if single:
        told.append(f"With one training seed the intervals cover {single[0]}: another seed may "
                    "move the arms by more.")  # fmt: skip
    return told


def _only_alone(found: Comparison) -> bool:
    return outcome(found) == "open" and not found.interval.spans_zero


def _refused(found: Comparison) -> str:
    return (f"The interval of {compared(found)} excludes zero, but that is no verdict: corrected "
            f"for the number of comparisons p is {p_words(found.p_holm)}.")  # fmt: skip
