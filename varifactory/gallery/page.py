"""The gallery: what was made and what was said of it, as pages that need no server.

What stands together is one source, attribute and index: the source with its mask's outline, the
feasible and the infeasible edit beside it, and the same two by every other editor. An unchanged
edit, where there is one, stands below them. Foreign images of a class hang together (``walls``).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from varifactory.catalog.taxonomy import FEASIBILITIES, UNCHANGED
from varifactory.errors import FactoryError
from varifactory.gallery.pictures import Pictures, Read
from varifactory.gallery.walls import Wall, foreign_yields, walls
from varifactory.items import is_unchanged, surplus
from varifactory.pages import render_page
from varifactory.records import STATUSES
from varifactory.stages import Row
from varifactory.verdicts.wording import NO_CLASS, judges_said, status_word, verdict_sentences

FACETS = ("class", "attribute", "feasibility", "status", "editor")
OF_FOREIGN = ("class", "status", "editor")
"""Facets of a gallery of foreign images alone, which change nothing."""
COLUMNS = {"class": "label"}
GLIMPSES = 12
"""Pairs shown large at the top of the first page."""
SHOWN_UNUSED = 200
"""Sources without an edit that are shown; the others are counted."""


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


def render_gallery(
    items: pa.Table,
    read: Read,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
    page_size: int = 200,
) -> dict[str, bytes]:
    """Path -> page, ``index.html`` first; a page holds about ``page_size`` edits, pairs unbroken.

    ``items`` has the columns of ``records.STAGES["items"]``. A picture that ``read`` cannot bring
    is said so in its place; the gallery of a damaged store is still a gallery.
    """
    return dict(gallery_pages(items, read, title=title, facts=facts, page_size=page_size))


def gallery_pages(
    items: pa.Table,
    read: Read,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
    page_size: int = 200,
    keep: bool = False,
) -> Iterator[tuple[str, bytes]]:
    """As ``render_gallery``, one page at a time: holds no more than a page's pictures.

    ``keep`` remembers thumbnails on this disk, so that another build makes only new ones.
    """
    rows = items.to_pylist()
    edits = [row for row in rows if row["kind"] == "edit"]
    asked = [row for row in edits if not is_unchanged(row)]
    sources = {row["source_key"]: row for row in rows if row["kind"] == "source"}
    hung = list(walls(rows))
    cards: list[Card | Wall] = [*_cards(edits, sources), *hung]
    pages = list(_paged(cards, page_size)) or [[]]
    facets = FACETS if edits or not hung else OF_FOREIGN
    index = _index([row for card in cards for row in card.edits], pages, facets)
    if hung:
        index["things"] = "images"
    pictures = Pictures(read, keep)
    for number, page in enumerate(pages, start=1):
        first = number == 1
        glimpses = _glimpses(cards) if first and len(cards) > 3 else []
        unused = _unused(sources, edits, bool(hung)) if first else []
        paired = [card for card in [*page, *glimpses] if isinstance(card, Card)]
        seen = [*(card.source for card in paired), *unused[:SHOWN_UNUSED]]
        edits_shown = [row for card in [*page, *glimpses] for row in card.edits]
        pictures.fetch([*seen, *edits_shown], seen)
        yield (
            index["files"][number - 1],
            render_page(
                "gallery.html.j2",
                "gallery.js",
                title=title,
                facts=facts or {},
                **_figures(asked if first else [], hung if first else []),
                edited=bool(edits),
                asked=len(asked),
                unchanged=len(edits) - len(asked),
                href=partial(_href, index),
                glimpses=[(card, index["files"][_page_of(card, pages)]) for card in glimpses],
                cards=page,
                unused=unused[:SHOWN_UNUSED],
                unused_more=max(0, len(unused) - SHOWN_UNUSED),
                index={**index, "page": number},
                number=number,
                shown=sum(len(card.edits) for card in page),
                facet_of=partial(_places, index),
                picture=pictures,
                status_word=status_word,
                sentences=verdict_sentences,
                judges_said=judges_said,
            ),
        )


def _figures(asked: Sequence[Row], hung: Sequence[Wall]) -> dict[str, Any]:
    """What the first page tells of all; classes are those of edits, if there are any."""
    counted = asked or [row for wall in hung for row in wall.edits]
    return {"yields": _yields(asked), "foreign": foreign_yields(hung), "classes": _classes(counted)}


def _cards(edits: Sequence[Row], sources: Mapping[str, Row]) -> list[Card]:
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


def _paged(cards: Sequence[Card | Wall], page_size: int) -> Iterator[list[Card | Wall]]:
    if page_size < 1:
        raise FactoryError(f"page_size {page_size}: give the edits of a page, at least 1")
    page: list[Card | Wall] = []
    held = 0
    for card in cards:
        if page and held + len(card.edits) > page_size:
            yield page
            page, held = [], 0
        page.append(card)
        held += len(card.edits)
    if page:
        yield page


def _page_of(card: Card, pages: Sequence[Sequence[Card | Wall]]) -> int:
    return next(at for at, page in enumerate(pages) if any(card is other for other in page))


def _value(row: Row, facet: str) -> str:
    found = row[COLUMNS.get(facet, facet)]
    if facet == "class":
        return str(found or NO_CLASS)
    return "none" if found is None else str(found)  # a foreign image changes no attribute


def _places(index: Mapping[str, Any], row: Row) -> list[int]:
    """Of a row's facets among the names of each."""
    return [index["names"][facet].index(_value(row, facet)) for facet in index["facets"]]


