"""A panel: several judges of the same edits, and what their words come to.

**What a missing word could change is not decided without it.** A judge that failed on an edit (a
provider that was down, an answer that was none) leaves it undecided only where that judge's word
could turn the decision; the edit then ends as that judge's verdict did, and the next run asks
again. So a run that was disturbed ends with the data set of one that was not.

A judge that can say nothing of an edit (a class it never saw, an attribute it does not measure)
has no vote on it. Where nobody has one, an edit passes, as with one judge.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from varifactory import records
from varifactory.catalog import Taxonomy
from varifactory.recipe import Verdicts
from varifactory.stages import Row
from varifactory.verdicts.deciding import NOT_JUDGED, UNJUDGED, Decision, decide

NO_WORD = "no word of a judge that it depends on"
"""How the reason of an undecided edit begins, up to its colon."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge said of an edit, and what follows from that judge's word alone."""

    decision: Decision
    verdict_key: str | None = None
    measured_value: str | None = None
    measured_class: str | None = None
    possible: float | None = None

    @property
    def accepts(self) -> bool | None:
        """The judge's vote; None where it has none: it failed, or could say nothing.

        That it does not know the feasibility is no refusal: another judge may know it.
        """
        decision = self.decision
        if decision.status not in records.DONE:
            return None
        if decision.status == "rejected" and not decision.reason.startswith(UNJUDGED):
            return False
        knows = decision.judged_feasibility != NOT_JUDGED
        return True if knows or {decision.presence, decision.class_score} != {None} else None


def judges(settings: Verdicts) -> tuple[str, ...]:
    """Their names in the order that a recipe gives them, the first judge first; () for none."""
    return () if settings.judge == "none" else (settings.judge, *settings.panel)


def judgements(
    verdicts: Mapping[str, Row], edit: Row, settings: Verdicts, taxonomy: Taxonomy
) -> dict[str, Judgement]:
    """Judge -> what it said of the edit, of all judges of the recipe.

    ``verdicts`` holds a row a judge; one that has none was not asked, or its word was lost.
    """
    found = {}
    for name in judges(settings):
        row = verdicts.get(name)
        said = row or {}
        found[name] = Judgement(
            decide(row, edit, settings, taxonomy),
            said.get("key"),
            said.get("measured_value"),
            said.get("measured_class"),
            said.get("possible"),
        )
    return found


def combined(said: Mapping[str, Judgement], settings: Verdicts) -> Decision:
    """The decision of a panel, by ``verdicts.decision``.

    ``first`` is the first judge's alone. ``majority`` needs more votes for than against, ``all``
    no vote against. Scores are the first judge's; the feasibility is that of the first who knows
    it, and ``feasibility: required`` asks that somebody does.
    """
    first = next(iter(said.values())).decision
    if settings.decision == "first" or len(said) == 1:
        return first
    known = [one.decision.judged_feasibility for one in said.values()
             if one.decision.judged_feasibility != NOT_JUDGED]  # fmt: skip
    panel = replace(first, judged_feasibility=known[0] if known else NOT_JUDGED)
    absent = {n: one for n, one in said.items() if one.decision.status not in records.DONE}
    accepted = _outcome(said, len(absent), settings)
    if accepted is False:
        return replace(panel, status="rejected", reason=_refusals(said))
    silent = settings.feasibility == "required" and not known
    if accepted is None or (silent and absent):
        return _undecided(panel, absent)
    if silent:
        reasons = (one.decision.reason for one in said.values())
        unjudged = next(reason for reason in reasons if reason.startswith(UNJUDGED))
        return replace(panel, status="rejected", reason=unjudged)
    return replace(panel, status="ok", reason="")


def _outcome(said: Mapping[str, Judgement], absent: int, settings: Verdicts) -> bool | None:
    """Accepted or refused; None where the words of those who are absent could turn it."""
    votes = [one.accepts for one in said.values()]
    good, bad = votes.count(True), votes.count(False)
    if _passes(good, bad + absent, settings):
        return True
    return None if _passes(good + absent, bad, settings) else False


def _passes(good: int, bad: int, settings: Verdicts) -> bool:
    return not bad or (settings.decision == "majority" and good > bad)


def _undecided(panel: Decision, absent: Mapping[str, Judgement]) -> Decision:
    failed = any(one.decision.status == "failed" for one in absent.values())
    why = "; ".join(f"{name} ({one.decision.reason})" for name, one in absent.items())
    return replace(panel, status="failed" if failed else "skipped", reason=f"{NO_WORD}: {why}")


def _refusals(said: Mapping[str, Judgement]) -> str:
    """What was refused, then who refused it: a report groups by the words before the colon."""
    against = {name: one.decision.reason for name, one in said.items() if one.accepts is False}
    heads = sorted({reason.partition(":")[0] for reason in against.values()})
    return f"{', '.join(heads)}: " + "; ".join(f"{who} ({why})" for who, why in against.items())


def as_json(said: Mapping[str, Judgement]) -> str:
    """All judges' words on an edit, for its row; of a judge that failed no text.

    An error's text can hold an address or a time: it stays with the verdict, so that a row is the
    same every time.
    """
    told = {name: _told(one) for name, one in said.items()}
    return json.dumps(told, ensure_ascii=False, sort_keys=False)


def _told(one: Judgement) -> dict[str, Any]:
    decision = one.decision
    return {
        "status": decision.status,
        "reason": decision.reason if decision.status in records.DONE else "",
        "measured_value": one.measured_value,
        "measured_class": one.measured_class,
        "presence": decision.presence,
        "class_score": decision.class_score,
        "feasibility": decision.judged_feasibility,
        "possible": one.possible,
        "verdict_key": one.verdict_key,
    }
