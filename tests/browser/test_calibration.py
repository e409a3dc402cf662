"""The page on which people label edits: in a browser, on a phone, by keyboard, and saved."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, browser
from tests.browser.test_pages import CONTRAST
from tests.drawn_items import Drawn
from tests.drawn_studies import PLAN, dataset
from varifactory.calibration.figures import calibrate
from varifactory.calibration.labels import Labels, checked, read_lines
from varifactory.calibration.sampling import Sample, draw
from varifactory.calibration.sheet import write_sheet
from varifactory.report import render_study
from varifactory.statistics.kappa import kappas
from varifactory.study.figures import Study

pytestmark = pytest.mark.browser

WIDTHS = (390, 768, 1440)
SMALL, HOSTILE = 24, '=1+1,"<b>\nowl'


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(classes=("kettle", HOSTILE, "owl", "a" * 200), sources=1)


@pytest.fixture(scope="module")
def sample(drawn: Drawn) -> Sample:
    return draw(drawn.rows, dataset="toys", version=1, dataset_hash="d" * 64, recipe={}, n=SMALL,
                seed=2)  # fmt: skip


@pytest.fixture(scope="module")
def sheet(drawn: Drawn, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("labels") / "sheet"
    write_sheet(sample, drawn.rows, drawn.read, to)
    return to / "index.html"


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as found:
        yield found


def test_it_fits_its_window_and_complains_of_nothing(tab: Browser, sheet: Path) -> None:
    for width in WIDTHS:
        tab.window(width)
        tab.open(sheet)
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.complaints() == []
        assert tab.ask("document.querySelector('.bar').offsetHeight") < 90
        small = """[...document.querySelectorAll('.choices label, button')]
            .filter(n => n.offsetHeight < 44).length"""
        assert tab.ask(small) == 0
    for dark in (False, True):
        tab.window(1440, dark=dark)
        tab.open(sheet)
        tab.ask("document.querySelector('input[value=yes]').click()")
        assert tab.ask(CONTRAST) == []


def test_pictures_are_there_and_lead_to_larger_ones(tab: Browser, sheet: Path) -> None:
    tab.window(390)
    tab.open(sheet)
    loaded = """Promise.all([...document.images].map(i => (i.loading = 'eager', i.decode())))
        .then(all => all.length)"""
    assert tab.ask(loaded) == 2 * SMALL
    links = tab.ask("[...document.querySelectorAll('.pictures')].map(a => a.getAttribute('href'))")
    assert all((sheet.parent / link).is_file() for link in links)


def test_answers_are_given_by_keyboard_kept_and_saved_as_a_sheet(
    tab: Browser, sheet: Path, sample: Sample, tmp_path: Path
) -> None:
    tab.window(390)
    tab.open(sheet)
    tab.ask("document.querySelector('[data-question=shows]').focus()")
    tab.press("Space")
    assert tab.ask("document.querySelector('#progress').textContent") == f"0 of {SMALL} answered"
    assert tab.ask("document.querySelector('.one').classList.contains('half')")
    tab.ask("document.querySelectorAll('input[value=yes]').forEach(i => i.click())")
    assert (
        tab.ask("document.querySelector('#progress').textContent") == f"{SMALL} of {SMALL} answered"
    )
    tab.ask("(n => { n.value = 'Zoë, =x'; n.dispatchEvent(new Event('change', {bubbles: true})) })"
            "(document.querySelector('#rater'))")  # fmt: skip
    tab.open(sheet)
    assert tab.ask("document.querySelector('#progress').textContent").startswith(f"{SMALL} of")
    saved = tmp_path / "sheet-zoe.csv"
    saved.write_bytes(tab.ask(SAVED).encode())
    labels = checked(read_lines([saved]), sample)
    assert list(labels.by_rater) == ["Zoë, =x"]
    assert calibrate(sample, labels).labelled == SMALL


SAVED = """new Promise(done => {
  URL.createObjectURL = blob => { blob.text().then(done); return '#'; };
  document.querySelector('#save').click();
})"""
"""The text of the file that the page saves, without its mark of byte order."""


def test_a_report_with_judges_and_people_fits_its_window(
    tab: Browser, drawn: Drawn, sample: Sample, tmp_path: Path
) -> None:
    yes = {"shows": "yes", "keeps": "yes", "possible": "yes"}
    by = {name: {one.key: yes if at % 3 else {**yes, "shows": "no"}
                 for at, one in enumerate(sample.drawn)} for name in ("ada", "b" * 60)}  # fmt: skip
    people = calibrate(sample, Labels(by, dict.fromkeys(by, ())))
    judged = {"measured": {"a": "red", "b": "blue"}, "vision-local": {"a": "red", "b": "red"}}
    agreed = kappas("color: value measured", judged)
    page = tmp_path / "report.html"
    figures = replace(dataset("toys"), kappas=tuple(agreed), people=people)
    page.write_bytes(render_study(Study(PLAN, (), ()), [figures], title="toys", machinery=True))
    for width in WIDTHS:
        tab.window(width)
        tab.open(page)
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.complaints() == []
        seen = "[...document.querySelectorAll('.checked td')].filter(n => n.offsetParent)"
        assert tab.ask(f"{seen}.every(n => n.getBoundingClientRect().right <= innerWidth)")
        assert tab.ask(f"{seen}.length") == 8
    assert tab.ask(CONTRAST) == []
