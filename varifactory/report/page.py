"""The report of a study: first what it says and how surely, then everything it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from varifactory.calibration.wording import checked_notes, checked_rows, two
from varifactory.pages import render_page
from varifactory.report import wording
from varifactory.report.downloads import links, report_files
from varifactory.report.opening import opening
from varifactory.report.rows import (
    arm_blocks,
    arm_scales,
    blocks,
    check_tables,
    class_rows,
    notable_classes,
    questions,
)
from varifactory.report.wording import NBSP, Numbers, Strata
from varifactory.study.confounds import NOTABLE
from varifactory.study.datasets import DatasetFigures
from varifactory.study.figures import Scaling, Study
from varifactory.training.arms import ARMS

SHOWN_PLOTS = 8
"""Of a kind, on the page; the data hold all."""

MACHINERY = "a check of the machinery, not a finding"
"""Badge of reports on the built-in drawn world."""


def render_study(
    study: Study,
    datasets: Sequence[DatasetFigures] = (),
    *,
    title: str,
    machinery: bool,
    provenance: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    galleries: Mapping[str, str] | None = None,
    small_models: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """One page that needs no server and no script; large tables lie beside it (``report_files``).

    Args:
        study: what was counted.
        datasets: what is said of the edits of each data set version.
        title: what was studied.
        machinery: the images are the built-in world's: the page then says that it checks the
            machinery, and nothing more.
        provenance: section -> name and value of what a reader needs to make it again.
        galleries: data set -> address of its gallery, relative to the report.
        small_models: parts that ran on small built-in models, in words, such as ``masks
            (small-sam)``.
        files: what ``report_files`` made of the same, where that was asked before.
    """
    files = report_files(study, datasets, title) if files is None else files
    return render_page(
        "report.html.j2",
        title=title,
        machinery=MACHINERY if machinery else "",
        small_models=list(small_models),
        opening=opening(study),
        study=study,
        datasets=datasets,
        dataset_plots=[_dataset_plots(one, at) for at, one in enumerate(datasets)],
        provenance=provenance or {},
        galleries=_plain(galleries or {}),
        data=links(files),
        **_figures(study),
        **_words(study),
    )


def _figures(study: Study) -> dict[str, Any]:
    strata = Strata(
        [*(one.stratum for one in study.arms), *(one.stratum for one in study.comparisons)]
    )
    most = 1 - study.plan.confidence
    changes, more = notable_classes(study, most)
    return {
        "strata": strata,
        "questions": questions(study, strata),
        "arm_blocks": arm_blocks(study.arms, strata),
        "arm_scales": arm_scales(study),
        "arm_names": [arm for arm in ARMS if arm in {one.arm for one in study.arms}],
        "class_rows": class_rows(study, strata, most),
        "changes": changes,
        "more_changes": more,
        "most": most,
        "check_tables": check_tables(study.checks),
        "slightest": NOTABLE,
        **_plots(study, strata),
    }


def _words(study: Study) -> dict[str, Any]:
    return {
        "numbers": Numbers(study.plan.margin),
        "level": wording.level(study.plan.confidence),
        "words": wording.words(),
        "arm_words": wording.arm_words,
        "compared": wording.compared,
        "percent": wording.percent,
        "percents": wording.percents,
        "p_words": wording.p_words,
        "signed": wording.signed,
        "two": two,
        "checked_rows": _unbroken_rows,
        "checked_notes": checked_notes,
    }


def _unbroken_rows(people: Any) -> list[tuple[str, str]]:
    """Figures whose intervals stay on one line."""
    rows = checked_rows(people)
    return [(name, value.replace(" to ", f"{NBSP}to{NBSP}")) for name, value in rows]


def _plain(galleries: Mapping[str, str]) -> dict[str, str]:
    return {name: to for name, to in galleries.items() if to and is_plain_address(to)}


def _plots(study: Study, strata: Strata) -> dict[str, Any]:
    """Scaling and validation curves: names of strata with plots, and how many were left out."""
    trained = [one for one in study.arms if any(len(curve) > 1 for curve in one.curves)]
    scaled = blocks(study.scaling, lambda one: one.stratum, strata)
    curved = arm_blocks(trained, strata)
    drawn: dict[str, Any] = {
        "plots": {"scaling": [], "curves": []},
        "more_scaling": max(0, len(scaled) - SHOWN_PLOTS),
        "more_curves": max(0, len(curved) - SHOWN_PLOTS),
    }
    if not (scaled or curved):
        return drawn
    from varifactory.report import plots

    for at, block in enumerate(scaled[:SHOWN_PLOTS]):
        text = "; ".join(map(_scaling_words, block.rows))
        points = {one.arm: one.points for one in block.rows}
        plot = plots.scaling(points, name=f"scaling-{at}", text=text)
        drawn["plots"]["scaling"].append((block.name, plot))
    for at, group in enumerate(curved[:SHOWN_PLOTS]):
        lines = {one.arm: one.curves for one in group.rows}
        text = f"Accuracy on validation images by optimiser step of {', '.join(lines)}"
        drawn["plots"]["curves"].append(
            (group.name, plots.curves(lines, name=f"curves-{at}", text=text))
        )
    return drawn


def _scaling_words(one: Scaling) -> str:
    sizes = (f"{edits} edits {wording.percent(top1.estimate)}" for edits, top1 in one.points)
    return f"{one.arm}: {', '.join(sizes)}"


def _dataset_plots(figures: DatasetFigures, at: int) -> dict[str, Markup]:
    """Shares accepted by editor, and how well masks fit."""
    if not (figures.yields or figures.masks):
        return {}
    from varifactory.report import drawing, plots

    drawn = {}
    if figures.masks:
        drawn["masks"] = plots.histogram(
            figures.masks.ious, name=f"masks-{at}", title="IoU with the exact mask",
            text=f"{figures.masks.count} masks, mean IoU {figures.masks.mean_iou:.2f}, "
            f"median {figures.masks.median_iou:.2f}",
        )  # fmt: skip
    for number, editor in enumerate(dict.fromkeys(one.editor for one in figures.yields)):
        found = [one for one in figures.yields if one.editor == editor]
        drawn[f"yields {editor}"] = plots.forest(
            [plots.Mark(f"{one.attribute}, {one.feasibility}", one.accepted,
                        drawing.AMBER if one.feasibility == "infeasible" else drawing.ACCENT)
             for one in found],
            name=f"yields-{at}-{number}", title="accepted, %",
            text="; ".join(f"{one.attribute} {one.feasibility} "
                           f"{wording.percent(one.accepted.estimate)}" for one in found),
        )  # fmt: skip
    return drawn


def is_plain_address(address: str) -> bool:
    """Whether a link leads to a file or a web page, and cannot run anything."""
    head, colon, _ = address.partition(":")
    return not colon or "/" in head or head.lower() in ("file", "http", "https", "s3")
