"""How well judge, editors and the world's truth agree: plain counts for a report.

Everything is counted over first attempts alone: what a judge let through on a second try says
nothing of how often an editor does as it is told.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from varifactory.catalog import Taxonomy
from varifactory.items import Outcome
from varifactory.stages import Row
from varifactory.statistics.kappa import Kappa, kappas

Nested = dict[str, Any]
"""Dictionaries in dictionaries, counts innermost."""
UNSAID = "not measured"
ACCEPT, REFUSE = "accept", "refuse"
CONTROL = "none"
"""Editor of a control: an unedited picture whose values are known."""


def controls(
    sources: Iterable[Row], masks: Iterable[Row], attributes: Sequence[str], taxonomy: Taxonomy
) -> list[Row]:
    """Questions about drawn sources in the form of edits: ``value`` is what was really drawn.

    Judged like edits (``plan_verdicts``), they give the judge's own errors against the truth.
    Sources without a known scene or an accepted mask are left out. Never stored as edits.
    """
    mask_of = {row["source_key"]: row for row in masks if row["status"] == "ok"}
    return [
        {
            "key": f"{source['key']}:{name}",
            "label": source["label"],
            "status": "ok",
            "source_key": source["key"],
            "pixel_sha256": source["pixel_sha256"],
            "image_blob": source["image_blob"],
            "mask_sha256": mask_of[source["key"]]["mask_sha256"],
            "mask_blob": mask_of[source["key"]]["mask_blob"],
            "attribute": name,
            "value": truth[name],
            "feasibility": taxonomy.feasibility(source["label"], name, truth[name]),
            "editor": CONTROL,
            "index": 0,
            "attempt": 0,
        }
        for source in sources
        if source["key"] in mask_of and source.get("truth")
        for truth in [json.loads(source["truth"])]
        for name in attributes
        if name in truth
    ]


def values(edits: Iterable[Row], found: Mapping[str, Outcome]) -> Nested:
    """Editor -> attribute -> value asked for -> value measured -> how often."""
    return _nested(
        (edit["editor"], edit["attribute"], edit["value"], outcome.measured_value or UNSAID)
        for edit, outcome in _judged(edits, found)
    )


def feasibilities(edits: Iterable[Row], found: Mapping[str, Outcome]) -> Nested:
    """Editor -> attribute -> feasibility asked for -> feasibility of what was measured -> count.

    What was asked for is the world's truth where the edit shows it; a control always does.
    """
    return _nested(
        (edit["editor"], edit["attribute"], edit["feasibility"],
         outcome.decision.judged_feasibility)
        for edit, outcome in _judged(edits, found)
    )  # fmt: skip


def classes(edits: Iterable[Row], found: Mapping[str, Outcome]) -> Nested:
    """Editor -> label -> class measured -> how often."""
    return _nested(
        (edit["editor"], edit["label"], outcome.measured_class or UNSAID)
        for edit, outcome in _judged(edits, found)
    )


def presence(edits: Iterable[Row], found: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """One entry an editor, attribute and feasibility, over first attempts.

    ``judged``: with a score of the value asked for; of these ``seen``: share whose likeliest value
    is the one asked for, ``mean_presence``: mean score, ``accepted``: share that passed. Shares
    are None where nothing was judged. Compare editors on the edits both made.
    """
    groups: dict[tuple[str, str, str], list[tuple[Row, Outcome]]] = defaultdict(list)
    for edit, outcome in _judged(edits, found):
        groups[edit["editor"], edit["attribute"], edit["feasibility"]].append((edit, outcome))
    return [
        {"editor": editor, "attribute": attribute, "feasibility": feasibility, **_rates(group)}
        for (editor, attribute, feasibility), group in sorted(groups.items())
    ]


def between_judges(
    edits: Iterable[Row], found: Mapping[str, Outcome], confidence: float = 0.95
) -> list[Kappa]:
    """How far the judges of a panel agree, over first attempts; empty for one judge.

    First on accepting or refusing, each by its own word; then an attribute at a time on the value
    it measured, among the judges that measure one. Edits of one source hang together.
    """
    first = [edit for edit in edits if edit["attempt"] == 0 and edit["key"] in found]
    group = {edit["key"]: str(edit["source_key"]) for edit in first}
    votes: dict[str, dict[str, str]] = defaultdict(dict)
    seen: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for edit in first:
        for name, said in found[edit["key"]].judgements.items():
            votes.setdefault(name, {})
            if said.accepts is not None:
                votes[name][edit["key"]] = ACCEPT if said.accepts else REFUSE
            if said.measured_value is not None:
                seen[edit["attribute"]][name][edit["key"]] = said.measured_value
    questions = {"accepted or refused": votes}
    questions |= {f"{attribute}: value measured": seen[attribute] for attribute in sorted(seen)}
    return [
        kappa
        for question, answers in questions.items()
        for kappa in kappas(question, answers, group, confidence)
    ]


def _rates(group: Sequence[tuple[Row, Outcome]]) -> dict[str, Any]:
    scored = [(edit, outcome, outcome.decision.presence) for edit, outcome in group
              if outcome.decision.presence is not None]  # fmt: skip
    count = len(scored)

    def share(total: float) -> float | None:
        return total / count if count else None

    return {
        "edits": len(group),
        "judged": count,
        "seen": share(sum(outcome.measured_value == edit["value"] for edit, outcome, _ in scored)),
        "mean_presence": share(sum(score for _, _, score in scored)),
        "accepted": share(sum(outcome.passed for _, outcome, _ in scored)),
    }


def _judged(edits: Iterable[Row], found: Mapping[str, Outcome]) -> Iterable[tuple[Row, Outcome]]:
    """First attempts that the first judge reached a verdict on, with how they ended."""
    for edit in edits:
        outcome = found.get(edit["key"])
        if outcome and outcome.verdict_key and edit["attempt"] == 0:
            yield edit, outcome


def _nested(facts: Iterable[tuple[str, ...]]) -> Nested:
    """How often each combination occurs, as dictionaries in dictionaries, sorted by name."""
    nested: Nested = {}
    for path, count in sorted(Counter(facts).items()):
        place = nested
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = count
    return nested
