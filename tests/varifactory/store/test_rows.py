"""Which row counts, against a slow and plain account of the same rules."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varifactory.store import Store, StoreError, dataset_hash
from varifactory.store.rows import prepared, winners

Rows = Callable[..., pa.Table]
EARLY = datetime(2024, 1, 1, tzinfo=UTC)
KEYS = "abcd"

rows_of_one_part = st.dictionaries(
    st.sampled_from(KEYS),
    st.tuples(st.sampled_from(["ok", "rejected", "failed", "skipped"]), st.integers(0, 3)),
    min_size=1,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), rows_of_one_part),
        st.tuples(st.just("invalidate"), st.sampled_from(KEYS)),
        st.tuples(st.just("fold"), st.sets(st.integers(0, 12), min_size=2)),
        st.tuples(st.just("fold late"), st.sets(st.integers(0, 12), min_size=2)),
    ),
    max_size=9,
)


class Plain:
    """The rules as the design words them: rows of (key, first part, status, time)."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, int]] = []
        self.hidden: set[tuple[str, str]] = set()

    def invalidate(self, key: str) -> None:
        self.hidden |= {(row[0], row[1]) for row in self.rows if row[0] == key}

    def winners(self) -> list[tuple[str, str, str, int]]:
        best = {}
        for row in sorted(
            (row for row in self.rows if row[:2] not in self.hidden),
            key=lambda row: (row[2] in ("failed", "skipped"), row[3], row[1]),
        ):
            best.setdefault(row[0], row)
        return [best[key] for key in sorted(best)]


def seen(table: pa.Table) -> list[tuple[str, str, str, int]]:
    return [
        (row["key"], row["first_part"], row["status"], (row["made_at"] - EARLY).seconds)
        for row in table.to_pylist()
    ]


@settings(max_examples=60, deadline=None)
@given(steps)
def test_folds_and_their_order_never_change_the_winners(steps: list[tuple[str, Any]]) -> None:
    """A late fold works from parts read before everything else in the list happened."""
    with tempfile.TemporaryDirectory() as folder:
        store, plain = Store(folder), Plain()
        written: list[str] = []
        late = []
        for number, (what, value) in enumerate(steps):
            if what == "append":
                table = pa.Table.from_pylist(
                    [
                        {
                            "key": k,
                            "status": s,
                            "made_at": EARLY + timedelta(seconds=t),
                            "n": number,
                        }
                        for k, (s, t) in value.items()
                    ]
                )
                written.append(store.append("edits", "s", table).name)
                first = written[-1][5:69]
                plain.rows += [(k, first, status, when) for k, (status, when) in value.items()]
            elif what == "invalidate" and value in {row[0] for row in plain.rows}:
                written.append(store.invalidate("edits", "s", [value], "again").name)
                plain.invalidate(value)
            elif what.startswith("fold"):
                chosen = [written[index] for index in sorted(value) if index < len(written)]
                if len(chosen) > 1 and what == "fold":
                    written.append(store.fold("edits", "s", chosen).name)
                elif len(chosen) > 1:
                    late.append([store._reader.read("edits", "s", name) for name in chosen])
            assert seen(store.rows("edits", "s")) == plain.winners()
        for parts in late:
            store._fold_read("edits", "s", parts)
            assert seen(store.rows("edits", "s")) == plain.winners()


def test_hundred_thousand_rows_are_read_in_under_a_second(local: Store) -> None:
    keys = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(100_000)]
    for start in range(0, len(keys), 5000):
        some = keys[start : start + 5000]
        blobs = [f"{key}.png" for key in some]
        table = pa.table({"key": some, "status": ["ok"] * 5000, "image_blob": blobs})
        local.append("edits", "s", table)
    local.append("edits", "s", pa.table({"key": keys[:5000], "status": ["failed"] * 5000}))
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        table = Store(local.url).rows("edits", "s")
        taken.append(time.perf_counter() - started)
    assert table["key"].to_pylist() == sorted(keys)
    assert min(taken) < 1.0


def test_ties_go_to_the_smallest_first_part() -> None:
    table = pa.table(
        {
            "key": ["a", "a", "a"],
            "status": ["ok", "ok", "ok"],
            "made_at": pa.array([EARLY] * 3, pa.timestamp("us", "UTC")),
            "first_part": ["c", "b", "d"],
            "reason": ["", "", ""],
        }
    )
    assert winners(table)["first_part"].to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"key": [], "status": []}, "at least one row"),
        ({"status": ["ok"]}, "key"),
        ({"key": ["a"]}, "status"),
        ({"key": [None], "status": ["ok"]}, "empty key"),
        ({"key": [""], "status": ["ok"]}, "empty key"),
        ({"key": ["a"], "status": ["good"]}, "good"),
        ({"key": ["a"], "status": [None]}, "status"),
        ({"key": ["a", "b", "a"], "status": ["ok"] * 3}, "'a' comes twice"),
        ({"key": ["a"], "status": ["ok"], "first_part": ["f"]}, "first_part"),
        ({"key": ["a"], "status": ["ok"], "image_blob": ["../x.png"]}, r"image_blob: '\.\./x"),
    ],
)
def test_rows_that_cannot_be_stored(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(StoreError, match=told):
        prepared(pa.table(columns), "stage 'edits'")


def test_types_are_made_plain_and_blanks_filled() -> None:
    table = prepared(
        pa.table(
            {
                "key": pa.array(["a", "b"], pa.large_string()),
                "status": pa.array(["ok", "ok"]).dictionary_encode(),
                "made_at": pa.array([EARLY, None], pa.timestamp("ms", "UTC")),
                "reason": pa.array([None, "dark"], pa.string()),
                "image_blob": pa.nulls(2, pa.string()),
            }
        ),
        "here",
    )
    assert {str(table.schema.field(name).type) for name in ("key", "status")} == {"string"}
    assert table["reason"].to_pylist() == ["", "dark"]
    assert table["made_at"][0].as_py() == EARLY
    assert (datetime.now(UTC) - table["made_at"][1].as_py()).total_seconds() < 60


def test_columns_that_no_longer_fit_are_told(local: Store, rows: Rows) -> None:
    local.append("edits", "s", rows("a", area=0.5))
    local.append("edits", "s", rows("b", area=1))
    assert local.rows("edits", "s", ["area"])["area"].to_pylist() == [0.5, 1.0]
    local.append("edits", "s", rows("c", area="large"))
    with pytest.raises(StoreError, match="raise the stage's version"):
        local.rows("edits", "s")


def test_dataset_hash_is_of_content_alone(rows: Rows) -> None:
    table = rows("abc", label=["cat", "dog", "cat"], pixel_sha256=["1", "2", "3"], split="train")
    shuffled = table.take([2, 0, 1]).append_column("made_at", pa.array([EARLY] * 3))
    assert dataset_hash(table) == dataset_hash(shuffled)
    forced = pa.array([False, None, False])
    assert dataset_hash(table.append_column("forced", forced)) == dataset_hash(table)
    others = [
        table.set_column(2, "label", pa.array(["cat", "dog", "dog"])),
        table.set_column(1, "status", pa.array(["ok", "ok", "rejected"])),
        table.append_column("forced", pa.array([True, False, False])),
        table.slice(1),
    ]
    assert len({dataset_hash(other) for other in [table, *others]}) == 5
