"""The plots of a diagnosis, as inline SVG that takes the page's font and colours."""

from collections.abc import Sequence

from markupsafe import Markup

from varifactory.diagnosis.figures import Kept
from varifactory.report.diagnosis.opening import INSIDE
from varifactory.report.drawing import ACCENT, INK, LINE, as_svg, canvas

WIDEST = 3.0
"""Realism from which images share one bar: a copy's score is as large as it is meaningless."""
BARS = 24


def pruning(points: Sequence[Kept], *, name: str, text: str) -> Markup:
    """Overlap with the target over the share of the images kept, both in percent, with bounds."""
    found = [(one.fraction, one.overlap.value) for one in points if one.overlap.value]
    figure, axes = canvas(2.8, name)
    axes.errorbar(
        [100 * fraction for fraction, _ in found],
        [100 * overlap.estimate for _, overlap in found],
        yerr=[[100 * max(0.0, overlap.estimate - overlap.low) for _, overlap in found],
              [100 * max(0.0, overlap.high - overlap.estimate) for _, overlap in found]],
        color=ACCENT, marker="o", markersize=5, linewidth=1.8, elinewidth=1.2, capsize=3,
    )  # fmt: skip
    axes.invert_xaxis()
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.set_xlabel("synthetic images kept, %")
    axes.set_ylabel("overlap with the target, %")
    return as_svg(figure, name, text)


def realism(scores: Sequence[float], *, name: str, text: str) -> Markup:
    """How many images have which realism; those above ``WIDEST`` stand in the last bar."""
    figure, axes = canvas(2.4, name)
    step = WIDEST / BARS
    axes.hist(
        [min(score, WIDEST - step / 2) for score in scores],
        bins=[step * at for at in range(BARS + 1)], color=ACCENT, rwidth=0.88,
    )  # fmt: skip
    axes.axvline(INSIDE, color=INK, linewidth=1.5, linestyle="--")
    ticks = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, WIDEST]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks[:-1]] + [f"{WIDEST:g}+"])
    axes.set_xlim(0, WIDEST)
    axes.set_xlabel("realism")
    axes.set_ylabel("images")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return as_svg(figure, name, text)
