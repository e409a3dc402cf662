"""The row that stands for each key: the one that counts or, where all are hidden, the last."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import Store
from varifactory.store.rows import HIDES, TOMBSTONE, winners

HIDDEN = "hidden"
"""Column: whether the row was hidden by ``invalidate``, or because a blob it names was lost."""


def standing(store: Store, stage: str, spec: str, keys: Collection[str] | None = None) -> pa.Table:
    """Rows of a stage, one a key, with the column ``hidden``; of these keys alone if given.

    A failed row whose source was found damaged is hidden like every row that names the source, so
    that the source is read again; it still tells what failed.
    """
    table = store.history(stage, spec, keys=keys)
    counting = winners(table)
    found = counting.append_column(HIDDEN, pa.repeat(False, len(counting)))
    stones = pc.equal(table["status"], TOMBSTONE)
    if not pc.any(stones).as_py():
        return found
    rows = table.filter(pc.invert(stones)).drop_columns([HIDES])
    lost = rows.filter(pc.invert(pc.is_in(rows["key"], value_set=counting["key"])))
    if not len(lost):
        return found
    lost = _last_of_each(lost)
    lost = lost.append_column(HIDDEN, pa.repeat(True, len(lost)))
    return pa.concat_tables([found, lost.select(found.column_names)])


def _last_of_each(rows: pa.Table) -> pa.Table:
    rows = rows.sort_by([("key", "ascending"), ("made_at", "ascending")])
    keys = rows["key"].combine_chunks()
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    return rows.filter(pa.array(last))
