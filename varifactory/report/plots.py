"""The plots of a study's report, as inline SVG that takes the page's font and colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from varifactory.report.drawing import (
    ACCENT,
    AMBER,
    FAINT,
    INK,
    LINE,
    as_svg,
    canvas,
    legend,
    shortened,
)

if TYPE_CHECKING:
    from varifactory.statistics import Interval

ARM_COLORS = {"feasible": ACCENT, "infeasible": AMBER, "mixed": INK}
"""The same in every plot; other arms are faint."""
DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a forest plot, in points of 100."""

    name: str
    interval: "Interval"
    color: str = ACCENT


def forest(
    marks: Sequence[Mark], *, name: str, title: str, text: str, zero: bool = False
) -> Markup:
    """Estimates with their intervals, one a line from the top; ``text`` is read out instead."""
    figure, axes = canvas(1.0 + 0.36 * len(marks), name)
    for at, mark in enumerate(marks):
        interval = mark.interval
        low, middle, high = (100 * v for v in (interval.low, interval.estimate, interval.high))
        axes.plot([low, high], [at, at], color=mark.color, linewidth=2.5, solid_capstyle="round")
        axes.plot([middle], [at], "o", color=mark.color, markersize=7)
    axes.set_yticks(range(len(marks)), [shortened(mark.name) for mark in marks])
    axes.set_ylim(len(marks) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    if zero:
        axes.axvline(0, color=INK, linewidth=1.2)
    axes.set_xlabel(title)
    return as_svg(figure, name, text)


def curves(
    lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]], *, name: str, text: str
) -> Markup:
    """Accuracy on validation by step, in percent: an arm a style, a seed a line."""
    figure, axes = canvas(2.8, name)
    for number, (arm, seeds) in enumerate(lines.items()):
        for at, points in enumerate(seeds):
            axes.plot(
                [step for step, _ in points],
                [100 * top1 for _, top1 in points],
                **_look(arm, number),
                linewidth=1.8,
                alpha=1.0 if len(seeds) == 1 else 0.6,
                markersize=4,
                label=shortened(arm) if at == 0 else None,
            )
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("right on validation, %")
    legend(figure, len(lines))
    return as_svg(figure, name, text)


def scaling(
    lines: Mapping[str, Sequence[tuple[int, "Interval"]]], *, name: str, text: str
) -> Markup:
    """Accuracy over the number of edits, on a logarithmic scale, with intervals: an arm a line."""
    figure, axes = canvas(2.8, name)
    sizes = sorted({edits for points in lines.values() for edits, _ in points})
    for number, (arm, points) in enumerate(lines.items()):
        # Side by side, so that intervals of arms of one size can be told apart.
        aside = 1 + 0.025 * (number - (len(lines) - 1) / 2)
        middles = [100 * top1.estimate for _, top1 in points]
        below = [100 * (top1.estimate - top1.low) for _, top1 in points]
        above = [100 * (top1.high - top1.estimate) for _, top1 in points]
        axes.errorbar(
            [edits * aside for edits, _ in points], middles, yerr=[below, above],
            **_look(arm, number), markersize=5, linewidth=1.8, elinewidth=1.2, capsize=3,
            label=shortened(arm),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_xlabel("edits trained on")
    axes.set_ylabel("right on test images, %")
    legend(figure, len(lines))
    return as_svg(figure, name, text)


def histogram(values: Sequence[float], *, name: str, title: str, text: str) -> Markup:
    """How many of ``values``, each 0 to 1, fall in each twentieth."""
    figure, axes = canvas(2.4, name)
    axes.hist(values, bins=[at / 20 for at in range(21)], color=ACCENT, rwidth=0.88)
    axes.set_xlim(0, 1)
    axes.set_xlabel(title)
    axes.set_ylabel("images")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return as_svg(figure, name, text)


def _look(arm: str, number: int) -> dict[str, str]:
    """Colour by what the edits are, a full line with real images beside them, markers to tell."""
    real, _, kind = arm.rpartition("+")
    dash = "-" if real else "--" if kind in ARM_COLORS else DASHES[2 + number % 2]
    return {"color": ARM_COLORS.get(kind, FAINT), "linestyle": dash, "marker": "osD^v"[number % 5]}
