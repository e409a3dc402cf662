"""What diagnoses and exchange rates need is kept with their version, checked and let go."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests import stored_digits as digits
from tests.varifactory.store.test_collecting import blob, emptied, has, kinds, on_one_server
from varifactory.catalog import taxonomy
from varifactory.diagnosis.choosing import compared, target_rows
from varifactory.diagnosis.plan import keep_plan
from varifactory.exchange.plan import ExchangePlan, KeptCell, surface
from varifactory.exchange.surface import Cell
from varifactory.recipe import Diagnosis, Exchange
from varifactory.store import (
    Manifest,
    ManifestPart,
    Store,
    StoreError,
    dataset_hash,
    instruments,
    names,
)

Rows = Callable[..., pa.Table]
ITEMS, CELLS, UNUSED = "a" * 64, "b" * 64, "c" * 64
EMBEDDED, TEXTS, CLOSED = "d" * 64, "e" * 64, "f" * 64
PLAN = ExchangePlan(
    "cats", 1, Exchange(), 0.95, 7, CELLS, {f"closed/{CLOSED}": {}}, ("owl", "cat"), 3,
    (KeptCell(Cell(3, "real", "real", 0.0, 1), "1" * 64, 6, 0),
     KeptCell(Cell(3, "added", "edits", 1.0, 1), "2" * 64, 6, 6)),
)  # fmt: skip
DIAGNOSIS = {"embeddings": EMBEDDED, "texts": TEXTS, "target": None, "encoder": "small-clip",
             "template": "a photo of a {class_name}",
             "senses": {"owl": {"bird": "a photo of a bird"}}}  # fmt: skip
TOLD = {"c": "a photo of a owl", "t": "a photo of a bird", "p": "an owl at night"}
"""Key -> text of what the diagnosis reads vectors of."""


def published(store: Store, rows: Rows, name: str = "cats", pixels: str = "real") -> Manifest:
    """A version of a real and a synthetic image, and three that no diagnosis looks at."""
    table = pa.concat_tables([
        rows(["s"], kind="source", split="train", pixel_sha256=pixels, label="owl"),
        rows(["e"], kind="foreign", split="train", pixel_sha256="made", label="owl",
             prompt="an owl at night"),
        rows(["t"], kind="source", split="test", pixel_sha256="tested", label="owl"),
        rows(["u"], kind="edit", split="train", pixel_sha256="plain", label="owl",
             feasibility="unchanged"),
        rows(["r"], "rejected", kind="edit", split="train", pixel_sha256="bad", label="owl"),
    ], promote_options="default")  # fmt: skip
    part = store.append("items", ITEMS, table)
    listed = {"stage": "items", "spec": ITEMS, "name": part.name, "rows": 5, "bytes": part.bytes}
    return store.publish(
        Manifest(
            name=name, version=1, created_at=datetime.now(UTC), actor="ann", recipe={},
            recipe_fingerprint="f", dataset_hash=dataset_hash(table), counts={}, run_id="gone",
            parts=(ManifestPart.model_validate(listed),),
        )
    )  # fmt: skip


def answered(store: Store, rows: Rows, spec: str) -> None:
    """The answers of both cells of ``PLAN``."""
    store.append("exchange", spec, rows(
        ["1" * 64, "2" * 64], predicted_classes=[[0, 1, 1], [0, 0, 1]],
        true_classes=[[0, 0, 1]] * 2, test_sha256="t",
    ))  # fmt: skip


@pytest.fixture
def measured(store: Store, rows: Rows) -> Store:
    """A store with a diagnosis and an exchange rate beside a version."""
    published(store, rows)
    answered(store, rows, CELLS)
    store.append("closed", CLOSED, rows("g", image_blob=blob(store, "closed")))
    store.append("embeddings", EMBEDDED, rows(["v", "w"], pixel_sha256=["real", "made"]))
    store.append("texts", TEXTS, rows(list(TOLD), text=list(TOLD.values())))
    store.put_export("cats", 1, f"{PLAN.folder}/plan.json", PLAN.written())
    put_diagnosis(store, DIAGNOSIS)
    return store


def put_diagnosis(store: Store, told: dict[str, Any] | bytes, name: str = "cats") -> None:
    data = told if isinstance(told, bytes) else json.dumps(told).encode()
    store.put_export(name, 1, "diagnosis/0123456789ab/plan.json", data)


def filled(store: Store, stage: str) -> list[str]:
    """Specs that have rows."""
    return [spec for spec in store.specs(stage) if len(store.rows(stage, spec))]


def details(store: Store) -> list[tuple[str, str]]:
    return [(one.kind, one.detail) for one in store.verify(heal=False).findings]


@on_one_server
def test_what_they_need_stays_with_the_version_and_goes_with_it(
    measured: Store, rows: Rows
) -> None:
    store = measured
    answered(store, rows, UNUSED)
    store.append("texts", UNUSED, rows("u", text="an owl"))
    store.append("closed", UNUSED, rows("h", image_blob=blob(store, "unused")))
    store.append("foreign", UNUSED, rows("f"))
    assert kinds(store.collect(keep_runs=0)) == {"unused rows": 4}
    emptied(store, keep_runs=0)
    assert surface(store, ExchangePlan.read(PLAN.written())).hits.shape == (2, 3)
    kept = {"exchange": CELLS, "closed": CLOSED, "embeddings": EMBEDDED, "texts": TEXTS}
    assert {stage: filled(store, stage) for stage in [*kept, "foreign"]} == {
        **{stage: [spec] for stage, spec in kept.items()}, "foreign": [],
    }  # fmt: skip
    name = store.rows("closed", CLOSED)["image_blob"][0].as_py()
    assert has(store, name)
    assert store.verify().whole
    store.drop("cats", 1, "ann")
    emptied(store, keep_runs=0)
    assert [stage for stage in kept if filled(store, stage)] == []
    assert not has(store, name)
    assert not list(store.backend.walk(names.EXPORTS))


@on_one_server
def test_verify_tells_what_they_lack(measured: Store, rows: Rows) -> None:
    store = measured
    assert store.verify().checked["diagnoses and exchange rates"] == 2
    assert store.verify().whole
    store.invalidate("exchange", CELLS, ["2" * 64], "lost")
    store.invalidate("embeddings", EMBEDDED, ["w"], "lost")
    told = dict(details(store))
    assert told.keys() == {"exchange rate damaged", "diagnosis damaged"}
    assert "1 of its 2 cells are not in the store, such as 2222" in told["exchange rate damaged"]
    assert "1 of its 2 images have no embedding" in told["diagnosis damaged"]
    assert "run its flow again" in told["diagnosis damaged"]


@pytest.mark.parametrize("lost", TOLD)
def test_verify_tells_a_text_without_a_vector(local: Store, rows: Rows, lost: str) -> None:
    published(local, rows)
    local.append("embeddings", EMBEDDED, rows(["v", "w"], pixel_sha256=["real", "made"]))
    local.append("texts", TEXTS, rows(list(TOLD), text=list(TOLD.values())))
    put_diagnosis(local, DIAGNOSIS)
    assert local.verify().whole
    local.invalidate("texts", TEXTS, [lost], "lost")
    says = f"1 of its 3 texts have no vector in the store, such as {TOLD[lost]}: run its flow again"
    assert [detail[: len(says)] for _, detail in details(local)] == [says]
    local.invalidate("texts", TEXTS, list(TOLD), "lost")
    assert "3 of its 3 texts" in details(local)[0][1]
    put_diagnosis(local, DIAGNOSIS | {"texts": ""})
    assert local.verify().whole, "an encoder without texts needs none"
    put_diagnosis(local, DIAGNOSIS | {"template": "a {thing}"})
    ((kind, detail),) = details(local)
    assert kind == "plan unreadable"
    assert "'a {thing}' of diagnosis 0123456789ab of cats@1 is none: remove it" in detail


def test_verify_looks_for_the_pictures_of_a_target(local: Store, rows: Rows) -> None:
    """Of its real training images alone."""
    published(local, rows)
    published(local, rows, "dogs", "other")
    local.append("embeddings", EMBEDDED, rows(["v", "w"], pixel_sha256=["real", "made"]))
    local.append("texts", TEXTS, rows(list(TOLD), text=list(TOLD.values())))
    put_diagnosis(local, DIAGNOSIS | {"target": {"name": "dogs", "version": 1}})
    assert "1 of its 3 images have no embedding in the store, such as other" in details(local)[0][1]
    local.append("embeddings", EMBEDDED, rows("o", pixel_sha256="other"))
    assert local.verify().whole


def test_rows_that_a_diagnosis_rests_on_are_those_it_reads(tmp_path: Path) -> None:
    """Splits, kinds and feasibility that are left out, prompts, senses and a target."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    images = digits.real(range(12)) + digits.shifted(range(30, 40), 1)
    images += digits.real(range(12, 16), "test") + digits.real(range(16, 20), "validation")
    images += [replace(one, kind="edit", feasibility="unchanged")
               for one in digits.shifted(range(40, 44), 2)]  # fmt: skip
    images += [replace(one, split="test") for one in digits.shifted(range(44, 48), 3)]
    images += [replace(one, status="rejected") for one in digits.shifted(range(48, 52), 4)]
    manifest = digits.stored(store, images)
    aim = digits.stored(store, [*digits.real(range(60, 66)), *digits.real(range(70, 75), "test")],
                        "aim")  # fmt: skip
    plan = digits.plan_of(manifest, senses={"one": {"stroke": "a stroke"}},
                          target={"name": "aim", "version": aim.version})  # fmt: skip
    keep_plan(store, plan)
    (kept,) = instruments.plans_beside(store)
    pictures, texts = instruments.rests_on(store, kept)
    found = compared(store, manifest, plan.settings.reference)
    rows = [*found.rows, *target_rows(store, aim)]
    assert pictures.values == {row["pixel_sha256"] for row in rows}
    assert texts.values == set(plan.wanted_texts(found.class_names, found.prompts))


