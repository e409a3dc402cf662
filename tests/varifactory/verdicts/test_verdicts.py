import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from varifactory import keys
from varifactory.catalog import Attribute, Catalog, Pools, Taxonomy, Value
from varifactory.models import Answer, JudgeCase
from varifactory.recipe import Recipe, Verdicts
from varifactory.verdicts.deciding import (
    CLASS_LOST,
    NOT_JUDGED,
    NOT_SEEN,
    OTHER_FEASIBILITY,
    UNJUDGED,
    Decision,
    decide,
)
from varifactory.verdicts.judging import judge_edits
from varifactory.verdicts.planning import all_choices, by_edit, plan_verdicts, read_by, verdict_spec


def attribute(phrase: str = "red", **paint: Any) -> Attribute:
    return Attribute(
        name="color",
        region="object",
        measure="color",
        editors={"compositor": "recolor"},
        templates=("a {phrase} {class_name}",),
        values={
            "red": Value(phrase=phrase, paint=paint or {"rgb": [207, 42, 39]}),
            "blue": Value(phrase="blue", paint={"rgb": [43, 87, 196]}),
        },
    )


CATALOG = Catalog(attributes={"color": attribute()})
TAXONOMY = Taxonomy(
    known_truth=True,
    classes={"apple": {"color": Pools(feasible=("red",), infeasible=("blue",))}},
)


def edit(**changes: Any) -> dict[str, Any]:
    row = {"key": "e1", "label": "apple", "attribute": "color", "value": "red",
           "feasibility": "feasible", "pixel_sha256": "p1", "mask_sha256": "m1",
           "image_blob": "i.png", "mask_blob": "m.png", "status": "ok"}  # fmt: skip
    return row | changes


def verdict(values: Mapping[str, float], classes: Mapping[str, float], **changes: Any):
    def best(scores: Mapping[str, float]) -> str | None:
        return max(scores, key=lambda name: scores[name]) if scores else None

    return {"key": "v1", "status": "ok", "reason": "", "value_scores": json.dumps(dict(values)),
            "class_scores": json.dumps(dict(classes)), "measured_value": best(values),
            "measured_class": best(classes)} | changes  # fmt: skip


class RedShare:
    """A judge of one measure: how much of the object is more red than blue."""

    def __init__(self) -> None:
        self.identity = {"name": "red-share", "version": 1}
        self.seen: list[JudgeCase] = []

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
        self.seen.extend(cases)
        shares = [
            float((case.image[case.object_mask][:, 0] > case.image[case.object_mask][:, 2]).mean())
            for case in cases
        ]
        return [
            Answer({"red": share, "blue": 1 - share}, {"apple": 1.0}, {"share": share})
            for share in shares
        ]


def test_the_key_is_what_the_judge_sees_and_nothing_else():
    spec = keys.spec_of("verdicts", verdict_spec(_recipe(), RedShare()))
    (first,) = plan_verdicts(spec, [edit()], CATALOG)

    def key(catalog: Catalog = CATALOG, **changes: Any) -> str:
        return str(plan_verdicts(spec, [edit(**changes)], catalog)[0]["key"])

    same = [key(value="blue"), key(feasibility="infeasible"), key(label="pear"),
            key(Catalog(attributes={"color": attribute(phrase="crimson")}))]  # fmt: skip
    other = [key(pixel_sha256="p2"), key(mask_sha256="m2"),
             key(Catalog(attributes={"color": attribute(rgb=[1, 2, 3])}))]  # fmt: skip
    assert set(same) == {first["key"]}
    assert len({first["key"], *other}) == 4


@pytest.mark.parametrize("kind", ["text-to-image", "image-to-image"])
def test_a_picture_made_anew_is_planned_without_its_sources_mask(kind: str):
    inpainted = edit(kind="inpaint")
    (placed,) = plan_verdicts("s", [inpainted], CATALOG)
    assert placed["key"] == plan_verdicts("s", [edit()], CATALOG)[0]["key"]
    assert (placed["mask_sha256"], placed["mask_blob"]) == ("m1", "m.png")
    anew = [edit(kind=kind), edit(key="e2", kind=kind, mask_sha256="m2", mask_blob="n.png")]
    rows = plan_verdicts("s", anew, CATALOG)
    assert [(row["mask_sha256"], row["mask_blob"]) for row in rows] == [(None, None)]
    assert rows[0]["key"] != placed["key"]
    assert set(by_edit("s", anew, rows, CATALOG)) == {"e1", "e2"}


