"""A data set version that is made of another one's rows, without a model: with a run's record."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.history.versions import is_drawn, title
from varifactory.items import item_spec
from varifactory.keys import digest, spec_of
from varifactory.loading import lack
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import (
    Manifest,
    ManifestPart,
    Store,
    VersionTaken,
    dataset_hash,
)
from varifactory.store.versions import ENDED


@dataclass(frozen=True, slots=True)
class Derived:
    """What became of a version."""

    manifest: Manifest
    adopted: bool
    """The newest version of the name held the same already."""
    notice: str = ""
    """Why an equal version could not be adopted; empty where there was none, or it was."""


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
    recipe = dict(before.recipe) | {"name": name}
    fingerprint = digest({flow: dict(asked), "of": before.dataset_hash})
    record = {"recipe": recipe, "fingerprint": fingerprint, "actor": actor,
              "asked": {**asked, "of": title(before), "as": name}}  # fmt: skip
    with recorded(store, flow, record) as (run, ended):
        ended["specs"] = keep_specs(store, run, before)
        counts = dict(before.counts) | {"items": counted(items)}
        made = publish_items(
            store, name, items, actor=actor, recipe=recipe, recipe_fingerprint=fingerprint,
            counts=counts, run_id=run, note=note,
        )  # fmt: skip
        end_with(store, made, ended)
        return made


@contextmanager
def recorded(
    store: Store, flow: str, record: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A run of a command that publishes: its record, its id, and what is told of it at its end.

    ``record`` says who asked for what; what the block puts into the second value is written down
    with the time it took and, where the block raised one, the error.
    """
    run, began = f"{flow}-{uuid.uuid4()}", time.perf_counter()
    store.write_run(run, {
        "flow": flow, "flow_run": "", "began_at": datetime.now(UTC).isoformat(), **record,
    })  # fmt: skip
    ended: dict[str, Any] = {"error": "", "dataset": None}
    try:
        yield run, ended
    except BaseException as error:
        ended["error"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        ended |= {"ended_at": datetime.now(UTC).isoformat(),
                  "seconds": round(time.perf_counter() - began, 2)}  # fmt: skip
        store.put_run_object(run, ENDED, json.dumps(ended, default=str).encode())


def end_with(store: Store, made: Derived, ended: dict[str, Any]) -> None:
    """Tell of a run that it ended in this version, and write the card of a new one."""
    held = made.manifest
    ended |= {
        "counts": dict(held.counts),
        "dataset": {"name": held.name, "version": held.version, "dataset_hash": held.dataset_hash},
    }
    if not made.adopted:
        _write_card(store, held, ended.get("specs") or {})


def keep_specs(
    store: Store, run: str, before: Manifest, stages: Sequence[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """The specs of the version before, of these stages or of all, which collection keeps for this
    run from now on."""
    kept: dict[str, Mapping[str, Any]] = {}
    with suppress(FactoryError):  # a run whose record is gone keeps nothing; the items hold all
        for name, fields in store.specs_of(before.run_id).items():
            stage, _, spec = name.partition("/")
            if not stages or stage in stages:
                store.use_spec(run, stage, spec, fields)
                kept[name] = fields
    return kept


def publish_items(store: Store, name: str, items: Sequence[Row], **told: Any) -> Derived:
    """Write items as the next version of a name; adopt its newest, if that holds the same and is
    whole.

    ``told`` is what else a manifest needs.
    """
    now = datetime.now(UTC)
    rows = sorted(items, key=lambda row: str(row["key"]))
    table = records.table("items", [
        {column: value for column, value in row.items() if column != "first_part"}
        | {"made_at": now} for row in rows
    ])  # fmt: skip
    held = dataset_hash(table)
    numbers = dict(store.datasets()).get(name, [])
    newest = store.dataset(name, numbers[-1]) if numbers else None
    notice = ""
    if newest is not None and newest.dataset_hash == held:
        if not (lacking := lack(store, newest)):
            return Derived(newest, adopted=True)
        notice = f"version {newest.version} {lacking}: published anew"
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
            )), adopted=False, notice=notice)  # fmt: skip


def _write_card(store: Store, held: Manifest, specs: Mapping[str, Mapping[str, Any]]) -> None:
    from varifactory.card.writing import write_card
    from varifactory.datasets import open_dataset

    data = open_dataset(store.url, held.name, held.version)
    write_card(data, specs, Recipe.parse(dict(held.recipe)), machinery=is_drawn(held))


def counted(items: Sequence[Row]) -> dict[str, int]:
    """Status -> items, for a manifest's counts."""
    return dict(sorted(Counter(str(item["status"]) for item in items).items()))
