import re
from collections import Counter
from itertools import pairwise

import pytest

from tests.plain_stock import edit, foreign, items
from varifactory.errors import RecipeError, TrainingError
from varifactory.exchange import pools
from varifactory.exchange.grid import Grid
from varifactory.exchange.lineage import LineageError
from varifactory.exchange.planning import PlannedExchange, exchange_spec, plan_exchange
from varifactory.exchange.subsets import Subsets, stock_of
from varifactory.keys import spec_of
from varifactory.recipe import Recipe


def recipe(**exchange) -> Recipe:
    asked = {"base": [3, 6], "real": [0.5, 1, 2], "synthetic": [0.5, 1, 2], "substituted": [0.5, 1],
             "gains": [1], "seeds": [1, 2], "trainee": "estimator", "controls": []}  # fmt: skip
    return Recipe.parse(
        {"name": "x", "sources": {"kind": "world"}, "exchange": asked | exchange}
    )  # fmt: skip


def planned(
    rows=None, *, taken_in=(), trained_on=None, settings=(), foreign_set="", **exchange
) -> PlannedExchange:
    asked = recipe(**exchange).overlaid(settings)
    spec = spec_of("exchange", exchange_spec(asked, None))
    rows = items() if rows is None else rows
    return plan_exchange(
        spec, asked, rows, foreign=taken_in, trained_on=trained_on, foreign_set=foreign_set
    )


def by_way(plan: PlannedExchange) -> Counter:
    return Counter((each.cell.base, each.cell.way, each.cell.pool) for each in plan.cells)


def test_the_grid_is_crossed_with_paired_seeds() -> None:
    plan = planned(controls=["identity", "duplicate", "mislabelled"])
    each = {
        (base, way, pool): 2 * count
        for base in (3, 6)
        for way, pool, count in [
            ("real", "real", 4), ("added", "edits", 3), ("substituted", "edits", 2),
            ("added", "identity", 3), ("added", "duplicate", 3), ("added", "mislabelled", 3),
        ]
    }  # fmt: skip
    assert by_way(plan) == each
    (notice,) = plan.notices
    assert notice.startswith("edits: where 1 times the base is replaced")
    assert len({each.cell for each in plan.cells}) == len(plan.cells)


def test_cells_hold_what_they_say() -> None:
    plan = planned()
    for each in plan.cells:
        kinds = Counter(row["kind"] for row in each.images)
        assert kinds == Counter({"source": each.real, "edit": each.other})
        assert each.row["train_images"] == each.real + each.other == len(each.images)
        classes = Counter(row["label"] for row in each.images)
        assert len(set(classes.values())) == 1, "as many of every class"
        added = {"real": each.real - 3 * each.cell.base, "added": each.other,
                 "substituted": each.other}[each.cell.way]  # fmt: skip
        assert added == pytest.approx(each.cell.multiple * 3 * each.cell.base)
        if each.cell.way == "substituted":
            assert each.real + each.other == 3 * each.cell.base


def test_larger_cells_hold_what_smaller_ones_hold() -> None:
    plan = planned(controls=["identity", "duplicate", "mislabelled"])
    for pool in ("real", "edits", "identity", "duplicate", "mislabelled"):
        way = "real" if pool == "real" else "added"
        cells = sorted(
            (each for each in plan.cells if each.cell.pool == pool and each.cell.way == way
             and (each.cell.base, each.cell.seed) == (6, 1)),
            key=lambda each: each.cell.multiple,
        )  # fmt: skip
        assert len(cells) >= 3
        for small, large in pairwise(cells):
            less, more = (
                Counter((row["pixel_sha256"], row["label"]) for row in each.images)
                for each in (small, large)
            )
            assert less < more


def test_equal_content_is_one_row() -> None:
    plan = planned()
    key = {each.cell: each.row["key"] for each in plan.cells}
    twice = [cell for cell in key if (cell.base, cell.way, cell.multiple) == (3, "real", 1)]
    assert len(twice) == 2
    for cell in twice:
        (whole,) = [other for other in key if (other.base, other.way, other.multiple, other.seed)
                    == (6, "real", 0, cell.seed)]  # fmt: skip
        assert key[cell] == key[whole]
    assert len(plan.rows) == len(set(key.values())) < len(key)


