"""The gallery and the report as a reader meets them: in a browser, on a phone, by keyboard."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.drawn_items import Drawn
from tests.drawn_studies import dataset, grid, quickstart
from varifactory.gallery.page import render_gallery
from varifactory.report import render_study

pytestmark = pytest.mark.browser

VISIBLE = "[...document.querySelectorAll('[data-facets]')].filter(t => t.offsetParent).length"
WIDTHS = (320, 390, 768, 1440)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(classes=("kettle", "lantern", "owl", "a" * 300 + " & <b>"), sources=2)


@pytest.fixture(scope="module")
def folder(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    pages = render_gallery(
        drawn.items, drawn.read, title="toys", facts={"made": "today"}, page_size=60
    )
    for name, data in pages.items():
        (place / name).write_bytes(data)
    many = grid({"pets-" + "x" * 60: 3669, "cars": 3333})
    reports = {"report.html": (quickstart(), ["toys"]), "grid.html": (many, ["pets", "cars"])}
    for name, (study, sets) in reports.items():
        page = render_study(
            study, [dataset(one) for one in sets], title="toys " + "b" * 80, machinery=True,
            galleries={"toys": "index.html"}, small_models=["masks (small-sam)"],
            provenance={"Data": [("data set hash", "ab" * 32)],
                        "Choices": [(f"training.key{at}", "c" * at) for at in range(80)]},
        )  # fmt: skip
        (place / name).write_bytes(page)
    return place


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["index.html", "page-2.html", "report.html", "grid.html"])
def test_no_page_is_wider_than_its_window_or_complains(
    tab: Browser, folder: Path, page: str, width: int
) -> None:
    assert tab.troubles(folder / page, width) == []
    loaded = tab.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert loaded


@pytest.mark.parametrize("page", ["index.html", "report.html", "grid.html"])
@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_in_both_colour_schemes(
    tab: Browser, folder: Path, page: str, dark: bool
) -> None:
    """Contrast of at least 4.5 to 1 (WCAG AA) for every word on its ground."""
    tab.window(1440, dark=dark)
    tab.open(folder / page)
    assert tab.ask(CONTRAST) == []


CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (node) => { for (; node; node = node.parentElement) {
    const found = rgba(getComputedStyle(node).backgroundColor); if (found[3] > 250) return found; }
    return [255, 255, 255, 255]; };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()
        || ['SCRIPT', 'STYLE', 'TITLE', 'OPTION'].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const ink = rgba(node.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.add(node.tagName + '.' + node.className + ' ' + ratio.toFixed(2) + ' '
      + walker.currentNode.data.trim().slice(0, 30));
  }
  return [...poor];
})()"""


PAPER = 700
"""Width of the text on A4 in CSS pixels, with the margins of the style sheet."""


@pytest.mark.parametrize("page", ["report.html", "grid.html"])
def test_a_printed_report_is_whole_and_light(tab: Browser, folder: Path, page: str) -> None:
    tab.window(PAPER, dark=True, paper=True)
    tab.open(folder / page)
    assert tab.ask("document.documentElement.scrollWidth") <= PAPER
    cut = """[...document.querySelectorAll('table, .scroll, .plot, pre')]
      .filter(one => one.getBoundingClientRect().right > document.body.clientWidth + 1)
      .map(one => one.closest('section, header').querySelector('h1, h2').textContent)"""
    assert tab.ask(cut) == []
    hidden = """[...document.querySelectorAll('main th, main td, main p:not(.taken)')]
      .filter(one => !one.checkVisibility({contentVisibilityAuto: true})
        || !one.getClientRects().length).length"""
    assert tab.ask(hidden) == 0
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask(CONTRAST) == []


@pytest.mark.parametrize("width", [390, 1440])
def test_intervals_lie_inside_their_plot_and_over_the_margin(
    tab: Browser, folder: Path, width: int
) -> None:
    """What is drawn agrees with the numbers beside it: a point right of zero has a plus."""
    tab.window(width)
    tab.open(folder / "grid.html")
    wrong = tab.ask("""[...document.querySelectorAll('.forest tbody tr:not(.stratum)')]
     .filter(row => {
      const bar = row.querySelector('svg.bar').getBoundingClientRect();
      const dot = row.querySelector('.dot').getBoundingClientRect();
      const zero = row.querySelector('.zero').getBoundingClientRect();
      const band = row.querySelector('.band').getBoundingClientRect();
      const points = parseFloat(row.querySelector('.points').textContent.replace('−', '-'));
      const middle = (dot.left + dot.right) / 2, origin = (zero.left + zero.right) / 2;
      const inside = dot.left >= bar.left - 1 && dot.right <= bar.right + 1;
      const side = points === 0 || Math.sign(points) === Math.sign(middle - origin);
      const margin = (Math.abs(points) < 0.5) === (middle > band.left && middle < band.right);
      return !(inside && side && margin) || bar.width < 150;
    }).map(row => row.textContent)""")
    assert wrong == []
    lines = tab.ask("document.querySelectorAll('.forest tbody tr:not(.stratum)').length")
    assert lines == len(grid().comparisons)


def test_a_tap_meets_a_link_to_data_on_a_phone(tab: Browser, folder: Path) -> None:
    """At least 24 CSS pixels high (WCAG 2.2, target size)."""
    tab.window(390)
    tab.open(folder / "report.html")
    small = """[...document.querySelectorAll('.taken a, nav a')]
      .filter(a => a.getBoundingClientRect().height < 24).map(a => a.textContent)"""
    assert tab.ask(small) == []


