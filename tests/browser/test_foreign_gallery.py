"""The gallery of foreign images as a reader meets it: on a phone, with its filters."""

from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.drawn_items import Drawn
from varifactory.gallery.page import render_gallery

pytestmark = pytest.mark.browser

VISIBLE = "[...document.querySelectorAll('[data-facets]')].filter(t => t.offsetParent).length"
REASON = "near-duplicate of a test image of pets@3: 0 perceptual-hash bits are fewer than its edits"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen images of two classes, some of them refused."""
    drawn = Drawn(classes=("kettle",), sources=1)
    made = [row["image_blob"] for row in drawn.rows if row["image_blob"]]
    rows = [row for row in drawn.rows if row["kind"] == "source"]
    for number in range(14):
        bad = number % 3 == 0
        rows.append({
            "key": f"{number:064x}", "kind": "foreign", "split": "train", "stage": "foreign",
            "label": "kettle" if number % 2 else "a" * 120 + " & <b>",
            "status": "rejected" if bad else "ok", "reason": REASON if bad else "",
            "editor": "a generator with a long name <i> " + "z" * 40, "prompt": "a kettle",
            "edit_key": f"{number:064x}", "image_blob": made[number % len(made)],
        })  # fmt: skip
    drawn.rows = rows
    place = tmp_path_factory.mktemp("foreign")
    pages = render_gallery(drawn.items, drawn.read, title="theirs", facts={"made": "today"})
    assert list(pages) == ["index.html"]
    (place / "index.html").write_bytes(pages["index.html"])
    return place / "index.html"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_is_no_wider_than_its_window_and_complains_of_nothing(
    tab: Browser, page: Path, width: int
) -> None:
    tab.window(width)
    tab.open(page)
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []
    assert tab.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert tab.ask("document.images.length") == 14


def test_filters_and_links_find_what_was_refused(tab: Browser, page: Path) -> None:
    tab.window(1280)
    tab.open(page)
    assert tab.ask(VISIBLE) == 14
    assert tab.ask("document.getElementById('shown').textContent").startswith("14 images")
    assert tab.ask("document.querySelectorAll('#by-attribute, #contours').length") == 0
    tab.ask("[...document.querySelectorAll('table a')].find(a => a.textContent === '5').click()")
    assert tab.ask(VISIBLE) == 5
    tab.ask("document.getElementById('reset').click()")
    assert tab.ask(VISIBLE) == 14
