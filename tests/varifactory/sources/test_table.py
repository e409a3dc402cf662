import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from varifactory.errors import SourceError

LABELS = ["cat", "dog", "cat", "dog", "cat", "dog", "cat", "dog"]


@pytest.fixture
def images(picture: Callable[..., bytes]) -> list[bytes]:
    return [picture(300 + n) for n in range(8)]


def hugging_face(images: list[bytes]) -> pa.Table:
    """A table as the Hugging Face library writes it."""
    features = {
        "image": {"_type": "Image"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    }
    table = pa.table(
        {
            "image": [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(images)],
            "label": [int(name == "dog") for name in LABELS],
        }
    )
    return table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


def test_a_hugging_face_table(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    pq.write_table(hugging_face(images), tmp_path / "t.parquet", row_group_size=3)
    result = gather(kind="table", uri=str(tmp_path / "t.parquet"))
    assert Counter(row["label"] for row in result.settled.usable()) == {"cat": 4, "dog": 4}
    assert result.by_uri("t.parquet#7")["label"] == "dog"


def test_every_form_of_the_image_column_gives_the_same_sources(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    (tmp_path / "pictures").mkdir()
    for n, data in enumerate(images):
        (tmp_path / "pictures" / f"{n}.png").write_bytes(data)
    paths = [f"pictures/{n}.png" for n in range(8)]
    forms = {
        "bytes": pa.array(images, pa.binary()),
        "large": pa.array(images, pa.large_binary()),
        "struct": pa.array([{"bytes": data, "path": None} for data in images]),
        "path": pa.array(paths),
        "struct-path": pa.array(
            [{"bytes": None, "path": path} for path in paths],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        ),
    }
    found = []
    for name, column in forms.items():
        pq.write_table(pa.table({"image": column, "label": LABELS}), tmp_path / f"{name}.parquet")
        result = gather(kind="table", uri=str(tmp_path / f"{name}.parquet"))
        found.append({(row["key"], row["label"], row["split"]) for row in result.settled.usable()})
    assert len(found[0]) == 8
    assert all(one == found[0] for one in found)


def test_a_named_file_that_changes_is_read_again(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    for n, data in enumerate(images):
        (tmp_path / f"{n}.png").write_bytes(data)
    table = pa.table({"image": [f"{n}.png" for n in range(8)], "label": LABELS})
    pq.write_table(table, tmp_path / "t.parquet")
    first = gather(kind="table", uri=str(tmp_path / "t.parquet")).listing
    again = gather(kind="table", uri=str(tmp_path / "t.parquet")).listing
    assert first == again
    (tmp_path / "3.png").write_bytes(images[3] + b"\0")
    changed = gather(kind="table", uri=str(tmp_path / "t.parquet")).listing
    both = {row["key"] for row in first.planned} & {row["key"] for row in changed.planned}
    assert len(both) == 7


def test_bad_rows_end_alone(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.png").write_bytes(images[0])
    (tmp_path / "out.png").write_bytes(images[1])
    paths = ["good.png", "../out.png", str(tmp_path / "out.png"), "https://example.org/a.png",
             "missing.png", None, "good.png", "good.png"]  # fmt: skip
    labels = ["cat", "cat", "cat", "cat", "cat", "cat", None, "x" * 300]
    pq.write_table(pa.table({"image": paths, "label": labels}), tmp_path / "in" / "t.parquet")
    result = gather(kind="table", uri=str(tmp_path / "in" / "t.parquet"))
    rows = {int(row["uri"].rpartition("#")[2]): row for row in result.settled.rows}
    assert [rows[n]["status"] for n in range(8)] == [
        "ok", "rejected", "rejected", "skipped", "failed", "rejected", "rejected", "rejected",
    ]  # fmt: skip
    assert all("leads out" in rows[n]["reason"] for n in (1, 2))
    assert "fetch_urls" in rows[3]["reason"]
    assert "no image" in rows[5]["reason"]
    assert "no label" in rows[6]["reason"]
    assert "300 characters" in rows[7]["reason"]


def test_labels_are_never_paths(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    labels = ["../../etc/passwd", "a/b", "C:\\x", "..\\..", "猫", "con", "s3://x", "a\u0301"]
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "t.parquet")
    result = gather(kind="table", uri=str(tmp_path / "t.parquet"))
    good = {row["label"] for row in result.settled.usable()}
    assert good == {*labels[:3], *labels[4:7], "á"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.parquet"]


def test_labels_without_names_are_their_numbers(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    table = pa.table({"image": images, "label": [0, 1] * 4})
    pq.write_table(table, tmp_path / "t.parquet")
    result = gather(kind="table", uri=str(tmp_path / "t.parquet"))
    assert result.listing.class_names == ("0", "1")
    assert any("does not name its classes" in notice for notice in result.settled.notices)


def test_categories_are_text(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    column = pa.array(LABELS).dictionary_encode()
    pq.write_table(pa.table({"image": images, "label": column}), tmp_path / "t.parquet")
    assert gather(kind="table", uri=str(tmp_path / "t.parquet")).listing.class_names == (
        "cat", "dog",
    )  # fmt: skip


def test_splits_by_column_and_by_file(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    splits = ["train", "train", "val", "validation", "test", "test", "bogus", "test"]
    table = pa.table({"image": images, "label": LABELS, "split": splits})
    pq.write_table(table, tmp_path / "t.parquet")
    result = gather(kind="table", uri=str(tmp_path / "t.parquet"))
    assert Counter(row["split"] for row in result.settled.usable()) == {
        "train": 2, "validation": 2, "test": 3,
    }  # fmt: skip
    assert "'bogus'" in result.by_uri("#6")["reason"]
    folder = tmp_path / "files"
    folder.mkdir()
    whole = hugging_face(images)
    for name, part in {"train": whole[:4], "validation": whole[4:6], "test": whole[6:]}.items():
        pq.write_table(part, folder / f"{name}-00000-of-00001.parquet")
    result = gather(kind="table", uri=str(folder))
    assert Counter(row["split"] for row in result.settled.usable()) == {
        "train": 4, "validation": 2, "test": 2,
    }  # fmt: skip


def test_tables_that_cannot_be_used(
    tmp_path: Path, images: list[bytes], gather: Callable[..., Any]
) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "text.parquet").write_text("no table")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "columns.parquet")
    pq.write_table(pa.table({"image": [1], "label": ["x"]}), tmp_path / "kind.parquet")
    pq.write_table(pa.table({"image": images[:1], "label": [1.5]}), tmp_path / "label.parquet")
    for name, words in {
        "missing.parquet": "does not exist",
        "none": "holds no",
        "text.parquet": "cannot be read as Parquet",
        "columns.parquet": "no column 'image'; it has a",
        "kind.parquet": "holds int64",
        "label.parquet": "labels are text or integers",
    }.items():
        with pytest.raises(SourceError, match=words):
            gather(kind="table", uri=str(tmp_path / name))


def test_a_remote_table(images: list[bytes], gather: Callable[..., Any]) -> None:
    fs = fsspec.filesystem("memory")
    with fs.open("/tables/t.parquet", "wb") as stream:
        pq.write_table(hugging_face(images), stream)
    try:
        result = gather(kind="table", uri="memory://tables/t.parquet")
        assert len(result.settled.usable()) == 8
        assert result.by_uri("#0")["uri"] == "memory:///tables/t.parquet#0"
    finally:
        fs.rm("/tables", recursive=True)
