"""The report of a study: first what it says and how surely, then everything it rests on."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from varifactory.calibration.wording import checked_notes, checked_rows, two
from varifactory.pages import data_uri, render_page
from varifactory.statistics import IMAGES_ONLY, Interval
from varifactory.study import Difference, StudyFigures, StudyTables, study_figures

NBSP = "\N{NO-BREAK SPACE}"
MACHINERY = "a check of the machinery, not a finding"
"""Badge of reports on the built-in drawn world."""


def render_report(
    study: StudyTables | StudyFigures,
    *,
    title: str,
    machinery: bool,
    provenance: Mapping[str, str] | None = None,
    gallery: str = "",
    confidence: float = 0.95,
) -> bytes:
    """One page that needs no server; figures that were counted before are taken as they are.

    Args:
        study: tables, or what ``study_figures`` made of them.
        title: what was studied.
        machinery: the data are the built-in world's: the page then says ``MACHINERY``.
        provenance: what the reader needs to make it again: recipe, hashes, seeds, command.
        gallery: address of the gallery, relative to the report; empty for none.
        confidence: of all intervals, between 0 and 1; of tables only.
    """
    figures = study if isinstance(study, StudyFigures) else study_figures(
        study, confidence=confidence)  # fmt: skip
    return render_page(
        "single.html.j2",
        title=title,
        machinery=MACHINERY if machinery else "",
        verdict=verdict(figures),
        scope=scope(figures),
        figures=figures,
        plots=_plots(figures),
        provenance=provenance or {},
        editors=editors(figures),
        gallery=gallery if is_plain_address(gallery) else "",
        percent=percent,
        points=points,
        said=said,
        checked=_unbroken(checked_rows(figures.people)) if figures.people else [],
        checked_notes=checked_notes(figures.people) if figures.people else [],
        two=two,
        json_uri=data_uri("application/json", as_json(figures, title)),
        csv_uri=data_uri("text/csv", as_csv(figures)),
    )


def _unbroken(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Figures whose intervals stay on one line."""
    return [(name, value.replace(" to ", f"{NBSP}to{NBSP}")) for name, value in rows]


def is_plain_address(address: str) -> bool:
    """Whether a link leads to a file or a web page, and cannot run anything."""
    head, colon, _ = address.partition(":")
    return not colon or "/" in head or head.lower() in ("file", "http", "https", "s3")


def verdict(figures: StudyFigures) -> list[str]:
    """What the study says, a sentence a question; no winner where an interval spans zero."""
    if not figures.arms:
        return ["No arm was trained, so nothing is said of what the edits are worth."]
    said_so = []
    if figures.helps:
        said_so.append(_sentence(figures.helps, "The edits helped", "The edits hurt",
                                 "No winner with or without edits"))  # fmt: skip
    if figures.matters:
        said_so.append(_sentence(figures.matters, "Feasible edits are worth more",
                                 "Infeasible edits are worth more",
                                 "No winner between feasible and infeasible"))  # fmt: skip
    if said_so:
        return said_so
    best = figures.arms[-1]
    return [f"{best.arm} is right on {percent(best.top1)} of the test images; no other arm was "
            "trained that it could be compared with."]  # fmt: skip


def _sentence(difference: Difference, above: str, below: str, neither: str) -> str:
    interval = difference.interval
    lead = {"above": above, "below": below}.get(difference.winner, neither)
    size = f"{abs(100 * interval.estimate):.1f} points"
    side = "above" if interval.estimate > 0 else "below"
    place = (
        f"{size} {side} {difference.other}"
        if interval.estimate
        else f"level with {difference.other}"
    )
    bounds = f"{_signed(interval.low)} to {_signed(interval.high)}"
    doubt = ""
    if difference.mcnemar and difference.winner == "no winner" and not interval.spans_zero:
        doubt = f", but the exact test does not agree, p = {difference.mcnemar.p_value:.2f}"
    return (f"{lead}: {difference.arm} is {place} ({100 * interval.confidence:.0f}{NBSP}% interval "
            f"{bounds}{doubt}).")  # fmt: skip


def scope(figures: StudyFigures) -> str:
    """What the intervals cover, and the smallest difference that this study could see."""
    asked = [found for found in (figures.helps, figures.matters) if found]
    if not asked:
        return ""
    widest = max(found.interval.half_width for found in asked)
    seeds = max(len(arm.seeds) for arm in figures.arms)
    many = f"{seeds} training seeds" if seeds > 1 else "one training seed"
    text = (f"{figures.test_images:,} test images, {many}. Differences below about "
            f"{100 * widest:.1f} points cannot be seen at this size.")  # fmt: skip
    if any(found.interval.covers == IMAGES_ONLY for found in asked):
        text += (" With one seed the intervals cover test images only, not training noise: another "
                 "seed may move the arms by more.")  # fmt: skip
    return text


