"""Filters of a gallery: what its edits are counted and chosen by, over all of its pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from varifactory.catalog.taxonomy import FEASIBILITIES, UNCHANGED
from varifactory.gallery.cards import Card
from varifactory.gallery.walls import Wall
from varifactory.records import STATUSES
from varifactory.stages import Row
from varifactory.verdicts.wording import NO_CLASS

FACETS = ("class", "attribute", "feasibility", "status", "editor")
OF_FOREIGN = ("class", "status", "editor")
"""Facets of a gallery of foreign images alone, which change nothing."""
COLUMNS = {"class": "label"}


def facet_value(row: Row, facet: str) -> str:
    """What a row shows in a facet, in words; ``none`` where it has nothing of the kind."""
    found = row[COLUMNS.get(facet, facet)]
    if facet == "class":
        return str(found or NO_CLASS)
    return "none" if found is None else str(found)  # a foreign image changes no attribute


def facet_places(index: Mapping[str, Any], row: Row) -> list[int]:
    """Of a row's facets among the names of each."""
    return [index["names"][facet].index(facet_value(row, facet)) for facet in index["facets"]]


def filter_index(
    edits: Sequence[Row], pages: Sequence[Sequence[Card | Wall]], facets: Sequence[str]
) -> dict[str, Any]:
    """What the filters need to know of every page: how many edits of which facets it holds."""
    orders = {"feasibility": (*FEASIBILITIES, UNCHANGED), "status": STATUSES}
    names = {}
    for facet in facets:
        there = sorted({facet_value(row, facet) for row in edits})
        order = {name: at for at, name in enumerate(orders.get(facet, ()))}
        names[facet] = sorted(there, key=lambda name: (order.get(name, len(order)), name))
    at = {facet: {name: i for i, name in enumerate(found)} for facet, found in names.items()}
    counted = [
        Counter(
            tuple(at[facet][facet_value(row, facet)] for facet in facets)
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


def filtered_href(index: Mapping[str, Any], **wanted: str) -> str:
    """Address of the first page that holds edits of these facets, with the filter set."""
    facets, names = index["facets"], index["names"]
    at = {facets.index(facet): names[facet].index(name) for facet, name in wanted.items()}
    page = next(
        number for number, rows in enumerate(index["counts"])
        if any(all(row[i] == value for i, value in at.items()) for row in rows)
    )  # fmt: skip
    return f"{index['files'][page]}#{urlencode(wanted)}"
