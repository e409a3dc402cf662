"""What a generator was trained on, as people give it."""

import json
from pathlib import Path

import pytest

from tests.foreign_images import SIDE, picture, real
from varifactory.images import encode_png, pixel_hash
from varifactory.ingest.asking import IngestError
from varifactory.ingest.trained_on import hashes_in
from varifactory.recipe import Sources

ONE, TWO = "a" * 64, "b" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Sources:
    return Sources(kind="folder", uri=str(tmp_path), size=SIDE)


@pytest.mark.parametrize(
    "text", [f"{TWO}\n{ONE}\n{ONE}\n", json.dumps([ONE, TWO]), f" {ONE} {TWO}"]
)
def test_a_file_of_hashes(tmp_path: Path, settings: Sources, text: str) -> None:
    place = tmp_path / "hashes"
    place.write_text(text)
    assert hashes_in(str(place), settings) == ([ONE, TWO], [])


def test_a_folder_of_images_at_any_depth(tmp_path: Path, settings: Sources) -> None:
    folder = real(tmp_path / "real")
    (folder / "flat.png").write_bytes(encode_png(picture(3)))
    (folder / "broken.jpg").write_bytes(b"no")
    (folder / "notes.txt").write_text("no image, and not counted as one")
    found, notices = hashes_in(str(folder), settings)
    assert len(found) == 28
    assert found == sorted(found)
    assert {pixel_hash(picture(1, 0)), pixel_hash(picture(3))} <= set(found)
    assert notices[0] == "images that the generator was trained on: 28"
    assert notices[1].startswith("1 of 29 files under --trained-on are no readable image")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no pixel hash"),
        (f"{ONE}\nc4t.png", "'c4t.png' is no pixel hash: 64 hexadecimal digits"),
        (f'["{ONE}", 3]', "'3' is no pixel hash"),
        ("[", "is no list of hashes"),
        ("[]", "holds no pixel hash"),
    ],
)
def test_a_file_that_is_no_list(tmp_path: Path, settings: Sources, text: str, words: str) -> None:
    place = tmp_path / "hashes"
    place.write_text(text)
    with pytest.raises(IngestError, match=words):
        hashes_in(str(place), settings)


def test_places_that_cannot_be(tmp_path: Path, settings: Sources) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IngestError, match=r"--trained-on .* is no list of hashes"):
        hashes_in(str(tmp_path / "binary"), settings)
    with pytest.raises(IngestError, match=r"--trained-on .* does not exist"):
        hashes_in(str(tmp_path / "nowhere"), settings)
    with pytest.raises(IngestError, match="--trained-on 'ftp://x/y' cannot be opened"):
        hashes_in("ftp://x/y", settings)
    (tmp_path / "void").mkdir()
    with pytest.raises(IngestError, match="holds no pixel hash and no image"):
        hashes_in(str(tmp_path / "void"), settings)
