import itertools
import json
from typing import Any

import pytest

from varifactory.catalog import Pools, Taxonomy
from varifactory.items import Pair, assemble, counts, outcomes, refused, wanted
from varifactory.recipe import Recipe
from varifactory.records import table
from varifactory.store import dataset_hash

TAXONOMY = Taxonomy(
    known_truth=True,
    classes={"apple": {"color": Pools(feasible=("red",), infeasible=("blue",))}},
)
SOURCES = [
    {"key": "s1", "label": "apple", "status": "ok", "split": "train", "image_blob": "s1.png",
     "pixel_sha256": "ps1"},
    {"key": "s2", "label": "apple", "status": "ok", "split": "test", "image_blob": "s2.png",
     "pixel_sha256": "ps2"},
    {"key": "s3", "label": "apple", "status": "failed", "reason": "truncated"},
]  # fmt: skip
MASKS = [{"key": "m1", "source_key": "s1", "mask_blob": "m1.png", "predicted_iou": 0.9}]


def recipe(**edits: Any) -> Recipe:
    return Recipe.parse({"name": "small", "sources": {"kind": "world"}, "edits": edits})


def edit(feasibility: str, attempt: int = 0, **changes: Any) -> dict[str, Any]:
    value = "red" if feasibility == "feasible" else "blue"
    name = f"{feasibility}-{attempt}"
    row = {"key": name, "label": "apple", "status": "ok", "source_key": "s1", "index": 0,
           "attribute": "color", "feasibility": feasibility, "value": value, "attempt": attempt,
           "editor": "compositor", "pixel_sha256": f"p-{name}", "image_blob": f"{name}.png",
           "source_blob": "s1.png", "mask_blob": "m1.png", "change_inside": 20.0}  # fmt: skip
    return row | changes


def verdict(edit_row: dict[str, Any], presence: float = 0.9, **changes: Any) -> dict[str, Any]:
    other = "blue" if edit_row["value"] == "red" else "red"
    scores = f'{{"{edit_row["value"]}": {presence}, "{other}": {1 - presence}}}'
    row = {"key": f"v-{edit_row['key']}", "status": "ok", "value_scores": scores,
           "class_scores": '{"apple": 0.8}', "measured_class": "apple",
           "measured_value": edit_row["value"] if presence >= 0.5 else other}  # fmt: skip
    return row | changes


def ended(edits: list[dict[str, Any]], absent: set[str] = frozenset(), gates=None, **edit_settings):
    """Outcomes of edits of which those named in ``absent`` do not show what was asked."""
    verdicts = {row["key"]: {"measured": verdict(row, 0.1 if row["key"] in absent else 0.9)}
                for row in edits}  # fmt: skip
    return outcomes(edits, gates or {}, verdicts, recipe(**edit_settings), TAXONOMY)


def edits_of(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["feasibility"]: row for row in rows if row["kind"] == "edit"}


def test_a_pair_is_kept_at_the_first_attempt_both_sides_passed():
    edits = [edit(side, at) for side in ("feasible", "infeasible") for at in (0, 1, 2)]
    found = ended(edits, absent={"infeasible-0"})
    kept = edits_of(assemble(SOURCES, MASKS, edits, found, recipe(attempts=3)))
    assert {side: (row["attempt"], row["paired"]) for side, row in kept.items()} == {
        "feasible": (1, True), "infeasible": (1, True)}  # fmt: skip


def test_sides_that_never_meet_keep_their_own_first_and_are_not_paired():
    edits = [edit(side, at) for side in ("feasible", "infeasible") for at in (0, 1)]
    found = ended(edits, absent={"feasible-0", "infeasible-1"})
    kept = edits_of(assemble(SOURCES, MASKS, edits, found, recipe()))
    assert [(row["attempt"], row["paired"], row["status"]) for row in kept.values()] == [
        (1, False, "ok"), (0, False, "ok")]  # fmt: skip


