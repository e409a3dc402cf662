"""What a mixture would hold if nobody had looked at the edits: first attempts, drawn by lot."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from varifactory import keys
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.errors import TrainingError
from varifactory.stages import Row

KEPT_ALONE = ("edit_key", "verdict_key", "measured_value", "measured_class", "presence",
              "judged_feasibility", "class_score", "judgements", "change_inside")  # fmt: skip
"""What an item tells of the attempt that was kept, and of no earlier one."""

Place = tuple[str, str, int, str]
"""Source, attribute, index and editor: what the first attempts of a pair share."""


def first_attempts(
    arm: str, paired: Sequence[Row], made: Sequence[Row], seed: int, per_source: int
) -> list[Row]:
    """As many first attempts a class as it has pairs, half of each feasibility.

    The lot falls on places (a source's, attribute's and editor's n-th edit), first those of the
    smallest index: so more ``per_source`` adds to what fewer draw. Where it falls on the place of a
    pair, that is where the attempt stands. A class gets fewer than its pairs only where at so few
    places a first attempt was made and passed its gate.

    Args:
        arm: named in errors.
        paired: one side of every pair of the other arms, in their order.
        made: every edit that was asked for.
        seed: the training seed.
        per_source: how many places of a source, attribute and editor may be drawn; 0: all.

    Returns:
        Items whose pixels are those of their first attempt; what the judge said of another is None
        there (the verdicts table has it by ``pixel_sha256``).

    Raises:
        TrainingError: a class that has pairs has no first attempts.
    """
    places = _places(made, per_source)
    wanted: dict[str, list[Row]] = defaultdict(list)
    for row in paired:
        wanted[row["label"]].append(row)
    drawn = {label: _drawn(places.get(label, ()), len(rows), seed)
             for label, rows in wanted.items()}  # fmt: skip
    if bare := sorted(label for label, rows in drawn.items() if not rows):
        raise TrainingError(
            f"arm {arm!r} needs first attempts at edits, but the data set tells of none for "
            f"{', '.join(map(repr, bare))}: versions made before they were kept lack them; run "
            "flows.generate again, which makes no edit anew"
        )
    seated = {label: _seated(rows, drawn[label]) for label, rows in wanted.items()}
    return [row for each in paired for row in [next(seated[each["label"]])] if row is not None]


@dataclass(frozen=True, slots=True)
class _Made:
    """The first attempts at one place."""

    place: Place
    rank: int
    """Of its index among those of its source, attribute and editor, from 0."""
    sides: Mapping[str, Row]
    """One, where the other was not made or its gate refused it."""


def _places(made: Iterable[Row], per_source: int) -> dict[str, list[_Made]]:
    """Class -> the places of which there is a first attempt."""
    found: dict[Place, dict[str, Row]] = defaultdict(dict)
    for row in made:
        if row["feasibility"] in FEASIBILITIES and row.get("first_blob"):
            found[_place(row)][row["feasibility"]] = row
    ranks: Counter[tuple[str, str, str]] = Counter()
    places: dict[str, list[_Made]] = defaultdict(list)
    for place, sides in sorted(found.items()):
        source, attribute, _, editor = place
        rank = ranks[source, attribute, editor]
        ranks[source, attribute, editor] += 1
        if per_source == 0 or rank < per_source:
            label = next(iter(sides.values()))["label"]
            places[label].append(_Made(place, rank, sides))
    return places


def _place(row: Row) -> Place:
    return row["source_key"], row["attribute"], row["index"], row["editor"]


def _drawn(places: Iterable[_Made], count: int, seed: int) -> dict[Place, Row]:
    """The first attempts that the lot falls on, feasible and infeasible in turn."""
    order = sorted(places, key=lambda one: (one.rank, len(one.sides) < len(FEASIBILITIES),
                                            keys.seed_from(seed, LOT, *one.place)))  # fmt: skip
    taken: Counter[str] = Counter()
    drawn = {}
    for one in order[:count]:
        side = min(
            (side for side in FEASIBILITIES if side in one.sides), key=lambda side: taken[side]
        )
        taken[side] += 1
        drawn[one.place] = _first(one.sides[side])
    return drawn


LOT = "unfiltered"


def _first(item: Row) -> Row:
    """An item as it was at its first attempt."""
    of_another = dict.fromkeys(KEPT_ALONE) if item["attempt"] else {}
    pixels = {"pixel_sha256": item["first_sha256"], "image_blob": item["first_blob"], "attempt": 0}
    return {**item, **of_another, **pixels}


def _seated(paired: Sequence[Row], drawn: Mapping[Place, Row]) -> Iterator[Row | None]:
    """What was drawn, at its own pair's position if it has one, else at the next free one."""
    own = {_place(row) for row in paired}
    others = iter([row for place, row in drawn.items() if place not in own])
    for row in paired:
        yield drawn[_place(row)] if _place(row) in drawn else next(others, None)
