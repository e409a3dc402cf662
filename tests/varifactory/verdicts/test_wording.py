import pytest

from varifactory.verdicts.deciding import Decision
from varifactory.verdicts.panel import Judgement, as_json
from varifactory.verdicts.wording import judges_said, status_word, verdict_sentences

EDIT = {
    "status": "ok", "reason": "", "label": "owl", "value": "red", "feasibility": "feasible",
    "measured_value": "red", "presence": 0.81, "measured_class": "owl", "class_score": 0.97,
    "judged_feasibility": "feasible", "forced": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["Shows red (0.81)", "Still an owl (0.97)", "Judged feasible, as asked"]),
        (
            {"measured_value": "blue", "measured_class": "cat", "class_score": None,
             "judged_feasibility": "infeasible"},
            ["Looks most like blue; red scores 0.81", "Looks most like a cat; owl scores nothing",
             "Judged infeasible; feasible was asked for"],
        ),
        (
            {"status": "rejected", "reason": "class lost: 'owl' scored 0.01"},
            ["Class lost: 'owl' scored 0.01", "Shows red (0.81)", "Judged feasible, as asked"],
        ),
        ({"status": "failed", "reason": "out of memory"}, ["Out of memory"]),
        ({"status": "skipped", "reason": None}, ["No reason was recorded."]),
        (
            {"measured_value": None, "measured_class": None, "judged_feasibility": "not judged"},
            ["Feasibility not judged"],
        ),
        (
            {"measured_value": None, "measured_class": None, "judged_feasibility": None},
            ["Not judged"],
        ),
    ],
)  # fmt: skip
def test_a_verdict_in_plain_words(changes: dict[str, object], said: list[str]) -> None:
    assert verdict_sentences({**EDIT, **changes}) == said


def test_every_judges_word_is_told_where_there_are_several() -> None:
    said = {"measured": Judgement(Decision("ok"), "v1", "red"),
            "clip": Judgement(Decision("rejected", "class lost: cat"), "v2", "blue"),
            "vision": Judgement(Decision("failed", "no answer"))}  # fmt: skip
    assert judges_said({**EDIT, "judgements": as_json(said)}) == [
        "measured: accepted, saw red", "clip: rejected, saw blue", "vision: failed"]  # fmt: skip
    assert judges_said(EDIT) == judges_said({**EDIT, "judgements": None}) == []


def test_a_forced_edit_is_never_called_accepted() -> None:
    assert status_word(EDIT) == "accepted"
    assert status_word({**EDIT, "forced": True}) == "taken although rejected"
    assert status_word({**EDIT, "status": "skipped"}) == "not made"


def test_what_was_made_and_left_out_is_not_called_unmade() -> None:
    left_out = {**EDIT, "status": "skipped", "image_blob": "00.png"}
    assert status_word(left_out) == "left out"


def test_a_long_name_is_cut_in_a_sentence() -> None:
    long = "x" * 300
    assert max(map(len, verdict_sentences({**EDIT, "label": long, "measured_class": long}))) < 60
