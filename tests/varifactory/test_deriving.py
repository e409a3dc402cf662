import pytest

from tests.stored_digits import real, shifted, stored
from varifactory.datasets import open_dataset
from varifactory.deriving import derive, recorded
from varifactory.loading import items_table
from varifactory.store import Store, StoreError


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path))
    found.prepare()
    return found


def test_what_the_version_before_was_made_with_is_kept_for_the_new_one(store) -> None:
    before = stored(store, [*real(range(20)), *shifted(range(20, 30), 1)])
    store.use_spec(before.run_id, "sources", "a" * 64, {"size": 8})
    rows = items_table(store, before).to_pylist()
    made = derive(store, before, rows[:25], "fewer", flow="prune", asked={"keep": 0.5}, note="why",
                  actor="ann")  # fmt: skip
    held = made.manifest
    assert (held.name, held.version, held.note, held.actor) == ("fewer", 1, "why", "ann")
    assert held.counts["items"] == {"ok": 25}
    assert store.specs_of(held.run_id) == {f"sources/{'a' * 64}": {"size": 8}}
    assert f"uses-sources-{'a' * 64}" in store.run_objects(held.run_id)
    assert store.read_run(held.run_id)["asked"] == {"keep": 0.5, "of": "digits@1", "as": "fewer"}
    assert len(open_dataset(store.url, "fewer")) == 25
    assert store.verify().whole


def test_a_run_that_fails_says_so_in_its_record(store) -> None:
    before = stored(store, [*real(range(20)), *shifted(range(20, 30), 1)])
    rows = items_table(store, before).to_pylist()
    with pytest.raises(StoreError, match="comes twice"):
        derive(store, before, [rows[0], rows[0]], "twice", flow="prune", asked={}, note="",
               actor="ann")  # fmt: skip
    (run,) = [one for one in store.runs() if one.startswith("prune-")]
    assert "comes twice" in store.ended(run)["error"]
    assert [name for name, _ in store.datasets()] == ["digits"]


@pytest.mark.parametrize(
    "error", [ValueError("a shape of (3,)"), MemoryError(), KeyboardInterrupt(), StoreError("gone")]
)
def test_whatever_ends_a_run_is_in_its_record(store, error: BaseException) -> None:
    with pytest.raises(type(error)), recorded(store, "prune", {"actor": "ann"}) as (run, _):
        raise error
    assert store.ended(run)["error"] == f"{type(error).__name__}: {error}"
