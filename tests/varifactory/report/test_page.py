import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests.drawn_studies import dataset, grid, quickstart
from varifactory.report import (
    MACHINERY,
    headline,
    is_plain_address,
    render_study,
    report_files,
)
from varifactory.study.datasets import DatasetFigures
from varifactory.study.figures import Ranked, Study

HOSTILE = '</table><script>alert(1)</script>$x^2$ & "q"'
PROVENANCE = {"Data": [("data set hash", "a81b" * 16)], "Cost": [("card-hours", "0")]}


def render(study: Study, *sets: DatasetFigures, **changes: object) -> str:
    given = {"title": "toys", "machinery": True, "provenance": PROVENANCE,
             "galleries": {"toys": "gallery/index.html"},
             "small_models": ["masks (small-sam)"]}  # fmt: skip
    return render_study(study, sets, **{**given, **changes}).decode()


@pytest.fixture(scope="module")
def page() -> str:
    return render(quickstart(), dataset("toys"))


@pytest.fixture(scope="module")
def large() -> str:
    data = render_study(grid(), [dataset("pets"), dataset("aircraft", 2)], title="grid",
                        machinery=False)  # fmt: skip
    assert len(data) < 3_000_000
    return data.decode()


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_first_words_are_the_verdict_with_its_interval(page: str) -> None:
    head = words(page.partition("<h1>")[2].partition("<nav")[0])
    assert head.startswith(f"toys {MACHINERY} The edits help by 4.7 points of accuracy (95 % inter")
    assert "whether feasibility matters stays open" in head
    assert "it checks that the machinery works" in head
    assert "ran on the small models that come with varifactory: masks (small-sam)." in head


def test_a_study_of_photographs_by_large_models_says_nothing_of_machinery(large: str) -> None:
    assert MACHINERY not in large
    assert "small models" not in large


def test_every_section_is_there(page: str, large: str) -> None:
    for heading in ("Left out", "All comparisons", "Do the edits help?", "Does feasibility matter?",
                    "Controls", "How each comparison was measured",
                    "What each training mixture gives", "What the arms are",
                    "Accuracy on validation images", "Class by class", "Manipulation checks",
                    "What became of the edits", "Pairs", "How far the judge can be trusted",
                    "Masks against the exact ones", "Provenance"):  # fmt: skip
        assert heading in page
    for heading in ("What more edits give", "What became of the edits · aircraft, version 2"):
        assert heading in large
    assert "a81b" * 16 in page
    assert 'href="gallery/index.html"' in page


def test_the_forest_shows_every_comparison_with_its_numbers(large: str) -> None:
    tables = re.findall(r'<table class="forest".*?</table>', large, re.DOTALL)
    rows = [row for table in tables for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
            if 'class="bar' in row]  # fmt: skip
    assert len(rows) == len(grid().comparisons)
    first = words(rows[0])
    assert first == "real+mixed − real primary +1.2 +0.4 to +2.1 p 0.010 ▲ different"
    assert 'aria-label="The interval lies right of zero, not inside the margin"' in rows[0]
    assert all('class="band"' in row for row in rows)


def test_a_confound_is_loud_and_none_is_told_too(page: str, large: str) -> None:
    assert 'href="#confounds"' in large.partition("<main")[0]
    assert "2 confounds: the arms differ in more than feasibility" in words(large)
    assert "infeasible edits change pixel values 39 % more" in large
    assert "No confound was found" in page
    untested = words(render(replace(quickstart(), tested=())))
    assert "No confound was found" not in untested
    assert "Nothing was tested for confounds" in untested


def test_what_no_confound_rests_on_is_said(page: str) -> None:
    assert "by no more than chance, or by less than 0.1 standard deviations" in words(page)
    assert "Tested: pixel change, CLIP distance." in words(page)


def test_a_slight_difference_is_told_and_is_no_confound() -> None:
    slight = tuple(replace(one, notable=False, standardised=0.04) for one in grid().confounds)
    text = render(replace(grid(), confounds=slight, tested=("pixel_change",)))
    assert "No confound was found" in text
    assert "confounds were found" not in text
    assert 'href="#confounds"' not in text
    shown = words(text.partition('id="slight"')[2])
    assert shown.partition("infeasible edits change pixel values 39 % more")[1]
    assert "0.04 standard deviations" in shown


