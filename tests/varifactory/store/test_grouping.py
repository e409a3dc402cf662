"""Rows read group by group are those that count, as when the table is read whole."""

import tempfile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varifactory.store import Store, reading

CELLS = ("one", "two", "three")
steps = st.lists(
    st.tuples(
        st.sets(st.tuples(st.sampled_from(CELLS), st.integers(0, 2)), min_size=1),
        st.sampled_from(["ok", "failed"]),
        st.sampled_from(["nothing", "fold", "hide"]),
    ),
    min_size=1,
    max_size=5,
)


def write(store: Store, made: list[Any]) -> None:
    refs = []
    for number, (rows, status, then) in enumerate(made):
        rows = sorted(rows)
        table = pa.table({
            "key": [f"{cell} {image}" for cell, image in rows],
            "status": [status] * len(rows),
            "cell": [cell for cell, _ in rows],
            "logits": pa.array([[float(number), 0.5]] * len(rows), pa.list_(pa.float32())),
        })  # fmt: skip
        refs.append(store.append("predictions", "s", table))
        if then == "fold":
            refs = [store.fold("predictions", "s", [ref.name for ref in refs])]
        if then == "hide":
            cell, image = rows[0]
            store.invalidate("predictions", "s", [f"{cell} {image}"], "by hand")


@pytest.mark.parametrize("small", [0, reading.SMALL])
@given(made=steps)
@settings(max_examples=30, deadline=None)
def test_groups_are_the_rows_that_count(small: int, made: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "SMALL", small)
        store = Store(place)
        write(store, made)
        columns = ["key", "status", "cell", "logits"]
        whole = store.rows("predictions", "s", columns)
        found = dict(store.grouped("predictions", "s", "cell", ["one", "two", "none"], columns))
        for cell in CELLS[:2]:
            expected = whole.filter(pc.equal(whole["cell"], cell))
            assert (cell in found) == bool(len(expected))
            if len(expected):
                assert found[cell].equals(expected.combine_chunks())
        assert found.keys() <= {"one", "two"}


def test_a_column_that_nobody_wrote_groups_nothing(tmp_path: Any) -> None:
    store = Store(str(tmp_path))
    store.append("predictions", "s", pa.table({"key": ["a"], "status": ["ok"]}))
    assert list(store.grouped("predictions", "s", "cell", ["one"], ["key"])) == []
    assert list(store.grouped("predictions", "none", "cell", ["one"], ["key"])) == []
