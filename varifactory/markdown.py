"""Other people's words in Markdown: class names, reasons and errors that show as they are."""

import re
from collections.abc import Iterable
from typing import Any

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&])")
"""What Markdown may take for markup; a table's border and an image's mark among them."""


def plain(text: Any) -> str:
    """A text as Markdown shows it, whatever it holds: one line, nothing that is markup."""
    line = " ".join(str(text).split())
    return SPECIAL.sub(r"\\\1", line)


def fence(text: str) -> str:
    """Backticks enough to close around ``text``: one more than any run in it, three at least."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


def row(cells: Iterable[Any], longest: int = 120) -> str:
    """A line of a table; of each text at most ``longest`` characters."""
    return f"| {' | '.join(plain(str(cell)[:longest]) for cell in cells)} |"
