"""What the generators of a version's foreign images were trained on."""

import json

import pyarrow.compute as pc

from varifactory.errors import FactoryError
from varifactory.ingest.asking import KIND
from varifactory.loading import items_table, read_blob
from varifactory.store import Manifest, Store


class LineageLost(FactoryError):
    """An item whose row of the stage ``foreign`` is not in the store."""


def lineage_of(store: Store, manifest: Manifest) -> dict[str, frozenset[str] | None]:
    """Key of every usable foreign item -> pixel hashes its generator was trained on; None: unknown.

    Items of one ingest share one set.

    Raises:
        LineageLost: rows of the stage were collected or hidden.
        BlobError: a list of hashes is lost or corrupt.
    """
    items = items_table(store, manifest)
    chosen = pc.and_(pc.equal(items["kind"], KIND), pc.equal(items["status"], "ok"))
    usable = items.filter(chosen).select(["key", "edit_key"]).to_pylist()
    wanted = {row["edit_key"] for row in usable}
    blobs: dict[str, str | None] = {}
    for spec in store.specs(KIND) if wanted else ():
        rows = store.rows(KIND, spec, ["key", "trained_on_blob"], keys=wanted)
        blobs |= {row["key"]: row["trained_on_blob"] for row in rows.to_pylist()}
    if lost := wanted - blobs.keys():
        raise LineageLost(
            f"{manifest.name}@{manifest.version}: of {len(lost)} foreign images, such as "
            f"{min(lost)}, no row tells what their generator saw: ingest them again"
        )
    known = {blob: frozenset(json.loads(read_blob(store, blob)))
             for blob in sorted({blob for blob in blobs.values() if blob})}  # fmt: skip
    return {row["key"]: known[blob] if (blob := blobs[row["edit_key"]]) else None for row in usable}
