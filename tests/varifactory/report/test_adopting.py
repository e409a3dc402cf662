"""Which page of an instrument stands as it would be made again, and what makes it anew."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stored_exchange import CLASSES, TRUTH, data_set, stored_plan
from varifactory import records
from varifactory.exchange.plan import ExchangePlan
from varifactory.report import adopting
from varifactory.report.exchange.publishing import (
    adopted_exchange,
    keep_plan,
    publish_exchange,
    recount_exchange,
)
from varifactory.report.exchange.tables import PAGE
from varifactory.store import Store, names

FEW = replace(TRUTH, pools={"edits": TRUTH.pools["edits"]}, bases=(6,), substituted=())
Change = Callable[[Store, ExchangePlan], None]


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Store, ExchangePlan]:
    store = Store(str(tmp_path / "store"))
    manifest = data_set(store)
    plan = stored_plan(store, manifest, FEW, images=60, asked={"base": [6], "gains": [1]})
    assert adopted_exchange(store, "toys", 1, plan.hash12) == "", "there is none yet"
    publish_exchange(store, recount_exchange(store, "toys"))
    return store, plan


def made_again(store: Store, plan: ExchangePlan) -> None:
    cell = plan.cells[0]
    (row,) = store.rows("exchange", plan.spec, keys=[cell.key]).to_pylist()
    store.invalidate("exchange", plan.spec, [cell.key], "lost")
    again = {**row, "made_at": row["made_at"].replace(year=2027), "predicted_classes": [0] * 60,
             "first_part": None}  # fmt: skip
    store.append("exchange", plan.spec, records.table("exchange", [again]))


def noted(store: Store, plan: ExchangePlan) -> None:
    """Words of a plan that are no part of its hash."""
    told = replace(plan, notices=("base 48 was left out",))
    assert told.hash12 == plan.hash12
    keep_plan(store, store.dataset("toys"), told)


def with_a_gallery(store: Store, plan: ExchangePlan) -> None:
    store.put_export("toys", 1, adopting.GALLERY, b"pictures")


def without_a_page(store: Store, plan: ExchangePlan) -> None:
    store.backend.delete(names.export("toys", 1, f"{plan.folder}/{PAGE}"))


@pytest.mark.parametrize("change", [made_again, noted, with_a_gallery, without_a_page])
def test_what_a_page_shows_makes_it_anew_once(
    shown: tuple[Store, ExchangePlan], change: Change
) -> None:
    store, plan = shown
    where = store.export_path("toys", 1, f"{plan.folder}/{PAGE}")
    assert adopted_exchange(store, "toys", 1, plan.hash12) == where
    change(store, plan)
    assert adopted_exchange(store, "toys", 1, plan.hash12) == ""
    publish_exchange(store, recount_exchange(store, "toys"))
    assert adopted_exchange(store, "toys", 1, plan.hash12) == where


def test_another_version_of_varifactory_counts_anew(
    shown: tuple[Store, ExchangePlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, plan = shown
    monkeypatch.setattr(adopting, "__version__", "99.0")
    assert adopted_exchange(store, "toys", 1, plan.hash12) == ""


def test_what_it_does_not_show_leaves_it(shown: tuple[Store, ExchangePlan]) -> None:
    """When the plan was written, and rows of other cells."""
    store, plan = shown
    keep_plan(store, store.dataset("toys"), replace(plan, made_at="2026-12-24T18:00:00+00:00"))
    store.append("exchange", plan.spec, records.table("exchange", [
        {"key": "9" * 64, "status": "ok", "class_names": CLASSES, "trainee": "linear-probe"},
    ]))  # fmt: skip
    assert adopted_exchange(store, "toys", 1, plan.hash12).endswith(PAGE)
