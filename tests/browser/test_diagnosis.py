"""The page of a diagnosis as a reader meets it: in a browser, on a phone, on paper."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.browser.test_pages import CONTRAST
from tests.drawn_diagnoses import Drawn, group
from varifactory.report.diagnosis.page import render_diagnosis

pytestmark = pytest.mark.browser

WIDTHS = (390, 1280)
PAPER = 700
"""Width of the text on A4 in CSS pixels, with the margins of the style sheet."""
LONG = "a" * 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    drawn = Drawn()
    found = drawn.diagnosis()
    hard = replace(
        found,
        title=f"toys-{LONG}@3",
        groups=(*found.groups, group(LONG, attribute="background", precision=0.5)),
        flags=(*found.flags, replace(found.flags[0], label=LONG, attribute="background")),
        senses=((LONG, LONG, -0.2),),
        notes=(f"{LONG} is long.",),
    )
    for name, one in {"plain.html": found, "hard.html": hard}.items():
        page = render_diagnosis(
            one, dataset="toys@3", blobs=drawn.named, read=drawn.read, small_model=True,
            machinery=True, gallery="../gallery/index.html",
            provenance={"Data set": [("hash", "ab" * 32)]},
        )  # fmt: skip
        (place / name).write_bytes(page)
    return place


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["plain.html", "hard.html"])
def test_it_fits_its_window_and_complains_of_nothing(
    tab: Browser, folder: Path, page: str, width: int
) -> None:
    assert tab.troubles(folder / page, width) == []
    assert tab.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert tab.ask("document.images.length") > 30


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_word_stands_out_from_its_ground(
    tab: Browser, folder: Path, width: int, dark: bool
) -> None:
    tab.window(width, dark=dark)
    tab.open(folder / "plain.html")
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.ask(CONTRAST) == []


def test_a_phone_shows_every_flag_without_scrolling_aside(tab: Browser, folder: Path) -> None:
    tab.window(390)
    tab.open(folder / "plain.html")
    shown = """[...document.querySelectorAll('.flags .issue')].filter(cell => {
      const box = cell.getBoundingClientRect(); return box.width && box.right <= 390; })
      .map(cell => cell.textContent)"""
    assert tab.ask(shown) == ["Adherence: scattered", "Concept not represented: blurred",
                              "Ambiguity: another sense", "Lack of diversity: narrow",
                              "Copies: of real"]  # fmt: skip
    small = """[...document.querySelectorAll('.taken a, nav a, .flags a')]
      .filter(a => a.getBoundingClientRect().height < 24).map(a => a.textContent)"""
    assert tab.ask(small) == []


def test_a_class_leads_to_its_card(tab: Browser, folder: Path) -> None:
    tab.window(1280)
    tab.open(folder / "plain.html")
    link = "[...document.querySelectorAll('.flags a')].find(a => a.textContent === 'crane')"
    fragment = tab.ask(f"new URL({link}.href).hash")
    tab.open(folder / "plain.html", fragment)
    assert tab.ask("document.querySelector(location.hash + ' h3').textContent") == "crane"
    arrived = """new Promise(done => {
      const start = Date.now(), look = () => {
        const top = document.querySelector(location.hash).getBoundingClientRect().top;
        if (top < 200 || Date.now() - start > 5000) done(top); else setTimeout(look, 50); };
      look(); })"""
    assert 0 <= tab.ask(arrived) < 200


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_agree_with_their_figures(tab: Browser, folder: Path, width: int) -> None:
    """A share's dot lies as far along its bar as the figure says, its reference too."""
    tab.window(width)
    tab.open(folder / "plain.html")
    wrong = tab.ask("""[...document.querySelectorAll('.figures tbody tr')].filter(row => {
      const bar = row.querySelector('svg.bar'), told = row.querySelector('.value');
      if (!bar || !told.textContent.includes('%')) return false;
      const box = bar.getBoundingClientRect();
      const along = (node) => { const b = node.getBoundingClientRect();
        return ((b.left + b.right) / 2 - box.left) / box.width * 100; };
      const place = (text) => 3 + 0.94 * parseFloat(text);
      const real = row.querySelector('.real'), beside = row.querySelector('.reference');
      return box.width < 100 || Math.abs(along(bar.querySelector('.dot'))
        - place(told.textContent)) > 1
        || (real && Math.abs(along(real) - place(beside.textContent)) > 1);
    }).map(row => row.textContent)""")
    assert wrong == []
    assert tab.ask("document.querySelectorAll('.figures svg.bar').length") > 10


def test_on_paper_it_is_whole_and_light(tab: Browser, folder: Path) -> None:
    tab.window(PAPER, dark=True, paper=True)
    tab.open(folder / "plain.html")
    assert tab.ask("document.documentElement.scrollWidth") <= PAPER
    cut = """[...document.querySelectorAll('table, .scroll, .plot, .strip')]
      .filter(one => one.getBoundingClientRect().right > document.body.clientWidth + 1)
      .map(one => one.closest('section').querySelector('h2').textContent)"""
    assert tab.ask(cut) == []
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask(CONTRAST) == []


def test_tables_and_pictures_have_names_for_those_who_cannot_see_them(
    tab: Browser, folder: Path
) -> None:
    tab.window(1280)
    tab.open(folder / "plain.html")
    nameless = """[...document.querySelectorAll('svg[role=img], .strip, .scroll, [role=group]')]
      .filter(one => !one.getAttribute('aria-label') && !(document.getElementById(
        one.getAttribute('aria-labelledby'))?.textContent.trim())).length"""
    assert tab.ask(nameless) == 0
    assert tab.ask("document.querySelectorAll('h1').length") == 1
    levels = tab.ask("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(levels))
