import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.drawn_items import Drawn, masked, trained
from varifactory.calibration.figures import calibrate
from varifactory.calibration.labels import Labels
from varifactory.calibration.sampling import Drawn as OneDrawn
from varifactory.calibration.sampling import Kind, Sample
from varifactory.kappa import kappas
from varifactory.report import (
    MACHINERY,
    is_plain_address,
    render_report,
    scope,
    verdict,
)
from varifactory.study import StudyFigures, StudyTables, study_figures
from varifactory.yields import confusion

HOSTILE = '</table><script>alert(1)</script>$x^2$ & "q"'
SHARES = {"zero-shot": 0.35, "real": 0.55, "real+feasible": 0.72, "real+infeasible": 0.71,
          "real+mixed": 0.75}  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> StudyFigures:
    training, predictions = trained(SHARES)
    agreed = confusion("Colours of drawn scenes", ["red", "red", "blue"], ["red", "blue", "blue"])
    return study_figures(
        StudyTables(Drawn(sources=1).items, training, predictions, masked(), [agreed])
    )


@pytest.fixture(scope="module")
def page(figures: StudyFigures) -> str:
    return render_report(
        figures, title="toys, version 1", machinery=True, gallery="gallery/index.html",
        provenance={"data set hash": "a81b" * 16},
    ).decode()  # fmt: skip


def embedded(page: str, name: str) -> bytes:
    found = re.search(rf'download="{name}" href="data:[^,]*,([^"]*)"', page)
    assert found
    return base64.b64decode(found[1])


def test_accepted_edits_that_were_left_out_are_told(figures: StudyFigures, page: str) -> None:
    words = "Of those left out 3 were accepted"
    assert words not in page
    first, *others = figures.yields
    full = replace(figures, yields=(replace(first, surplus=3), *others))
    assert words in render_report(full, title="toys", machinery=True).decode()


def test_the_first_words_are_the_verdict_with_its_interval(page: str) -> None:
    head = re.sub(r"<[^>]+>", " ", page.partition("<nav")[0].partition("<h1>")[2])
    assert MACHINERY in head
    assert re.search(r"The edits helped: real\+mixed is \d+\.\d points above real \(95.% interval "
                     r"\+\d", head)  # fmt: skip
    assert "No winner between feasible and infeasible: real+feasible is" in head
    assert "not training noise" in head


def test_without_training_the_report_says_so_and_shows_the_rest() -> None:
    page = render_report(
        StudyTables(Drawn(sources=1).items), title="only edits", machinery=False
    ).decode()
    assert "No arm was trained" in page
    assert MACHINERY not in page
    assert "What became of the edits" in page
    assert "Class by class" not in page


def test_every_section_is_there(page: str) -> None:
    for heading in ("What each training mixture gives", "Class by class",
                    "What became of the edits",
                    "The same requests, answered by every editor", "Pairs",
                    "How far the judge can be trusted", "Masks against the exact ones",
                    "Provenance"):  # fmt: skip
        assert heading in page
    assert "a81b" * 16 in page
    assert 'href="gallery/index.html"' in page


def test_plots_are_whole_take_the_pages_colours_and_are_told_in_words(page: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawn) == 6
    for svg in drawn:
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("width") is None
        assert root[0].tag.endswith("title")
        assert len(root[0].text or "") > 20
        assert "var(--" in svg
        assert not re.search(r"#0[1-6]0[1-6]0[1-6]", svg)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    labels = set(re.findall(r'aria-labelledby="([^"]+)"', page))
    assert labels <= set(ids)


def test_nothing_is_fetched(page: str) -> None:
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith(("#", "data:", "gallery/"))
    assert "script-src 'none'" in page.replace("&#39;", "'")


def test_figures_can_be_taken_away(page: str, figures: StudyFigures) -> None:
    data = json.loads(embedded(page, "study.json"))
    assert [arm["arm"] for arm in data["arms"]] == list(SHARES)
    assert data["helps"]["interval"]["low"] == figures.helps.interval.low
    rows = list(csv.DictReader(io.StringIO(embedded(page, "study.csv").decode())))
    assert [row["arm"] for row in rows if row["figure"] == "top1"] == list(SHARES)
    assert float(rows[0]["estimate"]) == figures.arms[0].top1.estimate


def test_hostile_names_stay_words() -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    for row in drawn.rows:
        if row["kind"] == "edit":
            row.update(attribute=HOSTILE, editor=HOSTILE)
            row["reason"] = HOSTILE if row["status"] != "ok" else ""
    page = render_report(
        StudyTables(drawn.items), title=HOSTILE, machinery=False, provenance={HOSTILE: HOSTILE},
        gallery="javascript:alert(1)",
    ).decode()  # fmt: skip
    assert "<script" not in page
    assert "javascript:" not in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)


@pytest.mark.parametrize(
    ("address", "fits"),
    [("gallery/index.html", True), ("s3://team/x/index.html", True), ("", True),
     ("javascript:alert(1)", False), ("data:text/html,x", False), (" javascript:x", False)],
)  # fmt: skip
def test_a_link_runs_nothing(address: str, fits: bool) -> None:
    assert is_plain_address(address) is fits


def test_the_same_figures_give_the_same_page(page: str, figures: StudyFigures) -> None:
    again = render_report(
        figures, title="toys, version 1", machinery=True, gallery="gallery/index.html",
        provenance={"data set hash": "a81b" * 16},
    ).decode()  # fmt: skip
    assert again == page


def test_several_seeds_say_what_they_cover() -> None:
    training, predictions = trained(SHARES, seeds=(1, 2))
    found = study_figures(
        StudyTables(Drawn(classes=("owl",), sources=1).items, training, predictions), resamples=500
    )
    assert "2 training seeds" in scope(found)
    assert "not training noise" not in scope(found)
    assert len(verdict(found)) == 2


def test_it_tells_how_far_judges_agree_and_what_people_say() -> None:
    agreed = kappas("accepted or refused", {"measured": {"a": "accept", "b": "refuse"},
                                            "clip": {"a": "accept", "b": "accept"}})  # fmt: skip
    kinds = (Kind(attribute="color", feasibility="feasible", accepted=True, size=8, drawn=4),)
    sample = Sample(
        id="abc", dataset="toys", version=1, dataset_hash="d" * 64, seed=0, asked_for=9,
        feasibility_counts=False, kinds=kinds,
        drawn=tuple(OneDrawn(key=f"k{at}", stratum=0) for at in range(4)),
    )  # fmt: skip
    yes = {"shows": "yes", "keeps": "yes", "possible": "yes"}
    by = {name: {f"k{at}": yes for at in range(4)} for name in ("ada", "bob <b>")}
    people = calibrate(sample, Labels(by, dict.fromkeys(by, ())))
    items = Drawn(sources=1).items
    page = render_report(StudyTables(items, kappas=agreed, people=people), title="toys",
                         machinery=True).decode()  # fmt: skip
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "4 of 4 drawn edits were labelled by 2 people; they stand for 8 by" in words
    assert "Recall: accepted, of those that are good undefined: the filter refused nothing" in words
    assert "Whether the judges agree" in words
    assert "measured, clip Cohen 2 50" in words
    assert "bob &lt;b&gt;" in page
    json.loads(embedded(page, "study.json"))
    without = render_report(StudyTables(items), title="toys", machinery=True).decode()
    assert "Checked by people" not in without
