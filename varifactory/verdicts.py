"""Verdicts: what a judge sees in an edit, and what follows from it.

Two steps, kept apart. **Judging** gives a judge the pixels, the object's mask and the attribute's
entry, and keeps its scores as they are; it is keyed by exactly what the judge saw. **Deciding**
compares the stored scores with what was asked for and with the thresholds of a recipe; it costs no
model call, so that another threshold only decides again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory import keys
from varifactory.catalog import Attribute, Catalog, Taxonomy
from varifactory.models import Answer, Judge, JudgeCase, NoAnswer, Pixels, Region
from varifactory.recipe import Recipe, Verdicts
from varifactory.stages import Made, Row

NOT_JUDGED = "not judged"

NOT_SEEN = "attribute not seen"
CLASS_LOST = "class lost"
OTHER_FEASIBILITY = "other feasibility"
UNJUDGED = "feasibility not judged"
"""How a reason of ``decide`` begins, up to its colon: what a report groups by."""

UNPLACED = "unplaced"
"""Stands in a verdict's key for the mask of an edit that is judged without one."""


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


@dataclass(frozen=True, slots=True)
class Choices:
    """What the edits of a run may show: all of it, so that it gives away nothing of one edit."""

    values: Mapping[str, tuple[str, ...]]
    """Attribute -> every value, sorted."""
    class_names: tuple[str, ...]
    """Sorted."""


def verdict_spec(recipe: Recipe, judge: Judge) -> dict[str, Any]:
    """What all verdicts of a judge share; no threshold is among it."""
    return {"judge": dict(judge.identity)}


def all_choices(written: Sequence[Row], catalog: Catalog) -> Choices:
    """The values of every attribute, of the catalog and of all written prompts, and the classes.

    Both feasibilities of all classes, whatever became of their edits: the choices of a run are
    known before its first edit, and stay the same in every attempt.
    """
    values = {name: set(entry.values) for name, entry in catalog.attributes.items()}
    for row in written:
        values.setdefault(row["attribute"], set()).add(row["value"])
    return Choices(
        {name: tuple(sorted(found)) for name, found in sorted(values.items())},
        tuple(sorted({row["label"] for row in written})),
    )


def read_by(judge: Judge, choices: Choices) -> Choices | None:
    """The choices for a judge that reads them (``reads_choices`` in its identity), else None."""
    return choices if judge.identity.get("reads_choices") else None


def plan_verdicts(
    spec: str, edit_rows: Sequence[Row], catalog: Catalog, read: Choices | None = None
) -> list[Row]:
    """One row a different question; edits that show a judge the same share a verdict.

    Give it the edits worth judging: made, and passed by their gate. ``by_edit`` finds each edit's
    verdict again, given the same ``read``: what ``read_by`` says of the judge.
    """
    keys_of = asked_keys(spec, edit_rows, catalog, read)
    planned: dict[str, Row] = {}
    for edit in edit_rows:
        key = keys_of[edit["key"]]
        planned.setdefault(
            key,
            {
                "key": key,
                "label": edit["label"],
                "edit_key": edit["key"],
                **{name: edit[name] for name in ("pixel_sha256", "image_blob", "attribute")},
                **{
                    name: edit[name] if placed(edit) else None
                    for name in ("mask_sha256", "mask_blob")
                },
            },
        )
    return list(planned.values())


def asked_keys(
    spec: str, edit_rows: Sequence[Row], catalog: Catalog, read: Choices | None = None
) -> dict[str, str]:
    """Edit key -> key of the verdict on it, of edits that can be judged at all."""
    seen = {name: keys.encoded(shown) for name, shown in _all_shown(catalog, read).items()}
    in_spec = keys.encoded(spec)
    return {
        edit["key"]: _key(in_spec, edit, seen[edit["attribute"]])
        for edit in edit_rows
        if edit.get("pixel_sha256") and edit["attribute"] in seen
    }


def placed(edit: Row) -> bool:
    """Whether the object still lies where its source's mask says.

    An edit that is no inpainting is a new picture as a whole. What was never edited is in place.
    """
    return edit.get("kind") in (None, "inpaint")


def by_edit(
    spec: str,
    edit_rows: Sequence[Row],
    verdict_rows: Sequence[Row],
    catalog: Catalog,
    read: Choices | None = None,
) -> dict[str, Row]:
    """Edit key -> its verdict; edits without one (never asked, or lost) are absent."""
    found = {row["key"]: row for row in verdict_rows}
    asked = asked_keys(spec, edit_rows, catalog, read)
    return {edit: found[key] for edit, key in asked.items() if key in found}


