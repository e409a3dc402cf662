"""The page of an exchange rate as a reader meets it: in a browser, on a phone, on paper."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.browser.test_pages import CONTRAST, PAPER
from tests.drawn_exchange import exchange
from varifactory.report.exchange.page import render_exchange

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 768, 1280)
PAGES = ("good.html", "bad.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    provenance = {"Data set": [("hash", "ab" * 32)]}
    many = exchange(generators=("edits", "closed-set", "foreign"), notes=("one cell is missing",))
    few = exchange(generators=("closed-set",), bases=(24,), passed=False, title="b" * 90)
    for name, found, machinery in (("good.html", many, False), ("bad.html", few, True)):
        page = render_exchange(found, machinery=machinery, provenance=provenance)
        assert len(page) < 3_000_000
        (place / name).write_bytes(page)
    return place


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_it_is_no_wider_than_its_window_and_complains_of_nothing(
    tab: Browser, folder: Path, page: str, width: int
) -> None:
    assert tab.troubles(folder / page, width) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_words_run_over_each_other(tab: Browser, folder: Path, width: int) -> None:
    tab.window(width)
    tab.open(folder / "good.html")
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.ask(OVERLAPS) == []


OVERLAPS = """[...document.querySelectorAll('.rates tbody tr, .swaps tbody tr')].flatMap(row => {
  const boxes = [...row.children].filter(one => one.checkVisibility()).flatMap(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return [...range.getClientRects()].filter(box => box.width > 1 && box.height > 1)
      .map(box => ({cell, box}));
  });
  return boxes.flatMap(({cell, box}, at) => boxes.slice(at + 1)
    .filter(other => other.cell !== cell && box.left < other.box.right - 1
      && other.box.left < box.right - 1 && box.top < other.box.bottom - 1
      && other.box.top < box.bottom - 1)
    .map(other => cell.textContent.trim() + ' | ' + other.cell.textContent.trim()));
})"""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_in_both_colour_schemes(
    tab: Browser, folder: Path, page: str, dark: bool
) -> None:
    tab.window(1280, dark=dark)
    tab.open(folder / page)
    assert tab.ask(CONTRAST) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_rate_lies_on_the_side_of_one_that_its_number_says(
    tab: Browser, folder: Path, width: int
) -> None:
    tab.window(width)
    tab.open(folder / "good.html")
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    rows = tab.ask("""[...document.querySelectorAll('.rates tbody tr:not(.stratum)')].map(row => {
      const bar = row.querySelector('svg.bar').getBoundingClientRect();
      const mark = (row.querySelector('.dot') ?? row.querySelector('.cap'))
        .getBoundingClientRect();
      const one = row.querySelector('.zero').getBoundingClientRect();
      return [row.querySelector('.points').textContent, (mark.left + mark.right) / 2 -
        (one.left + one.right) / 2, bar.width, mark.left >= bar.left - 1
        && mark.right <= bar.right + 1];
    })""")
    assert len(rows) == 4 * 3
    for number, aside, wide, inside in rows:
        rate = float(number.replace(">", "").strip())
        assert (rate > 1) == (aside > 0), (number, aside)
        assert wide > 150
        assert inside


@pytest.mark.parametrize("page", PAGES)
def test_it_prints_whole_and_light(tab: Browser, folder: Path, page: str) -> None:
    tab.window(PAPER, dark=True, paper=True)
    tab.open(folder / page)
    assert tab.ask("document.documentElement.scrollWidth") <= PAPER
    hidden = """[...document.querySelectorAll('main th, main td, main p:not(.taken), main figure')]
      .filter(one => !one.checkVisibility({contentVisibilityAuto: true})
        || !one.getClientRects().length).map(one => one.textContent.slice(0, 40))"""
    assert tab.ask(hidden) == []
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask(CONTRAST) == []


def test_a_tap_meets_every_link_and_every_link_meets_its_place(tab: Browser, folder: Path) -> None:
    tab.window(390)
    tab.open(folder / "good.html")
    small = """[...document.querySelectorAll('.taken a, nav a, summary')]
      .filter(a => a.checkVisibility() && a.getBoundingClientRect().height < 24)
      .map(a => a.textContent)"""
    assert tab.ask(small) == []
    lost = """[...document.querySelectorAll('nav a')]
      .filter(a => !document.querySelector(a.getAttribute('href'))).map(a => a.textContent)"""
    assert tab.ask(lost) == []


def test_what_is_drawn_has_a_name_for_those_who_cannot_see_it(tab: Browser, folder: Path) -> None:
    tab.window(1280)
    tab.open(folder / "good.html")
    nameless = """[...document.querySelectorAll('main svg')].filter(one =>
      one.parentElement.closest('svg') === null && one.getAttribute('aria-hidden') !== 'true'
      && !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby')).length"""
    assert tab.ask(nameless) == 0
    assert tab.ask("document.documentElement.lang") == "en"
    heads = tab.ask("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(heads))