def test_a_plan_that_cannot_be_read_stops_collection_and_is_told(local: Store, rows: Rows) -> None:
    published(local, rows)
    put_diagnosis(local, b'{"embeddings": ')
    with pytest.raises(StoreError, match=r"plan.json is no JSON.*run its flow again"):
        local.collect()
    assert [kind for kind, _ in details(local)] == ["plan unreadable"]
    put_diagnosis(local, b"[1]")
    with pytest.raises(StoreError, match="is no plan"):
        local.collect()
    local.put_export("cats", 9, "diagnosis/0123456789ab/plan.json", b"of no version")
    put_diagnosis(local, DIAGNOSIS | {"embeddings": UNUSED})
    assert kinds(local.collect()) == {"exports": 1}
    assert "2 of its 2 images have no embedding" in details(local)[0][1]


def test_a_version_that_is_the_target_of_another_is_not_dropped(local: Store, rows: Rows) -> None:
    published(local, rows)
    published(local, rows, "dogs")
    local.append("embeddings", EMBEDDED, rows(["v", "w"], pixel_sha256=["real", "made"]))
    put_diagnosis(local, DIAGNOSIS | {"target": {"name": "dogs", "version": 1}})
    with pytest.raises(StoreError, match=r"dogs@1 is the target of the diagnosis 0123456789ab of"):
        local.drop("dogs", 1, "ann")
    put_diagnosis(local, DIAGNOSIS | {"target": {"name": "birds", "version": 1}})
    assert "its target birds@1 is not there" in details(local)[0][1]
    put_diagnosis(local, DIAGNOSIS | {"target": {"name": "cats", "version": 1}})
    local.drop("dogs", 1, "ann")
    local.drop("cats", 1, "ann")
    assert [numbers for _, numbers in local.datasets()] == [[], []]


def test_words_of_plans_are_those_of_the_catalog_and_the_recipe() -> None:
    assert taxonomy.UNCHANGED == instruments.UNCHANGED
    assert Diagnosis().reference == instruments.REFERENCE
