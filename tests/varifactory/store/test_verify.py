"""What verify must not throw away: whole parts that this machine could not read."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from varifactory.store import PartDamaged, Store, StoreError, names
from varifactory.store.parts import decode

Rows = Callable[..., pa.Table]
SPEC = "a" * 64


@pytest.fixture
def path(local: Store, rows: Rows) -> str:
    """Of the one part there is."""
    return names.part("edits", SPEC, local.append("edits", SPEC, rows("ab")).name)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (pa.ArrowMemoryError("malloc of size 9 failed"), MemoryError),
        (MemoryError(), MemoryError),
        (pa.ArrowNotImplementedError("codec"), StoreError),
    ],
)
def test_part_that_this_machine_cannot_read_is_not_damaged(
    local: Store,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    told: type[Exception],
) -> None:
    def refuse(*asked: Any, **more: Any) -> None:
        raise raised

    data = local.backend.read(path)
    monkeypatch.setattr(pq.ParquetFile, "read", refuse)
    with pytest.raises(told) as error:
        local.verify()
    assert not isinstance(error.value, PartDamaged)
    monkeypatch.undo()
    assert local.backend.read(path) == data
    assert local.verify().whole


@pytest.mark.parametrize("torn", [1, 2])
def test_torn_read_condemns_no_part(
    local: Store, path: str, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    """Told if it came torn twice; and read once more before anything is moved."""
    whole, read, asked = local.backend.read(path), local.backend.read, 0

    def cut(wanted: str, limit: int | None = None) -> bytes:
        nonlocal asked
        asked += wanted == path
        data = read(wanted, limit)
        return data[:-9] if wanted == path and asked <= torn else data

    monkeypatch.setattr(local.backend, "read", cut)
    assert not any(finding.healed for finding in local.verify().findings)
    assert asked >= 2
    assert read(path) == whole
    assert local.verify().whole
    assert not list(local.backend.walk(names.TRASH))


def test_damaged_part_lies_in_the_trash_as_it_was_found(local: Store, path: str) -> None:
    bad = local.backend.read(path)[:-9]
    local.backend.put_over(path, bad)
    (finding,) = local.verify().findings
    assert finding.healed
    assert local.backend.read(names.trash(path)) == bad
    assert local.backend.size(path) is None
    with pytest.raises(PartDamaged):
        decode(bad, path.rpartition("/")[2], "edits", SPEC)
