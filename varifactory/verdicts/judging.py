"""Judging: what a judge says of pixels, kept as it is."""

import json
import math
from collections.abc import Mapping, Sequence

from varifactory.catalog import Catalog
from varifactory.models import Answer, Judge, JudgeCase, NoAnswer, Pixels, Region
from varifactory.stages import Made, Row
from varifactory.verdicts.planning import Choices


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
