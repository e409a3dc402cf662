import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from varifactory import records
from varifactory.errors import SourceError
from varifactory.images import decode_png, pixel_hash


def test_each_image_becomes_a_source(folder: Path, gather: Callable[..., Any]) -> None:
    result = gather(kind="folder", uri=str(folder))
    assert Counter(row["label"] for row in result.settled.usable()) == {"cat": 6, "dog": 6}
    for made in result.made:
        pixels = decode_png(made.blobs["image_blob"])
        assert pixels.shape == (32, 32, 3)
        assert made.row["pixel_sha256"] == pixel_hash(pixels)
    assert records.table("sources", list(result.settled.rows)).num_rows == 12


def test_a_second_listing_asks_for_the_same_and_a_change_for_itself(
    folder: Path, gather: Callable[..., Any]
) -> None:
    first = {row["key"] for row in gather(kind="folder", uri=str(folder)).listing.planned}
    again = {row["key"] for row in gather(kind="folder", uri=str(folder)).listing.planned}
    assert first == again
    os.utime(folder / "cat" / "3.png", (1, 1))
    touched = gather(kind="folder", uri=str(folder))
    assert len(first - {row["key"] for row in touched.listing.planned}) == 1


def test_a_source_is_its_content_not_its_place(
    folder: Path, tmp_path: Path, gather: Callable[..., Any]
) -> None:
    before = gather(kind="folder", uri=str(folder))
    folder.rename(tmp_path / "elsewhere")
    after = gather(kind="folder", uri=str(tmp_path / "elsewhere"))

    def identity(result: Any) -> set[Any]:
        return {(r["key"], r["split"], r["pixel_sha256"]) for r in result.settled.usable()}

    assert identity(before) == identity(after)
    assert not {r["key"] for r in before.listing.planned} & {
        r["key"] for r in after.listing.planned
    }


def test_one_bad_file_never_stops_the_others(
    folder: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    bad = {
        "empty.png": b"",
        "half.jpg": picture(7, "JPEG")[:300],
        "text.jpg": b"not an image",
        "notes.txt": b"notes",
        "old.gif": picture(8, "GIF"),
    }
    for name, data in bad.items():
        (folder / "cat" / name).write_bytes(data)
    (folder / "loose.png").write_bytes(picture(9))
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / "cat" / "gone.png").symlink_to(folder / "nothing")
    os.mkfifo(folder / "cat" / "pipe.png")
    result = gather(kind="folder", uri=str(folder))
    ends = {row["uri"].rsplit("/", 1)[-1]: row for row in result.settled.rows}
    expected = {
        "empty.png": ("rejected", "empty"),
        "half.jpg": ("rejected", "damaged"),
        "text.jpg": ("rejected", "not PNG"),
        "notes.txt": ("skipped", ".txt"),
        "old.gif": ("skipped", ".gif"),
        "loose.png": ("skipped", "no class folder"),
        "gone.png": ("skipped", "no regular file"),
        "pipe.png": ("skipped", "no regular file"),
    }
    for name, (status, reason) in expected.items():
        assert ends[name]["status"] == status
        assert reason in ends[name]["reason"]
    assert len(result.settled.usable()) == 12
    assert len(result.settled.rows) == 12 + len(expected)
    assert any("1 hidden" in notice for notice in result.settled.notices)
    assert records.table("sources", list(result.settled.rows)).num_rows == 20


def test_a_file_that_vanishes_fails_alone(folder: Path, gather: Callable[..., Any]) -> None:
    from varifactory.recipe import Sources
    from varifactory.sources import list_sources, read_sources

    settings = Sources(kind="folder", uri=str(folder), size=32)
    listing = list_sources("s", settings)
    (folder / "cat" / "0.png").unlink()
    made = read_sources(listing.planned, settings)
    assert Counter(one.row["status"] for one in made) == {"ok": 11, "failed": 1}
    assert made[0].row["error_type"] == "FileNotFoundError"


def test_a_limit_of_the_recipe_skips(folder: Path, gather: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"sources\.max_pixels = 100"):
        gather(kind="folder", uri=str(folder), max_pixels=100)