def test_a_key_follows_from_content_and_seed_alone() -> None:
    rows = items()
    one = planned(rows)
    assert [each.row["key"] for each in one.cells] == [
        each.row["key"] for each in planned(list(reversed(rows))).cells
    ]
    other_test = [row | {"pixel_sha256": "another"} if row["key"] == "source taxi/test/000" else row
                  for row in rows]  # fmt: skip
    assert not {row["key"] for row in one.rows} & {row["key"] for row in planned(other_test).rows}
    other_validation = items(validation=1)
    assert one.rows == planned(other_validation).rows, "an estimator sees no validation images"
    wider = {row["key"] for row in planned(rows, seeds=[1, 2, 3]).rows}
    assert {row["key"] for row in one.rows} < wider


def test_where_images_run_out_the_multiple_is_what_there_is() -> None:
    plan = planned(items(train=15, edits=1), controls=["identity"])
    multiples = {
        pool: sorted({each.cell.multiple for each in plan.cells
                      if each.cell.pool == pool and each.cell.base == 6
                      and each.cell.way != "substituted"})
        for pool in ("real", "edits", "identity")
    }  # fmt: skip
    assert multiples == {"real": [0, 0.5, 1, 1.5], "edits": [0.5, 1], "identity": []}
    told = [notice.partition(":")[0] for notice in plan.notices]
    assert told == ["real", "edits", "edits", "edits", "identity"]
    assert plan.notices[0] == (
        "real: at a base of 6 images a class, class 'apple' has 9 to add, and the grid asks for "
        "12: at most 1.5 times the base is added, not 2"
    )
    assert plan.notices[-1].endswith("has 0 to add, and the grid asks for 12: it is left out there")


def test_one_image_without_edits_ends_no_curve_and_is_told() -> None:
    rows = items()
    source = next(row for row in rows if row["kind"] == "source" and row["label"] == "taxi")
    bare = ("edit", source["source_key"])
    kept = [row for row in rows if (row["kind"], row["source_key"]) != bare]
    plan = planned(kept, synthetic=[3], substituted=[0.5], base=[6], seeds=list(range(1, 9)))
    added = [each for each in plan.cells if each.cell.way == "added"]
    assert {each.cell.multiple for each in added} == {3.0}
    counts = {each.other for each in added}
    assert counts == {3 * 18, 3 * 18 - 3}, "a seed that drew the image has its three edits less"
    (notice,) = plan.notices
    assert re.search(r"edits: .* 1\.4\xa0% of the images are missing, most of class 'taxi'", notice)


def test_many_images_without_edits_end_the_curve_where_they_run_out() -> None:
    rows = items()
    taxis = [
        row["source_key"]
        for row in rows
        if row["kind"] == "source" and row["label"] == "taxi" and row["split"] == "train"
    ]
    bare = set(taxis[::2])
    kept = [row for row in rows if row["kind"] != "edit" or row["source_key"] not in bare]
    plan = planned(kept, synthetic=[1, 3], base=[6], seeds=list(range(1, 9)))
    found = {each.cell.multiple for each in plan.cells if each.cell.way == "added"}
    assert max(found) < 3
    assert any("times the base is added, not 3" in notice for notice in plan.notices)


def test_shares_of_the_base_need_no_multiple_as_large() -> None:
    plan = planned(synthetic=[0.5], substituted=[0.5, 1], base=[6])
    assert {(each.cell.way, each.cell.multiple) for each in plan.cells
            if each.cell.pool == "edits"} == {("added", 0.5), ("substituted", 0.5),
                                              ("substituted", 1)}  # fmt: skip
    taken = [foreign(label, at) for label in ("apple", "taxi", "whale") for at in range(4)]
    plan = planned(taken_in=taken, generators=["foreign"], foreign="others", synthetic=[0.5],
                   substituted=[1], base=[6])  # fmt: skip
    assert {each.cell.multiple for each in plan.cells if each.cell.way == "substituted"} == {4 / 6}
    assert plan.notices[-1] == (
        "foreign: at a base of 6 images a class, class 'apple' (seed 1) has 4 for its place, and "
        "the grid asks for 6: at most 0.667 times the base is replaced, not 1"
    )


