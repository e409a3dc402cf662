from pathlib import Path

import pytest

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.history.finding import find
from varifactory.history.ledger import Ledger
from varifactory.history.lineage import Teller
from varifactory.keys import item_key
from varifactory.store import Store

SPEC = "ab" * 32
EDIT = "1234" * 16
OTHER = "12341234" + "f" * 56


@pytest.fixture
def store(tmp_path: Path) -> Store:
    place = Store(str(tmp_path / "store"))
    place.prepare()
    shared = {"status": "ok", "run": "run-1", "label": "cat"}
    place.append("edits", SPEC, records.table("edits", [
        {**shared, "key": EDIT, "image_blob": f"{'cd' * 32}.png", "pixel_sha256": "ef" * 32,
         "attribute": "color", "feasibility": "feasible", "value": "red", "editor": "compositor"},
    ]))  # fmt: skip
    read = [
        ("c0" * 32, "aa" * 32, "/data/cat/one.jpg"),
        ("c1" * 32, "bb" * 32, "/data/dog/one.jpg"),
    ]
    place.append("sources", SPEC, records.table("sources", [
        {**shared, "key": key, "bytes_sha256": sha, "uri": uri} for key, sha, uri in read
    ]))  # fmt: skip
    place.append("items", SPEC, records.table("items", [
        {**shared, "key": "77" * 32, "kind": "edit", "edit_key": EDIT, "source_key": "x"},
    ]))  # fmt: skip
    return place


@pytest.mark.parametrize(
    "name", [EDIT, EDIT[:9], EDIT.upper(), "cd" * 32 + ".png", "ef" * 8, "77" * 32]
)
def test_an_edit_is_found_by_its_key_its_image_and_its_item(store: Store, name: str) -> None:
    assert find(Ledger(store), name).key == EDIT


def test_a_source_is_found_by_its_file_under_the_key_that_versions_know(store: Store) -> None:
    found = find(Ledger(store), "cat/one.jpg")
    assert found.key == item_key(SPEC, bytes_sha256="aa" * 32, label="cat")
    assert find(Ledger(store), found.key[:10]).row["uri"] == "/data/cat/one.jpg"
    assert find(Ledger(store), "/data/dog/one.jpg").row["bytes_sha256"] == "bb" * 32


def test_a_name_of_several_is_refused_with_what_it_could_mean(store: Store) -> None:
    with pytest.raises(FactoryError, match=r"means 2 items.*sources .* \(cat\)"):
        find(Ledger(store), "one.jpg")
    row = {"key": OTHER, "status": "ok", "run": "r", "label": "owl"}
    store.append("prompts", SPEC, records.table("prompts", [row]))
    with pytest.raises(FactoryError, match="means 2 items"):
        find(Ledger(store), "12341234")


@pytest.mark.parametrize("name", ["1234123", "00" * 32, "none.jpg", ""])
def test_what_is_not_there_is_refused_with_what_to_give(store: Store, name: str) -> None:
    with pytest.raises(FactoryError, match="at least 8 digits"):
        find(Ledger(store), name)


def test_an_item_that_was_hidden_is_told_as_hidden_with_the_reason(store: Store) -> None:
    store.invalidate("edits", SPEC, [EDIT], "smeared")
    found = find(Ledger(store), EDIT)
    assert not found.counts
    told = Teller(Ledger(store)).story(found)
    assert "hidden, the next run makes it again" in told.facts["status"]
    stones = [part for part in told.parts if part.title == "hidden"]
    assert [stone.facts["reason"] for stone in stones] == ["smeared"]


def test_a_row_made_again_after_it_was_hidden_tells_of_both(store: Store) -> None:
    store.invalidate("edits", SPEC, [EDIT], "smeared")
    row = {"key": EDIT, "status": "ok", "run": "run-2", "label": "cat", "attribute": "color",
           "feasibility": "feasible", "value": "red", "editor": "compositor"}  # fmt: skip
    store.append("edits", SPEC, records.table("edits", [row]))
    told = Teller(Ledger(store)).story(find(Ledger(store), EDIT))
    assert told.facts["made"]["run"] == "run-2"
    assert [part.title for part in told.parts][:2] == ["another row of it: ok", "hidden"]
