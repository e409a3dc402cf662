from dataclasses import replace

from tests.drawn_diagnoses import Drawn
from varifactory.diagnosis.figures import Diagnosis
from varifactory.report.diagnosis.summary import SHOWN, summary

HOSTILE = "owl | <b>*x*</b>"


def test_the_verdict_comes_first_then_flags_and_measures_and_where_the_page_lies() -> None:
    text = summary(Drawn().diagnosis(), "/store/exports/toys/3/diagnosis/ab/diagnosis.html")
    head, _, rest = text.partition("\n\n")
    assert head == "# Diagnosis of toys@3"
    assert rest.startswith("**Of 6 classes 4 have an issue: mug ")
    assert "| crane | all | ambiguity | 41.7 % of the images of crane" in rest
    assert "| mug | background | concept not represented |" in rest
    assert "| Domain AUC | 0.93 | 0.91 to 0.95 | 0.50 | 312 |" in rest
    assert "Coverage" not in rest, "what was not measured is told on the page"
    assert text.rstrip().endswith("/store/exports/toys/3/diagnosis/ab/diagnosis.html")


def test_class_names_are_shown_and_not_obeyed() -> None:
    found = Drawn().diagnosis()
    text = summary(replace(found, flags=(replace(found.flags[0], label=HOSTILE),)), "here")
    assert r"| owl \| \<b\>\*x\*\</b\> | all |" in text


def test_more_flags_than_a_run_s_page_can_bear_are_counted() -> None:
    found = Drawn().diagnosis()
    many = tuple(replace(found.flags[0], label=f"class {at}") for at in range(SHOWN + 3))
    text = summary(replace(found, flags=many), "here")
    assert "3 more on the page." in text
    assert f"class {SHOWN} " not in text


def test_a_set_without_flags_or_measures_has_no_tables() -> None:
    text = summary(Diagnosis("toys", "small-clip", 5, 5, (), (), (), ()), "here")
    assert "|" not in text
