"""Foreign images in a gallery: they have no source to stand beside, so those of a class hang
together.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.records import STATUSES
from varifactory.stages import Row

KIND = "foreign"
PER_WALL = 6
"""Images of one card: two rows of three, as wide as the cards of edits beside them."""


@dataclass(frozen=True, slots=True)
class Wall:
    """Some foreign images of one class by one generator."""

    anchor: str
    label: str
    generator: str
    edits: tuple[Row, ...]
    """The images, those that can be used first; called as on a card of edits, for pages count both
    alike."""


def walls(rows: Iterable[Row]) -> Iterator[Wall]:
    """By class and generator, the usable ones first."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["kind"] == KIND:
            groups[str(row["label"]), str(row["editor"])].append(row)
    number = 0
    for (label, generator), found in sorted(groups.items()):
        ordered = sorted(found, key=lambda row: (STATUSES.index(row["status"]), str(row["key"])))
        for start in range(0, len(ordered), PER_WALL):
            images = tuple(ordered[start : start + PER_WALL])
            yield Wall(f"foreign-{number}", label, generator, images)
            number += 1


def foreign_yields(hung: Sequence[Wall]) -> list[dict[str, Any]]:
    """Generator, how many there are, and how many ended in each status."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for wall in hung:
        counted[wall.generator].update(str(row["status"]) for row in wall.edits)
    return [
        {"generator": name, "total": found.total(), **{one: found[one] for one in STATUSES}}
        for name, found in sorted(counted.items())
    ]
