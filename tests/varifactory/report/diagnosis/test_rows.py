from dataclasses import replace

import pytest

from tests.drawn_diagnoses import SMALL, Drawn, group, measure
from varifactory.diagnosis.figures import Diagnosis
from varifactory.report.diagnosis.rows import (
    SHOWN_GROUPS,
    cards,
    evidence,
    flagged,
    line,
    overview,
    shown,
    unsaid,
)
from varifactory.report.diagnosis.wording import words


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return Drawn().diagnosis()


def test_a_share_is_drawn_on_a_bar_that_ends_at_all_of_it() -> None:
    row = line(measure("precision", 0.5, 0.1, reference=1.0))
    assert row.mark is not None
    assert row.mark.at == 50
    assert row.real == 97
    assert row.where == "50.0\xa0%, 40.0\xa0to\xa060.0, real images 100.0\xa0%"


def test_another_measure_has_a_scale_of_its_own_with_its_reference_on_it() -> None:
    row = line(measure("kid", -0.001, 0.001, reference=0.01))
    assert row.mark is not None
    assert row.real is not None
    assert 0 <= row.mark.low < row.mark.at < row.mark.high < row.real <= 100
    zero = line(measure("fid", 0.0, 0.0, reference=0.0))
    assert zero.mark is not None
    assert zero.mark.low == zero.mark.high == zero.real


def test_what_was_not_measured_says_why() -> None:
    row = line(measure("precision", None, why=SMALL))
    assert (row.value, row.mark, row.where) == ("–", None, SMALL)


def test_diversity_is_not_evidence_without_what_tells_that_the_images_are_right(found) -> None:
    flag = next(one for one in found.flags if one.issue == "diversity")
    alone = replace(flag, evidence=(measure("vendi", 3.1),))
    named = [one.found.name for one in evidence(found, alone)]
    assert named[0] == "vendi"
    assert set(named) & set(words()["adherence"])
    both = replace(flag, evidence=(measure("vendi", 3.1), measure("precision", 0.9)))
    assert [one.found.name for one in evidence(found, both)] == ["vendi", "precision"]


def test_diversity_is_not_shown_in_a_table_without_it_either() -> None:
    whole = group("mug")
    assert shown(whole, "vendi") is not None
    for kept in ({"vendi"}, {"vendi", "recall"}):
        some = replace(whole, measures={name: whole.measures[name] for name in kept})
        assert shown(some, "vendi") is None
    assert shown(replace(whole, measures={"recall": whole.measures["recall"]}), "recall")
    assert shown(whole, "fid") is None


def test_columns_put_diversity_beside_adherence_in_either_table(found) -> None:
    more = measure("effective_rank", 8.0), measure("strange_new", 1.0)
    extended = replace(found.groups[0], measures={
        **found.groups[0].measures, **{one.name: one for one in more},
    })  # fmt: skip
    first, others = overview(replace(found, groups=(extended,))).tables
    assert first == ("precision", "r2s", "posterior", "vendi", "coverage", "s2r")
    assert others == ("precision", "recall", "effective_rank", "strange_new")


def test_what_shows_a_flag_is_marked_and_what_stands_beside_it_is_not(found) -> None:
    marked = overview(found).flagged
    assert ("kettle", "", "vendi") in marked
    assert ("crane", "", "precision") in marked
    assert ("mug", "background", "precision") in marked
    assert ("mug", "background", "posterior") not in marked
    assert ("mug", "", "posterior") in marked
    beside = replace(
        found, flags=(replace(found.flags[-1], evidence=(measure("precision", 1.0),)),)
    )
    assert not overview(beside).flagged


def test_a_class_without_a_row_of_its_own_marks_its_attributes(found) -> None:
    groups = (group("mug", attribute="color"), group("mug", attribute="background"))
    flags = (next(one for one in found.flags if one.issue == "adherence"),)
    marked = overview(replace(found, groups=groups, flags=flags)).flagged
    assert {attribute for _, attribute, _ in marked} == {"color", "background"}


def test_flagged_groups_come_first_and_the_rest_is_counted(found) -> None:
    many = (*(group(f"class {at}") for at in range(SHOWN_GROUPS)), group("mug"))
    table = overview(replace(found, groups=many))
    assert table.groups[0].label == "mug"
    assert (len(table.groups), table.more) == (SHOWN_GROUPS, 1)


def test_rows_of_flags_lead_to_the_cards_of_their_class(found) -> None:
    rows = flagged(found)
    assert [(row.label, row.attribute, dict(row.kinds)) for row in rows[:3]] == [
        ("mug", "", {"adherence": ("scattered",)}),
        ("mug", "background", {"concept": ("blurred",)}),
        ("crane", "", {"ambiguity": ("another sense",)}),
    ]
    assert [row.n for row in rows[:2]] == [60, 60]
    apart = (group("crane", attribute="color"), group("crane", attribute="texture"))
    assert flagged(replace(found, groups=apart, flags=found.flags[:1]))[0].n == 120
    assert {row.anchor for row in rows} == {card.anchor for card in cards(found)}


def test_confusers_of_a_class_are_weighed_by_its_images(found) -> None:
    mug = cards(found)[0]
    assert mug.label == "mug"
    assert dict(mug.confusers) == pytest.approx({"kettle": 0.07, "owl": 0.06})


def test_what_could_not_be_said_is_told_a_reason_at_a_time(found) -> None:
    assert unsaid(found) == [
        (SMALL, ["owl"]), ("no embeddings of texts", ["the whole set: Coverage"]),
    ]  # fmt: skip
    part = replace(found.groups[0], measures={
        **found.groups[0].measures, "posterior": measure("posterior", None, why="no texts"),
    })  # fmt: skip
    assert unsaid(replace(found, groups=(part,), whole=())) == [
        ("no texts", ["anchor: Class posterior"])
    ]