@pytest.mark.parametrize("name", ["~", "a b", "猫", "x" * 200, "%2e%2e", "con", "a:b", "x::y"])
def test_odd_folder_names_are_labels(
    name: str, folder: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    (folder / name).mkdir()
    (folder / name / "a::b.png").write_bytes(picture(55))
    result = gather(kind="folder", uri=str(folder))
    assert name in {row["label"] for row in result.settled.usable()}


def test_names_that_are_no_labels_end_as_rows(
    folder: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    for name in ("---", "x" * 230, "a\nb"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(picture(1))
    broken = os.fsencode(folder) + b"/cat/\xff.png"
    with open(broken, "wb") as stream:
        stream.write(picture(2))
    result = gather(kind="folder", uri=str(folder))
    rejected = [row for row in result.settled.rows if row["status"] == "rejected"]
    assert len(rejected) == 3
    assert all("class name" in row["reason"] for row in rejected)
    assert [r["reason"] for r in result.settled.rows if r["status"] == "skipped"] == [
        "its name is not valid Unicode: rename it"
    ]
    assert records.table("sources", list(result.settled.rows)).num_rows == 16


def test_two_spellings_of_one_name(
    folder: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    for number, form in enumerate(("NFC", "NFD")):
        name = unicodedata.normalize(form, "café")
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(picture(70 + number))
    result = gather(kind="folder", uri=str(folder))
    assert Counter(r["label"] for r in result.settled.usable())["café"] == 2
    assert any("2 spellings" in notice for notice in result.settled.notices)


def test_an_empty_class_and_an_only_class_are_named(
    folder: Path, gather: Callable[..., Any]
) -> None:
    for file in (folder / "dog").iterdir():
        file.unlink()
    notices = " ".join(gather(kind="folder", uri=str(folder)).settled.notices)
    assert "'dog' is empty" in notices
    assert "only one class ('cat')" in notices


def test_wanted_classes(folder: Path, gather: Callable[..., Any]) -> None:
    result = gather(kind="folder", uri=str(folder), classes=("dog",))
    assert {row["label"] for row in result.settled.rows} == {"dog"}
    with pytest.raises(SourceError, match=r"\['cow'\].*'cat', 'dog'"):
        gather(kind="folder", uri=str(folder), classes=("dog", "cow"))


def test_places_that_cannot_be_used(
    folder: Path, tmp_path: Path, gather: Callable[..., Any]
) -> None:
    (tmp_path / "empty").mkdir()
    for uri, words in {
        str(tmp_path / "missing"): "does not exist",
        str(folder / "cat" / "0.png"): "is a file",
        str(tmp_path / "empty"): "holds no images",
        "nonsense://bucket": "cannot be opened",
        str(folder / "cat"): "no class folder",
    }.items():
        with pytest.raises(SourceError, match=words):
            gather(kind="folder", uri=uri)


def test_a_folder_that_links_back_ends(folder: Path, gather: Callable[..., Any]) -> None:
    (folder / "cat" / "loop").symlink_to(folder, target_is_directory=True)
    result = gather(kind="folder", uri=str(folder))
    assert len(result.settled.usable()) == 12
    assert "links back" in result.by_uri("loop")["reason"]


class Locked(MemoryFileSystem):
    """A memory file system where one folder cannot be listed."""

    protocol = "locked"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("locked://", "memory://"))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path.rstrip("/").endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return super().ls(path, detail=detail, **kwargs)


@pytest.fixture
def locked() -> Iterator[Locked]:
    fsspec.register_implementation("locked", Locked, clobber=True)
    fs = Locked()
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_an_unreadable_folder_is_a_row(
    locked: Locked, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    for name in ("cat", "secret"):
        locked.pipe(f"/set/{name}/1.png", picture(1))
    result = gather(kind="folder", uri="locked://set")
    assert len(result.settled.usable()) == 1
    row = result.by_uri("secret")
    assert (row["status"], row["error_type"]) == ("failed", "PermissionError")
    assert "Permission denied" in row["reason"]
    with pytest.raises(SourceError, match=r"Permission denied.*permissions"):
        gather(kind="folder", uri="locked://set/secret")


def test_linked_folders_and_files_are_followed(
    folder: Path, tmp_path: Path, gather: Callable[..., Any]
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "cat").symlink_to(folder / "cat", target_is_directory=True)
    (tmp_path / "links" / "one").mkdir()
    (tmp_path / "links" / "one" / "1.png").symlink_to(folder / "dog" / "1.png")
    result = gather(kind="folder", uri=str(tmp_path / "links"))
    assert Counter(row["label"] for row in result.settled.usable()) == {"cat": 6, "one": 1}


def test_folders_named_like_splits_give_them(
    tmp_path: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    number = 0
    for split, count in (("train", 30), ("val", 4), ("test", 3)):
        for name in ("cat", "dog"):
            place = tmp_path / split / name
            place.mkdir(parents=True)
            for _ in range(count):
                number += 1
                (place / f"{number}.png").write_bytes(picture(number))
    result = gather(kind="folder", uri=str(tmp_path))
    assert Counter((r["split"], r["label"]) for r in result.settled.usable()) == {
        ("train", "cat"): 30, ("train", "dog"): 30, ("validation", "cat"): 4,
        ("validation", "dog"): 4, ("test", "cat"): 3, ("test", "dog"): 3,
    }  # fmt: skip
    for name in ("cat", "dog"):
        for file in (tmp_path / "val" / name).iterdir():
            file.unlink()
    cut = gather(kind="folder", uri=str(tmp_path))
    counts = Counter(row["split"] for row in cut.settled.usable())
    assert counts["test"] == 6
    assert 3 <= counts["validation"] <= 24
    assert any("no validation split is given" in notice for notice in cut.settled.notices)


def test_a_class_may_be_called_train(
    folder: Path, gather: Callable[..., Any], picture: Callable[..., bytes]
) -> None:
    (folder / "train").mkdir()
    (folder / "train" / "1.png").write_bytes(picture(1234))
    result = gather(kind="folder", uri=str(folder))
    assert result.listing.class_names == ("cat", "dog", "train")
