"""Mixtures: what every arm holds, in which order, and what cannot be had."""

import itertools
from collections import Counter
from typing import Any

import pytest

from varifactory.errors import TrainingError
from varifactory.recipe import ARMS as ARM_NAMES
from varifactory.training.arms import ARMS, mixture

Row = dict[str, Any]

CLASSES = ("apple", "taxi", "whale")
ATTRIBUTES = ("background", "color")
SOURCES, INDEXES = 4, 3
EDITED = [name for name, arm in ARMS.items() if arm.needs_edits]
LOST = {("taxi 3", "color", 2), ("whale 0", "background", 0)}
"""Places at which a judge refused the feasible edit, at the first attempt and for good."""
LATER = {("apple 1", "color", 0), ("apple 2", "background", 1)}
"""Places at which the second attempt was accepted."""


def sources() -> list[Row]:
    return [
        {"key": f"{label} {number}", "status": "ok", "label": label, "split": split,
         "pixel_sha256": f"pixels of {label} {number}"}
        for label in CLASSES
        for number, split in enumerate(("train",) * SOURCES + ("validation", "test"))
    ]  # fmt: skip


def items(**changes: Any) -> list[Row]:
    """Pairs of edits as a run leaves them, some refused, some accepted at their second attempt."""
    rows = []
    training = [row for row in sources() if row["split"] == "train"]
    for source, attribute, index in itertools.product(training, ATTRIBUTES, range(INDEXES)):
        place = source["key"], attribute, index
        name = " ".join(map(str, place))
        attempt = int(place in LATER)
        shared = {
            "kind": "edit", "split": "train", "label": source["label"], "status": "ok",
            "source_key": source["key"], "attribute": attribute, "editor": "compositor",
            "index": index, "attempt": attempt, "paired": place not in LOST, "presence": 0.9,
        }  # fmt: skip
        for side in ("feasible", "infeasible"):
            first = f"{name} {side} 0"
            rows.append(shared | {
                "key": f"item {name} {side}", "feasibility": side,
                "status": "rejected" if place in LOST and side == "feasible" else "ok",
                "pixel_sha256": f"{name} {side} {attempt}",
                "image_blob": f"{name} {side} {attempt}.png",
                "first_sha256": first, "first_blob": f"{first}.png",
            } | changes)  # fmt: skip
        if place not in LOST:
            rows.append(shared | {
                "key": f"item {name} unchanged", "feasibility": "unchanged", "paired": False,
                "pixel_sha256": f"{name} unchanged", "image_blob": f"{name} unchanged.png",
            })  # fmt: skip
    return rows


def edits(arm: str, rows: list[Row] | None = None, seed: int = 1, **asked: Any) -> tuple[Row, ...]:
    return mixture(arm, sources(), items() if rows is None else rows, seed, **asked).edits


def places(rows: tuple[Row, ...]) -> list[tuple[str, str, int]]:
    return [(row["source_key"], row["attribute"], row["index"]) for row in rows]


def test_every_arm_a_recipe_may_name_is_known() -> None:
    assert tuple(ARMS) == ARM_NAMES


def test_arms_hold_what_they_say_and_equally_many_edits() -> None:
    found = {arm: mixture(arm, sources(), items(), 1) for arm in ARMS}
    sides = {arm: Counter(row.get("feasibility") for row in each.edits)
             for arm, each in found.items()}  # fmt: skip
    pairs = len(CLASSES) * SOURCES * len(ATTRIBUTES) * INDEXES - len(LOST)
    assert {arm: len(each.real) for arm, each in found.items()} == {
        arm: 12 if arm.startswith("real") or arm == "copy-real" else 0 for arm in ARMS
    }
    for side in ("feasible", "infeasible", "unchanged"):
        assert sides[side] == sides[f"real+{side}"] == {side: pairs}
    for side in ("mixed", "unfiltered"):
        assert sides[side] == sides[f"real+{side}"]
        assert sides[side].keys() == {"feasible", "infeasible"}
        assert sides[side].total() == pairs
    assert found["copy-real"].edits == found["copy-real"].real
    assert not found["real"].edits
    assert not found["zero-shot"].edits
    assert found["real-standard"] == found["real"]