def percent(interval: Interval) -> str:
    """The estimate, in percent."""
    return f"{100 * interval.estimate:.1f}{NBSP}%"


def points(interval: Interval) -> str:
    """A difference in points of 100, with its sign."""
    return _signed(interval.estimate)


def said(interval: Interval, signed: bool = False) -> str:
    """The bounds in words."""
    if signed:
        return f"{_signed(interval.low)} to {_signed(interval.high)}"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def _signed(share: float) -> str:
    value = round(100 * share, 1)
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{abs(value):.1f}"


def as_json(figures: StudyFigures, title: str) -> bytes:
    """All figures, shares 0 to 1, for programs."""
    data = {"title": title, "verdict": verdict(figures), **asdict(figures)}
    return json.dumps(data, ensure_ascii=False, indent=1).encode()


def as_csv(figures: StudyFigures) -> bytes:
    """Arms and differences, a line each, shares 0 to 1."""
    stream = io.StringIO()
    table = csv.writer(stream)
    table.writerow(["figure", "arm", "minus", "estimate", "low", "high", "confidence", "covers"])
    for arm in figures.arms:
        table.writerow(["top1", arm.arm, "", *_numbers(arm.top1)])
    for found in figures.differences:
        table.writerow(["difference", found.arm, found.other, *_numbers(found.interval)])
    return stream.getvalue().encode()


def _numbers(interval: Interval) -> list[Any]:
    return [interval.estimate, interval.low, interval.high, interval.confidence, interval.covers]


def _plots(figures: StudyFigures) -> dict[str, Markup]:
    if not (figures.arms or figures.yields or figures.masks):
        return {}
    from varifactory.report import plots

    drawn = {}
    if figures.arms:
        tint = {True: plots.AMBER, False: plots.ACCENT}
        drawn["arms"] = plots.forest(
            [plots.Mark(arm.arm, arm.top1, tint["infeasible" in arm.arm]) for arm in figures.arms],
            name="arms", title="right on the test images, %",
            text="; ".join(f"{a.arm} {percent(a.top1)} ({said(a.top1)})" for a in figures.arms),
        )  # fmt: skip
    if figures.differences:
        drawn["differences"] = plots.forest(
            [plots.Mark(f"{d.arm} − {d.other}", d.interval,
                        plots.SOFT if d.winner == "no winner" else plots.ACCENT)
             for d in figures.differences],
            name="differences", title="difference, points", zero=True,
            text="; ".join(f"{d.arm} minus {d.other} {points(d.interval)} "
                           f"({said(d.interval, True)})" for d in figures.differences),
        )  # fmt: skip
    lines = {arm.arm: arm.curves for arm in figures.arms if any(len(c) > 1 for c in arm.curves)}
    if lines:
        drawn["curves"] = plots.curves(
            lines,
            name="curves",
            text="Accuracy on validation images by optimiser step, an arm a line",
        )
    if figures.masks:
        drawn["masks"] = plots.histogram(
            figures.masks.ious, name="masks", title="IoU with the exact mask",
            text=f"{figures.masks.count} masks, mean IoU {figures.masks.mean_iou:.2f}, "
            f"median {figures.masks.median_iou:.2f}",
        )  # fmt: skip
    for number, editor in enumerate(editors(figures)):
        found = [group for group in figures.yields if group.editor == editor]
        drawn[f"yields-{number}"] = plots.forest(
            [plots.Mark(f"{y.attribute}, {y.feasibility}", y.accepted,
                        plots.AMBER if y.feasibility == "infeasible" else plots.ACCENT)
             for y in found],
            name=f"yields-{number}", title="accepted, %",
            text="; ".join(f"{y.attribute} {y.feasibility} {percent(y.accepted)}" for y in found),
        )  # fmt: skip
    return drawn


def editors(figures: StudyFigures) -> list[str]:
    """Those who made edits, the one with the most first."""
    totals: dict[str, int] = {}
    for found in figures.yields:
        totals[found.editor] = totals.get(found.editor, 0) + found.total
    return sorted(totals, key=lambda editor: (-totals[editor], editor))