def test_the_key_of_an_inpainted_edit_stays():
    (row,) = plan_verdicts("s", [edit(kind="inpaint")], CATALOG)
    shown = keys.digest({"measure": "color", "values": {
        "red": {"rgb": [207, 42, 39]}, "blue": {"rgb": [43, 87, 196]}}})  # fmt: skip
    assert row["key"] == keys.item_key("s", pixels="p1", mask="m1", attribute="color", shown=shown)


def test_edits_that_look_the_same_share_a_verdict_and_find_it():
    twins = [edit(), edit(key="e2"), edit(key="e3", pixel_sha256="p3")]
    rows = plan_verdicts("s", twins, CATALOG)
    found = by_edit("s", [*twins, edit(key="lost", pixel_sha256=None)], rows, CATALOG)
    assert [row["edit_key"] for row in rows] == ["e1", "e3"]
    assert {name: row["key"] for name, row in found.items()} == {
        "e1": rows[0]["key"], "e2": rows[0]["key"], "e3": rows[1]["key"]}  # fmt: skip


def test_a_batch_is_judged_by_its_pixels_alone():
    judge = RedShare()
    rows = plan_verdicts("s", [edit(), edit(key="e2", pixel_sha256="p2")], CATALOG)
    images = [np.full((4, 4, 3), color, np.uint8) for color in ([200, 20, 20], [20, 20, 200])]
    made = judge_edits(rows, images, [np.ones((4, 4), bool)] * 2, judge, CATALOG)
    assert [item.row["measured_value"] for item in made] == ["red", "blue"]
    assert [item.row["status"] for item in made] == ["ok", "ok"]
    assert json.loads(made[0].row["raw"]) == {"share": 1.0}
    assert {item.row["judge"] for item in made} == {"red-share"}
    shown = {name for case in judge.seen for name in case.__dataclass_fields__}
    assert shown == {"image", "object_mask", "attribute", "values", "class_names"}
    assert {(case.values, case.class_names) for case in judge.seen} == {((), ())}


