"""Two versions with 10,000 changed edits, compared and shown; one edit found among 100,000."""

import hashlib
import os
import sys
import time
from pathlib import Path

from bench.figures import folder, show
from bench.pages import EDITS, SIDE, publish, rows_of
from tests.browser.chromium import browser, chromium
from varifactory import records
from varifactory.history.comparing import Side, compared
from varifactory.history.consequences import consequences
from varifactory.history.difference_page import write_pages
from varifactory.history.finding import find
from varifactory.history.ledger import Ledger
from varifactory.history.lineage import Teller
from varifactory.store import Store

LEDGER = 100_000
"""Edits among which one is looked up."""


def main() -> None:
    """Flip every verdict; compare, write the pages, look at them; then ask why."""
    with folder() as place:
        os.environ["VARIFACTORY_CACHE"] = str(place / "cache")
        store = Store(str(place / "store"))
        store.prepare()
        differences(store, place)
        lineage(store)


def differences(store: Store, place: Path) -> None:
    """Every edit of the second version has another verdict."""
    rows = list(rows_of(store, EDITS, SIDE))
    publish(store, rows, 1)
    for at, row in enumerate(rows):
        if row["kind"] == "edit":
            row["status"] = "ok" if row["status"] == "rejected" else "rejected"
            row["key"] = hashlib.sha256(f"{at}".encode()).hexdigest()
    publish(store, rows, 2)
    began = time.perf_counter()
    before, after = (Side.of(store, store.dataset("many", version)) for version in (1, 2))
    found = compared(before, after)
    changes = len(found.found.changes)
    show("two versions compared", time.perf_counter() - began, "s", len(rows), changes=changes)
    pages = place / "pages"
    pages.mkdir()
    for said in ("first", "again"):
        began = time.perf_counter()
        write_pages(found, str(pages / "index.html"))
        show(f"pages of differences, {said}", time.perf_counter() - began, "s", changes)
    sizes = [page.stat().st_size for page in pages.glob("*.html")]
    show("largest page of differences", max(sizes) / 1e6, "MB", len(sizes))
    on_the_screen(place, pages / "index.html")


def on_the_screen(place: Path, page: Path) -> None:
    """Seconds until a page stands in a headless Chromium, all its pictures decoded."""
    if not chromium():
        print("page of differences on the screen: not measured, no Chromium", file=sys.stderr)
        return
    with browser(place / "profile") as tab:
        tab.window(1280)
        tab.open(page)  # what the browser itself needs to begin is not the page's
        began = time.perf_counter()
        tab.open(page.with_name("index-2.html"))
        tab.ask("Promise.all([...document.images].map(i => i.decode())).then(all => all.length)")
        show("page of differences on the screen", time.perf_counter() - began, "s", 1)


def lineage(store: Store) -> None:
    """The story of one edit, whose stage and versions are read for it."""
    spec = "ab" * 32
    made = [
        {"key": hashlib.sha256(f"e{at}".encode()).hexdigest(), "status": "ok", "label": "class 1",
         "run": "bench", "source_key": f"{at % 1000:064x}", "attribute": "color",
         "feasibility": "feasible", "value": "red", "editor": "compositor", "index": at}
        for at in range(LEDGER)
    ]  # fmt: skip
    store.append("edits", spec, records.table("edits", made))
    began = time.perf_counter()
    teller = Teller(Ledger(Store(store.url)))
    found = find(teller.ledger, str(made[LEDGER // 2]["key"]))
    lines = list(teller.story(found).lines())
    consequences(teller, found)
    show("why of one edit", time.perf_counter() - began, "s", LEDGER, lines=len(lines))


if __name__ == "__main__":
    main()
