"""Images, masks and items that rows name, read through the store."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from varifactory import loading, records
from varifactory.images import encode_png
from varifactory.items import item_spec
from varifactory.keys import item_key, spec_of
from varifactory.store import BlobCorrupt, BlobLost, Manifest, ManifestPart, Store, dataset_hash

SPEC = spec_of("items", item_spec())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(str(tmp_path / "store"))
    opened.prepare()
    return opened


def kept(store: Store, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> str:
    return f"{store.put_blob(encode_png(pixels), 'png')}.png"


def test_images_and_masks_come_in_the_order_of_their_rows(store: Store) -> None:
    images = [np.full((4, 5, 3), value, np.uint8) for value in (10, 20, 30)]
    mask = np.arange(20).reshape(4, 5) % 2 == 0
    rows = [{"image_blob": kept(store, image), "mask_blob": kept(store, mask)} for image in images]
    for found, image in zip(loading.images_of(store, rows, "image_blob"), images, strict=True):
        assert np.array_equal(found, image)
    for found in loading.masks_of(store, rows, "mask_blob"):
        assert np.array_equal(found, mask)


def test_a_mask_that_no_row_names_is_none(store: Store) -> None:
    mask = np.ones((2, 2), bool)
    rows = [{}, {"mask_blob": kept(store, mask)}, {"mask_blob": None}]
    first, second, third = loading.maybe_masks_of(store, rows, "mask_blob")
    assert first is None
    assert third is None
    assert second is not None
    assert second.all()


def test_lost_and_corrupt_blobs_are_told_by_name(store: Store, tmp_path: Path) -> None:
    name = kept(store, np.zeros((2, 2, 3), np.uint8))
    path = tmp_path / "store/blobs/sha256" / name[:2] / name
    path.write_bytes(b"other")
    with pytest.raises(BlobCorrupt) as corrupt:
        loading.read_image(store, name)
    path.unlink()
    with pytest.raises(BlobLost) as lost:
        loading.read_blob(store, name)
    assert corrupt.value.blob == lost.value.blob == name


def test_the_items_of_a_version_are_those_it_froze(store: Store) -> None:
    rows = [
        {"key": item_key(SPEC, n=n), "status": "ok", "kind": "source", "label": "cat",
         "split": "train", "forced": False, "made_at": datetime.now(UTC)}
        for n in range(3)
    ]  # fmt: skip
    table = records.table("items", rows)
    part = store.append("items", SPEC, table)
    listed = ManifestPart(stage="items", spec=SPEC, name=part.name, rows=part.rows,
                          bytes=part.bytes)  # fmt: skip
    store.publish(
        Manifest(name="cats", version=1, created_at=datetime.now(UTC), actor="test", recipe={},
                 recipe_fingerprint="f", dataset_hash=dataset_hash(table), counts={},
                 parts=(listed,), run_id="run", note="")
    )  # fmt: skip
    later = [{**rows[0], "key": item_key(SPEC, n=99)}]
    store.append("items", SPEC, records.table("items", later))
    found = loading.items_of(store, "cats", 1)
    assert {row["key"] for row in found} == {row["key"] for row in rows}
    assert len(loading.items_table(store, store.dataset("cats"))) == 3