def test_an_alarm_of_the_study_stands_at_the_head() -> None:
    text = render(replace(quickstart(), alarms=("The manipulation failed.",)))
    assert "The manipulation failed." in text.partition("<main")[0]


def test_what_is_counted_and_odd_is_not_headed_left_out(page: str) -> None:
    text = words(render(replace(quickstart(), notes=(), remarks=("real was trained again.",))))
    assert "Counted, and to know of real was trained again." in text
    assert "Left out real was" not in text
    assert "Counted, and to know of" not in page


def test_the_margin_is_shown_as_it_was_set() -> None:
    plan = replace(quickstart().plan, margin=0.0075, resolve=0.00125)
    text = words(render(replace(quickstart(), plan=plan)))
    assert "the margin of ±0.75 points" in text
    assert "A difference inside ±0.75 points" in text
    assert "would resolve 0.125 points" in text
    assert "±0.8" not in text


def test_comparisons_of_no_setting_stand_under_no_settings_name() -> None:
    study = grid({"pets": 3669})
    bare = [replace(one, stratum=replace(one.stratum, attribute=""))
            if one.arm in ("zero-shot", "real-standard", "copy-real") else one
            for one in study.comparisons]  # fmt: skip
    last = sorted(bare, key=lambda one: one.stratum.attribute == "")
    page = render(replace(study, comparisons=tuple(last)))
    table = words(page.partition('id="asked-control"')[2].partition("</table>")[0])
    assert table.index("copy-real − real") < table.index("background")
    assert table.index("background") < table.index("real+unchanged − real")
    assert table.index("color") < table.index("texture")


def test_false_discoveries_are_at_most_so_many(page: str) -> None:
    assert "at most 5&nbsp;% are expected to be false discoveries" in words(page)


def test_how_each_was_measured_tells_its_family_and_what_one_seed_hides() -> None:
    study = quickstart()
    one = replace(study.comparisons[0], spread_known=False, seeds_needed=None)
    two = replace(study.comparisons[1], generations_needed=9)
    text = words(render(replace(study, comparisons=(one, two))).partition('id="details-head"')[2])
    assert "real+mixed − real of 2 primary" in text
    assert "unknown" in text.partition("real+feasible − real")[0].partition("of 2 primary")[2]
    assert "Generation seeds for it" in text
    assert "Generation seeds for it" not in words(render(study))


def test_nothing_is_said_where_nothing_was_trained() -> None:
    text = words(render(Study(quickstart().plan, (), ()), dataset("toys")))
    assert "No arm was trained" in text
    assert "All comparisons" not in text
    assert "What became of the edits" in text


def test_a_sweep_is_ranked(page: str) -> None:
    study = quickstart()
    top1 = study.arms[-1].top1
    swept = replace(study.arms[-1].stratum, sweep="edits.guidance=2.0")
    one = Ranked(swept, "real+mixed", 480, top1, None, 0.812)
    text = words(render(replace(study, ranking=(one,))))
    assert "Settings, best first" in text
    assert "edits.guidance=2.0 real+mixed 480 81.2 % 75.7 %" in text
    assert (
        "By accuracy on validation images, at the largest number of edits that all of them" in text
    )
    assert "shown and ranks nothing" in text
    assert "equally many edits" not in text.partition("Settings, best first")[2]
    unlike = replace(one, same_edits=False, validation_top1=None)
    text = words(render(replace(study, ranking=(unlike,)))).partition("Settings, best first")[2]
    assert "Not all settings that are ranked together trained on equally many edits" in text
    assert "stand in the order of the recipe" in text
    assert "Settings, best first" not in page


def test_what_is_only_described_has_no_p_value() -> None:
    study = quickstart()
    one = replace(study.comparisons[0], question="trainee", other="real+mixed", primary=False,
                  inferential=False, values=("classifier", "clip-lora"))  # fmt: skip
    text = words(render(replace(study, comparisons=(one,))))
    assert "real+mixed: image classifier − CLIP with LoRA" in text
    assert "Described only: nothing is inferred" in text
    assert "+2.1 to +7.3 p – described" in text
    row = text.partition("classifier − CLIP with LoRA")[2].partition("Data")[0]
    assert not any(word in row for word in ("different", "inconclusive", "equivalent"))


