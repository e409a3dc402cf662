"""What is said of a data set, counted from the store alone."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.drawn_items import Drawn, masked
from varifactory import records
from varifactory.statistics.kappa import kappas, packed
from varifactory.store import Manifest, ManifestPart, Store, StoreError, dataset_hash
from varifactory.study.datasets import (
    ANSWERS,
    JUDGES,
    DatasetFigures,
    dataset_figures,
    figures_of,
    mask_figures,
)
from varifactory.yields import edits_of, feasibility_confusion, pairs, presences, yields

SPEC = "a" * 64
ANSWERED = {
    "rates": [{"attribute": "color", "editor": "compositor", "judged": 40, "seen": 0.75,
               "mean_presence": 0.6}],
    "shared_rates": [],
    "controls": {"color": {"red": {"red": 9, "blue": 1}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(sources=1)


@pytest.fixture
def store(tmp_path: Path, drawn: Drawn) -> Store:
    store = Store(str(tmp_path))
    store.prepare()
    store.write_run("run", {"actor": "ann"})
    items = drawn.items
    part = store.append("items", SPEC, items)
    store.publish(Manifest(
        name="toys", version=1, created_at=datetime(2026, 1, 1, tzinfo=UTC), actor="ann",
        recipe={}, recipe_fingerprint="f" * 64, dataset_hash=dataset_hash(items), counts={},
        parts=(ManifestPart(stage="items", spec=SPEC, name=part.name, rows=part.rows,
                            bytes=part.bytes),), run_id="run",
    ))  # fmt: skip
    return store


def test_items_say_what_became_of_edits(store: Store, drawn: Drawn) -> None:
    found = dataset_figures(store, "toys", 1)
    edits = edits_of(drawn.items)
    assert found.yields == tuple(yields(edits, 0.95))
    assert found.pairs == tuple(pairs(edits))
    assert found.presences == tuple(presences(edits, 0.95))
    assert found.confusions == (feasibility_confusion(edits),)
    assert (found.name, found.version) == ("toys", 1)
    assert (found.masks, found.people, found.kappas) == (None, None, ())
    assert not found.first_attempts


def test_what_a_run_kept_beside_the_version_is_told(store: Store) -> None:
    plain = dataset_figures(store, "toys", 1)
    judged = {"measured": {"a": "red", "b": "blue"}, "clip": {"a": "red", "b": "red"}}
    agreed = kappas("color: value measured", judged)
    store.put_export("toys", 1, JUDGES, packed(agreed))
    store.put_export("toys", 1, ANSWERS, json.dumps(ANSWERED).encode())
    found = dataset_figures(store, "toys", 1)
    assert found.kappas == tuple(agreed)
    assert found.first_attempts
    assert [(one.attribute, one.judged) for one in found.presences] == [("color", 40)]
    assert len(found.confusions) == len(plain.confusions) + 1
    assert "color" in found.confusions[0].title


def test_damaged_answers_are_told(store: Store) -> None:
    for data in (b"{", b"[1]"):
        store.put_export("toys", 1, ANSWERS, data)
        with pytest.raises(StoreError, match=r"answers\.json of toys version 1"):
            dataset_figures(store, "toys", 1)


def test_masks_are_those_of_the_run_that_published_it(store: Store, drawn: Drawn) -> None:
    source = next(row["key"] for row in drawn.rows if row["kind"] == "source")
    rows = [
        {"key": "1" * 64, "status": "ok", "source_key": source, "true_iou": 0.9},
        {"key": "2" * 64, "status": "ok", "source_key": "other", "true_iou": 0.1},
    ]
    store.append("masks", "b" * 64, records.table("masks", rows))
    store.use_spec("run", "masks", "b" * 64)
    masks = dataset_figures(store, "toys", 1).masks
    assert masks is not None
    assert masks.ious == (pytest.approx(0.9),)


def test_masks_are_counted_where_the_truth_is_known() -> None:
    found = mask_figures(masked(60))
    assert found is not None
    assert found.count == 60
    assert found.share_good == pytest.approx(sum(one >= 0.7 for one in found.ious) / 60)
    assert found.correlation is not None
    assert 0.5 < found.correlation < 1
    unknown = records.table("masks", [{"key": "1" * 64, "status": "ok"}])
    assert mask_figures(unknown) is None
    assert mask_figures(None) is None


def test_one_mask_correlates_with_nothing() -> None:
    row = {"key": "1" * 64, "status": "ok", "true_iou": 0.8, "predicted_iou": 0.9}
    found = mask_figures(records.table("masks", [row]))
    assert found is not None
    assert found.correlation is None


def test_figures_of_what_was_read_before_are_the_same(store: Store, drawn: Drawn) -> None:
    found: DatasetFigures = figures_of(store.dataset("toys", 1), drawn.items)
    assert found == dataset_figures(store, "toys", 1)
