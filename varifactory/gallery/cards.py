"""Cards of a gallery: one source, attribute and index, and every editor's answers to it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from varifactory.catalog.taxonomy import FEASIBILITIES, UNCHANGED
from varifactory.stages import Row


@dataclass(frozen=True, slots=True)
class Lane:
    """One editor's answers to one pair of requests; None where none was asked for."""

    editor: str
    sides: tuple[Row | None, Row | None]
    unchanged: Row | None = None
    """The edit to what is there already."""

    @property
    def edits(self) -> list[Row]:
        """Those that were asked for."""
        return [row for row in (*self.sides, self.unchanged) if row is not None]


@dataclass(frozen=True, slots=True)
class Card:
    """One source, attribute and index."""

    anchor: str
    label: str
    attribute: str
    index: int
    source: Row
    lanes: tuple[Lane, ...]

    @property
    def edits(self) -> list[Row]:
        """The edits on the card."""
        return [row for lane in self.lanes for row in lane.edits]

    @property
    def accepted(self) -> bool:
        """Whether the first editor's feasible and infeasible edit were both accepted."""
        return all(row is not None and row["status"] == "ok" for row in self.lanes[0].sides)


def pair_cards(edits: Sequence[Row], sources: Mapping[str, Row]) -> list[Card]:
    """By class, source, attribute and index; editors with more edits first, as the main one is."""
    weight = Counter(row["editor"] for row in edits)
    groups: dict[tuple[str, str, str, int], list[Row]] = defaultdict(list)
    for row in edits:
        place = (str(row["label"]), str(row["source_key"]), str(row["attribute"]))
        groups[(*place, row["index"] or 0)].append(row)
    cards = []
    for number, (spot, found) in enumerate(sorted(groups.items())):
        label, source_key, attribute, index = spot
        source = sources.get(source_key) or {**found[0], "image_blob": found[0]["source_blob"]}
        masks = [row["mask_blob"] for row in [*found, source] if row["mask_blob"]]
        source = {**source, "mask_blob": masks[0] if masks else None}
        lanes = tuple(_lanes(found, weight))
        cards.append(Card(f"pair-{number}", label, attribute, index, source, lanes))
    return cards


def _lanes(rows: Sequence[Row], weight: Mapping[str, int]) -> Iterator[Lane]:
    editors = sorted({row["editor"] for row in rows}, key=lambda name: (-weight[name], str(name)))
    for editor in editors:
        sides = [
            [row for row in rows if row["editor"] == editor and row["feasibility"] == side]
            for side in (*FEASIBILITIES, UNCHANGED)
        ]
        for there in zip_longest(*sides):
            feasible, infeasible, unchanged = there
            yield Lane(str(editor), (feasible, infeasible), unchanged)
