"""A rerun says what it cannot take up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.foreign_images import published, real
from varifactory.errors import FactoryError
from varifactory.ingest.publishing import Ingested
from varifactory.runs.past import find_run
from varifactory.store import Store


def test_foreign_images_are_taken_in_again_not_rerun(
    store: Store, take: Callable[..., Ingested]
) -> None:
    with pytest.raises(FactoryError, match="no run of data set 'theirs' that rerun takes up"):
        find_run(store, dataset="theirs")
    taken = take()
    with pytest.raises(FactoryError, match="made by `varifactory ingest`, whose work rerun does n"):
        find_run(store, dataset="theirs")
    with pytest.raises(FactoryError, match="is one of 'ingest': rerun takes up runs of generate"):
        find_run(store, run=taken.manifest.run_id)


def test_flows_that_are_simply_run_again_are_named_as_such(tmp_path: Path) -> None:
    for flow in ("exchange_rate", "diagnose"):
        store = Store(str(tmp_path / flow))
        store.prepare()
        before = published(store, real(tmp_path / "real"), "first")
        recipe = {**before.recipe, "name": "tinyx"}
        store.write_run("mine", {"flow": flow, "recipe": recipe})
        made = {"name": "tinyx", "run_id": "mine", "version": 1, "recipe": recipe}
        store.publish(before.model_copy(update=made))
        again = rf"run `python -m flows.{flow} RECIPE` again, what was made is kept"
        with pytest.raises(FactoryError, match=again) as told:
            find_run(store, dataset="tinyx")
        assert "varifactory reproduce" not in str(told.value)
        with pytest.raises(FactoryError, match=again):
            find_run(store, run="mine")


def test_without_a_run_to_take_up_those_are_named_that_could_be(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    store.write_run("mine", {"flow": "diagnose", "recipe": {"name": "tinyx"}})
    with pytest.raises(FactoryError, match=r"it takes up those of generate, train, study; .*again"):
        find_run(store)
