"""What every plot of a page is drawn on: its size, colours and letters, and how it becomes SVG."""

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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


def canvas(height: float, name: str) -> "tuple[Figure, Axes]":
    """Axes of so many inches' height; ``name`` is one of its page and seeds the SVG's ids."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        # A Figure of its own draws with Agg or SVG and never opens a window or keeps a state.
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        return figure, figure.subplots()


def legend(figure: "Figure", names: int) -> None:
    """Below the plot, which keeps its height however many names there are."""
    figure.set_figheight(figure.get_figheight() + 0.2 * ((names + 1) // 2))
    figure.legend(frameon=False, fontsize=10, ncols=2, loc="outside lower center", labelcolor=INK)


def as_svg(figure: "Figure", name: str, text: str) -> Markup:
    """The picture inline; ``text`` is what a screen reader says in place of the picture."""
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


def shortened(name: str) -> str:
    """A line's name, cut where it is too long to stand beside a plot."""
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
