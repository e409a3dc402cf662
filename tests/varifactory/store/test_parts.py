"""A part as a file."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from varifactory.store import PartDamaged, Store, names
from varifactory.store.parts import _Recent, decode, encode
from varifactory.store.rows import prepared

Rows = Callable[..., pa.Table]


def test_part_is_plain_parquet_that_says_what_it_is(local: Store, rows: Rows) -> None:
    ref = local.append("edits", "s", rows("ab", width=[1, 2]), spec_fields={"steps": 4})
    path = local.backend.show(names.part("edits", "s", ref.name))
    file = pq.ParquetFile(path)
    assert b'"spec_fields": {"steps": 4}' in file.schema_arrow.metadata[b"varifactory"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert pq.read_table(path)["width"].to_pylist() == [1, 2]
    assert (ref.rows, ref.bytes) == (2, len(local.backend.read(path)))


def test_same_rows_make_the_same_part(rows: Rows) -> None:
    table = prepared(rows("ab"), "here")
    assert encode(table, "edits", "s") == encode(table, "edits", "s")
    assert encode(table, "edits", "s")[0] != encode(table, "edits", "t")[0]


@pytest.mark.parametrize("place", [0, 4, 50, 200, -5, -1])
def test_every_flipped_byte_is_seen(rows: Rows, place: int) -> None:
    name, data = encode(prepared(rows("ab"), "here"), "edits", "s")
    assert decode(data, name, "edits", "s").table.num_rows == 2
    changed = bytearray(data)
    changed[place] ^= 0x10
    with pytest.raises(PartDamaged, match="not those it is named after"):
        decode(bytes(changed), name, "edits", "s")


def test_foreign_tables_are_no_parts(rows: Rows) -> None:
    import hashlib
    import io

    sink = io.BytesIO()
    pq.write_table(rows("ab"), sink)
    data = sink.getvalue()
    with pytest.raises(PartDamaged, match="no part of ours"):
        decode(data, f"part-{hashlib.sha256(data).hexdigest()}.parquet", "edits", "s")
    name, data = encode(rows("ab"), "edits", "s")
    with pytest.raises(PartDamaged, match="lacks the columns"):
        decode(data, name, "edits", "s")


def test_remembered_parts_stay_below_a_limit(rows: Rows) -> None:
    table = prepared(rows([f"{n:064}" for n in range(100)]), "here")
    size = table.nbytes
    recent = _Recent(3 * size)
    for number in range(5):
        name, data = encode(table, "edits", f"s{number}")
        recent.put(("edits", f"s{number}", name), decode(data, name, "edits", f"s{number}"))
    assert recent._held <= 3 * size
    assert len(recent._parts) < 5
