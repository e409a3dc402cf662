import re
from importlib.resources import files
from typing import get_args

import pytest
import yaml

from tests.drawn_diagnoses import Drawn
from tests.injected_faults import spoiled
from varifactory.diagnosis.counting import diagnose
from varifactory.diagnosis.figures import Flag, Issue
from varifactory.recipe.diagnosis import Diagnosis as Settings
from varifactory.report.diagnosis.wording import (
    DECIMALS,
    bounds,
    figure,
    head,
    joined,
    kind_name,
    meaning,
    sentence,
    signed,
    words,
)
from varifactory.statistics import Interval

QUICK = Settings(resamples=4)


def test_all_that_a_diagnosis_measures_and_flags_has_words() -> None:
    found = diagnose(spoiled("absent", 7, n=24, real=30, classes=3, place=1), Settings(resamples=4))
    groups = [name for one in found.groups for name in one.measures]
    named = {*groups, *(one.name for one in (*found.whole, *found.geometry))}
    assert len(named) > 20
    assert named <= words()["measures"].keys()
    assert "concept" in {one.issue for one in found.flags}


def test_every_kind_of_flag_has_words() -> None:
    text = files("varifactory").joinpath("diagnosis/flags.yaml").read_text(encoding="utf-8")
    assert words()["kinds"].keys() == yaml.safe_load(text)["kinds"].keys()
    assert kind_name("other-sense") == "another sense"
    assert kind_name("new-kind") == "new kind"


def test_shares_in_sentences_are_told_as_in_tables() -> None:
    for kind, place in (("absent", 7), ("diversity", 8)):
        found = diagnose(spoiled(kind, place, n=24, real=30, classes=3, place=1), QUICK)
        said = [*found.notes, *(flag.sentence for flag in found.flags)]
        assert any("\xa0%" in one for one in said)
        assert not any(re.search(r"\d%", one) for one in said)


def test_advice_names_no_command_of_data_sets_alone() -> None:
    text = files("varifactory").joinpath("diagnosis/flags.yaml").read_text(encoding="utf-8")
    kinds = yaml.safe_load(text)["kinds"].values()
    assert not any("`" in one["advice"] or "varifactory" in one["advice"] for one in kinds)


def test_every_issue_has_words_and_every_name_in_them_is_a_measure() -> None:
    assert list(words()["issues"]) == list(get_args(Issue))
    measures = words()["measures"]
    lists = [words()["columns"], words()["diversity"], words()["adherence"],
             *(one["shows"] for one in words()["issues"].values())]  # fmt: skip
    assert {name for some in lists for name in some} <= measures.keys()
    assert {one["as"] for one in measures.values()} == set(DECIMALS)
    assert all(one["told"] and one["head"] for one in measures.values())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("precision", 0.9349, "93.5\xa0%"),
        ("precision", -1e-9, "0.0\xa0%"),
        ("vendi", 14.25, "14.2"),
        ("kid", -0.00004, "0.0000"),
        ("kid", -0.0021, "−0.0021"),
        ("fid", 123456.7, "123,457"),
        ("strange_new", 0.5, "0.50"),
        ("vendi", None, "–"),
    ],
)
def test_a_figure_is_told_in_its_unit(name: str, value: float | None, said: str) -> None:
    assert figure(name, value) == said


def test_bounds_of_a_share_end_at_nothing_and_all() -> None:
    wide = Interval(0.97, -0.02, 1.03, 0.95)
    assert bounds("precision", wide) == "0.0\xa0to\xa0100.0"
    assert bounds("cmmd", wide) == "0.00\xa0to\xa01.03"


def test_a_measure_without_words_keeps_its_name() -> None:
    assert head("strange_new") == "Strange new"
    assert meaning("strange_new") == ""


def test_a_flag_becomes_a_sentence_that_leaves_class_names_alone() -> None:
    flag = Drawn().flags()[0]
    assert sentence(flag) == flag.sentence
    assert sentence(Flag("ibis", "", "concept", "absent", "ibis is not there", "")) == (
        "ibis is not there."
    )
    assert sentence(Flag("ibis", "", "concept", "blurred", "images of ibis", "")) == (
        "Images of ibis."
    )


def test_lists_and_signs() -> None:
    assert joined(["mug"]) == "mug"
    assert joined(["mug", "owl", "kettle"]) == "mug, owl and kettle"
    assert joined([]) == ""
    assert (signed(0.0312), signed(-0.0004), signed(-0.2)) == ("+0.031", "0.000", "−0.200")


@pytest.mark.parametrize(
    ("name", "low", "told"),
    [("fid", -0.04, "0.00 to 1.18"), ("kid", -0.04, "−0.0400 to 1.1800"),
     ("precision", -0.1, "0.0 to 100.0")],
)  # fmt: skip
def test_intervals_end_where_their_measure_does(name: str, low: float, told: str) -> None:
    assert bounds(name, Interval(0.5, low, 1.18, 0.95)).replace("\xa0", " ") == told
