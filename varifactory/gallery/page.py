"""The gallery: what was made and what was said of it, as pages that need no server.

What stands together is one source, attribute and index: the source with its mask's outline, the
feasible and the infeasible edit beside it, and the same two by every other editor. An unchanged
edit, where there is one, stands below them. Foreign images of a class hang together (``walls``).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from varifactory.errors import FactoryError
from varifactory.gallery.cards import Card, pair_cards
from varifactory.gallery.filters import (
    FACETS,
    OF_FOREIGN,
    facet_places,
    facet_value,
    filter_index,
    filtered_href,
)
from varifactory.gallery.pictures import Pictures, Read
from varifactory.gallery.walls import Wall, foreign_yields, walls
from varifactory.items import is_unchanged, surplus
from varifactory.pages import render_page
from varifactory.records import STATUSES
from varifactory.stages import Row
from varifactory.verdicts.wording import judges_said, status_word, verdict_sentences

GLIMPSES = 12
"""Pairs shown large at the top of the first page."""

SHOWN_UNUSED = 200
"""Sources without an edit that are shown; the others are counted."""


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
    cards: list[Card | Wall] = [*pair_cards(edits, sources), *hung]
    pages = list(_paged(cards, page_size)) or [[]]
    facets = FACETS if edits or not hung else OF_FOREIGN
    index = filter_index([row for card in cards for row in card.edits], pages, facets)
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
                href=partial(filtered_href, index),
                glimpses=[(card, index["files"][_page_of(card, pages)]) for card in glimpses],
                cards=page,
                unused=unused[:SHOWN_UNUSED],
                unused_more=max(0, len(unused) - SHOWN_UNUSED),
                index={**index, "page": number},
                number=number,
                shown=sum(len(card.edits) for card in page),
                facet_of=partial(facet_places, index),
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
    asked = Counter(facet_value(row, "class") for row in edits)
    accepted = Counter(facet_value(row, "class") for row in edits if row["status"] == "ok")
    return [(name, accepted[name], count) for name, count in sorted(asked.items())]


def _yields(edits: Sequence[Row]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    beyond: Counter[tuple[str, ...]] = Counter()
    for row in edits:
        place = (
            facet_value(row, "editor"),
            facet_value(row, "attribute"),
            facet_value(row, "feasibility"),
        )
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
