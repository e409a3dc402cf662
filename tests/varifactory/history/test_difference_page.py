import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.drawn_items import Drawn
from tests.varifactory.history.changed_items import changed, drawn_rows, store_of
from varifactory.command import main
from varifactory.store import Store

HOSTILE = "<script>alert(1)</script> & 'x'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    drawn = Drawn(classes=("kettle", HOSTILE), sources=2)
    rows = drawn_rows(drawn)
    return store_of(tmp_path_factory.mktemp("pages") / "store", drawn, rows, changed(rows)[0])


def diff(store: Store, *words: object) -> Result:
    return CliRunner().invoke(main, ["diff", "toys", "--store", store.url, *map(str, words)])


def test_pages_are_cut_and_the_first_one_tells_the_whole(store: Store, tmp_path: Path) -> None:
    done = diff(store, "--html", tmp_path / "d.html", "--page-size", 3)
    assert done.exit_code == 1, "an alarm was planted"
    assert f"page: {tmp_path / 'd.html'}" in done.stdout
    names = ["d-2.html", "d-3.html", "d.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    first, second, third = (tmp_path / name for name in ("d.html", *names[:2]))
    counts = [path.read_text("utf-8").count("<article") for path in (first, second, third)]
    assert counts == [3, 3, 1]
    text = first.read_text("utf-8")
    assert "1 item has the same key and other pixels" in text
    assert "What differs" in text
    assert "What differs" not in second.read_text("utf-8")
    index = json.loads(re.findall(r'id="index">(.*?)</script>', text)[0])
    assert sum(row[-1] for page in index["counts"] for row in page) == 7
    assert index["names"]["change"][0] == "same key, other pixels"


def test_every_picture_is_inlined_and_nothing_is_fetched(store: Store, tmp_path: Path) -> None:
    diff(store, "--html", tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text("utf-8")
    assert set(re.findall(r'src="(\w+:\w+)', text)) == {"data:image"}
    assert not re.search(r"https?://", text)
    assert HOSTILE not in text
    assert "<script>alert" not in text
    cards = text.split("<article")[1:]
    added = next(card for card in cards if "Added" in card)
    assert "was not there" in added
    removed = next(card for card in cards if ">Removed<" in card)
    assert "is not there" in removed


def test_they_may_stand_beside_the_later_version(store: Store) -> None:
    done = diff(store, "--publish", "--json")
    page = json.loads(done.stdout)["page"]
    assert page == str(store.export_path("toys", 2, "diff/toys-1/index.html"))
    assert "toys@1 → toys@2" in Path(page).read_text("utf-8")


def test_a_folder_that_is_not_there_is_said(store: Store, tmp_path: Path) -> None:
    done = diff(store, "--html", tmp_path / "none" / "d.html")
    assert done.exit_code == 2
    assert "give another file" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("toys@1",), "name another beside it"),
        (("toys@1", "toys@7"), "no version 7"),
        (("none",), "no data set 'none'"),
    ],
)
def test_wrong_names_are_said(store: Store, words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(main, ["diff", *words, "--store", store.url])
    assert done.exit_code == 2
    assert told in done.stderr


def test_one_version_alone_cannot_differ(tmp_path: Path) -> None:
    drawn = Drawn(classes=("kettle",), sources=1)
    done = diff(store_of(tmp_path / "store", drawn, drawn_rows(drawn)))
    assert done.exit_code == 2
    assert "has version 1 alone" in done.stderr


def test_a_picture_that_is_lost_is_said_in_its_place(tmp_path: Path) -> None:
    drawn = Drawn(classes=("kettle",), sources=1)
    rows = drawn_rows(drawn)
    later, planted = changed(rows)
    flipped = next(row for row in later if row["edit_key"] == planted["flipped"])
    gone = store_of(tmp_path / "store", drawn, rows, later)
    blob = next(Path(gone.url).glob(f"blobs/sha256/*/{flipped['image_blob']}"))
    blob.unlink()
    diff(gone, "--html", tmp_path / "d.html")
    assert "image cannot be read: BlobLost" in (tmp_path / "d.html").read_text("utf-8")
