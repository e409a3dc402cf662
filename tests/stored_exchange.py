"""A data set version with an exchange rate beside it, whose answers are simulated: in a store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.drawn_items import Drawn
from varifactory import records
from varifactory.exchange.plan import ExchangePlan, KeptCell
from varifactory.exchange.simulation import Truth, effective, noisy, same
from varifactory.exchange.surface import Surface
from varifactory.recipe import Exchange, Recipe
from varifactory.report.exchange.publishing import keep_plan
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

SPEC = "e" * 64
ITEMS = "d" * 64
SPECS = {
    f"exchange/{SPEC}": {"trainee": {"name": "linear-probe", "version": 2}, "settings": {}},
    f"embeddings/{'b' * 64}": {"encoder": {"name": "small-clip", "weights": "c" * 64}},
}
CLASSES = tuple(f"class {at}" for at in range(10))
TRUTH = Truth(pools={"edits": effective(0.7, 3.0), "identity": same}, substituted=(0.5,))


def data_set(store: Store, name: str = "toys", kind: str = "folder") -> Manifest:
    """A version of drawn items, of photographs unless ``kind`` is ``world``."""
    store.prepare()
    store.write_run("run", {"actor": "ann", "flow": "exchange-rate"})
    items = Drawn(sources=1).items
    part = store.append("items", ITEMS, items)
    sources = {"kind": "world"} if kind == "world" else {"kind": "folder", "uri": "/photographs"}
    recipe = Recipe.parse({"name": name, "sources": sources})
    manifest = Manifest(
        name=name, version=1, created_at=datetime(2026, 1, 1, tzinfo=UTC), actor="ann",
        recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
        dataset_hash=dataset_hash(items), counts={}, run_id="run",
        parts=(ManifestPart(stage="items", spec=ITEMS, name=part.name, rows=part.rows,
                            bytes=part.bytes),),
    )  # fmt: skip
    store.publish(manifest)
    return manifest


def stored_plan(
    store: Store, manifest: Manifest, truth: Truth = TRUTH, *, seed: int = 4, images: int = 200,
    seeds: Sequence[int] = (1, 2, 3), made_at: str = "2026-11-21T17:00:00+00:00",
    asked: Mapping[str, Any] | None = None, notices: Sequence[str] = (),
) -> ExchangePlan:  # fmt: skip
    """Answers as rows of stage ``exchange`` and their plan beside the version."""
    found = noisy(truth, seed, images=images, seeds=seeds)
    keys = [f"{seed:02d}{at:062d}" for at in range(len(found.cells))]
    store.append("exchange", SPEC, records.table("exchange", _rows(found, keys)))
    cells = tuple(
        KeptCell(cell, key, real, other)
        for cell, key, real, other in zip(found.cells, keys, found.real, found.other, strict=True)
    )
    settings = {"controls": ["identity"], "substituted": [0.5], "resamples": 40, "seeds": seeds}
    plan = ExchangePlan(
        manifest.name, manifest.version, Exchange.model_validate({**settings, **(asked or {})}),
        0.95, 7, SPEC, SPECS, CLASSES, images, cells,
        tuple(notices), {"edits": "48 edits of the bases alone"}, "linear-probe, 200 steps",
        made_at,
    )  # fmt: skip
    keep_plan(store, manifest, plan)
    return plan


def _rows(found: Surface, keys: Sequence[str]) -> list[dict[str, Any]]:
    truth = np.arange(found.hits.shape[1]) % len(CLASSES)
    return [
        {
            "key": key, "status": "ok", "made_at": datetime(2026, 1, 1, tzinfo=UTC),
            "predicted_classes": np.where(right, truth, (truth + 1) % len(CLASSES)).tolist(),
            "true_classes": truth.tolist(), "class_names": CLASSES, "test_sha256": "7" * 64,
            "seed": cell.seed, "trainee": "linear-probe",
        }
        for key, right, cell in zip(keys, found.hits, found.cells, strict=True)
    ]  # fmt: skip
