"""Exactly n accepted edits: what is asked for next, what is left out, and what is told."""

from typing import Any

import pytest

from varifactory import items, quotas
from varifactory.edits import Wish
from varifactory.items import Outcome
from varifactory.recipe import Recipe
from varifactory.verdicts import agreement
from varifactory.verdicts.deciding import Decision
from varifactory.yields import pairs

SIDES = ("feasible", "infeasible")
MASKS = [{"source_key": f"s{number}", "label": "apple"} for number in range(3)]


def recipe(exact: int, **edits: Any) -> Recipe:
    return Recipe.parse(
        {
            "name": "small",
            "sources": {"kind": "world"},
            "edits": {"exact": exact, **edits},
            "prompts": {"attributes": ["color"]},
        }
    )


def edit(source: int, index: int, side: str, attempt: int = 0, **changes: Any) -> dict[str, Any]:
    return {"key": f"{source}-{index}-{side}-{attempt}", "label": "apple",
            "source_key": f"s{source}", "attribute": "color", "index": index, "attempt": attempt,
            "feasibility": side, "editor": "compositor", "status": "ok", **changes}  # fmt: skip


def first_round(sources: int = 3) -> list[dict[str, Any]]:
    return [edit(source, 0, side) for source in range(sources) for side in SIDES]


def ended(edits: list[dict[str, Any]], refused: set[str] = frozenset()) -> dict[str, Outcome]:
    return {
        row["key"]: Outcome(
            "verdicts", Decision("rejected" if row["key"] in refused else "ok", "why")
        )
        for row in edits
    }


def pairs_of(wishes: set[Wish]) -> list[tuple[str, int]]:
    assert {wish.feasibility for wish in wishes} <= set(SIDES)
    by_pair = sorted((wish.source_key, wish.index) for wish in wishes)
    assert all(by_pair.count(pair) == 2 for pair in by_pair), "both sides, so that arms are paired"
    return sorted(set(by_pair))


def test_a_filled_quota_asks_for_nothing() -> None:
    edits = first_round()
    assert quotas.further(edits, ended(edits), MASKS, recipe(3)) == set()


def test_a_gap_is_filled_by_the_sources_in_turn() -> None:
    edits = first_round()
    wishes = quotas.further(edits, ended(edits), MASKS, recipe(5))
    assert pairs_of(wishes) == [("s0", 1), ("s1", 1), ("s2", 1)], "3 of 3 good: ceil(2 / 0.8)"


def test_a_low_rate_asks_for_more_and_never_for_more_than_the_bound() -> None:
    edits = first_round()
    none = {row["key"] for row in edits}
    wishes = quotas.further(edits, ended(edits, none), MASKS, recipe(3))
    assert len(pairs_of(wishes)) == 3 * quotas.WIDEST
    assert not {(f"s{source}", 0) for source in range(3)} & set(pairs_of(wishes))


def test_a_pair_with_one_refused_side_fills_no_gap() -> None:
    edits = first_round()
    wishes = quotas.further(edits, ended(edits, {"1-0-infeasible-0"}), MASKS, recipe(3))
    assert pairs_of(wishes) == [("s0", 1), ("s1", 1)], "2 of 3 good: ceil(1 / 0.6)"


def test_what_is_asked_for_follows_from_outcomes_alone() -> None:
    edits, masks = first_round(), list(MASKS)
    wishes = quotas.further(edits, ended(edits), masks, recipe(6))
    assert wishes == quotas.further(edits[::-1], ended(edits), masks[::-1], recipe(6))


def test_a_class_without_masks_asks_for_nothing() -> None:
    edits = first_round()
    assert quotas.further(edits, ended(edits), [], recipe(9)) == set()


def test_the_compared_editor_is_neither_counted_nor_left_out() -> None:
    edits = [*first_round(1), *(edit(1, 0, side, editor="small-diffusion") for side in SIDES)]
    assert len(pairs_of(quotas.further(edits, ended(edits), MASKS, recipe(2)))) == 2
    kept = quotas.trimmed(edits, ended(edits), recipe(1))
    assert {outcome.status for outcome in kept.values()} == {"ok"}


@pytest.mark.parametrize("exact", [1, 2, 3, 7])
def test_no_quota_is_passed_and_none_cut_below(exact: int) -> None:
    edits = first_round()
    kept = quotas.trimmed(edits, ended(edits), recipe(exact))
    for side in SIDES:
        good = [
            row for row in edits if row["feasibility"] == side and kept[row["key"]].status == "ok"
        ]
        assert len(good) == min(exact, 3)
    left_out = [outcome.decision for outcome in kept.values() if outcome.status == "skipped"]
    assert all(quotas.SURPLUS in decision.reason for decision in left_out)
    whole = {row["source_key"] for row in edits if kept[row["key"]].status == "ok"}
    assert len(whole) == min(exact, 3), "pairs stay whole"


