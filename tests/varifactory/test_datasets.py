"""A finished data set as a reading team meets it."""

import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from varifactory import open_dataset
from varifactory.datasets import Dataset
from varifactory.records import table as records_table
from varifactory.store import (
    BlobCorrupt,
    Manifest,
    ManifestPart,
    Store,
    StoreError,
    StoreMissing,
    dataset_hash,
    names,
)


def png(mode: str, color: int | tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (8, 6), color).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one data set of a source, an edit of it and a failed edit."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    red, blue, mask = store.put_blobs(
        [(png("RGB", (255, 0, 0)), "png"), (png("RGB", (0, 0, 255)), "png"), (png("L", 255), "png")]
    )
    common = {"label": "cat", "split": "train", "forced": False}
    rows = [
        {"key": "1", "status": "ok", "kind": "source", "image_blob": f"{red}.png", **common},
        {
            "key": "2",
            "status": "ok",
            "kind": "edit",
            "image_blob": f"{blue}.png",
            "mask_blob": f"{mask}.png",
            "source_blob": f"{red}.png",
            "attribute": "color",
            "feasibility": "infeasible",
            **common,
        },
        {"key": "3", "status": "failed", "kind": "edit", "reason": "no mask", **common},
    ]
    publish(store, records_table("items", rows), 1)
    return store


def publish(store: Store, table: pa.Table, version: int, **changes: object) -> None:
    part = store.append("items", f"spec{version}", table)
    listed = ManifestPart(
        stage="items", spec=f"spec{version}", name=part.name, rows=part.rows, bytes=part.bytes
    )
    store.publish(
        Manifest(
            name="cats",
            version=version,
            created_at=datetime.now(UTC),
            actor="ann",
            recipe={},
            recipe_fingerprint="f",
            dataset_hash=dataset_hash(table),
            counts={},
            parts=(listed,),
            run_id="r",
        ).model_copy(update=changes)
    )


def test_items_with_their_pictures(store: Store) -> None:
    data = open_dataset(store.url, "cats")
    assert len(data) == 3
    source, edit, failed = data
    assert (source.key, source.status, source.attribute) == ("1", "ok", None)
    assert (edit.label, edit.split, edit.attribute) == ("cat", "train", "color")
    assert (edit.feasibility, edit["kind"]) == ("infeasible", "edit")
    assert edit.image().getpixel((0, 0)) == (0, 0, 255)
    assert edit.source().getpixel((0, 0)) == source.image().getpixel((0, 0)) == (255, 0, 0)
    assert edit.mask().mode == "L"
    with pytest.raises(StoreError, match="no mask"):
        failed.image()
    assert data[-1].key == data[2].key == "3"
    with pytest.raises(IndexError):
        data[3]


def test_filters(store: Store) -> None:
    data = open_dataset(store.url, "cats", "v1")
    assert data.table(["key"], status="ok", kind="edit").to_pydict() == {"key": ["2"]}
    assert data.table(status=["ok", "failed"]).num_rows == 3
    assert data.table(attribute=None)["key"].to_pylist() == ["1", "3"]
    chosen = data.select(status="ok")
    assert isinstance(chosen, Dataset)
    assert [item.key for item in chosen] == ["1", "2"]
    assert "2 items" in repr(chosen)
    for wrong in (lambda: data.table(["colour"]), lambda: data.select(colour="red")):
        with pytest.raises(StoreError, match="colour"):
            wrong()


def test_what_is_not_whole_is_refused(store: Store) -> None:
    data = open_dataset(store.url, "cats")
    sha, ext = names.split_blob(data[0]["image_blob"])
    store.backend.put_over(names.blob(sha, ext), png("RGB", (0, 255, 0)))
    with pytest.raises(BlobCorrupt, match=sha):
        data[0].image()
    publish(store, data.table().drop_columns(["first_part"]), 2, dataset_hash="0" * 64)
    with pytest.raises(StoreError, match="publish a new version"):
        open_dataset(store.url, "cats")
    assert len(open_dataset(store.url, "cats", 1)) == 3
    with pytest.raises(StoreMissing, match=r"\[1, 2\]"):
        open_dataset(store.url, "cats", 9)
    with pytest.raises(StoreMissing, match="cats"):
        open_dataset(store.url, "dogs")


def test_a_version_is_frozen(store: Store) -> None:
    before = open_dataset(store.url, "cats").table()
    store.invalidate("items", "spec1", ["1"], "a mistake")
    assert store.rows("items", "spec1").num_rows == 2
    assert open_dataset(store.url, "cats").table() == before


def test_a_version_of_before_a_column_came_has_nulls_in_it(store: Store) -> None:
    later = ["region_share", "first_blob", "first_sha256"]
    now = open_dataset(store.url, "cats").table()
    publish(store, now.drop_columns([*later, "first_part"]), 2)
    data = open_dataset(store.url, "cats", 2)
    assert data.table(later).to_pylist() == [dict.fromkeys(later)] * 3
    assert data.table(later).schema.types == now.select(later).schema.types
    assert data.select(label="cat", first_blob=[None])[1]["first_sha256"] is None


def test_reading_needs_no_model_library_and_no_engine(store: Store) -> None:
    code = (
        "import sys; from varifactory import open_dataset\n"
        f"print(open_dataset({store.url!r}, 'cats')[0].image().size)\n"
        "heavy = {'torch', 'prefect', 'cv2', 'diffusers', 'transformers', 'open_clip', 'litellm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["(8, 6)", "[]"]
