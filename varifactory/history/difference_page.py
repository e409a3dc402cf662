"""The differences of two versions as pages: what was, what is, and the source, side by side."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from varifactory.errors import FactoryError
from varifactory.gallery.pictures import Pictures
from varifactory.history.comparing import Comparison, Side
from varifactory.history.differences import KINDS, WORDS, Change
from varifactory.history.shifts import Shift
from varifactory.history.versions import title
from varifactory.pages import render_page
from varifactory.stages import Row
from varifactory.verdicts.wording import NO_CLASS, status_word, verdict_sentences

FACETS = ("change", "class", "attribute", "feasibility", "editor")
MOST_CLASSES = 20
"""Classes whose share moved that a page tells of."""
SHOWN = 16
"""Digits of a hash that a page shows."""


def write_pages(found: Comparison, path: str, page_size: int = 100) -> str:
    """Write ``path`` and, where one page is not enough, ``<stem>-2.html`` and on beside it.

    Raises:
        FactoryError: the folder is not there or cannot be written.
    """
    first = Path(path)
    try:
        for name, page in pages(found, first.name, page_size):
            (first.parent / name).write_bytes(page)
    except OSError as error:
        raise FactoryError(f"--html {path}: {error.strerror or error}: give another file") from None
    return str(first.resolve())


def publish_pages(found: Comparison, page_size: int = 100) -> str:
    """Write the pages beside the later version in its store; where the first one lies."""
    after, before = found.after.manifest, found.before.manifest
    folder = f"diff/{before.name}-{before.version}"
    where = ""
    for name, page in pages(found, "index.html", page_size):
        path = f"{folder}/{name}"
        where = found.after.store.put_export(after.name, after.version, path, page)
    return where.rpartition("/")[0] + "/index.html"


def pages(found: Comparison, first: str, page_size: int = 100) -> Iterator[tuple[str, bytes]]:
    """Name and content of every page, the first one last: who finds it finds the others.

    Holds no more than a page's pictures.
    """
    changes = found.found.changes
    cut = [changes[at : at + page_size] for at in range(0, len(changes), page_size)] or [()]
    stem = first.removesuffix(".html")
    files = [first, *(f"{stem}-{number}.html" for number in range(2, len(cut) + 1))]
    index = _index(changes, cut, files)
    pictures = Pictures(found.read)
    for at in reversed(range(len(cut))):
        yield files[at], _page(found, cut[at], index, at, pictures)


def _page(
    found: Comparison, page: Sequence[Change], index: dict[str, Any], at: int, pictures: Pictures
) -> bytes:
    sources = [source_row(change) for change in page]
    edits = [row for change in page for row in (change.before, change.after) if row]
    pictures.fetch([*sources, *edits], sources)
    return render_page(
        "diff.html.j2",
        "gallery.js",
        before=_told(found.before),
        after=_told(found.after),
        summary=_summary(found) if at == 0 else [],
        shifts=_shifts(found) if at == 0 else [],
        alarms=len(found.alarms),
        same=found.found.same,
        changes=page,
        apart=found.apart,
        kinds=KINDS,
        words=WORDS,
        index={**index, "page": at + 1},
        number=at + 1,
        total=len(found.found.changes),
        facet_of=lambda change: [
            index["names"][facet].index(_value(change, facet)) for facet in FACETS
        ],
        source_of=source_row,
        picture=pictures,
        status_word=status_word,
        sentences=_sentences,
    )


def source_row(change: Change) -> Row:
    """The source image of a change, as the macros of a page read it."""
    row = change.row
    return {**row, "image_blob": row["source_blob"]}


def _sentences(row: Row) -> list[str]:
    if row["kind"] == "edit":
        return verdict_sentences(row)
    return [row["reason"]] if row["reason"] else []


def _value(change: Change, facet: str) -> str:
    if facet == "change":
        return WORDS[change.kind]
    if facet == "class":
        return str(change.row["label"] or NO_CLASS)
    missing = {"source": "source image", "foreign": "foreign image"}.get(change.what, "none")
    return str(change.row[facet] or missing)


def _index(
    changes: Sequence[Change], cut: Sequence[Sequence[Change]], files: Sequence[str]
) -> dict[str, Any]:
    """What the filters need to know of every page: how many changes of which facets it holds."""
    order = {WORDS[kind]: at for at, kind in enumerate(KINDS)}
    names = {
        facet: sorted(
            {_value(change, facet) for change in changes},
            key=lambda name: (order.get(name, len(order)), name),
        )
        for facet in FACETS
    }
    at = {facet: {name: i for i, name in enumerate(found)} for facet, found in names.items()}
    counted = [
        Counter(tuple(at[facet][_value(change, facet)] for facet in FACETS) for change in page)
        for page in cut
    ]
    return {
        "facets": list(FACETS),
        "names": names,
        "things": "changes",
        "files": list(files),
        "counts": [[[*key, count] for key, count in sorted(page.items())] for page in counted],
    }


def _told(side: Side) -> dict[str, str]:
    manifest = side.manifest
    return {
        "title": title(manifest),
        "made": f"{manifest.created_at:%d %B %Y, %H:%M} by {manifest.actor}",
        "run": manifest.run_id,
        "hash": manifest.dataset_hash[:SHOWN],
        "store": side.store.url,
    }


def _summary(found: Comparison) -> list[dict[str, Any]]:
    """A line a kind of change: how many in all, and of each attribute."""
    by = found.found.by("attribute")
    counts = found.found.counts
    return [
        {"kind": kind, "word": WORDS[kind], "total": counts[kind],
         "by": {name: kinds.get(kind, 0) for name, kinds in by.items()}}
        for kind in KINDS if counts[kind]
    ]  # fmt: skip


def _shifts(found: Comparison) -> list[Shift]:
    """All edits, every attribute, and the classes whose share moved, the most first."""
    attributes, classes = found.moved["attribute"], found.moved["class"]
    moved = [shift for shift in classes[1:] if shift.moved]
    moved.sort(key=lambda shift: -abs(shift.difference.estimate))
    return [*attributes, *moved[:MOST_CLASSES]]
