from itertools import pairwise

import pytest

from tests.plain_stock import image, items
from varifactory.errors import TrainingError
from varifactory.exchange.subsets import Subsets, stock_of


def hashes(rows) -> set[str]:
    return {row["pixel_sha256"] for row in rows}


def test_subsets_of_one_seed_are_nested_and_apart() -> None:
    subsets = Subsets.of(stock_of(items(), 12), (1, 2))
    for seed in (1, 2):
        for small, large in pairwise([3, 6, 12]):
            for label, rows in subsets.base(small, seed).items():
                assert hashes(rows) < hashes(subsets.base(large, seed)[label])
        for label, rows in subsets.base(6, seed).items():
            after = subsets.following(6, seed)[label]
            assert hashes(after) | hashes(rows) == hashes(subsets.orders[seed][label])
            assert not hashes(after) & hashes(rows)
            others = subsets.others(18, seed)[label]
            assert others == after[12:][::-1], "from the other end, and none of the reserved"


def test_seeds_and_classes_are_drawn_apart() -> None:
    subsets = Subsets.of(stock_of(items(), 12), (1, 2))
    places = {
        (seed, label): [row["pixel_sha256"][-3:] for row in rows]
        for seed in (1, 2)
        for label, rows in subsets.base(12, seed).items()
    }
    assert len({tuple(each) for each in places.values()}) == len(places)


def test_the_order_of_the_items_changes_nothing() -> None:
    rows = items()
    one = Subsets.of(stock_of(rows, 3), (1,))
    assert one == Subsets.of(stock_of(reversed(rows), 3), (1,))


def test_a_picture_counts_once_and_unusable_ones_do_not() -> None:
    twin = image("apple", "train", 0, key="source again", source_key="source again")
    broken = image("apple", "train", 99, status="failed")
    stock = stock_of([*items(), twin, broken], 3)
    assert len(stock.train["apple"]) == 30
    assert stock.least == ("apple", 30)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (items(labels=("apple",)), "at least 2 classes, the data set has 1 .*apple"),
        (items(test=0), "no test images: accuracy is measured on test; raise sources.split.test"),
        (items(validation=0), "no validation images: the weights that are kept"),
        (items(train=5), r"asks for 12 training images a class.*'apple' \(5\), 'taxi' \(5\)"),
        ([*items(), image("owl", "test", 0)], r"have fewer: 'owl' \(0\); lower exchange.base"),
        ([], "at least 2 classes, the data set has 0"),
    ],
)
def test_what_cannot_be_traded_is_told(rows, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        stock_of(rows, 12)


def test_an_estimator_needs_no_validation_images() -> None:
    assert stock_of(items(validation=0), 12, validated=False).validation == ()
