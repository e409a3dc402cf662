"""Each file that cannot stand beside the real images ends as a row that says why."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.foreign_images import CLASSES, picture, saved
from varifactory.datasets import open_dataset
from varifactory.images import encode_png
from varifactory.ingest.asking import IngestError
from varifactory.ingest.publishing import Ingested
from varifactory.store import Store

Take = Callable[..., Ingested]


def ends(store: Store, taken: Ingested) -> dict[str, tuple[str, str]]:
    """End of a file's path -> status and reason of its item."""
    spec = store.specs("foreign")[0]
    uris = {row["key"]: row["uri"] for row in store.rows("foreign", spec).to_pylist()}
    data = open_dataset(store.url, "theirs", taken.manifest.version).select(kind="foreign")
    return {
        "/".join(Path(uris[row["edit_key"]]).parts[-2:]): (row["status"], row["reason"])
        for row in data.table().to_pylist()
    }


def test_bad_files_end_as_rows_and_stop_nothing(store: Store, take: Take, theirs: Path) -> None:
    cat = theirs / "cat"
    (cat / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    (cat / "empty.jpg").write_bytes(b"")
    (cat / "notes.txt").write_text("not an image")
    (cat / "dangling.png").symlink_to(theirs / "nowhere")
    Image.fromarray(np.zeros((120, 120, 3), np.uint8)).save(cat / "huge.png")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(cat / "tiny.png")
    (theirs / "unicorn").mkdir()
    (theirs / "unicorn" / "a.png").write_bytes(encode_png(picture(7)))
    (theirs / "CAT").mkdir()
    (theirs / "CAT" / "b.png").write_bytes(encode_png(picture(8)))
    (theirs / "loose.png").write_bytes(encode_png(picture(9)))
    taken = take(max_pixels=10_000)
    found = ends(store, taken)
    told: dict[str, tuple[str, str]] = {
        "cat/broken.png": ("rejected", "the image is damaged"),
        "cat/empty.jpg": ("rejected", "the file is empty"),
        "cat/notes.txt": ("skipped", "files that end in '.txt' are not read"),
        "cat/dangling.png": ("skipped", "no regular file"),
        "cat/huge.png": ("skipped", "120 x 120 pixels are more than --max-pixels = 10000"),
        "cat/tiny.png": ("rejected", "8 x 8 pixels are too few"),
        "unicorn/a.png": ("rejected", f"'unicorn' is no class of pets@1 ({', '.join(CLASSES)})"),
        "CAT/b.png": ("rejected", "is 'cat' meant?"),
        "theirs/loose.png": ("skipped", "it lies in no class folder"),
    }  # fmt: skip
    for name, (status, reason) in told.items():
        assert found[name][0] == status, name
        assert reason in found[name][1], name
    assert taken.statuses == {"ok": 9, "rejected": 5, "failed": 0, "skipped": 4}
    assert sum(taken.reasons.values()) == 9
    assert taken.reused == 0


def test_a_file_that_cannot_be_read_fails_and_is_tried_again(
    store: Store, take: Take, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.local import LocalFileSystem

    whole = LocalFileSystem.cat_file

    def torn(self: Any, path: str, *args: Any, **kwargs: Any) -> bytes:
        if path.endswith("cat/1.png"):
            raise OSError("Input/output error")
        data: bytes = whole(self, path, *args, **kwargs)
        return data

    monkeypatch.setattr(LocalFileSystem, "cat_file", torn)
    taken = take()
    assert ends(store, taken)["cat/1.png"] == ("failed", "Input/output error")
    assert (taken.statuses["ok"], taken.statuses["failed"]) == (8, 1)
    monkeypatch.setattr(LocalFileSystem, "cat_file", whole)
    again = take()
    assert (again.reused, again.statuses["ok"], again.manifest.version) == (8, 9, 2)


def test_copies_of_test_images_are_refused_in_any_bytes(
    store: Store, take: Take, theirs: Path
) -> None:
    tested = open_dataset(store.url, "pets").select(split="test", label="dog")
    pixels = np.asarray(tested[0].image())
    (theirs / "dog" / "same.png").write_bytes(saved(pixels, "PNG", compress_level=1))
    lossy = saved(np.asarray(tested[1].image()), "JPEG", quality=95)
    (theirs / "dog" / "lossy.jpg").write_bytes(lossy)
    shown = open_dataset(store.url, "pets").select(split="train", label="dog")[0]
    (theirs / "dog" / "trained.png").write_bytes(saved(np.asarray(shown.image()), "PNG"))
    found = ends(store, take())
    assert found["dog/same.png"] == (
        "rejected", "its pixels are those of a test image of pets@1: remove it",
    )  # fmt: skip
    assert found["dog/lossy.jpg"][0] == "rejected"
    assert "perceptual-hash bits are fewer than its edits.gate" in found["dog/lossy.jpg"][1]
    assert found["dog/trained.png"][0] == "ok"  # a memorised one: for a diagnosis to find


def test_copies_of_validation_images_are_refused_in_any_bytes(
    store: Store, take: Take, theirs: Path
) -> None:
    chosen_by = open_dataset(store.url, "pets").select(split="validation", label="dog")
    exact = saved(np.asarray(chosen_by[0].image()), "PNG", compress_level=1)
    (theirs / "dog" / "same.png").write_bytes(exact)
    lossy = saved(np.asarray(chosen_by[1].image()), "JPEG", quality=95)
    (theirs / "dog" / "lossy.jpg").write_bytes(lossy)
    found = ends(store, take())
    assert found["dog/same.png"] == (
        "rejected", "its pixels are those of a validation image of pets@1: remove it",
    )  # fmt: skip
    assert found["dog/lossy.jpg"][0] == "rejected"
    assert found["dog/lossy.jpg"][1].startswith("near-duplicate of a validation image of pets@1: ")


def test_test_images_are_known_without_the_rows_of_their_run(
    store: Store, take: Take, theirs: Path
) -> None:
    tested = open_dataset(store.url, "pets").select(split="test", label="dog")
    lossy = saved(np.asarray(tested[1].image()), "JPEG", quality=95)
    (theirs / "dog" / "lossy.jpg").write_bytes(lossy)
    spec = store.specs("sources")[0]
    store.invalidate("sources", spec, store.rows("sources", spec)["key"].to_pylist(), "gone")
    assert ends(store, take())["dog/lossy.jpg"][0] == "rejected"


def test_equal_images_count_once_and_under_two_labels_never(
    store: Store, take: Take, theirs: Path
) -> None:
    shutil.copy(theirs / "cat" / "0.png", theirs / "cat" / "copy.png")
    pixels = picture(2, 0, 1)
    (theirs / "cat" / "again.png").write_bytes(saved(pixels, "PNG", compress_level=1))
    shutil.copy(theirs / "dog" / "0.png", theirs / CLASSES[2] / "moved.png")
    taken = take()
    assert taken.statuses == {"ok": 8, "rejected": 2, "failed": 0, "skipped": 2}
    found = ends(store, taken)
    assert found["dog/0.png"][1] == f"the same image has the labels {['dog', CLASSES[2]]}: keep " \
        "one of them"  # fmt: skip
    assert found["cat/again.png"] == (
        "skipped",
        f"the same image as another file: {theirs}/cat/1.png",
    )
    assert found["cat/1.png"] == ("ok", "")
    keys = open_dataset(store.url, "theirs").table()["key"].to_pylist()
    assert len(set(keys)) == len(keys)
    assert take().adopted


def test_nothing_usable_is_an_error_and_a_class_without_images_is_told(
    take: Take, theirs: Path
) -> None:
    shutil.rmtree(theirs / "dog")
    assert "1 classes of pets@1 have no usable foreign image: dog" in take().notices
    for label in ("cat", CLASSES[2]):
        (theirs / label).rename(theirs / f"big {label}")
    with pytest.raises(IngestError, match="none of 6 foreign images can stand beside pets@1; the"):
        take()
