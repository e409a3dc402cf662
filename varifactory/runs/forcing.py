"""Good work hidden, so that it is made once more."""

from collections.abc import Sequence

from varifactory.store import Store


def force(store: Store, stage: str, spec: str, keys: Sequence[str], reason: str) -> None:
    """Hide what these keys have; of a trained cell also what it left on its way.

    Raises:
        StoreError: a key has no row.
    """
    store.invalidate(stage, spec, keys, reason)
    if stage == "training":
        _hide_cells(store, spec, keys, reason)


def _hide_cells(store: Store, spec: str, cells: Sequence[str], reason: str) -> None:
    """What a trained cell left: else its last checkpoint would give the same result at once."""
    for stage in ("checkpoints", "predictions"):
        rows = store.rows(stage, spec, columns=["key", "training_key"]).to_pylist()
        keys = [row["key"] for row in rows if row["training_key"] in cells]
        if keys:
            store.invalidate(stage, spec, keys, reason)