class Reader(RedShare):
    """A judge that is told what there is to choose from."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = {"name": "reader", "reads_choices": True}


WRITTEN = [
    {"label": label, "attribute": "color", "value": value}
    for label, value in (("pear", "green"), ("apple", "red"), ("apple", "crimson"))
]


def test_who_reads_choices_sees_those_of_the_whole_run_and_nobody_elses_key_knows_them():
    found = all_choices(WRITTEN, CATALOG)
    assert found.values == {"color": ("blue", "crimson", "green", "red")}
    assert found.class_names == ("apple", "pear")
    assert read_by(RedShare(), found) is None
    judge = Reader()
    rows = plan_verdicts("s", [edit()], CATALOG, read_by(judge, found))
    image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
    judge_edits(rows, [image], [mask], judge, CATALOG, read_by(judge, found))
    assert judge.seen[0].values == ("blue", "crimson", "green", "red")
    assert judge.seen[0].class_names == ("apple", "pear")


def test_choices_are_part_of_the_key_of_who_reads_them_but_not_what_was_asked():
    def key(written: list[dict[str, Any]] = WRITTEN, catalog: Catalog = CATALOG, **changes: Any):
        read = all_choices(written, catalog)
        return plan_verdicts("s", [edit(**changes)], catalog, read)[0]["key"]

    words = Catalog(attributes={"color": attribute(phrase="crimson")})
    assert len({key(), key(WRITTEN[:1]), key(catalog=words)}) == 3
    assert key() == key(value="blue", feasibility="infeasible", label="pear") == key(WRITTEN[::-1])
    assert key() != plan_verdicts("s", [edit()], CATALOG)[0]["key"]
    read = all_choices(WRITTEN, CATALOG)
    rows = plan_verdicts("s", [edit()], CATALOG, read)
    assert by_edit("s", [edit()], rows, CATALOG, read)["e1"] == rows[0]
    assert by_edit("s", [edit()], rows, CATALOG) == {}


@pytest.mark.parametrize("score", [float("nan"), 1.4, -0.2])
def test_a_score_that_is_none_is_a_failed_row(score: float):
    class Broken(RedShare):
        def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
            return [Answer({"red": score}, {}) for _ in cases]

    rows = plan_verdicts("s", [edit()], CATALOG)
    image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
    (made,) = judge_edits(rows, [image], [mask], Broken(), CATALOG)
    assert made.row["status"] == "failed"
    assert "'red'" in made.row["reason"]


def test_feasibility_is_that_of_the_measured_value():
    settings = Verdicts(min_presence=0.1)
    found = decide(verdict({"red": 0.2, "blue": 0.8}, {"apple": 0.9}), edit(), settings, TAXONOMY)
    assert (found.status, found.presence, found.class_score) == ("ok", 0.2, 0.9)
    assert found.judged_feasibility == "infeasible"


def test_each_threshold_refuses_with_its_own_reason():
    def reason(row: dict[str, Any], **settings: Any) -> str:
        found = decide(row, edit(), Verdicts(**settings), TAXONOMY)
        assert found.status == ("rejected" if found.reason else "ok")
        return found.reason.partition(":")[0]

    blue = verdict({"red": 0.2, "blue": 0.8}, {"apple": 0.9})
    pear = verdict({"red": 0.9, "blue": 0.1}, {"apple": 0.01, "pear": 0.99})
    assert reason(blue) == NOT_SEEN
    assert reason(blue, min_presence=0.2) == ""
    assert reason(pear) == CLASS_LOST
    assert reason(pear, min_class=0.01) == ""
    assert reason(blue, min_presence=0, feasibility="required") == OTHER_FEASIBILITY


def test_what_cannot_be_judged_passes_unless_it_must_be():
    photograph = Taxonomy(classes={})
    silent = verdict({}, {})
    found = decide(silent, edit(), Verdicts(), photograph)
    assert (found.status, found.presence, found.class_score) == ("ok", None, None)
    assert found.judged_feasibility == NOT_JUDGED
    refused = decide(silent, edit(), Verdicts(feasibility="required"), photograph)
    assert refused.reason.startswith(UNJUDGED)


def test_where_no_law_knows_it_the_judges_word_counts_by_its_threshold():
    photograph = Taxonomy(classes={})
    said = verdict({"red": 1.0}, {"apple": 1.0}, possible=0.4)

    def found(law: Taxonomy = photograph, **settings: Any) -> Decision:
        return decide(said, edit(), Verdicts(feasibility="required", **settings), law)

    assert found().judged_feasibility == "infeasible"
    assert found().reason == (
        "other feasibility: what is seen of 'apple' is possible with 0.40, below 0.5, so "
        "infeasible; feasible was asked for")  # fmt: skip
    assert (found(min_possible=0.4).status, found(min_possible=0.4).judged_feasibility) == (
        "ok", "feasible")  # fmt: skip
    assert found(TAXONOMY).judged_feasibility == "feasible"


def test_a_possibility_that_is_no_share_is_a_failed_row():
    class Sure(RedShare):
        def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
            return [Answer({}, {}, possible=7.0) for _ in cases]

    rows = plan_verdicts("s", [edit()], CATALOG)
    image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
    (made,) = judge_edits(rows, [image], [mask], Sure(), CATALOG)
    assert made.row["status"] == "failed"
    assert "'possible' 7.0" in made.row["reason"]


def test_a_value_or_a_class_the_judge_does_not_know_is_not_held_against_the_edit():
    row = verdict({"blue": 1.0}, {"pear": 1.0})
    found = decide(row, edit(value="crimson"), Verdicts(), TAXONOMY)
    assert (found.status, found.presence, found.class_score) == ("ok", None, None)


def test_no_judge_accepts_and_a_missing_verdict_does_not():
    assert decide(None, edit(), Verdicts(judge="none"), TAXONOMY).status == "ok"
    assert decide(None, edit(), Verdicts(), TAXONOMY).status == "skipped"
    broken = verdict({}, {}, status="failed", reason="timeout")
    found = decide(broken, edit(), Verdicts(), TAXONOMY)
    assert (found.status, found.reason) == ("failed", "timeout")


def _recipe() -> Recipe:
    return Recipe.parse({"name": "small", "sources": {"kind": "world"}})
