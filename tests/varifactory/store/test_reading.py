"""A large table is read by columns and keys: the same rows as when it is read whole."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varifactory.store import Store, dataset_hash, parts, reading, rows

Rows = Callable[..., pa.Table]
EARLY = datetime(2024, 1, 1, tzinfo=UTC)
KEYS = "abcdef"

written = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(KEYS),
            st.tuples(st.sampled_from(["ok", "rejected", "failed", "skipped"]), st.integers(0, 3)),
            min_size=1,
        ),
        st.sampled_from(["nothing", "fold", "hide"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def write(store: Store, steps: list[Any]) -> None:
    refs = []
    for made, then, wide in steps:
        blob = store.put_blob(repr(made).encode(), "png") + ".png"
        columns: dict[str, Any] = {
            "key": list(made),
            "status": [status for status, _ in made.values()],
            "made_at": [EARLY + timedelta(seconds=late) for _, late in made.values()],
            "reason": [f"after {late}" for _, late in made.values()],
            "image_blob": [blob] * len(made),
        }
        if wide:  # a column that other parts lack, of a type that must be widened
            columns["n"] = pa.array(range(len(made)), pa.int64())
        else:
            columns["n"] = pa.array(range(len(made)), pa.int32())
            columns["m"] = ["m"] * len(made)
        refs.append(store.append("edits", "s", pa.table(columns)).name)
        if then == "hide":
            store.invalidate("edits", "s", [min(made)], "wrong")
        elif then == "fold":
            store.fold("edits", "s", refs[-2:])


@settings(max_examples=60, deadline=None)
@given(
    written,
    st.lists(st.sampled_from(["key", "status", "n", "m", "image_blob", "reason", "nobody"]),
             unique=True, min_size=1),
    st.none() | st.sets(st.sampled_from(KEYS)),
)  # fmt: skip
def test_columns_and_keys_of_a_large_table(
    steps: list[Any], columns: list[str], keys: set[str] | None
) -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        store = Store(place)
        write(store, steps)
        whole, history = store.rows("edits", "s"), store.history("edits", "s")
        patch.setattr(reading, "SMALL", 0)
        patch.setattr(rows, "_LARGE", 0)
        parts._RECENT._forget()
        expected = whole if keys is None else whole.filter(
            pc.is_in(whole["key"], value_set=pa.array(sorted(keys), pa.string()))
        )  # fmt: skip
        found = store.rows("edits", "s", columns, keys=keys)
        assert found.column_names == columns
        assert found.to_pylist() == [
            {name: row.get(name) for name in columns} for row in expected.to_pylist()
        ]
        assert store.rows("edits", "s", keys=keys).to_pylist() == expected.to_pylist()
        assert store.rows("edits", "s").to_pylist() == whole.to_pylist()
        assert sorted(map(repr, store.history("edits", "s").to_pylist())) == sorted(
            map(repr, history.to_pylist())
        )


def test_columns_that_nobody_asked_for_are_not_read(
    local: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.append("edits", "s", rows("ab", text="long " * 1000, image_blob=None))
    monkeypatch.setattr(reading, "SMALL", 0)
    parts._RECENT._forget()
    (part,) = local._live("edits", "s", parts.Wanted.asked(["status"], None))
    assert set(part.table.column_names) == {"key", "status", "made_at", "first_part"}
    assert part.rows == 2
    blobs = local.rows("edits", "s", [parts.BLOB_COLUMNS])
    assert blobs.column_names == ["image_blob"]


def test_large_tables_are_not_kept_in_memory_and_small_ones_are(
    local: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = local.append("edits", "s", rows("ab"))
    monkeypatch.setattr(reading, "SMALL", 0)
    parts._RECENT._forget()
    local.rows("edits", "s")
    assert parts._RECENT.get(("edits", "s", ref.name)) is None
    monkeypatch.undo()
    local.rows("edits", "s")
    assert parts._RECENT.get(("edits", "s", ref.name)) is not None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a" * 64, "b" * 64, "0" * 64, 'quote"', "ümlaut", "a"]),
            st.sampled_from(["ok", "rejected"]), st.none() | st.text(max_size=3),
            st.none() | st.booleans(),
        ),
        max_size=6,
    ),
    st.booleans(),
)  # fmt: skip
def test_hash_in_bounded_memory_is_the_hash_of_all_lines(items: list[Any], unique: bool) -> None:
    import hashlib
    import json

    if unique:
        items = list({item[0]: item for item in items}.values())
    table = pa.table({
        "key": pa.array([i[0] for i in items], pa.string()),
        "status": pa.array([i[1] for i in items], pa.string()),
        "label": pa.array([i[2] for i in items], pa.string()),
        "forced": pa.array([i[3] for i in items], pa.bool_()),
    })  # fmt: skip
    lines = sorted(
        json.dumps([key, status, None, label, None, bool(forced)], ensure_ascii=False)
        for key, status, label, forced in items
    )
    assert dataset_hash(table) == hashlib.sha256("\n".join(lines).encode()).hexdigest()