@pytest.mark.parametrize("asked", [{}, {"attribute": "color"}, {"per_source": 2},
                                   {"attribute": "background", "per_source": 1}])  # fmt: skip
def test_the_nth_edits_of_arms_are_of_one_place_and_class(asked: dict[str, Any]) -> None:
    found = {arm: edits(arm, **asked) for arm in EDITED}
    assert len({len(rows) for rows in found.values()}) == 1
    for arm in ("feasible", "infeasible", "mixed", "unchanged"):
        assert places(found[arm]) == places(found["feasible"])
        assert {row["attempt"] for row in found[arm] if places((row,))[0] in LATER} <= {1}
    labels = [row["label"] for row in found["feasible"]]
    assert [row["label"] for row in found["unfiltered"]] == labels
    same = [one == other for one, other in
            zip(places(found["unfiltered"]), places(found["feasible"]), strict=True)]  # fmt: skip
    assert sum(same) >= len(same) - len(LOST) * 2


def test_the_order_of_rows_decides_nothing() -> None:
    for arm in EDITED:
        assert edits(arm, items()[::-1]) == edits(arm)


def test_a_mixed_arm_is_halved_within_each_class_by_its_seed() -> None:
    mixed = edits("mixed")
    for label in CLASSES:
        counts = Counter(row["feasibility"] for row in mixed if row["label"] == label)
        assert abs(counts["feasible"] - counts["infeasible"]) <= 1
    assert [row["key"] for row in edits("mixed", seed=2)] != [row["key"] for row in mixed]


def test_one_attribute_and_few_pairs_a_source_are_nested_in_more() -> None:
    assert {row["attribute"] for row in edits("feasible", attribute="color")} == {"color"}
    for arm in EDITED:
        rows: dict[int, set[str]] = {
            count: {row["pixel_sha256"] for row in edits(arm, per_source=count)}
            for count in (1, 2, 3)
        }
        if arm.endswith("mixed"):  # its sides are dealt anew
            continue
        assert rows[1] < rows[2] <= rows[3] == {row["pixel_sha256"] for row in edits(arm)}
    most = Counter((row["source_key"], row["attribute"])
                   for row in edits("feasible", per_source=2))  # fmt: skip
    assert set(most.values()) == {2}
    short = edits("feasible", per_source=3)
    assert {index for source, attribute, index in places(short)
            if (source, attribute) == ("whale 0", "background")} == {1, 2}  # fmt: skip


def test_unfiltered_holds_first_attempts_whatever_was_said_of_them() -> None:
    every = [edits("unfiltered", seed=seed) for seed in range(12)]
    for rows in every:
        assert all(row["pixel_sha256"].endswith(" 0") for row in rows)
        assert all(row["image_blob"] == f"{row['pixel_sha256']}.png" for row in rows)
        for label in CLASSES:
            counts = Counter(row["feasibility"] for row in rows if row["label"] == label)
            assert abs(counts["feasible"] - counts["infeasible"]) <= 1
        assert len(set(places(rows))) == len(rows)
    drawn = {place for rows in every for place in places(rows)}
    assert drawn >= LOST | LATER
    assert any(row["status"] == "rejected" for rows in every for row in rows)
    assert len({tuple(row["pixel_sha256"] for row in rows) for rows in every}) == len(every)
    for row in (row for rows in every for row in rows):
        told = row["presence"], row["attempt"]
        assert told == ((None, 0) if places((row,))[0] in LATER else (0.9, 0))