def _all_shown(catalog: Catalog, read: Choices | None) -> dict[str, str]:
    return {name: _shown(entry, read) for name, entry in catalog.attributes.items()}


def _shown(attribute: Attribute, read: Choices | None) -> str:
    """Hash of what of an attribute can reach an answer.

    Its words reach only a judge that reads the choices, and then all of them do.
    """
    shown: dict[str, Any] = {
        "measure": attribute.measure,
        "values": {name: dict(value.paint) for name, value in attribute.values.items()},
    }
    if read is not None:
        shown["choices"] = read.values.get(attribute.name, ())
        shown["class_names"] = read.class_names
        shown["phrases"] = {name: value.phrase for name, value in attribute.values.items()}
        shown["region"] = attribute.region
        shown["templates"] = attribute.templates
    return keys.digest(shown)


def _key(spec: keys.Encoded, edit: Row, shown: keys.Encoded) -> str:
    return keys.digest(
        {
            "spec": spec,
            "pixels": edit["pixel_sha256"],
            "mask": edit["mask_sha256"] if placed(edit) else UNPLACED,
            "attribute": edit["attribute"],
            "shown": shown,
        }
    )


def judge_edits(
    rows: Sequence[Row],
    images: Sequence[Pixels],
    masks: Sequence[Region | None],
    judge: Judge,
    catalog: Catalog,
    read: Choices | None = None,
) -> list[Made]:
    """Verdicts on a batch. The judge is shown no value, feasibility or label that was asked for.

    ``read`` are the choices of a judge that reads them: of the whole run, not of an edit.
    """
    cases = [
        JudgeCase(
            image=image,
            object_mask=mask,
            attribute=catalog.attribute(row["attribute"]),
            values=read.values.get(row["attribute"], ()) if read else (),
            class_names=read.class_names if read else (),
        )
        for row, image, mask in zip(rows, images, masks, strict=True)
    ]
    answers = judge.judge(cases)
    who = str(judge.identity.get("name", ""))
    return [_made({**row, "judge": who}, answer) for row, answer in zip(rows, answers, strict=True)]


def _made(row: Row, answer: Answer) -> Made:
    if answer.trouble is not None:
        return _unanswered(row, answer.trouble)
    said = {} if answer.possible is None else {"possible": answer.possible}
    wrong = (
        _wrong("value", answer.values)
        or _wrong("class", answer.classes)
        or _wrong("whether it is", said)
    )
    if wrong:
        return Made({**row, "status": "failed", "reason": wrong, "error_type": "ModelError",
                     "raw": json.dumps(dict(answer.raw), default=str)})  # fmt: skip
    measures = {
        "measured_value": _likeliest(answer.values),
        "value_scores": _json(answer.values),
        "measured_class": _likeliest(answer.classes),
        "class_scores": _json(answer.classes),
        "possible": answer.possible,
        "cost_usd": answer.cost_usd,
        "raw": json.dumps(dict(answer.raw), sort_keys=True, ensure_ascii=False),
    }
    return Made({**row, "status": "ok", "reason": "", **measures})


def _unanswered(row: Row, trouble: NoAnswer) -> Made:
    why = {
        "status": trouble.status,
        "reason": str(trouble)[:500],
        "error_type": type(trouble).__name__ if trouble.status == "failed" else None,
    }
    return Made({**row, **why, "cost_usd": trouble.cost_usd, "raw": json.dumps(trouble.raw)})


def _wrong(what: str, scores: Mapping[str, float]) -> str:
    for name, score in scores.items():
        if not (math.isfinite(score) and -1e-6 <= score <= 1 + 1e-6):
            return f"the judge scored {what} {name!r} {score}: a score is a number from 0 to 1"
    return ""


def _likeliest(scores: Mapping[str, float]) -> str | None:
    # Of equal scores the first by name, so that the order of a catalog decides nothing.
    return min(scores, key=lambda name: (-scores[name], name)) if scores else None


def _json(scores: Mapping[str, float]) -> str:
    # Six decimals: more would be noise of the last bits, and rows are kept by the hundred thousand.
    rounded = {name: round(float(score), 6) for name, score in scores.items()}
    return json.dumps(rounded, sort_keys=True, ensure_ascii=False)


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
