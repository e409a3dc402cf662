import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varifactory.errors import SourceError
from varifactory.keys import digest
from varifactory.recipe import Sources, Split
from varifactory.sources import few_shot, list_sources, settle, split_of

HASHES = [digest(n) for n in range(2000)]


def rows(count: int, label: str = "cat", split: str = "train") -> list[dict[str, Any]]:
    return [
        {"key": digest([label, n]), "pixel_sha256": digest([label, n, "p"]), "label": label,
         "split": split, "status": "ok"}
        for n in range(count)
    ]  # fmt: skip


def test_copies_under_one_label_count_once(folder: Path, gather: Callable[..., Any]) -> None:
    shutil.copy(folder / "cat" / "2.png", folder / "cat" / "9.png")
    result = gather(kind="folder", uri=str(folder))
    assert len(result.settled.usable()) == 12
    row = result.by_uri("cat/9.png")
    assert row["status"] == "skipped"
    assert row["reason"] == f"the same image as {folder / 'cat' / '2.png'}"
    assert len({row["key"] for row in result.settled.rows}) == 13


def test_copies_under_different_labels_do_not_count(
    folder: Path, gather: Callable[..., Any]
) -> None:
    shutil.copy(folder / "cat" / "2.png", folder / "dog" / "9.png")
    result = gather(kind="folder", uri=str(folder))
    assert Counter(row["label"] for row in result.settled.usable()) == {"cat": 5, "dog": 6}
    for end in ("cat/2.png", "dog/9.png"):
        row = result.by_uri(end)
        assert row["status"] == "rejected"
        assert "labels ['cat', 'dog']" in row["reason"]


def test_a_copy_in_training_and_test_stays_in_test(
    folder: Path, tmp_path: Path, gather: Callable[..., Any]
) -> None:
    for split in ("train", "test"):
        shutil.copytree(folder, tmp_path / "both" / split)
        if split == "train":
            continue
        for name in ("cat", "dog"):
            for number in range(3):
                (tmp_path / "both" / "test" / name / f"{number}.png").unlink()
    result = gather(kind="folder", uri=str(tmp_path / "both"))
    assert Counter(row["status"] for row in result.settled.rows) == {"ok": 12, "skipped": 6}
    assert Counter(row["split"] for row in result.settled.usable())["test"] == 6


def test_an_item_that_was_never_read_has_failed(folder: Path) -> None:
    settings = Sources(kind="folder", uri=str(folder))
    with pytest.raises(SourceError, match=r"none of the 12 images.*never read"):
        settle(list_sources("s", settings), {}, settings, "s")


def test_classes_without_a_split_are_named(folder: Path, gather: Callable[..., Any]) -> None:
    result = gather(kind="folder", uri=str(folder), split={"validation": 0.0, "test": 0.0})
    assert len(result.settled.usable("train")) == 12
    assert "2 classes have no test image: cat, dog" in result.settled.notices


def test_split_shares_are_kept() -> None:
    counts = Counter(split_of(one, Split(validation=0.2, test=0.3)) for one in HASHES)
    assert abs(counts["test"] - 600) < 70
    assert abs(counts["validation"] - 400) < 60


@given(st.floats(0, 0.4), st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_test_image_stays_one_whatever_the_validation_share(
    test: float, validation: float, other: float
) -> None:
    for one in HASHES[:50]:
        first = split_of(one, Split(validation=validation, test=test))
        second = split_of(one, Split(validation=other, test=test))
        assert (first == "test") == (second == "test")


def test_few_shots() -> None:
    everything = [*rows(20), *rows(5, "dog"), *rows(9, "cat", "test")]
    sample = few_shot(everything, 8, seed=1)
    assert Counter(row["label"] for row in sample.rows) == {"cat": 8, "dog": 5}
    assert {row["split"] for row in sample.rows} == {"train"}
    assert sample.notices == ("class 'dog' has 5 training images, 8 were asked",)
    assert few_shot(list(reversed(everything)), 8, seed=1) == sample
    assert few_shot(everything, 8, seed=2) != sample
    assert len(few_shot(everything, 0, seed=1).rows) == 25


def test_fewer_shots_are_among_more() -> None:
    keys = [{row["key"] for row in few_shot(rows(30), n, seed=3).rows} for n in (1, 4, 16)]
    assert keys[0] < keys[1] < keys[2]


def test_another_image_displaces_at_most_one() -> None:
    before = {row["key"] for row in few_shot(rows(30), 8, seed=3).rows}
    after = {row["key"] for row in few_shot(rows(31), 8, seed=3).rows}
    assert len(before - after) <= 1