def test_where_one_first_attempt_is_lacking_the_other_stands_in() -> None:
    whole = {row["key"] for row in items() if row["label"] == "taxi"}
    gone = {f"item taxi {n} {name} {index} infeasible" for n in (0, 1) for name in ATTRIBUTES
            for index in range(INDEXES)}  # fmt: skip
    assert gone < whole
    rows = [row | {"first_blob": None} if row["key"] in gone else row for row in items()]
    found = [row for row in edits("unfiltered", rows) if row["label"] == "taxi"]
    assert len(found) == len([row for row in edits("feasible") if row["label"] == "taxi"])
    counts = Counter(row["feasibility"] for row in found)
    # The last index' four places without a choice come when little is left to make up for them.
    assert abs(counts["feasible"] - counts["infeasible"]) <= 4
    assert not {row["key"] for row in found} & gone
    none = [row | {"first_blob": None} if row["source_key"] == "taxi 0" else row
            for row in items()]  # fmt: skip
    short = [row for row in edits("unfiltered", none) if row["label"] == "taxi"]
    assert len(short) == (SOURCES - 1) * len(ATTRIBUTES) * INDEXES


def test_unfiltered_is_neither_side() -> None:
    sides = [[row["pixel_sha256"] for row in edits(side)] for side in ("feasible", "infeasible")]
    found = [row["pixel_sha256"] for row in edits("unfiltered")]
    assert len(found) == len(sides[0])
    for side in sides:
        assert len(set(found) - set(side)) > len(found) // 3


def test_an_unchanged_edit_that_is_lacking_leaves_its_place_empty() -> None:
    gone = ("taxi 0", "color", 1)
    rows = [row | {"status": "skipped"}
            if (row["feasibility"], *places((row,))[0]) == ("unchanged", *gone) else row
            for row in items()]  # fmt: skip
    assert places(edits("unchanged", rows)) == [
        place for place in places(edits("feasible", rows)) if place != gone
    ]


def test_unpaired_edits_may_be_taken_and_the_pools_are_cut_alike() -> None:
    found = {arm: edits(arm, items(paired=False), paired_only=False)
             for arm in ("feasible", "infeasible", "mixed")}  # fmt: skip
    count = len(edits("feasible"))
    assert {arm: len(rows) for arm, rows in found.items()} == dict.fromkeys(found, count)
    assert all(row["status"] == "ok" for rows in found.values() for row in rows)


def test_only_edits_of_training_sources_by_the_editor_count() -> None:
    others = [row | {"editor": "small-diffusion"} for row in items()]
    others += [row | {"split": "test", "index": 7} for row in items()]
    rows = [{"kind": "source", **row, "source_key": row["key"]} for row in sources()]
    for arm in EDITED:
        found = mixture(arm, sources(), items() + others + rows, 1, editor="compositor")
        assert found == mixture(arm, sources(), items(), 1)
    assert [row["key"] for row in mixture("real", rows, [], 1).real] == [
        row["key"] for row in mixture("real", sources(), [], 1).real
    ]


def test_what_a_mixture_lacks_is_named_with_what_to_change() -> None:
    with pytest.raises(TrainingError, match=r"'mixed' needs edits, but none of the 0.*verdicts"):
        edits("mixed", [])
    with pytest.raises(TrainingError, match=r"'texture'.*change background, color.*prompts.attr"):
        edits("feasible", attribute="texture")
    with pytest.raises(TrainingError, match=r"asks for 4 .* more than 3 complete .*per_source"):
        edits("feasible", per_source=4)
    with pytest.raises(TrainingError, match=r"more than 2 complete ones of attribute 'color'"):
        edits("mixed", [row for row in items() if row["index"] < 2], attribute="color",
              per_source=3)  # fmt: skip
    with pytest.raises(TrainingError, match=r"'apple', 'taxi', 'whale' have none: set edits.unch"):
        edits("unchanged", [row for row in items() if row["feasibility"] != "unchanged"])
    bare = [row for row in items() if (row["label"], row["feasibility"]) != ("taxi", "unchanged")]
    with pytest.raises(TrainingError, match=r"every class, but 'taxi' has none"):
        edits("real+unchanged", bare)
    with pytest.raises(TrainingError, match=r"tells of none for 'apple', 'taxi', 'whale'.*again"):
        edits("unfiltered", items(first_blob=None))
