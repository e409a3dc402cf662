"""One ingest from place to data set version, and the record that it leaves like any other run."""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from getpass import getuser
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.history.commands import INGEST as FLOW
from varifactory.history.versions import is_drawn
from varifactory.ingest.asking import KIND, Asked, Beside, IngestError, look, whole
from varifactory.ingest.near import tested
from varifactory.ingest.reading import Read, foreign_spec, read_place
from varifactory.ingest.settling import foreign_items
from varifactory.ingest.trained_on import hashes_in
from varifactory.items import item_spec
from varifactory.keys import digest, spec_of
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Manifest, ManifestPart, Store, VersionTaken, dataset_hash
from varifactory.store.versions import ENDED


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest ended in."""

    manifest: Manifest
    beside: str
    """``pets@3``."""
    statuses: dict[str, int]
    """Foreign images by status."""
    classes: dict[str, int]
    """Class -> usable foreign images; every class of the data set beside it."""
    reasons: dict[str, int]
    """Of those that cannot be used, the most frequent first; a reason up to its first colon."""
    reused: int
    """Files that an earlier ingest had read."""
    adopted: bool
    """The version was there already."""
    notices: tuple[str, ...]


def ingest(store: Store, asked: Asked, actor: str = "") -> Ingested:
    """Take in foreign images and publish the version that holds them; see the package.

    The same again reads nothing that it read before and adopts the version.

    Raises:
        IngestError: what was asked for cannot be, or not one image can be used.
        StoreError: the store cannot be used, or there is no such data set.
    """
    store.prepare()
    beside = look(store, asked)
    run = f"{FLOW}-{uuid.uuid4()}"
    began = time.perf_counter()
    who = actor or _actor()
    store.write_run(run, {
        "flow": FLOW, "actor": who, "began_at": datetime.now(UTC).isoformat(), "flow_run": "",
        "recipe": beside.manifest.recipe | {"name": asked.name},
        "fingerprint": _fingerprint(asked, beside, None),
        "asked": asdict(asked) | {"place": whole(asked.place), "beside": beside.title,
                                   "trained_on": whole(asked.trained_on)},
    })  # fmt: skip
    ended: dict[str, Any] = {"error": "", "dataset": None}
    try:
        taken = _taken(store, run, asked, beside, who)
        held = taken.manifest
        ended |= {
            "counts": dict(held.counts), "notices": list(taken.notices),
            "dataset": {"name": held.name, "version": held.version,
                        "dataset_hash": held.dataset_hash},
        }  # fmt: skip
        if not taken.adopted:
            _write_card(store, taken)
        return taken
    except FactoryError as error:
        ended["error"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        ended |= {
            "ended_at": datetime.now(UTC).isoformat(),
            "seconds": round(time.perf_counter() - began, 2),
            "specs": {f"{KIND}/{spec_of(KIND, foreign_spec(beside))}": foreign_spec(beside)},
        }
        store.put_run_object(run, ENDED, json.dumps(ended, default=str).encode())


def _taken(store: Store, run: str, asked: Asked, beside: Beside, actor: str) -> Ingested:
    trained_on, notices = _trained_on(store, asked, beside)
    _keep_sources(store, run, beside)
    read = read_place(store, run, asked, beside, trained_on)
    items = foreign_items(read.rows, beside, tested(store, beside))
    _check_usable(items, read, beside)
    statuses = Counter(str(item["status"]) for item in items)
    manifest, adopted = _published(store, run, asked, beside, items, trained_on, actor)
    classes = Counter(str(item["label"]) for item in items if item["status"] == "ok")
    return Ingested(
        manifest, beside.title, {name: statuses[name] for name in records.STATUSES},
        {name: classes[name] for name in beside.class_names}, _reasons(items), read.reused,
        adopted, (*read.notices, *notices, *_gaps(classes, beside)),
    )  # fmt: skip


def _write_card(store: Store, taken: Ingested) -> None:
    from varifactory.card_writing import write_card
    from varifactory.datasets import open_dataset

    held = taken.manifest
    data = open_dataset(store.url, held.name, held.version)
    write_card(
        data, store.specs_of(held.run_id), Recipe.parse(held.recipe), machinery=is_drawn(held)
    )


def _trained_on(store: Store, asked: Asked, beside: Beside) -> tuple[str | None, list[str]]:
    """The blob of the hashes that the generator was trained on, and what is told of them."""
    if not asked.trained_on:
        return None, []
    hashes, notices = hashes_in(asked.trained_on, beside.settings)
    name = f"{store.put_blob(json.dumps(hashes).encode(), 'json')}.json"
    if seen := len(beside.pixels("test").intersection(hashes)):
        notices.append(
            f"the generator was trained on test images of {beside.title} ({seen} of them): no "
            "exchange rate will be measured with it"
        )
    return name, notices


def _keep_sources(store: Store, run: str, beside: Beside) -> None:
    """The rows of the real images are kept with the version, though another run made them."""
    with suppress(FactoryError):  # a run whose record is gone keeps nothing; the items hold all
        for name, fields in store.specs_of(beside.manifest.run_id).items():
            stage, _, spec = name.partition("/")
            if stage in ("sources", "leakage"):
                store.use_spec(run, stage, spec, fields)


def _check_usable(items: Sequence[Row], read: Read, beside: Beside) -> None:
    if any(item["status"] == "ok" for item in items):
        return
    first = read.rows[0]
    raise IngestError(
        f"none of {len(items)} foreign images can stand beside {beside.title}; the first, "
        f"{first['uri']}: {items[0]['reason']}"
    )


def _published(
    store: Store, run: str, asked: Asked, beside: Beside, items: Sequence[Row],
    trained_on: str | None, actor: str,
) -> tuple[Manifest, bool]:  # fmt: skip
    """The version that holds the items; whether it was there already."""
    now = datetime.now(UTC)
    real = [{name: value for name, value in row.items() if name != "first_part"}
            for row in beside.items]  # fmt: skip
    rows = sorted([*real, *items], key=lambda row: str(row["key"]))
    table = records.table("items", [{**row, "made_at": now} for row in rows])
    held = dataset_hash(table)
    numbers = dict(store.datasets()).get(asked.name, [])
    newest = store.dataset(asked.name, numbers[-1]) if numbers else None
    if newest is not None and newest.dataset_hash == held:
        return newest, True
    spec = spec_of("items", item_spec())
    part = store.append("items", spec, table)
    listed = ManifestPart(
        stage="items", spec=spec, name=part.name, rows=part.rows, bytes=part.bytes
    )
    while True:
        with suppress(VersionTaken):  # another run took the number in this moment: the next one
            return store.publish(Manifest(
                name=asked.name, version=store.next_version(asked.name), created_at=now,
                actor=actor, recipe=beside.manifest.recipe | {"name": asked.name},
                recipe_fingerprint=_fingerprint(asked, beside, trained_on), dataset_hash=held,
                counts={"sources": _counted(beside.items), KIND: _counted(items),
                        "items": _counted(rows)},
                parts=(listed,), run_id=run,
                note=f"foreign images of {asked.generator}, taken in beside {beside.title}",
            )), False  # fmt: skip


def _counted(items: Sequence[Row]) -> dict[str, int]:
    return dict(sorted(Counter(str(item["status"]) for item in items).items()))


def _fingerprint(asked: Asked, beside: Beside, trained_on: str | None) -> str:
    """Of what was asked for: never that of a recipe."""
    return digest({
        FLOW: {"generator": asked.generator, "place": asked.place, "trained_on": trained_on},
        "beside": beside.manifest.dataset_hash,
    })  # fmt: skip


def _reasons(items: Sequence[Row]) -> dict[str, int]:
    told = Counter(
        str(item["reason"]).partition(":")[0] for item in items if item["status"] != "ok"
    )
    return dict(told.most_common())


def _gaps(classes: Counter[str], beside: Beside) -> list[str]:
    without = [name for name in beside.class_names if not classes[name]]
    if not without:
        return []
    named = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
    return [f"{len(without)} classes of {beside.title} have no usable foreign image: {named}"]


def _actor() -> str:
    try:
        return os.environ.get("VARIFACTORY_ACTOR") or getuser()
    except (KeyError, OSError):
        return "unknown"