def test_edits_of_images_that_are_left_take_the_place_of_others() -> None:
    """One edit an image: of six images four have none to spare for the two that go."""
    plan = planned(items(edits=1), synthetic=[1], substituted=[0.5, 2 / 3, 1], base=[6])
    gone = {}
    for each in plan.cells:
        if each.cell.way == "substituted":
            left = {row["source_key"] for row in each.images if row["kind"] == "source"}
            made_from = Counter(row["source_key"] for row in each.images if row["kind"] == "edit")
            assert max(made_from.values()) == 1
            gone[each.other // 3] = sum(key not in left for key in made_from) // 3
    assert gone == {3: 0, 4: 2, 6: 6}, "of three, four and six a class that were replaced"
    (notice,) = plan.notices
    assert notice.startswith("edits: where 0.667, 1 times the base is replaced, the real images")


def test_an_edit_of_an_image_beyond_the_base_stops_the_plan() -> None:
    asked, rows = recipe(), items()
    subsets = Subsets.of(stock_of(rows, 6), (1, 2))
    whole = pools.edits(subsets, rows, "all")
    grid = Grid("s" * 64, asked, subsets, {})
    with pytest.raises(LineageError, match=r"is not among the 9 images of its base"):
        grid.of_pool("edits", lambda _, seed: whole(6, seed), substituted=True)


def test_halves_are_rounded_up_and_cells_that_fall_together_are_one() -> None:
    plan = planned(base=[1], real=[1], synthetic=[0.2, 0.5, 1], substituted=[0.5, 1])
    multiples = sorted(each.cell.multiple for each in plan.cells
                       if each.cell.pool == "edits" and each.cell.seed == 1)  # fmt: skip
    assert multiples == [1, 1], "one added, one substituted"


@pytest.mark.parametrize(
    ("rows", "asked", "says"),
    [
        (items(train=6), {"base": [6]}, "takes all 6 training images of class 'apple', and none"),
        (items(edits=0), {}, "no generator has images: edits: at a base of 3 .* has 0 to add"),
        (items(train=4), {}, "asks for 6 training images a class"),
    ],
)
def test_what_gives_no_rate_is_told(rows, asked, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        planned(rows, **asked)


def test_a_class_without_edits_is_named() -> None:
    rows = [row for row in items() if (row["kind"], row["label"]) != ("edit", "whale")]
    with pytest.raises(TrainingError, match=r"class 'whale'.*has 0 to add"):
        planned(rows)


def test_foreign_images_are_traded_and_their_silence_told() -> None:
    taken = [foreign(label, at) for label in ("apple", "taxi", "whale") for at in range(12)]
    asked = {"generators": ["foreign"], "foreign": "others"}
    plan = planned(taken_in=taken, **asked)
    assert by_way(plan)[6, "added", "foreign"] == 6
    assert plan.notices == (
        "foreign: nobody knows what 'gan' was trained on (36 images), so that it may have seen the "
        "test images: ingest them with --trained-on",
    )
    assert plan.lineage["foreign"]["trained_on"] is None
    known = {row["key"]: frozenset({"a", "b"}) for row in taken}
    plan = planned(taken_in=[*items(), *taken], trained_on=known, **asked)
    assert plan.notices == (
        "foreign: 'gan' was trained on 2 images, 2 beyond the 9 of a base of 3 a class and 2 "
        "beyond the 18 of a base of 6 a class: these are not counted in the rate",
    )
    assert plan.lineage == {
        "foreign": {"images": 36, "made_from": "taken in", "trained_on": 2, "generators": ["gan"]}
    }
    seen = {row["key"]: frozenset({"taxi/test/001"}) for row in taken}
    with pytest.raises(LineageError, match=r"trained on 1 test images, the first.*taxi/test/001"):
        planned(taken_in=taken, trained_on=seen, **asked)


def test_no_pool_shows_a_test_image() -> None:
    rows = items()
    rows[-1] = edit(rows[-1], 0, source_key=rows[-1]["source_key"], pixel_sha256="taxi/test/000")
    with pytest.raises(LineageError, match=r"'edits' .*shows the pixels of a test image"):
        planned(rows, base=[30 - 1], real=[1], synthetic=[3], seeds=[1, 2, 3])
    taken = [foreign("taxi", 0, pixel_sha256="taxi/test/000"), foreign("apple", 0),
             foreign("whale", 0)]  # fmt: skip
    with pytest.raises(LineageError, match=r"'foreign' .*shows the pixels of a test image"):
        planned(taken_in=taken, generators=["foreign"], foreign="others")


def test_no_pool_shows_a_validation_image() -> None:
    taken = [foreign("taxi", 0, pixel_sha256="taxi/validation/001"), foreign("apple", 0),
             foreign("whale", 0)]  # fmt: skip
    with pytest.raises(LineageError, match=r"'foreign' .*pixels of a validation image \(taxi/val"):
        planned(taken_in=taken, generators=["foreign"], foreign="others")


def test_foreign_images_that_are_training_images_are_left_out_and_told() -> None:
    labels = ("apple", "taxi", "whale")
    made = [foreign(label, at) for label in labels for at in range(12)]
    repeats = [foreign(label, 50 + at, pixel_sha256=f"{label}/train/{at:03d}")
               for label in labels for at in range(5)]  # fmt: skip
    asked = {"generators": ["foreign"], "foreign": "others"}
    plan = planned(taken_in=[*made, *repeats], **asked)
    assert plan.notices[0] == (
        "foreign: 15 of 51 images show the pixels of training images of the data set and are left "
        "out"
    )
    assert [each.row for each in plan.cells] == [
        each.row for each in planned(taken_in=made, **asked).cells
    ]
    for each in plan.cells:
        assert max(Counter(row["pixel_sha256"] for row in each.images).values()) == 1
    with pytest.raises(TrainingError, match=r"no generator has images: foreign: 15 of 15 images"):
        planned(taken_in=repeats, **asked)


def test_foreign_images_of_a_class_that_the_data_set_lacks_are_refused() -> None:
    labels = ("apple", "taxi", "whale", "zebra")
    taken = [foreign(label, at) for label in labels for at in range(12)]
    with pytest.raises(
        RecipeError, match=r"lacks: 'zebra' \(12\); it has 'apple', 'taxi', 'whale'"
    ):
        planned(taken_in=taken, generators=["edits", "foreign"], foreign="others")


def test_the_version_of_foreign_images_is_part_of_their_lineage() -> None:
    taken = [foreign(label, at) for label in ("apple", "taxi", "whale") for at in range(12)]
    plan = planned(taken_in=taken, generators=["edits", "foreign"], foreign="others",
                   foreign_set="others@3")  # fmt: skip
    assert plan.lineage["foreign"]["data_set"] == "others@3"
    assert "data_set" not in plan.lineage["edits"]


@pytest.mark.parametrize("scope", ["class", "dataset"])
def test_what_the_editor_was_adapted_to_is_told(scope: str) -> None:
    settings = (f"adaptation.scope={scope}", "adaptation.shots=7")
    plan = planned(settings=settings, substituted=[0.5])
    assert plan.notices == (
        "edits: their editor was adapted to up to 7 real training images a class, and what it "
        "learnt from those that a base does not hold is not counted in the rate",
    )
    assert plan.lineage["edits"]["adapted_to"] == "up to 7 real training images a class"
    taken = [foreign(label, at) for label in ("apple", "taxi", "whale") for at in range(12)]
    plan = planned(taken_in=taken, generators=["foreign"], foreign="others", settings=settings)
    assert not any("adapted" in notice for notice in plan.notices), "no edit is traded"


def test_a_foreign_generator_that_saw_the_base_alone_needs_no_notice() -> None:
    taken = [foreign(label, at) for label in ("apple", "taxi", "whale") for at in range(12)]
    asked = {"generators": ["foreign"], "foreign": "others", "base": [3], "seeds": [1]}
    whole = planned(taken_in=taken, **asked)
    base = next(each for each in whole.cells if (each.cell.way, each.cell.multiple) == ("real", 0))
    seen = frozenset(row["pixel_sha256"] for row in base.images)
    assert planned(taken_in=taken, trained_on={row["key"]: seen for row in taken},
                   **asked).notices == ()  # fmt: skip


def test_no_training_image_is_a_test_image() -> None:
    rows = items()
    rows[0] = rows[0] | {"pixel_sha256": "taxi/test/000"}
    with pytest.raises(LineageError, match="a training image of class 'apple' shows the pixels"):
        planned(rows)
