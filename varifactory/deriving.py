"""A data set version that is made of another one's rows, without a model: with a run's record."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.history.versions import is_drawn, title
from varifactory.items import item_spec
from varifactory.keys import digest, spec_of
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Manifest, ManifestPart, Store, VersionTaken, dataset_hash
from varifactory.store.versions import ENDED

LEFT_OUT = "items"
"""Stage of an item that was accepted, and that a version made of another one leaves out."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What became of a version."""

    manifest: Manifest
    adopted: bool
    """The newest version of the name held the same already."""


def derive(
    store: Store,
    before: Manifest,
    items: Sequence[Row],
    name: str,
    *,
    flow: str,
    asked: Mapping[str, Any],
    note: str,
    actor: str,
) -> Derived:
    """Publish rows of a version, changed or not, as the next version of ``name``.

    What the version before was made with is kept for this one, too. The recipe is that of the
    version before; the fingerprint is not, so that no run takes this version for its own.

    Args:
        items: all rows of the new version.
        name: of the data set; it may be that of the version before.
        flow: what did it, such as ``prune``.
        asked: how, JSON-like: part of the fingerprint, and kept in the run's record.
        actor: who did it.
    """
    run, began = f"{flow}-{uuid.uuid4()}", time.perf_counter()
    recipe = dict(before.recipe) | {"name": name}
    fingerprint = digest({flow: dict(asked), "of": before.dataset_hash})
    store.write_run(run, {
        "flow": flow, "actor": actor, "began_at": datetime.now(UTC).isoformat(), "flow_run": "",
        "recipe": recipe, "fingerprint": fingerprint,
        "asked": {**asked, "of": title(before), "as": name},
    })  # fmt: skip
    specs = _kept_on(store, run, before)
    ended: dict[str, Any] = {"error": "", "dataset": None, "specs": specs}
    try:
        counts = dict(before.counts) | {"items": _counted(items)}
        made = _published(
            store, name, items, actor=actor, recipe=recipe, recipe_fingerprint=fingerprint,
            counts=counts, run_id=run, note=note,
        )  # fmt: skip
        held = made.manifest
        ended |= {"counts": counts, "dataset": {"name": held.name, "version": held.version,
                                                "dataset_hash": held.dataset_hash}}  # fmt: skip
        if not made.adopted:
            _write_card(store, held, specs)
        return made
    except FactoryError as error:
        ended["error"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        ended |= {"ended_at": datetime.now(UTC).isoformat(),
                  "seconds": round(time.perf_counter() - began, 2)}  # fmt: skip
        store.put_run_object(run, ENDED, json.dumps(ended, default=str).encode())


def _kept_on(store: Store, run: str, before: Manifest) -> dict[str, Mapping[str, Any]]:
    """The specs of the version before, which collection keeps for this run from now on."""
    with suppress(FactoryError):  # a run whose record is gone keeps nothing; the items hold all
        specs = store.specs_of(before.run_id)
        for name, fields in specs.items():
            stage, _, spec = name.partition("/")
            store.use_spec(run, stage, spec, fields)
        return dict(specs)
    return {}


def _published(store: Store, name: str, items: Sequence[Row], **told: Any) -> Derived:
    now = datetime.now(UTC)
    rows = sorted(items, key=lambda row: str(row["key"]))
    table = records.table("items", [
        {column: value for column, value in row.items() if column != "first_part"}
        | {"made_at": now} for row in rows
    ])  # fmt: skip
    held = dataset_hash(table)
    numbers = dict(store.datasets()).get(name, [])
    newest = store.dataset(name, numbers[-1]) if numbers else None
    if newest is not None and newest.dataset_hash == held:
        return Derived(newest, adopted=True)
    spec = spec_of("items", item_spec())
    part = store.append("items", spec, table)
    listed = ManifestPart(
        stage="items", spec=spec, name=part.name, rows=part.rows, bytes=part.bytes
    )
    while True:
        with suppress(VersionTaken):  # another run took the number in this moment: the next one
            return Derived(store.publish(Manifest(
                name=name, version=store.next_version(name), created_at=now, dataset_hash=held,
                parts=(listed,), **told,
            )), adopted=False)  # fmt: skip


def _write_card(store: Store, held: Manifest, specs: Mapping[str, Mapping[str, Any]]) -> None:
    from varifactory.card_writing import write_card
    from varifactory.datasets import open_dataset

    data = open_dataset(store.url, held.name, held.version)
    write_card(data, specs, Recipe.parse(dict(held.recipe)), machinery=is_drawn(held))


def _counted(items: Sequence[Row]) -> dict[str, int]:
    return dict(sorted(Counter(str(item["status"]) for item in items).items()))
