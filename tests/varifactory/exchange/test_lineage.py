import json
from pathlib import Path

import pytest

from tests.plain_stock import edit, foreign, image
from varifactory.errors import FactoryError, RecipeError
from varifactory.exchange.lineage import (
    LineageError,
    beyond,
    check_beside,
    check_edits,
    check_generators,
    closed_trained_on,
    told,
)
from varifactory.recipe import Adaptation
from varifactory.store import Store

TEST = frozenset({"t1", "t2"})
BASE = frozenset({"b1", "b2", "b3"})


def closed(at: int) -> dict:
    return {"key": f"c{at}", "generator": "class-gaussian 1", "pixel_sha256": f"p{at}"}


def test_an_edit_of_another_image_than_the_bases_is_refused() -> None:
    mine, other = image("taxi", "train", 1), image("taxi", "train", 2)
    check_edits([edit(mine, 0)], {mine["key"]})
    with pytest.raises(LineageError, match=r"made from the source source taxi/train/002, which is"):
        check_edits([edit(mine, 0), edit(other, 0)], {mine["key"]})


def test_a_closed_set_generator_may_have_seen_its_base_or_less() -> None:
    rows = [closed(1), closed(2)]
    check_generators("closed-set", rows, dict.fromkeys(("c1", "c2"), BASE), TEST, BASE)
    less = {"c1": BASE, "c2": frozenset({"b1"})}
    check_generators("closed-set", rows, less, TEST, BASE)
    with pytest.raises(LineageError, match="trained on 1 images beyond its base of 2"):
        check_generators("closed-set", rows, less, TEST, BASE - {"b3"})


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (BASE | {"t2"}, r"'class-gaussian 1' of the pool 'closed-set' was trained on 1 test"),
        (BASE | {"v1", "v2"}, "trained on 2 images beyond its base of 3, the first .*hash v1"),
        (None, "nothing tells what the closed-set generator 'class-gaussian 1' was trained on"),
    ],
)
def test_one_image_of_another_lineage_is_enough(seen, says: str) -> None:
    with pytest.raises(LineageError, match=says) as found:
        check_generators("closed-set", [closed(1), closed(2)], {"c1": BASE, "c2": seen}, TEST, BASE)
    assert isinstance(found.value, FactoryError)


def test_a_foreign_generator_may_know_more_than_the_base_but_no_test_image() -> None:
    rows = [foreign("taxi", 1), foreign("taxi", 2)]
    check_generators("foreign", rows, {rows[0]["key"]: BASE | {"else"}}, TEST)
    with pytest.raises(LineageError, match="generator 'gan' of the pool 'foreign'"):
        check_generators("foreign", rows, {rows[1]["key"]: TEST | BASE}, TEST)


def test_what_a_foreign_generator_saw_beyond_a_base_is_told_over_its_seeds() -> None:
    rows = [foreign("taxi", 1), foreign("taxi", 2), foreign("taxi", 3, editor="other")]
    known = {rows[0]["key"]: frozenset({"b1", "b2", "x"}), rows[1]["key"]: frozenset({"y"}),
             rows[2]["key"]: BASE}  # fmt: skip
    bases = {1: [frozenset({"b1"}), frozenset({"b3"})], 3: [BASE, BASE]}
    assert beyond(rows, known, bases) == [
        "foreign: 'gan' was trained on 4 images, 3 to 4 beyond the 1 of a base of 1 a class and "
        "2 beyond the 3 of a base of 3 a class: these are not counted in the rate",
        "foreign: 'other' was trained on 3 images, 2 beyond the 1 of a base of 1 a class: these "
        "are not counted in the rate",
    ]
    assert beyond(rows, {}, bases) == []


def test_foreign_images_stand_beside_the_real_images_that_are_traded() -> None:
    """An ingest looked for near copies of the test images of its own version alone."""
    own = [image("taxi", "train", 1), image("taxi", "test", 1), foreign("taxi", 1)]
    theirs = [own[1], own[0], image("taxi", "test", 2, status="rejected"), foreign("taxi", 2)]
    check_beside("pets@2", own, "theirs@1", theirs)
    moved = [own[0], own[1] | {"split": "train"}]
    says = (
        r"theirs@1, .* than those of pets@2: 1 are in theirs@1 alone and 1 in pets@2 alone, such "
        r"as taxi/test/001 .*--beside pets@2`"
    )
    with pytest.raises(RecipeError, match=says):
        check_beside("pets@2", own, "theirs@1", moved)
    with pytest.raises(RecipeError, match=r"1 are in theirs@1 alone and 0 in pets@2 alone"):
        check_beside("pets@2", own, "theirs@1", [*theirs, image("taxi", "test", 3)])


def test_what_was_recorded_is_read_once_a_set(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    blob = store.put_blob(json.dumps(sorted(BASE)).encode(), "json")
    rows = [closed(at) | {"trained_on_blob": f"{blob}.json"} for at in range(3)]
    found = closed_trained_on(store, rows)
    assert found == dict.fromkeys(("c0", "c1", "c2"), BASE)
    assert len({id(each) for each in found.values()}) == 1


def test_lineage_is_told_a_generator() -> None:
    source = image("taxi", "train", 1)
    assert told(
        {"edits": [edit(source, 0), edit(source, 1)], "closed-set": [closed(1), closed(2)]},
        {"c1": BASE, "c2": BASE},
        Adaptation(),
    ) == {
        "edits": {"images": 2, "made_from": "images of the base", "sources": 1},
        "closed-set": {
            "images": 2, "made_from": "images of the base", "trained_on": 3, "generators": 1,
        },
    }  # fmt: skip
