"""Rows of a table and a store to keep them in, for tests of how shards are worked off."""

from pathlib import Path
from typing import Any

from varifactory.keys import item_key, spec_of
from varifactory.shards.planning import Plan, plan_shards
from varifactory.stages import Row
from varifactory.store import Store

SPEC = spec_of("masks", {"segmenter": "none"})


def opened(folder: Path) -> Store:
    """A store with one run."""
    store = Store(str(folder))
    store.prepare()
    store.write_run("run", {})
    return store


def rows(count: int, **more: Any) -> list[Row]:
    return [
        {"key": item_key(SPEC, n=n), "label": f"class {n % 3}", "source_key": str(n), **more}
        for n in range(count)
    ]


def planned(store: Store, wanted: list[Row], size: int = 4, **more: Any) -> Plan:
    return plan_shards(store, "run", "masks", SPEC, wanted, size=size, **more)