def _index(
    edits: Sequence[Row], pages: Sequence[Sequence[Card | Wall]], facets: Sequence[str]
) -> dict[str, Any]:
    """What the filters need to know of every page: how many edits of which facets it holds."""
    orders = {"feasibility": (*FEASIBILITIES, UNCHANGED), "status": STATUSES}
    names = {}
    for facet in facets:
        there = sorted({_value(row, facet) for row in edits})
        order = {name: at for at, name in enumerate(orders.get(facet, ()))}
        names[facet] = sorted(there, key=lambda name: (order.get(name, len(order)), name))
    at = {facet: {name: i for i, name in enumerate(found)} for facet, found in names.items()}
    counted = [
        Counter(
            tuple(at[facet][_value(row, facet)] for facet in facets)
            for card in page
            for row in card.edits
        )
        for page in pages
    ]
    return {
        "facets": list(facets),
        "names": names,
        "files": ["index.html", *(f"page-{number}.html" for number in range(2, len(pages) + 1))],
        "counts": [[[*key, count] for key, count in sorted(page.items())] for page in counted],
    }


def _href(index: Mapping[str, Any], **wanted: str) -> str:
    """Address of the first page that holds edits of these facets, with the filter set."""
    facets, names = index["facets"], index["names"]
    at = {facets.index(facet): names[facet].index(name) for facet, name in wanted.items()}
    page = next(
        number for number, rows in enumerate(index["counts"])
        if any(all(row[i] == value for i, value in at.items()) for row in rows)
    )  # fmt: skip
    return f"{index['files'][page]}#{urlencode(wanted)}"


def _glimpses(every: Sequence[Card | Wall]) -> list[Card]:
    """One pair a class, attributes in turn, so that the first look sees the whole range."""
    by_class: dict[str, list[Card]] = defaultdict(list)
    cards = [card for card in every if isinstance(card, Card)]
    for card in cards:
        if card.accepted:
            by_class[card.label].append(card)
    attributes = sorted({card.attribute for card in cards})
    chosen = []
    for turn, label in enumerate(sorted(by_class)[:GLIMPSES]):
        wanted = attributes[turn % len(attributes)]
        found = [card for card in by_class[label] if card.attribute == wanted]
        chosen.append((found or by_class[label])[0])
    return chosen


def _unused(sources: Mapping[str, Row], edits: Sequence[Row], foreign: bool) -> list[Row]:
    """Sources of which no edit was even asked for although they were meant to be edited; beside
    foreign images none was."""
    edited = {row["source_key"] for row in edits}
    return [
        row
        for key, row in sources.items()
        if key not in edited and (row["status"] != "ok" or (row["mask_blob"] and not foreign))
    ]


def _classes(edits: Sequence[Row]) -> list[tuple[str, int, int]]:
    """Class name, edits accepted, edits asked for."""
    asked = Counter(_value(row, "class") for row in edits)
    accepted = Counter(_value(row, "class") for row in edits if row["status"] == "ok")
    return [(name, accepted[name], count) for name, count in sorted(asked.items())]


def _yields(edits: Sequence[Row]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    beyond: Counter[tuple[str, str, str]] = Counter()
    for row in edits:
        place = (_value(row, "editor"), _value(row, "attribute"), _value(row, "feasibility"))
        groups[place][row["status"]] += 1
        beyond[place] += surplus(row)
    return [
        {
            "place": place,
            "total": counts.total(),
            "share": (counts["ok"] + beyond[place]) / counts.total(),
            "surplus": beyond[place],
            **{status: counts[status] for status in STATUSES},
        }
        for place, counts in sorted(groups.items())
    ]
