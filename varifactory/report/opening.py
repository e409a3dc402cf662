"""What the report says first: the verdict in one sentence, and what it rests on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from varifactory.report.verdict import Answer, answers, headline, outcome, strata_of
from varifactory.report.wording import (
    NBSP,
    Numbers,
    Strata,
    arm_words,
    compared,
    date_words,
    level,
    p_words,
    words,
)
from varifactory.statistics import Effect
from varifactory.study.figures import Comparison, Missing, Plan, Study

ELSEWHERE = 4
"""Other settings of a primary comparison that are told one by one; more are counted."""
FAMILIES = (("primary", "primary comparison"), ("other", "other comparison"))


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
    given = answers(study)
    primary = [one for answer in given for one in answer.found]
    numbers, strata = Numbers(study.plan.margin), strata_of(study)
    single = all(len(one.asked) == 1 for one in given)
    return Opening(
        headline=headline(study),
        rests_on=() if single else tuple(
            (_place(one, strata), _measured(one, numbers), one.verdict) for one in primary
        ),
        lead=tuple(filter(None, (
            *_arms(primary, single), *_elsewhere(study, given, strata), _margin(study.plan),
            _families(study), *_resolution(study.plan, primary),
        ))),
        alarms=tuple(_alarms(study, primary, strata)),
    )  # fmt: skip


def _place(found: Comparison | Missing, strata: Strata) -> str:
    name = compared(found) if isinstance(found, Comparison) else f"{found.arm} − {found.other}"
    return ": ".join(filter(None, (strata.name(found.stratum), name)))


def _measured(found: Comparison, numbers: Numbers) -> str:
    interval = f"{level(found.interval.confidence)} interval {numbers.bounds(found.interval)}"
    return f"{numbers.points(found.interval.estimate)} points ({interval})"


def _arms(primary: Sequence[Comparison], single: bool) -> list[str]:
    """What was compared with what, in plain words, and on what."""
    if not primary or not single:
        return []
    asked = {"helps": "whether edits help", "matters": "whether feasibility matters"}
    told = [
        f"{asked[one.question]}{', of' if at else ' is asked of'} {one.arm} "
        f"({arm_words(one.arm)}) against {one.other} ({arm_words(one.other)})"
        for at, one in enumerate(primary)
    ]
    sentence = "; ".join(told)
    steps = all(one.equal_steps for one in primary)
    equally = ", after equally many training steps" if steps else ""
    return [f"{sentence[:1].upper()}{sentence[1:]}. {_seen(primary)}{equally}."]


def _seen(primary: Sequence[Comparison]) -> str:
    shapes = [_shape(one.effect) for one in primary]
    if len(set(shapes)) == 1:
        return f"Both sides see the same {shapes[0]}"
    return (f"Both sides of the first see the same {shapes[0]}, both sides of the second the same "
            f"{shapes[1]}")  # fmt: skip


def _shape(effect: Effect) -> str:
    made = f" of each of {_many(effect.generation_seeds, 'generation seed')}"
    over = made if effect.generation_seeds > 1 else ""
    return f"{_many(effect.images, 'test image')} on {_many(effect.seeds, 'training seed')}{over}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _elsewhere(study: Study, given: Sequence[Answer], strata: Strata) -> list[str]:
    """What a primary comparison gives in the settings that the headline does not speak of."""
    numbers, told = Numbers(study.plan.margin), []
    asked = [one for answer in given for one in answer.asked]
    for pair in dict.fromkeys((one.question, one.arm, one.other) for one in asked):
        others = [one for one in study.comparisons
                  if not one.primary and (one.question, one.arm, one.other) == pair]  # fmt: skip
        if not others:
            continue
        if len(others) > ELSEWHERE:
            said = _outcomes(others)
        else:
            said = "; ".join(f"{strata.name(one.stratum)} {_measured(one, numbers)}, {one.verdict}"
                             for one in others)  # fmt: skip
        told.append(f"The headline does not speak of {compared(others[0])} in "
                    f"{_many(len(others), 'other setting')}: {said}.")  # fmt: skip
    return told


def _outcomes(found: Sequence[Comparison]) -> str:
    names = {"above": "different, above zero", "below": "different, below zero",
             "equivalent": "equivalent", "open": "inconclusive"}  # fmt: skip
    counts = Counter(map(outcome, found))
    return "; ".join(f"{counts[one]} {name}" for one, name in names.items() if counts[one])


def _margin(plan: Plan) -> str:
    text = f"A difference inside ±{Numbers(plan.margin).exact(plan.margin)} points counts as none"
    if plan.registered_at and not plan.trained_before:
        when = date_words(plan.registered_at)
        return f"{text}; this margin was fixed on {when}, before the first cell was trained."
    return f"{text}."


def _families(study: Study) -> str:
    """What became of the comparisons of each family, and how they were corrected."""
    told = []
    for family, noun in FAMILIES:
        found = [one for one in study.comparisons if one.inferential and one.family == family]
        if found:
            size = max(len(found), found[0].family_size)
            gone = size - len(found)
            lost = f" ({gone} {'is' if gone == 1 else 'are'} missing)" if gone else ""
            told.append(f"of {_many(size, noun)}{lost}: {_verdicts(found)}")
    if not told:
        return ""
    apart = ", primary comparisons among themselves" if len(told) > 1 else ""
    sentence = "; ".join(told)
    return (f"{sentence[:1].upper()}{sentence[1:]}. What is different is corrected for their "
            f"number by Holm{apart}; what is equivalent is read from the interval of each alone. "
            "Where an interval spans zero no winner is named.")  # fmt: skip


def _verdicts(found: Sequence[Comparison]) -> str:
    counts = Counter(str(one.verdict) for one in found)
    verdicts = ("different", "equivalent", "inconclusive")
    return ", ".join(f"{counts[one]} {one}" for one in verdicts if counts[one])


def _resolution(plan: Plan, primary: Sequence[Comparison]) -> list[str]:
    """The smallest difference this study could see, and what would resolve a smaller one."""
    if not primary:
        return []
    worst = max(primary, key=lambda one: one.detectable)
    numbers = Numbers(plan.margin)
    chance = f"{100 * plan.power:.0f}{NBSP}%"
    where = "each primary comparison" if len(primary) > 1 else "the primary comparison"
    corrected = ", Holm’s correction counted in" if worst.family_size > 1 else ""
    smallest = numbers.size(worst.detectable, (plan.margin, plan.resolve))
    seen = (f"With a chance of {chance} {where} tells a difference of {smallest} points and more "
            f"from none{corrected}")  # fmt: skip
    if worst.detectable > 1:
        seen = "This study is too small to see any difference with such a chance as it plans for"
    if worst.detectable <= plan.resolve:
        seen = f"{seen}: enough to resolve {numbers.exact(plan.resolve)} points"
    told = [f"{seen}."]
    if worst.detectable < plan.margin:
        told.append(f"Inside the margin of ±{numbers.exact(plan.margin)} it comes out equivalent "
                    "all the same.")  # fmt: skip
    if worst.detectable > plan.resolve:
        each = " points in each" if len(primary) > 1 else " points"
        told.append(_needs(max(primary, key=_hardest), f"{numbers.exact(plan.resolve)}{each}"))
    return [" ".join(told)]


def _hardest(found: Comparison) -> tuple[bool, bool, float]:
    """Orders comparisons by what they need."""
    seeds = found.seeds_needed
    return not found.spread_known, seeds is None, found.detectable if seeds is None else seeds


def _needs(found: Comparison, goal: str) -> str:
    if not found.spread_known:
        said = (f"How many seeds would resolve {goal} cannot be told: with one training "
                "seed the spread between seeds is unknown.")  # fmt: skip
        if found.images_needed is None:
            return said
        return f"{said} For this training alone {_many(found.images_needed, 'test image')} would."
    if found.seeds_needed is not None:
        seeds = _many(found.seeds_needed, "training seed")
        return f"To resolve {goal} it needs {seeds} on the same test images."
    effect, ways = found.effect, []
    if found.generations_needed is not None:
        ways.append((found.generations_needed, effect.generation_seeds, "generation seed"))
    if found.images_needed is not None:
        ways.append((found.images_needed, effect.images, "test image"))
    if ways:
        needs = " or ".join(_many(needed, noun) for needed, _, noun in ways)
        there = " and ".join(_many(count, noun) for _, count, noun in ways)
        return (f"To resolve {goal} it needs {needs}; on the {there} there are, no number "
                "of training seeds is enough.")  # fmt: skip
    return (f"To resolve {goal} it needs more test images and more seeds: with either alone "
            "no number is enough.")  # fmt: skip


def _alarms(study: Study, primary: Sequence[Comparison], strata: Strata) -> list[str]:
    told = [*_planned(study.plan), *(_lost(one, strata) for one in study.missing), *study.alarms]
    notable = sum(one.notable for one in study.confounds)
    if notable:
        told.append(f"{notable} confound{' was' if notable == 1 else 's were'} found: arms differ "
                    "in more than feasibility. The manipulation checks say in what.")  # fmt: skip
    told += [f"In {_place(one, strata)} the two sides did not take equally many training steps: "
             "what differs may be the training." for one in primary
             if one.equal_steps is False]  # fmt: skip
    told += [_refused(one) for one in primary if _only_alone(one)]
    single = [one.interval.covers for one in primary if one.effect.seeds == 1]
    if single:
        told.append(f"With one training seed the intervals cover {single[0]}: another seed may "
                    "move the arms by more.")  # fmt: skip
    return told


def _planned(plan: Plan) -> list[str]:
    if not plan.registered_at:
        return ["No plan was registered before training: whether the margin was chosen with "
                "results in sight cannot be known."]  # fmt: skip
    if not plan.trained_before:
        return []
    have = "cell had" if plan.trained_before == 1 else "cells had"
    return [f"The margin was fixed on {date_words(plan.registered_at)}, when "
            f"{plan.trained_before:,} {have} already been trained: it may have been chosen with "
            "results in sight."]  # fmt: skip


def _lost(one: Missing, strata: Strata) -> str:
    asks = words()["asks"][one.question]
    return (f"{_place(one, strata)}, the comparison that was planned to say {asks}, is missing, "
            f"and no other takes its place: {one.why.rstrip('.')}.")  # fmt: skip


def _only_alone(found: Comparison) -> bool:
    return outcome(found) == "open" and not found.interval.spans_zero


def _refused(found: Comparison) -> str:
    return (f"The interval of {compared(found)} excludes zero, but that is no verdict: corrected "
            f"for the number of comparisons p is {p_words(found.p_holm)}.")  # fmt: skip
