"""The page of differences as a reader meets it: narrow and wide, light and dark, filtered."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.browser.chromium import Browser
from tests.browser.test_pages import CONTRAST, VISIBLE
from tests.drawn_items import Drawn
from tests.varifactory.history.changed_items import changed, drawn_rows, store_of
from varifactory.command import main

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("differences")
    drawn = Drawn(classes=("kettle", "owl", "a" * 300 + " & <b>"), sources=2)
    rows = drawn_rows(drawn)
    store = store_of(folder / "store", drawn, rows, changed(rows)[0])
    words = ("diff", "toys", "--store", store.url, "--html", str(folder / "d.html"))
    assert CliRunner().invoke(main, [*words, "--page-size", "4"]).exit_code == 1
    return folder / "d.html"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_its_window_and_can_be_read(
    tab: Browser, page: Path, width: int, dark: bool
) -> None:
    tab.window(width, dark=dark)
    tab.open(page)
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []
    assert tab.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert tab.ask(CONTRAST) == []


def test_filters_lead_to_the_page_that_has_what_is_asked_for(tab: Browser, page: Path) -> None:
    tab.window(1280)
    tab.open(page)
    assert tab.ask(VISIBLE) == 4
    assert tab.ask("document.getElementById('shown').textContent") == "7 changes, 4 on this page"
    tab.open(page, "#change=removed")
    assert tab.ask(VISIBLE) == 0
    assert tab.ask("document.getElementById('jump').href").endswith("d-2.html#change=removed")
    tab.open(page.with_name("d-2.html"), "#change=removed")
    assert tab.ask(VISIBLE) == 1
    assert tab.ask("document.querySelector('.card:not([hidden]) .kind').textContent") == "Removed"
