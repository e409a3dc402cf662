from pathlib import Path

import pytest

from tests.drawn_items import Drawn
from varifactory.gallery.page import render_gallery
from varifactory.gallery.pictures import Pictures
from varifactory.gallery.thumbnail_cache import keep_thumbnail, kept_thumbnail

BLOB = "ab" * 32 + ".png"
URI = "data:image/webp;base64,AAAA"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path))
    return tmp_path


def test_what_is_kept_is_found_again_by_blob_and_kind(cache: Path) -> None:
    assert kept_thumbnail(BLOB, "image") is None
    keep_thumbnail(BLOB, "image", URI)
    assert kept_thumbnail(BLOB, "image") == URI
    assert kept_thumbnail(BLOB, "mask") is None
    assert len([path for path in cache.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("torn", [b"", b"data:image/webp;base64,AA", b"\0" * 40, b"\xff\n", b"x\n"])
def test_a_torn_file_is_none(cache: Path, torn: bytes) -> None:
    keep_thumbnail(BLOB, "image", URI)
    (path,) = (path for path in cache.rglob("*") if path.is_file())
    path.write_bytes(torn)
    assert kept_thumbnail(BLOB, "image") is None


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("VARIFACTORY_CACHE", str(cache / "file"))
    keep_thumbnail(BLOB, "image", URI)
    assert kept_thumbnail(BLOB, "image") is None


def test_a_picture_is_read_once_for_all_galleries_and_only_if_asked_to() -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    asked: list[str] = []

    def read(name: str) -> bytes:
        asked.append(name)
        return drawn.read(name)

    rows = [row for row in drawn.rows if row["image_blob"]]
    for _ in range(2):
        pictures = Pictures(read, keep=True)
        pictures.fetch(rows, rows)
        shown = [pictures.image(row) for row in rows]
    assert len(asked) == len(set(asked))
    asked.clear()
    plain = Pictures(read)
    plain.fetch(rows, rows)
    assert [plain.image(row) for row in rows] == shown
    assert asked


def test_torn_pictures_are_not_kept() -> None:
    pictures = Pictures(lambda name: b"no image", keep=True)
    row = {"image_blob": BLOB, "mask_blob": None}
    pictures.fetch([row], [])
    assert "cannot be read" in pictures.image(row)[1]
    assert kept_thumbnail(BLOB, "image") is None


def test_a_gallery_for_a_page_alone_keeps_nothing(cache: Path) -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    render_gallery(drawn.items, drawn.read, title="t")
    assert not list(cache.rglob("*.png"))