def test_what_never_passed_stays_with_its_last_reason():
    edits = [edit(side, at) for side in ("feasible", "infeasible") for at in (0, 1)]
    found = ended(edits, absent={"feasible-0"}, gates={"feasible-1": "too little change"})
    kept = edits_of(assemble(SOURCES, MASKS, edits, found, recipe()))["feasible"]
    assert (kept["attempt"], kept["status"], kept["stage"], kept["reason"]) == (
        1, "rejected", "edits", "too little change")  # fmt: skip


def test_faithful_takes_what_the_judge_refused_and_says_so_but_nothing_else():
    torn = edit("feasible", index=1, key="torn", status="failed", reason="no memory")
    edits = [edit("feasible"), edit("infeasible"), torn]
    found = ended(edits, absent={"feasible-0"}, preset="faithful")
    rows = assemble(SOURCES, MASKS, edits, found, recipe(preset="faithful"))
    assert [(row["edit_key"], row["status"], row["forced"]) for row in rows[3:]] == [
        ("feasible-0", "ok", True), ("infeasible-0", "ok", False), ("torn", "failed", False)
    ]  # fmt: skip
    assert rows[3]["reason"].startswith("attribute not seen")


def test_an_item_keeps_its_first_attempt_whatever_a_judge_said_of_it():
    edits = [edit(side, at, region_share=0.4) for side in ("feasible", "infeasible")
             for at in (0, 1)]  # fmt: skip
    found = ended(edits, absent={"feasible-0"})
    for side, row in edits_of(assemble(SOURCES, MASKS, edits, found, recipe())).items():
        assert (row["attempt"], row["image_blob"]) == (1, f"{side}-1.png")
        assert (row["first_blob"], row["first_sha256"]) == (f"{side}-0.png", f"p-{side}-0")
        assert row["region_share"] == 0.4
    source = assemble(SOURCES, MASKS, edits, found, recipe())[0]
    assert source.get("first_blob") is None


def test_a_first_attempt_that_was_not_made_or_that_its_gate_refused_is_not_kept():
    torn = edit("infeasible", status="failed", reason="no memory", image_blob=None)
    edits = [edit("feasible"), edit("feasible", 1), torn]
    gates = {"feasible-0": "near-duplicate of another image"}
    found = ended(edits, gates=gates)
    for row in edits_of(assemble(SOURCES, MASKS, edits, found, recipe())).values():
        assert (row["first_blob"], row["first_sha256"]) == (None, None)


def test_what_later_columns_hold_is_no_part_of_a_key():
    edits = [edit("feasible"), edit("infeasible")]
    other = [row | {"region_share": 0.7} for row in edits]
    keys = [{row["key"] for row in assemble(SOURCES, MASKS, rows, ended(rows), recipe())}
            for rows in (edits, other)]  # fmt: skip
    assert keys[0] == keys[1]


def test_rows_fit_the_table_and_keep_every_source():
    edits = [edit("feasible"), edit("infeasible")]
    rows = assemble(SOURCES, MASKS, edits, ended(edits), recipe())
    assert table("items", rows).num_rows == 5
    assert [(row["kind"], row["status"]) for row in rows[:3]] == [
        ("source", "ok"), ("source", "ok"), ("source", "failed")]  # fmt: skip
    first = edits_of(rows)["infeasible"]
    assert first["judged_feasibility"] == "infeasible"
    assert (first["split"], first["presence"], first["predicted_iou"]) == ("train", 0.9, 0.9)


@pytest.mark.parametrize(
    ("absent", "failed", "attempts", "next_attempt"),
    [
        (set(), set(), 2, None),
        ({"feasible-0"}, set(), 2, 1),
        ({"feasible-0"}, set(), 1, None),
        ({"feasible-0"}, {"infeasible-0"}, 2, None),
        (set(), {"infeasible-0"}, 2, None),
    ],
)
def test_another_attempt_is_for_rejected_pairs(
    absent: set[str], failed: set[str], attempts: int, next_attempt: int | None
):
    edits = [edit("feasible"), edit("infeasible")]
    edits = [row | {"status": "failed"} if row["key"] in failed else row for row in edits]
    found = ended(edits, absent)
    needed = wanted(edits, found, recipe(attempts=attempts))
    pair = Pair("s1", "color", 0, "compositor")
    assert needed == ([(pair, next_attempt)] if next_attempt else [])


