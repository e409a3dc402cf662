"""Plots as inline SVG that takes the page's font and colours, light or dark."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from varifactory.statistics import Interval

WIDTH = 5.2
"""Inches at 72 points: narrow, so that letters stay legible on a phone."""
COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--soft)",
    "#030303": "var(--line-strong)",
    "#040404": "var(--accent)",
    "#050505": "var(--infeasible)",
    "#060606": "var(--faint)",
}
"""Stand-ins that no palette holds, replaced by the page's own colours once drawn."""
LETTERS = 34
"""Of a line's name."""
INK, SOFT, LINE, ACCENT, AMBER, FAINT = COLORS
ARM_COLORS = {"feasible": ACCENT, "infeasible": AMBER, "mixed": INK}
"""The same in every plot; other arms are faint."""
DASHES = ("-", "--", ":", "-.")
STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 11,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.parse_math": False,
}


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
    figure, axes = _figure(1.0 + 0.36 * len(marks), name)
    for at, mark in enumerate(marks):
        interval = mark.interval
        low, middle, high = (100 * v for v in (interval.low, interval.estimate, interval.high))
        axes.plot([low, high], [at, at], color=mark.color, linewidth=2.5, solid_capstyle="round")
        axes.plot([middle], [at], "o", color=mark.color, markersize=7)
    axes.set_yticks(range(len(marks)), [_short(mark.name) for mark in marks])
    axes.set_ylim(len(marks) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    if zero:
        axes.axvline(0, color=INK, linewidth=1.2)
    axes.set_xlabel(title)
    return _svg(figure, name, text)


def curves(
    lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]], *, name: str, text: str
) -> Markup:
    """Accuracy on validation by step, in percent: an arm a style, a seed a line."""
    figure, axes = _figure(2.8, name)
    for number, (arm, seeds) in enumerate(lines.items()):
        for at, points in enumerate(seeds):
            axes.plot(
                [step for step, _ in points],
                [100 * top1 for _, top1 in points],
                **_look(arm, number),
                linewidth=1.8,
                alpha=1.0 if len(seeds) == 1 else 0.6,
                markersize=4,
                label=_short(arm) if at == 0 else None,
            )
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("right on validation, %")
    _legend(figure, len(lines))
    return _svg(figure, name, text)


def scaling(
    lines: Mapping[str, Sequence[tuple[int, "Interval"]]], *, name: str, text: str
) -> Markup:
    """Accuracy over the number of edits, on a logarithmic scale, with intervals: an arm a line."""
    figure, axes = _figure(2.8, name)
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
            label=_short(arm),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_xlabel("edits trained on")
    axes.set_ylabel("right on test images, %")
    _legend(figure, len(lines))
    return _svg(figure, name, text)


def histogram(values: Sequence[float], *, name: str, title: str, text: str) -> Markup:
    """How many of ``values``, each 0 to 1, fall in each twentieth."""
    figure, axes = _figure(2.4, name)
    axes.hist(values, bins=[at / 20 for at in range(21)], color=ACCENT, rwidth=0.88)
    axes.set_xlim(0, 1)
    axes.set_xlabel(title)
    axes.set_ylabel("images")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return _svg(figure, name, text)


def _look(arm: str, number: int) -> dict[str, str]:
    """Colour by what the edits are, a full line with real images beside them, markers to tell."""
    real, _, kind = arm.rpartition("+")
    dash = "-" if real else "--" if kind in ARM_COLORS else DASHES[2 + number % 2]
    return {"color": ARM_COLORS.get(kind, FAINT), "linestyle": dash, "marker": "osD^v"[number % 5]}


def _legend(figure: "Figure", names: int) -> None:
    """Below the plot, which keeps its height however many names there are."""
    figure.set_figheight(figure.get_figheight() + 0.2 * ((names + 1) // 2))
    figure.legend(frameon=False, fontsize=10, ncols=2, loc="outside lower center", labelcolor=INK)


def _figure(height: float, name: str) -> "tuple[Figure, Axes]":
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        # A Figure of its own draws with Agg or SVG and never opens a window or keeps a state.
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: "Figure", name: str, text: str) -> Markup:
    """``text`` is what a screen reader says in place of the picture."""
    import matplotlib as mpl
    from matplotlib.text import Text

    stream = io.StringIO()
    for written in figure.findobj(Text):
        written.set_parse_math(False)  # a name may hold dollar signs
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    drawn = stream.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn, count=1)
    # Ids of several plots share one page.
    drawn = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', drawn)
    drawn = re.sub(r'(href="|url\()#', rf"\1#{name}-", drawn)
    for stand_in, color in COLORS.items():
        drawn = drawn.replace(stand_in, color)
    head = f'<svg role="img" aria-labelledby="{name}-title"'
    title = f'<title id="{name}-title">{escape(text)}</title>'
    start = drawn.index(">") + 1
    return Markup(drawn[:start].replace("<svg", head, 1) + title + drawn[start:])


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