def test_filters_hide_what_does_not_fit_and_count_over_all_pages(
    tab: Browser, folder: Path, drawn: Drawn
) -> None:
    edits = [row for row in drawn.rows if row["kind"] == "edit"]
    tab.window(1440)
    tab.open(folder / "index.html")
    all_here = tab.ask(VISIBLE)
    tab.ask("""(() => { const s = document.getElementById('by-status');
      s.value = [...s.options].find(o => o.dataset.name === 'rejected').value;
      s.dispatchEvent(new Event('change')); })()""")
    rejected = sum(row["status"] == "rejected" for row in edits)
    assert 0 < tab.ask(VISIBLE) < all_here
    assert tab.ask("document.getElementById('shown').textContent").startswith(
        f"{rejected} of {len(edits)} edits match, {tab.ask(VISIBLE)} on this page"
    )
    assert tab.ask("location.hash") == "#status=rejected"
    assert tab.ask("document.querySelector('[rel=next]').href").endswith("#status=rejected")
    shown = "[...document.querySelectorAll('[data-facets]')].filter(t => t.offsetParent)"
    assert set(tab.ask(shown + ".map(t => t.querySelector('.status').textContent)")) == {"rejected"}
    tab.ask("document.getElementById('reset').click()")
    assert tab.ask(VISIBLE) == all_here


def test_a_card_with_one_editor_left_closes_its_ranks(tab: Browser, folder: Path) -> None:
    tab.window(1440)
    both = "document.querySelectorAll('.card.two').length"
    tab.open(folder / "index.html")
    assert tab.ask(both) > 0
    tab.open(folder / "index.html", "#editor=small-diffusion")
    assert tab.ask(both) == 0
    apart = """[...document.querySelectorAll('.card[id]')].filter(c => c.checkVisibility())
      .filter(c => c.querySelector('.source-tile').getBoundingClientRect().top !==
      [...c.querySelectorAll('[data-facets]')].find(t => t.checkVisibility())
        .getBoundingClientRect().top).length"""
    assert tab.ask(apart) == 0


def test_a_filter_travels_with_the_address_and_finds_its_page(tab: Browser, folder: Path) -> None:
    tab.window(1440)
    tab.open(folder / "index.html", "#class=owl")
    here = tab.ask(VISIBLE)
    counted = tab.ask("""JSON.parse(document.getElementById('index').textContent)
      .counts[0].filter(r => r[0] === JSON.parse(document.getElementById('index').textContent)
      .names.class.indexOf('owl')).reduce((s, r) => s + r[5], 0)""")
    assert here == counted
    tab.open(folder / "page-2.html", "#class=owl&status=skipped&editor=small-diffusion&attribute=x")
    assert tab.ask("document.getElementById('by-attribute').value") == ""
    if not tab.ask(VISIBLE):
        assert tab.ask("document.getElementById('none-here').checkVisibility()")


def test_a_page_without_a_match_points_to_one_that_has_some(tab: Browser, folder: Path) -> None:
    tab.window(1440)
    tab.open(folder / "index.html", "#class=owl")
    counts = tab.ask(
        "JSON.parse(document.getElementById('index').textContent).counts.map("
        "p => p.some(r => r[0] === +document.getElementById('by-class').value))"
    )
    away = counts.index(False)
    name = "index.html" if away == 0 else f"page-{away + 1}.html"
    tab.open(folder / name, "#class=owl")
    assert tab.ask(VISIBLE) == 0
    assert tab.ask("document.getElementById('none-here').checkVisibility()")
    target = tab.ask("document.getElementById('jump').href")
    there = counts.index(True)
    assert target.endswith(
        ("index.html" if there == 0 else f"page-{there + 1}.html") + "#class=owl"
    )


def test_the_keyboard_alone_reaches_and_sets_a_filter(tab: Browser, folder: Path) -> None:
    tab.window(1440)
    tab.open(folder / "index.html")
    before = tab.ask(VISIBLE)
    for _ in range(40):
        tab.press("Tab")
        if tab.ask("document.activeElement.id") == "by-feasibility":
            break
    assert tab.ask("document.activeElement.id") == "by-feasibility"
    assert tab.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("ArrowDown")
    assert tab.ask("location.hash") == "#feasibility=feasible"
    assert 0 < tab.ask(VISIBLE) < before


def test_the_outline_can_be_taken_away(tab: Browser, folder: Path) -> None:
    tab.window(390)
    tab.open(folder / "index.html")
    lines = "[...document.querySelectorAll('.contour')].filter(i => i.checkVisibility()).length"
    assert tab.ask(lines) > 0
    assert not tab.ask("document.getElementById('panel').open")
    tab.ask("document.getElementById('contours').click()")
    assert tab.ask(lines) == 0
    assert tab.ask("location.hash") == "#outlines=no"


@pytest.mark.parametrize("page", ["index.html", "report.html", "grid.html"])
def test_what_is_shown_has_names_for_those_who_cannot_see_it(
    tab: Browser, folder: Path, page: str
) -> None:
    tab.window(1440)
    tab.open(folder / page)
    assert tab.ask("document.documentElement.lang") == "en"
    assert tab.ask("document.querySelectorAll('h1').length") == 1
    assert tab.ask("[...document.images].every(i => i.hasAttribute('alt'))")
    assert tab.ask("[...document.querySelectorAll('select, input')].every(c => c.labels.length)")
    levels = tab.ask("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = tab.ask("[...document.querySelectorAll('[id]')].map(n => n.id)")
    assert len(ids) == len(set(ids))