def test_what_is_left_out_keeps_its_scores_and_counts_as_accepted() -> None:
    edits = first_round()
    seen = Decision("ok", "", 0.9, 0.8, "feasible")
    found = {row["key"]: Outcome("verdicts", seen, "v", "red") for row in edits}
    kept = quotas.trimmed(edits, found, recipe(1))
    assert {outcome.decision.presence for outcome in kept.values()} == {0.9}
    assert {outcome.decision.judged_feasibility for outcome in kept.values()} == {"feasible"}
    assert all(outcome.passed for outcome in kept.values())
    asked = [{**row, "value": "red"} for row in edits]
    rates = agreement.presence(asked, kept)
    assert [(rate["judged"], rate["accepted"]) for rate in rates] == [(3, 1.0)] * 2


def test_an_edit_left_out_is_told_by_the_attempt_that_was_accepted() -> None:
    """The feasible one passed at once, its partner never: the quota is full without it."""
    edits = [*first_round(1), edit(0, 0, "feasible", 1), edit(0, 0, "infeasible", 1)]
    edits += [edit(1, 0, side) for side in SIDES]
    refused = {"0-0-infeasible-0", "0-0-infeasible-1", "0-0-feasible-1"}
    kept = quotas.trimmed(edits, ended(edits, refused), recipe(1))
    rows = items.assemble([], [], edits, kept, recipe(1))
    told = {(row["source_key"], row["feasibility"]): row for row in rows}
    left = told["s0", "feasible"]
    assert (left["status"], left["attempt"], left["paired"]) == ("skipped", 0, False)
    assert items.surplus(left)
    assert told["s0", "infeasible"]["status"] == "rejected"
    assert told["s1", "feasible"]["paired"]


def test_a_pair_left_out_is_complete_and_still_not_to_be_taken() -> None:
    edits = [*first_round(2), *(edit(1, 0, side, 1) for side in SIDES)]
    found = ended(edits, {"1-0-feasible-0"})
    rows = items.assemble([], [], edits, quotas.trimmed(edits, found, recipe(1)), recipe(1))
    by_source = {row["source_key"]: row for row in rows}
    assert (by_source["s1"]["attempt"], by_source["s1"]["paired"]) == (1, False)
    assert by_source["s0"]["paired"]
    (counted,) = pairs(rows)
    assert (counted.complete, counted.incomplete) == (2, 0)


def test_single_sides_fill_only_what_pairs_leave_open() -> None:
    edits = first_round()
    found = ended(edits, {"0-0-infeasible-0"})
    kept = quotas.trimmed(edits, found, recipe(2))
    assert kept["0-0-feasible-0"].status == "skipped", "two pairs fill both quotas"
    kept = quotas.trimmed(edits, found, recipe(3))
    assert kept["0-0-feasible-0"].status == "ok"


def test_what_was_not_reached_is_told_with_its_numbers() -> None:
    edits = first_round()
    lines = quotas.shortfalls(edits, ended(edits, {"0-0-infeasible-0"}), recipe(3), ["apple"])
    assert len(lines) == 1
    assert lines[0].startswith("apple, color, infeasible: 2 of 3 accepted edits, of 3 that were")
    assert quotas.shortfalls(edits, ended(edits), recipe(3), ["apple"]) == []


def test_a_class_without_a_single_edit_is_told_too() -> None:
    edits = first_round()
    lines = quotas.shortfalls(edits, ended(edits), recipe(3), ["apple", "pear"])
    assert [line.split(":")[0] for line in lines] == [
        "pear, color, feasible", "pear, color, infeasible"
    ]  # fmt: skip
    assert all("none was tried, for want of an accepted mask" in line for line in lines)


def test_rounds_reach_the_number_at_any_rate_in_a_simulation() -> None:
    """Every second pair is good: a few rounds are enough, and no more is asked for than needed."""
    plan, edits = recipe(20), first_round()
    refused: set[str] = set()
    for _ in range(plan.edits.rounds):
        refused = {row["key"] for at, row in enumerate(sorted(edits, key=lambda r: r["key"]))
                   if (at // 2) % 2}  # fmt: skip
        wishes = quotas.further(edits, ended(edits, refused), MASKS, plan)
        edits += [edit(int(w.source_key[1:]), w.index, w.feasibility) for w in sorted(
            wishes, key=lambda w: (w.source_key, w.index, w.feasibility))]  # fmt: skip
    assert len({row["key"] for row in edits}) == len(edits), "nothing was asked for twice"
    assert len(edits) < 2 * 20 * 4
    assert quotas.shortfalls(edits, ended(edits, refused), plan, ["apple"]) == []
