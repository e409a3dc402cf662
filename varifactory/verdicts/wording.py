"""Verdicts in plain words, the same on every page."""

import json

from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.stages import Row

NO_CLASS = "(no class)"
"""What stands in place of the class of an image that has none."""

LETTERS = 40
"""Of a name in a sentence; the card's head has it whole."""
STATUS_WORDS = {"ok": "accepted", "rejected": "rejected", "failed": "failed", "skipped": "not made"}


def status_word(row: Row) -> str:
    """What became of an edit, in a word or two."""
    if row.get("feasibility") == UNCHANGED and row["status"] == "ok":
        return "made"  # nobody was asked whether it is good
    if row.get("forced"):
        return "taken although rejected"
    if row["status"] == "skipped" and row.get("image_blob"):
        return "left out"  # it was made: its picture stands beside the word
    return STATUS_WORDS.get(str(row["status"]), str(row["status"]))


def verdict_sentences(row: Row) -> list[str]:
    """The verdict on an edit: the reason where it was not accepted, then what the judge saw."""
    reason = str(row.get("reason") or "").strip()
    said = [reason[:1].upper() + reason[1:]] if reason else []
    if row["status"] in ("failed", "skipped"):
        return said or ["No reason was recorded."]
    if row.get("feasibility") == UNCHANGED:
        return [*said, "Not judged: it shows what editing alone does"]
    told = reason.partition(":")[0]
    if told != "attribute not seen":
        said += _presence(row)
    if told != "class lost":
        said += _class(row)
    said += _feasibility(row)
    return said


def judges_said(row: Row) -> list[str]:
    """What every judge of a panel said of an edit; empty where one alone was asked."""
    said = json.loads(row.get("judgements") or "{}")
    return [
        f"{name}: {STATUS_WORDS.get(word['status'], word['status'])}"
        + (f", saw {word['measured_value']}" if word["measured_value"] else "")
        for name, word in said.items()
    ]


def _presence(row: Row) -> list[str]:
    seen, score = row.get("measured_value"), row.get("presence")
    if not seen:
        return []
    if seen == row.get("value"):
        return [f"Shows {seen}{_score(score)}"]
    return [f"Looks most like {seen}; {row.get('value')} scores {_number(score)}"]


def _class(row: Row) -> list[str]:
    seen, score = row.get("measured_class"), row.get("class_score")
    if not seen:
        return []
    if seen == row.get("label"):
        return [f"Still {_article(seen)} {_short(seen)}{_score(score)}"]
    return [
        f"Looks most like {_article(seen)} {_short(seen)}; {_short(row.get('label'))} "
        f"scores {_number(score)}"
    ]


def _feasibility(row: Row) -> list[str]:
    judged, asked = row.get("judged_feasibility"), row.get("feasibility")
    if not judged:
        return ["Not judged"]
    if judged == "not judged":
        return ["Feasibility not judged"]
    if judged == asked:
        return [f"Judged {judged}, as asked"]
    return [f"Judged {judged}; {asked} was asked for"]


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _score(score: float | None) -> str:
    return "" if score is None else f" ({score:.2f})"


def _number(score: float | None) -> str:
    return "nothing" if score is None else f"{score:.2f}"


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"
