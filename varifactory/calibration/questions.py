"""What people are asked of each edit, and what makes one good."""

from collections.abc import Mapping
from dataclasses import dataclass

SHOWS, KEEPS, POSSIBLE = "shows", "keeps", "possible"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the sheet; its name is its column."""

    name: str
    words: str
    hint: str


QUESTIONS = (
    Question(SHOWS, "Does the edit show what was asked for?",
             "What was asked for stands beside the pictures. Minor flaws do not matter."),
    Question(KEEPS, "Is the object still what it was?",
             "Its class stands beside the pictures. Somebody who sees the edit alone would still "
             "call it that."),
    Question(POSSIBLE, "Could what the edit shows exist in reality?",
             "The thing and its setting, not how well it is painted: a rare one is possible."),
)  # fmt: skip
ANSWERS: Mapping[str, str] = {
    "yes": "yes", "y": "yes", "1": "yes", "true": "yes",
    "no": "no", "n": "no", "0": "no", "false": "no",
    "unsure": "unsure", "?": "unsure",
}  # fmt: skip
"""What may be written, in any case -> what it means."""

Label = Mapping[str, str]
"""Question -> ``yes``, ``no`` or ``unsure``."""


def is_good(label: Label, feasibility: str, feasibility_counts: bool) -> bool | None:
    """Whether the edit is one that the filter should have let through; None if unsure.

    It shows what was asked for and keeps its class; where the filter minds feasibility, it is also
    as possible as was asked for. One clear fault is enough, whatever else is unsure.
    """
    wanted = {SHOWS: "yes", KEEPS: "yes"}
    if feasibility_counts:
        wanted[POSSIBLE] = "yes" if feasibility == "feasible" else "no"
    said = [None if label[name] == "unsure" else label[name] == want
            for name, want in wanted.items()]  # fmt: skip
    if False in said:
        return False
    return None if None in said else True
