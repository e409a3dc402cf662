"""The curves of an exchange rate: accuracy by images added to one base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from varifactory.exchange.figures import Curve
from varifactory.report.drawing import (
    ACCENT,
    AMBER,
    FAINT,
    INK,
    LINE,
    SOFT,
    as_svg,
    canvas,
    legend,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: Mapping[str, tuple[str, str, str]] = {
    "real": (INK, "-", "o"),
    "edits": (ACCENT, "-", "s"),
    "closed-set": (AMBER, "--", "D"),
    "foreign": (AMBER, ":", "^"),
    "identity": (SOFT, "--", "D"),
    "duplicate": (FAINT, ":", "v"),
    "mislabelled": (AMBER, "-.", "X"),
}
"""Pool -> colour, line, marker; the same on every page."""
OTHER = (FAINT, "-.", "P")
ASIDE = 0.012
"""Of the width, between intervals at one place: so that they can be told apart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a rate is read off: from the real curve sideways to that of a pool."""

    real: float
    """Images added, as a multiple of the base."""
    pool: float
    top1: float


def curves(
    found: Sequence[Curve],
    names: Mapping[str, str],
    *,
    name: str,
    text: str,
    ceilings: Mapping[str, float] | None = None,
    reading: Reading | None = None,
) -> Markup:
    """Top-1 in percent by multiples of the base, with intervals, fits as lines.

    Args:
        found: curves of one base.
        names: pool -> its name in the legend.
        name: of the plot in its page.
        text: what a screen reader says in its place.
        ceilings: pool -> top-1 that it can come to at most, drawn as a faint level.
        reading: one rate, drawn as a dotted line between the curves.
    """
    figure, axes = canvas(3.1, name)
    # Few images stand far apart, many close together, and none has a place.
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    for number, curve in enumerate(found):
        _draw(axes, curve, number - (len(found) - 1) / 2, names.get(curve.pool, curve.pool))
    for pool, top1 in (ceilings or {}).items():
        axes.axhline(100 * top1, color=LOOKS.get(pool, OTHER)[0], linewidth=1, alpha=0.6,
                     linestyle=(0, (1, 3)))  # fmt: skip
    if reading:
        axes.plot([reading.real, reading.pool], [100 * reading.top1] * 2, color=INK, linewidth=1.2,
                  linestyle=":", zorder=1)  # fmt: skip
    _scale(axes, found)
    legend(figure, len(found))
    return as_svg(figure, name, text)


def _draw(axes: "Axes", curve: Curve, at: float, name: str) -> None:
    color, dash, marker = LOOKS.get(curve.pool, OTHER)
    if curve.fitted:
        axes.plot([x for x, _ in curve.fitted], [100 * y for _, y in curve.fitted], color=color,
                  linestyle=dash, linewidth=1.8)  # fmt: skip
    middles = [100 * one.estimate for _, one in curve.points]
    below = [100 * (one.estimate - one.low) for _, one in curve.points]
    above = [100 * (one.high - one.estimate) for _, one in curve.points]
    # Between a base and one number of images nothing is known.
    joined = not curve.fitted and len(curve.points) > 2
    widest = max((np.log1p(x) for x, _ in curve.points), default=0.0)
    axes.errorbar(
        [np.expm1(max(0.0, np.log1p(x) + ASIDE * at * widest)) for x, _ in curve.points], middles,
        yerr=[below, above], color=color, marker=marker, markersize=5, elinewidth=1.1, capsize=2.5,
        linestyle=dash if joined else "none", linewidth=1.4, label=shortened(name),
    )  # fmt: skip


def _scale(axes: "Axes", found: Sequence[Curve]) -> None:
    """Multiples as they were tried, those that would stand on each other left out."""
    tried = sorted({x for curve in found for x, _ in curve.points})
    most = np.log1p(tried[-1]) if tried else 1.0
    shown: list[float] = []
    for x in tried:
        if not shown or np.log1p(x) - np.log1p(shown[-1]) >= 0.08 * most:
            shown.append(x)
    axes.set_xticks(shown, [f"{x:.3g}" for x in shown])
    axes.minorticks_off()
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("images added, as a multiple of the base")
    axes.set_ylabel("right on test images, %")