def test_plots_are_whole_take_the_pages_colours_and_are_told_in_words(
    page: str, large: str
) -> None:
    for text in (page, large):
        plots = [svg for figure in re.findall(r"<figure.*?</figure>", text, re.DOTALL)
                 for svg in re.findall(r"<svg.*</svg>", figure, re.DOTALL)]  # fmt: skip
        assert len(plots) > 3
        for svg in plots:
            root = ET.fromstring(svg)
            assert root.get("role") == "img"
            assert len(root[0].text or "") > 20
            assert "var(--" in svg
            assert not re.search(r"#0[1-6]0[1-6]0[1-6]", svg)
        bars = re.findall(r'<svg class="bar[^>]*>', text)
        assert all(re.search(r'role="img" aria-label="[^"]{8,}"', bar) for bar in bars)
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'aria-labelledby="([^"]+)"', text)) <= set(ids)
        assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_every_table_has_heads_with_a_scope(large: str) -> None:
    assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", large))


def test_nothing_is_fetched_and_no_script_runs(page: str, large: str) -> None:
    files = set(report_files(grid(), [dataset("pets"), dataset("aircraft", 2)], "grid"))
    for text in (page, large):
        for address in re.findall(r'(?:src|href)="([^"]+)"', text):
            assert address.startswith(("#", "data:", "gallery/")) or address in files
        assert "script-src 'none'" in text.replace("&#39;", "'")
        assert "<script" not in text


def test_data_can_be_taken_away(page: str, large: str) -> None:
    found = re.search(r'href="data:[^,]*,([^"]*)" download="comparisons.parquet"', page)
    assert found
    table = pq.read_table(io.BytesIO(base64.b64decode(found[1])))
    assert table.num_rows == len(quickstart().comparisons)
    found = re.search(r'href="data:application/json;base64,([^"]*)" download="study.json"', page)
    assert found
    assert json.loads(base64.b64decode(found[1]))["verdict"] == headline(quickstart())


def test_the_page_stays_small_whatever_the_study() -> None:
    many = grid({"cars": 8000, "birds": 8000}, classes=200)
    text = render(many)
    assert len(text.encode()) < 3_000_000
    assert 'href="study.json"' in text
    assert "(beside this page)" in text
    assert "study.json" in report_files(many)


def test_a_long_part_of_the_provenance_is_folded(page: str) -> None:
    choices = [(f"training.key{at}", str(at)) for at in range(200)]
    text = render(quickstart(), provenance={"Study": [("hash", "ab")], "Choices": choices})
    last = text.partition('id="provenance"')[2]
    assert last.count("<details>") == last.count("</details>") == 1
    assert words(last.partition("<details>")[2]).startswith("Choices training.key0 0")
    assert "<details>" not in page.partition('id="provenance"')[2]


def test_hostile_names_stay_words() -> None:
    study = quickstart()
    stratum = replace(study.comparisons[0].stratum, dataset=HOSTILE)
    one = replace(study.comparisons[0], stratum=stratum, arm=HOSTILE)
    arms = (replace(study.arms[0], stratum=stratum, arm=HOSTILE), *study.arms)
    change = replace(study.classes[0], class_name=HOSTILE, p_false_discovery=0.0)
    hostile = replace(
        study, arms=arms, comparisons=(one, *study.comparisons), classes=(change,), notes=(HOSTILE,)
    )
    text = render(hostile, title=HOSTILE, provenance={HOSTILE: [(HOSTILE, HOSTILE)]},
                  galleries={HOSTILE: "javascript:alert(1)"}, small_models=[HOSTILE])  # fmt: skip
    assert "<script" not in text
    assert "javascript:" not in text


def test_the_same_figures_give_the_same_page(page: str) -> None:
    assert render(quickstart(), dataset("toys")) == page


@pytest.mark.parametrize(
    ("address", "fits"),
    [("gallery/index.html", True), ("s3://team/x/index.html", True), ("", True),
     ("javascript:alert(1)", False), ("data:text/html,x", False), (" javascript:x", False)],
)  # fmt: skip
def test_a_link_runs_nothing(address: str, fits: bool) -> None:
    assert is_plain_address(address) is fits
