"""A diagnosis in Markdown, short enough for a run's own page; class names show as they are."""

from varifactory.diagnosis.figures import Diagnosis, Flag
from varifactory.markdown import plain, row
from varifactory.metrics import Measure
from varifactory.report.diagnosis.opening import opening
from varifactory.report.diagnosis.wording import bounds, figure, head, issue_name, sentence

SHOWN = 20
"""Flags; the page has them all."""
LONGEST = 400
"""Letters of a sentence in the table."""


def summary(found: Diagnosis, where: str) -> str:
    """The verdict, the flags and the measures of the whole set; ``where`` the page lies."""
    head_of = opening(found)
    parts = [
        f"# Diagnosis of {plain(found.title)}",
        f"**{plain(head_of.headline)}**",
        plain(head_of.lead[0]),
        *(f"- {plain(note)}" for note in found.notes),
        *_flags(found.flags),
        *_whole([one for one in found.whole if one.value]),
        f"Page: {plain(where)}",
    ]
    return "\n\n".join(parts) + "\n"


def _flags(flags: tuple[Flag, ...]) -> list[str]:
    if not flags:
        return []
    lines = [
        "| class | attribute | issue | what was found | what to change |",
        "|---|---|---|---|---|",
    ]
    lines += [
        row((one.label, one.attribute or "all", issue_name(one.issue),
             sentence(one), one.advice), LONGEST)
        for one in flags[:SHOWN]
    ]  # fmt: skip
    more = len(flags) - SHOWN
    return ["\n".join(lines), *([f"{more:,} more on the page."] if more > 0 else [])]


def _whole(measures: list[Measure]) -> list[str]:
    if not measures:
        return []
    lines = ["| measure | value | interval | real images | n |", "|---|--:|--:|--:|--:|"]
    lines += [
        row((head(one.name), figure(one.name, one.value.estimate), bounds(one.name, one.value),
             figure(one.name, one.reference), f"{one.n:,}"))
        for one in measures if one.value
    ]  # fmt: skip
    return ["\n".join(lines)]
