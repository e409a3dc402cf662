import itertools

import pytest

from tests.plain_stock import edit, foreign, items
from varifactory.exchange import pools
from varifactory.exchange.subsets import Subsets, stock_of
from varifactory.training.arms import source_key

ITEMS = items()
SUBSETS = Subsets.of(stock_of(ITEMS, 12), (1, 2))
RESERVED = {3: 9, 6: 18}


def test_edits_are_of_the_base_alone_and_one_of_each_image_before_a_second() -> None:
    pool = pools.edits(SUBSETS, ITEMS, "all")
    for base, seed in itertools.product((3, 6), (1, 2)):
        images = pool(base, seed)["apple"]
        kept = SUBSETS.base(base, seed)["apple"]
        assert {source_key(row) for row in images} == {source_key(row) for row in kept}
        first = [source_key(row) for row in images[:base]]
        assert first == [source_key(row) for row in reversed(kept)]
        assert len(images) == 3 * base


def test_of_edits_those_asked_for_and_accepted_count() -> None:
    base = SUBSETS.base(3, 1)["apple"]
    refused = [edit(row, 9, status="rejected", feasibility="feasible") for row in base]
    unchanged = [edit(row, 8, feasibility="unchanged") for row in base]
    rows = [*ITEMS, *refused, *unchanged]
    sides = [
        len(pools.edits(SUBSETS, rows, side)(3, 1)["apple"])
        for side in ("all", "feasible", "infeasible")
    ]
    assert sides == [9, 6, 3]


def test_edits_of_a_second_editor_are_another_generators() -> None:
    base = SUBSETS.base(3, 1)["apple"]
    rows = [*ITEMS, *(edit(row, 7, editor="small-diffusion") for row in base)]
    counts = [
        len(pools.edits(SUBSETS, rows, "all", editor)(3, 1)["apple"])
        for editor in ("", "compositor", "small-diffusion")
    ]
    assert counts == [12, 9, 3]


def test_an_edit_more_or_less_moves_no_other() -> None:
    whole = pools.edits(SUBSETS, ITEMS, "all")(3, 1)["apple"]
    gone = whole[4]["key"]
    rest = pools.edits(SUBSETS, [row for row in ITEMS if row["key"] != gone], "all")(3, 1)["apple"]
    by_source = [
        [row["key"] for row in each if source_key(row) == source_key(whole[4])]
        for each in (whole, rest)
    ]
    assert [key for key in by_source[0] if key != gone] == by_source[1]


def test_identity_takes_no_image_of_base_or_of_those_added() -> None:
    pool = pools.identity(SUBSETS, RESERVED)
    for base, seed in itertools.product((3, 6), (1, 2)):
        traded = {row["key"] for row in SUBSETS.orders[seed]["taxi"][: RESERVED[base]]}
        given = [row["key"] for row in pool(base, seed)["taxi"]]
        assert len(given) == 30 - RESERVED[base]
        assert not traded & set(given)


def test_duplicates_are_the_base_over_and_over() -> None:
    images = pools.duplicate(SUBSETS, 2.5)(3, 1)["taxi"]
    base = list(SUBSETS.base(3, 1)["taxi"])
    assert images == base * 3


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_the_share_of_wrong_labels_holds_in_small_cells_too(share: float) -> None:
    pool = pools.mislabelled(SUBSETS, RESERVED, share)
    right = pools.identity(SUBSETS, RESERVED)
    for seed in (1, 2):
        for label, images in pool(3, seed).items():
            assert [row["key"] for row in images] == [row["key"] for row in right(3, seed)[label]]
            for count in (5, 10, 21):
                wrong = sum(row["label"] != label for row in images[:count])
                assert abs(wrong - share * count) <= 1
    wrong_names = {row["label"] for row in pool(3, 1)["apple"]} - {"apple"}
    assert wrong_names == (set() if share == 0 else {"taxi", "whale"})


def test_closed_sets_are_of_their_base_and_seed_in_the_order_they_were_made() -> None:
    made = {
        (3, 1): [{"label": "taxi", "index": at, "key": f"{at}"} for at in (2, 0, 1)],
        (3, 2): [{"label": "taxi", "index": 0, "key": "other"}],
    }
    pool = pools.closed(made)
    assert [row["key"] for row in pool(3, 1)["taxi"]] == ["0", "1", "2"]
    assert [row["key"] for row in pool(3, 2)["taxi"]] == ["other"]
    assert pool(6, 1) == {}


def test_foreign_images_are_drawn_by_seed_and_not_by_base() -> None:
    rows = [*ITEMS, *(foreign("taxi", at) for at in range(20)),
            foreign("taxi", 99, status="rejected")]  # fmt: skip
    pool = pools.foreign(rows)
    assert len(pool(3, 1)["taxi"]) == 20
    assert pool(3, 1) == pool(6, 1)
    assert pool(3, 1) != pool(3, 2)
