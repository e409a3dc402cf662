"""What was read is known again, wherever it lies; tables and folders are told apart."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.foreign_images import CLASSES, foreign_table
from varifactory.datasets import Dataset, open_dataset
from varifactory.ingest import reading
from varifactory.ingest.asking import IngestError
from varifactory.ingest.publishing import Ingested
from varifactory.shards import keeping
from varifactory.store import Store

Take = Callable[..., Ingested]


def opened(store: Store, taken: Ingested) -> Dataset:
    return open_dataset(store.url, taken.manifest.name, taken.manifest.version)


def test_what_was_read_is_known_in_every_place_it_ever_lay(
    store: Store, take: Take, theirs: Path, tmp_path: Path
) -> None:
    for number in range(3):
        shutil.copy(theirs / "cat" / "0.png", theirs / "cat" / f"copy-{number}.png")
    assert take().reused == 0
    assert take().reused == 12
    for path in theirs.rglob("*.png"):
        os.utime(path, (1, 1))
    assert [take().reused for _ in range(2)] == [0, 12]
    moved = shutil.copytree(theirs, tmp_path / "elsewhere")
    assert [take(moved).reused for _ in range(2)] == [0, 12]
    spec = store.specs("foreign")[0]
    parts = len(store.parts("foreign", spec))
    again = take()
    assert (again.reused, again.adopted, len(store.parts("foreign", spec))) == (12, True, parts)
    assert len(store.rows("foreign", spec)) == 9


def test_a_copy_is_told_by_the_place_where_it_was_read(
    store: Store, take: Take, theirs: Path, tmp_path: Path
) -> None:
    shutil.copy(theirs / "cat" / "0.png", theirs / "cat" / "copy.png")
    take()
    moved = shutil.copytree(theirs, tmp_path / "elsewhere")
    shutil.copy(theirs / "dog" / "0.png", moved / "dog" / "new.png")
    for _ in range(2):  # read, then known
        skipped = opened(store, take(moved)).select(status="skipped").table()["reason"].to_pylist()
        assert set(skipped) == {
            f"the same image as another file: {moved}/{name}" for name in ("cat/0.png", "dog/0.png")
        }


def test_copies_are_one_reason(take: Take, theirs: Path) -> None:
    for label in ("cat", "dog"):
        shutil.copy(theirs / label / "0.png", theirs / label / "copy.png")
    assert take().reasons == {"the same image as another file": 2}


def test_class_folders_beside_a_parquet_file_are_no_table(take: Take, theirs: Path) -> None:
    pq.write_table(pa.table({"file_name": ["cat/0.png"]}), theirs / "metadata.parquet")
    (theirs / ".cache").mkdir()
    taken = take()
    assert taken.statuses == {"ok": 9, "rejected": 0, "failed": 0, "skipped": 1}
    assert list(taken.reasons) == ["it lies in no class folder"]


def test_a_killed_ingest_goes_on_where_it_stopped(
    store: Store, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 2)
    kept = keeping.keep_rows
    parts: list[int] = []

    def killed(*args: Any) -> str:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(len(args[4]))
        return kept(*args)

    monkeypatch.setattr(reading, "keep_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        take()
    assert [numbers for name, numbers in store.datasets() if name == "theirs"] == []
    monkeypatch.setattr(reading, "keep_rows", kept)
    taken = take()
    assert (taken.reused, taken.statuses["ok"]) == (4, 9)
    spec = store.specs("foreign")[0]
    assert len(store.rows("foreign", spec)) == 9


def test_a_table_tells_prompts(store: Store, take: Take, tmp_path: Path) -> None:
    path = foreign_table(tmp_path / "t.parquet", prompt=["a cat", None, "an owl"])
    rows = opened(store, take(path)).select(kind="foreign").table().to_pylist()
    assert {row["label"]: row["prompt"] for row in rows} == {
        "cat": "a cat", "dog": None, CLASSES[2]: "an owl",
    }  # fmt: skip
    told = foreign_table(tmp_path / "u.parquet", words=["x", "y", "z"])
    rows = opened(store, take(told, prompt_column="words")).select(kind="foreign").table()
    assert sorted(rows["prompt"].to_pylist()) == ["x", "y", "z"]
    with pytest.raises(IngestError, match=r"no column 'text': set --prompt-column"):
        take(told, prompt_column="text")
    numbers = foreign_table(tmp_path / "v.parquet", prompt=[1, 2, 3])
    with pytest.raises(IngestError, match="column 'prompt' holds int64; it needs text"):
        take(numbers)


def test_a_table_with_other_columns_or_a_folder_of_tables(take: Take, tmp_path: Path) -> None:
    path = foreign_table(tmp_path / "t.parquet")
    table = pq.read_table(path).rename_columns(["picture", "class"])
    folder = tmp_path / "tables"
    folder.mkdir()
    pq.write_table(table, folder / "part-0.parquet")
    with pytest.raises(IngestError, match=r"no column 'image'.*set --image-column and --label-col"):
        take(folder)
    taken = take(folder, image_column="picture", label_column="class")
    assert taken.statuses["ok"] == 3
