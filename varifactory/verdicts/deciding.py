"""Deciding: stored scores against what was asked for and a recipe's thresholds."""

import json
from dataclasses import dataclass

from varifactory.catalog import Taxonomy
from varifactory.recipe import Verdicts
from varifactory.stages import Row

NOT_JUDGED = "not judged"

NOT_SEEN = "attribute not seen"

CLASS_LOST = "class lost"

OTHER_FEASIBILITY = "other feasibility"

UNJUDGED = "feasibility not judged"
"""How a reason of ``decide`` begins, up to its colon: what a report groups by."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a verdict means for one edit under one recipe's thresholds."""

    status: str
    """``ok`` or ``rejected``; of a verdict that was not reached, ``failed`` or ``skipped``."""
    reason: str = ""
    presence: float | None = None
    """Score of the value that was asked for, 0 to 1; None where the judge could not say."""
    class_score: float | None = None
    """Probability of the label, 0 to 1; None where the judge does not know the class."""
    judged_feasibility: str = NOT_JUDGED
    """Of the value that was measured, never of the one that was asked for."""


def decide(
    verdict_row: Row | None, edit_row: Row, settings: Verdicts, taxonomy: Taxonomy
) -> Decision:
    """One judge's verdict on an edit against what was asked and a recipe's thresholds.

    Feasibility is looked up for the **measured** value; where no law knows it and the judge said
    whether it is possible, that counts. Where the judge could not say (a photograph, an attribute
    it does not measure, a class it never saw) an edit passes, and the missing score stays None;
    ``feasibility: required`` refuses it instead.
    """
    if settings.judge == "none":
        return Decision("ok")
    if verdict_row is None:
        return Decision("skipped", "no verdict was made")
    if verdict_row["status"] != "ok":
        return Decision(verdict_row["status"], verdict_row.get("reason") or "")
    presence = _score(verdict_row, "value_scores", edit_row["value"])
    class_score = _score(verdict_row, "class_scores", edit_row["label"])
    feasibility, why = _feasibility(verdict_row, edit_row, settings, taxonomy)
    reason = (
        _not_seen(presence, edit_row, verdict_row, settings)
        or _class_lost(class_score, edit_row, verdict_row, settings)
        or _other_feasibility(feasibility, why, edit_row, settings)
    )
    status = "rejected" if reason else "ok"
    return Decision(status, reason, presence, class_score, feasibility)


def _feasibility(
    verdict: Row, edit: Row, settings: Verdicts, taxonomy: Taxonomy
) -> tuple[str, str]:
    """What is feasible by the law, else by the judge, else not judged; and what it rests on."""
    measured, possible = verdict.get("measured_value"), verdict.get("possible")
    law = (
        taxonomy.feasibility(edit["label"], edit["attribute"], measured) if measured else NOT_JUDGED
    )
    if law != NOT_JUDGED:
        return law, f"{edit['attribute']} {measured!r} is {law} for {edit['label']!r}"
    if possible is None:
        return NOT_JUDGED, ""
    said = "feasible" if possible >= settings.min_possible else "infeasible"
    side = "not below" if said == "feasible" else "below"
    return said, (
        f"what is seen of {edit['label']!r} is possible with {possible:.2f}, {side} "
        f"{settings.min_possible:g}, so {said}"
    )


def _score(verdict: Row, column: str, name: str) -> float | None:
    found = json.loads(verdict.get(column) or "{}").get(name)
    return None if found is None else float(found)


def _not_seen(presence: float | None, edit: Row, verdict: Row, settings: Verdicts) -> str:
    if presence is None or presence >= settings.min_presence:
        return ""
    return (
        f"{NOT_SEEN}: {edit['attribute']} {edit['value']!r} scored {presence:.2f}, below "
        f"{settings.min_presence:g}; the judge saw {verdict['measured_value']!r}"
    )


def _class_lost(score: float | None, edit: Row, verdict: Row, settings: Verdicts) -> str:
    if score is None or score >= settings.min_class:
        return ""
    return (
        f"{CLASS_LOST}: {edit['label']!r} scored {score:.2f}, below {settings.min_class:g}; "
        f"the judge saw {verdict['measured_class']!r}"
    )


def _other_feasibility(feasibility: str, why: str, edit: Row, settings: Verdicts) -> str:
    if settings.feasibility == "recorded" or feasibility == edit["feasibility"]:
        return ""
    if feasibility == NOT_JUDGED:
        return f"{UNJUDGED}: no law and no judge says whether {edit['label']!r} may be so"
    return f"{OTHER_FEASIBILITY}: {why}; {edit['feasibility']} was asked for"