def test_no_attempt_is_asked_for_twice_or_of_the_second_editor():
    edits = [edit(side, at) for side in ("feasible", "infeasible") for at in (0, 1)]
    found = ended(edits, absent={"feasible-0"})
    assert wanted(edits, found, recipe(attempts=5)) == []
    second = [row | {"editor": "small-diffusion"} for row in edits]
    assert wanted(second, ended(second, absent={"feasible-0", "feasible-1"}), recipe()) == []


def test_the_hash_is_of_the_content_not_of_the_order():
    edits = [edit("feasible"), edit("infeasible")]
    found = ended(edits)
    rows = assemble(SOURCES, MASKS, edits, found, recipe())
    hashes = {dataset_hash(table("items", list(order))) for order in itertools.permutations(rows)}
    again = assemble(SOURCES, MASKS, edits[::-1], found, recipe())
    assert hashes == {dataset_hash(table("items", again))}
    other = assemble(SOURCES, MASKS, edits, ended(edits, absent={"feasible-0"}), recipe())
    assert dataset_hash(table("items", other)) not in hashes


def test_a_gate_rejects_what_was_made_and_leaves_failures_alone():
    rows = [{"key": "a", "status": "ok", "reason": ""}, {"key": "b", "status": "failed"}]
    gated = refused(rows, {"a": "area 0.01 below 0.03", "b": "no mask"})
    assert [(row["status"], row.get("reason")) for row in gated] == [
        ("rejected", "area 0.01 below 0.03"), ("failed", None)]  # fmt: skip
    assert rows[0]["status"] == "ok"


def test_a_panel_keeps_every_judges_word_and_one_verdict_key():
    edits = [edit("feasible"), edit("infeasible")]
    words = {"measured": 0.9, "clip": 0.1}
    said = {row["key"]: {name: verdict(row, score, key=f"{name}-{row['key']}")
                         for name, score in words.items()} for row in edits}  # fmt: skip

    def rows(panel: tuple[str, ...], decision: str = "first") -> dict[str, dict[str, Any]]:
        asked = {"verdicts": {"panel": panel, "decision": decision}}
        settings = Recipe.parse({"name": "small", "sources": {"kind": "world"}, **asked})
        found = outcomes(edits, {}, said, settings, TAXONOMY)
        assert bool(wanted(edits, found, settings)) is (decision == "all")
        return edits_of(assemble(SOURCES, MASKS, edits, found, settings))

    alone, first, every = rows(()), rows(("clip",)), rows(("clip",), "all")
    assert [one["feasible"]["status"] for one in (alone, first, every)] == ["ok", "ok", "rejected"]
    assert every["feasible"]["reason"].startswith("attribute not seen: clip (")
    assert every["feasible"]["verdict_key"] == "measured-feasible-0"
    assert alone["feasible"]["judgements"] is None
    told = json.loads(first["feasible"]["judgements"])
    assert {name: (one["status"], one["verdict_key"]) for name, one in told.items()} == {
        "measured": ("ok", "measured-feasible-0"),
        "clip": ("rejected", "clip-feasible-0"),
    }
    assert len({one["feasible"]["key"] for one in (alone, first, every)}) == 3
    assert table("items", list(every.values())).num_rows == 2


def test_counts_add_up_or_are_refused():
    rows = [{"key": "a", "status": "ok"}, {"key": "b", "status": "rejected"}]
    assert counts({"edits": "ab"}, {"edits": rows}) == {
        "edits": {"in": 2, "ok": 1, "rejected": 1, "failed": 0, "skipped": 0}}  # fmt: skip
    with pytest.raises(AssertionError, match="lost 1"):
        counts({"edits": "abc"}, {"edits": rows})
    with pytest.raises(AssertionError, match="twice"):
        counts({"edits": "ab"}, {"edits": [*rows, rows[0]]})
    with pytest.raises(AssertionError, match="never planned"):
        counts({"edits": "a"}, {"edits": rows})
