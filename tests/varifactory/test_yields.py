import json

import pytest

from tests.drawn_items import Drawn
from varifactory.quotas import SURPLUS
from varifactory.yields import (
    confusion,
    confusion_of_counts,
    edits_of,
    feasibility_confusion,
    judge_words,
    pairs,
    presences,
    presences_of_rates,
    yields,
)

Row = dict[str, object]


def edit(**changes: object) -> Row:
    return {
        "kind": "edit", "source_key": "a", "attribute": "color", "feasibility": "feasible",
        "editor": "compositor", "index": 0, "status": "ok", "reason": "", "value": "red",
        "measured_value": "red", "presence": 0.8, "judged_feasibility": "feasible", "paired": True,
        **changes,
    }  # fmt: skip


def test_every_edit_ends_in_exactly_one_count() -> None:
    drawn = Drawn()
    edits = edits_of(drawn.items)
    found = yields(edits)
    assert sum(group.total for group in found) == len(edits) == 120
    for group in found:
        assert sum(group.reasons.values()) == group.total - group.statuses["ok"]
        assert group.accepted.estimate == group.statuses["ok"] / group.total


def test_what_was_accepted_and_left_out_is_no_refusal() -> None:
    """20 kept, 10 refused, 10 beyond the quota: 30 of 40 were accepted, not 20 of 40."""
    left = {"status": "skipped", "reason": f"{SURPLUS} (20)", "paired": False, "attempt": 0}
    rows = [
        *(edit() for _ in range(20)),
        *(edit(status="rejected", reason="class lost: no", paired=False) for _ in range(10)),
        *(edit(**left) for _ in range(10)),
        edit(status="skipped", reason="no verdict was made", feasibility="infeasible"),
    ]
    first, other = yields(rows)
    assert (first.accepted.estimate, first.surplus, first.total) == (0.75, 10, 40)
    assert (first.statuses["ok"], first.statuses["skipped"]) == (20, 10)
    assert first.reasons == {"class lost": 10, f"{SURPLUS} (20)": 10}
    assert (other.accepted.estimate, other.surplus) == (0, 0)


def test_reasons_are_counted_by_their_words_before_the_colon() -> None:
    rows = [
        edit(status="rejected", reason="attribute not seen: 'red' scored 0.1"),
        edit(status="rejected", reason="attribute not seen: 'red' scored 0.2"),
        edit(status="failed", reason=""),
        edit(),
    ]
    assert yields(rows)[0].reasons == {"attribute not seen": 2, "no reason recorded": 1}


def test_errors_are_counted_by_their_class_and_never_by_the_files_they_name() -> None:
    rows = [
        edit(
            status="failed", reason="/team/blobs/sha256/ab/ab12.png is lost", error_type="BlobLost"
        ),
        edit(
            status="failed", reason="/team/blobs/sha256/cd/cd34.png is lost", error_type="BlobLost"
        ),
        edit(status="failed", reason="s3://team/blobs/ab.png is lost"),
    ]
    assert yields(rows)[0].reasons == {"BlobLost": 2, "a file is lost": 1}


def test_presence_counts_what_was_judged_also_if_it_was_rejected() -> None:
    rows = [edit(), edit(status="rejected", measured_value="blue", presence=0.2),
            edit(status="failed", measured_value=None, presence=None)]  # fmt: skip
    (found,) = presences(rows)
    assert (found.judged, found.seen.estimate, found.mean_score) == (2, 0.5, pytest.approx(0.5))


def test_editors_are_compared_on_requests_that_both_answered() -> None:
    rows = [
        edit(), edit(editor="diffusion", measured_value="blue"), edit(index=1),
        edit(index=2, editor="diffusion", presence=None),
    ]  # fmt: skip
    found = {group.editor: group for group in presences(rows, shared=True)}
    assert {name: group.judged for name, group in found.items()} == {
        "compositor": 1,
        "diffusion": 1,
    }
    assert found["diffusion"].seen.estimate == 0
    assert presences([edit()], shared=True) == []


def test_rates_of_first_attempts_are_taken_as_they_were_counted() -> None:
    rates = [
        {"editor": "e", "attribute": "color", "judged": 10, "seen": 0.7, "mean_presence": 0.5},
        {"editor": "e", "attribute": "color", "judged": 30, "seen": 0.9, "mean_presence": 0.7},
        {"editor": "e", "attribute": "texture", "judged": 0, "seen": None, "mean_presence": None},
    ]
    (found,) = presences_of_rates(rates)
    assert (found.judged, found.seen.estimate) == (40, 34 / 40)
    assert found.mean_score == pytest.approx(0.65)


def test_a_pair_is_complete_only_where_all_its_sides_are() -> None:
    rows = [edit(), edit(feasibility="infeasible"), edit(index=1, paired=False),
            edit(index=1, feasibility="infeasible", paired=False)]  # fmt: skip
    (found,) = pairs(rows)
    assert (found.complete, found.incomplete) == (1, 1)


def test_confusion_counts_pairs_and_leaves_the_unanswered_out_of_agreement() -> None:
    found = confusion("t", ["a", "a", "b", "b"], ["a", "b", "b", "not judged"])
    assert (found.truths, found.seen) == (("a", "b"), ("a", "b", "not judged"))
    assert found.counts == ((1, 1, 0), (0, 1, 1))
    assert found.agreement
    assert found.agreement.estimate == pytest.approx(2 / 3)
    assert found.total == 4
    nested = {"a": {"a": 1, "b": 1}, "b": {"b": 1, "not judged": 1}}
    assert confusion_of_counts("t", nested) == found


def test_nothing_judged_has_no_confusion() -> None:
    assert feasibility_confusion([edit(judged_feasibility=None)]) is None
    assert confusion("t", ["a"], ["not judged"]).agreement is None


def test_each_judge_of_a_panel_is_counted_by_its_own_word() -> None:
    said = [("ok", "ok"), ("ok", "rejected"), ("rejected", "failed"), ("ok", "skipped")]
    edits = [{"judgements": json.dumps({"measured": {"status": a}, "clip": {"status": b}})}
             for a, b in said]  # fmt: skip
    measured, clip = judge_words([*edits, {"judgements": None}])
    assert measured.statuses == {"ok": 3, "rejected": 1, "failed": 0, "skipped": 0}
    assert measured.accepted is not None
    assert measured.accepted.estimate == 0.75
    assert clip.accepted is not None
    assert (clip.accepted.estimate, clip.statuses["failed"], clip.statuses["skipped"]) == (
        0.5,
        1,
        1,
    )
    assert judge_words([{"judgements": None}]) == []
