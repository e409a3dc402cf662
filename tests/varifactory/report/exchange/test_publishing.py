"""An exchange rate beside its data set: kept as a plan, counted anew, the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stored_exchange import TRUTH, data_set, stored_plan
from varifactory.errors import ExchangeError, FactoryError, StudyError
from varifactory.exchange.estimators import estimator_spec
from varifactory.exchange.plan import ExchangePlan
from varifactory.exchange.simulation import same
from varifactory.history.models_used import model_notes
from varifactory.models.registry import cards
from varifactory.report.exchange.publishing import (
    keep_plan,
    plans_of,
    publish_exchange,
    read_plan,
    recount_exchange,
    write_exchange,
)
from varifactory.report.exchange.tables import PAGE, TOLD
from varifactory.store import Manifest, Store


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest, ExchangePlan]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    manifest = data_set(store)
    return store, manifest, stored_plan(store, manifest)


Place = tuple[Store, Manifest, ExchangePlan]


def test_a_recount_gives_the_same_files_without_training(place: Place, tmp_path: Path) -> None:
    store, _, plan = place
    found = recount_exchange(store, "toys")
    written = plan.written() + b"\n"
    store.put_export("toys", 1, f"{plan.folder}/plan.json", written)
    where = publish_exchange(store, found)
    assert where.endswith(f"exports/toys/1/exchange/{plan.hash12}/{PAGE}")
    there = set(store.export_files("toys", 1, plan.folder))
    assert {"plan.json", PAGE, TOLD, "tables/rates.csv", "tables/rates.parquet"} <= there
    assert store.get_export("toys", 1, f"{plan.folder}/plan.json") == written
    told = write_exchange(store, recount_exchange(store, "toys", 1), str(tmp_path))
    assert told == str(tmp_path / PAGE)
    for path in there - {"plan.json", f"{PAGE}.key"}:
        kept = store.get_export("toys", 1, f"{plan.folder}/{path}")
        assert (tmp_path / path).read_bytes() == kept, path


def test_the_rate_that_was_simulated_is_read(place: Place) -> None:
    store, _, _ = place
    rate = recount_exchange(store, "toys").rate
    assert rate.verdict[0].startswith("Edits: ")
    assert (rate.seeds, rate.test_images, rate.bases) == ((1, 2, 3), 200, (30, 60, 120))
    assert rate.trainee == "linear-probe, 200 steps"
    assert {one.pool for one in rate.rates} == {"edits", "identity"}


def test_provenance_tells_how_to_count_it_again(place: Place, tmp_path: Path) -> None:
    store, manifest, plan = place
    write_exchange(store, recount_exchange(store, "toys"), str(tmp_path))
    page = (tmp_path / PAGE).read_text()
    again = f"exchange-rate {store.backend.show('')} toys@1 --plan {plan.hash12}"
    for said in (
        manifest.dataset_hash,
        plan.spec,
        "48 edits of the bases alone",
        again,
        f"small-clip, weights {'c' * 64}",
        "embeddings (small-clip)",
    ):
        assert said in page


def test_licences_of_built_in_models_and_of_estimators_are_told() -> None:
    (card,) = cards(["small-clip"])
    notes = model_notes({
        "exchange/a": estimator_spec("svc", 8),
        "embeddings/b": {"encoder": {"name": "small-clip", "weights": card["sha256"]}},
    }, [card])  # fmt: skip
    assert [(one.name, one.licence) for one in notes] == [
        ("svc of scikit-learn", "BSD-3-Clause, as scikit-learn"), ("small-clip", card["licence"]),
    ]  # fmt: skip


def test_the_page_knows_the_licence_of_a_built_in_model(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    manifest = data_set(store)
    (card,) = cards(["small-clip"])
    identity = {"name": "small-clip", "weights": card["sha256"]}
    plan = replace(stored_plan(store, manifest), specs={"embeddings/b": {"encoder": identity}})
    keep_plan(store, manifest, plan)
    write_exchange(store, recount_exchange(store, "toys", plan=plan.hash12), str(tmp_path))
    page = (tmp_path / PAGE).read_text()
    assert f"weights {card['sha256']}, {card['licence']}" in page


@pytest.mark.parametrize(("seen", "alone"), [(None, False), (0, True), (48, True)])
def test_only_what_no_generator_can_have_seen_is_called_so(
    tmp_path: Path, seen: int | None, alone: bool
) -> None:
    store = Store(str(tmp_path / "store"))
    manifest = data_set(store)
    taken = {"images": 9, "made_from": "taken in", "trained_on": seen, "generators": ["x"]}
    plan = replace(stored_plan(store, manifest), lineage={"foreign": taken})
    keep_plan(store, manifest, plan)
    write_exchange(store, recount_exchange(store, "toys"), str(tmp_path))
    assert ("that nothing else saw" in (tmp_path / PAGE).read_text()) is alone


@pytest.mark.parametrize(("wrong", "failed"), [(0.2, True), (0.05, False)])
def test_wrong_labels_are_judged_by_how_many_there_were(
    tmp_path: Path, wrong: float, failed: bool
) -> None:
    store = Store(str(tmp_path))
    manifest = data_set(store)
    truth = replace(TRUTH, pools={"identity": same, "mislabelled": same})
    asked = {"controls": ["identity", "mislabelled"], "mislabelled": wrong}
    stored_plan(store, manifest, truth, seed=2, images=600, seeds=range(10), asked=asked)
    assert recount_exchange(store, "toys").rate.controls[1].failed is failed


def test_of_several_plans_the_newest_is_meant_and_others_by_name(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    manifest = data_set(store)
    late = stored_plan(store, manifest, made_at="2026-11-22T09:00:00+00:00")
    early = stored_plan(store, manifest, seed=5, made_at="2026-11-21T09:00:00+00:00")
    assert [plan.hash12 for plan in plans_of(store, manifest)] == [late.hash12, early.hash12]
    assert read_plan(store, manifest) == late
    assert read_plan(store, manifest, early.hash12[:6]) == early
    with pytest.raises(
        ExchangeError, match=f"'zz' names 0 of the 2 .* {late.hash12}, {early.hash12}"
    ):
        read_plan(store, manifest, "zz")


def test_what_was_never_measured_names_the_flow(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    data_set(store)
    with pytest.raises(ExchangeError, match="no exchange rate was measured on toys@1: run `python"):
        recount_exchange(store, "toys")
    with pytest.raises(FactoryError, match="no version 7"):
        recount_exchange(store, "toys", 7)


def test_answers_that_are_gone_are_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    manifest = data_set(store)
    plan = stored_plan(store, manifest)
    store.invalidate("exchange", plan.spec, [plan.cells[3].key], "lost")
    with pytest.raises(StudyError, match=f"1 of {len(plan.cells)} cells are not in the store"):
        recount_exchange(store, "toys")


def test_a_plan_that_is_none_is_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    manifest = data_set(store)
    store.put_export("toys", 1, "exchange/0123456789ab/plan.json", b"{}")
    with pytest.raises(StudyError, match="cannot be read"):
        read_plan(store, manifest)


def test_the_built_in_world_checks_the_machinery_and_notices_are_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    manifest = data_set(store, kind="world")
    truth = replace(TRUTH, pools={"edits": TRUTH.pools["edits"]}, bases=(6,))
    stored_plan(store, manifest, truth, notices=["base 48 was left out"], asked={"base": [6]})
    found = recount_exchange(store, "toys")
    assert "base 48 was left out" in found.rate.notes
    page = Path(write_exchange(store, found, str(tmp_path / "out"))).read_text()
    assert "a check of the machinery, not a finding" in page
    told = json.loads((tmp_path / "out" / TOLD).read_text())
    assert told["rate"]["bases"] == [60]


def test_a_folder_that_cannot_be_written_is_named(place: Place, tmp_path: Path) -> None:
    store, _, _ = place
    (tmp_path / "file").write_text("taken")
    with pytest.raises(FactoryError, match="give a folder that can be written"):
        write_exchange(store, recount_exchange(store, "toys"), str(tmp_path / "file"))
