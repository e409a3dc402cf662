"""A gallery of a bucket, brought to this disk and opened."""

import hashlib
import json
import secrets
import webbrowser
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.drawn_items import Drawn
from tests.varifactory.exports.conftest import published
from varifactory.command import main
from varifactory.datasets import Dataset, open_dataset
from varifactory.exports.fetching import (
    StrangePage,
    address_of,
    bring_gallery,
    build_here,
    gallery_folder,
)
from varifactory.exports.gallery import PAGES, export_gallery, known_pages
from varifactory.pages import page_head
from varifactory.store import StoreError, StoreMissing

Asked = Callable[[], list[str]]


@pytest.fixture
def away(bucket: str, drawn: Drawn) -> Dataset:
    """The data set in a bucket, with its gallery."""
    found = published(f"{bucket}/{secrets.token_hex(4)}", drawn)
    export_gallery(found, 20)
    return found


def put(data: Dataset, path: str, page: bytes) -> None:
    data.store.put_export("toys", 1, path, page)


def test_only_what_changed_is_fetched(away: Dataset, requests: Asked) -> None:
    first = bring_gallery(away)
    assert first.fetched == first.pages > 2
    assert first.first.read_bytes() == away.store.get_export("toys", 1, "gallery/index.html")
    requests()
    again = bring_gallery(away)
    assert (again.fetched, requests()) == (0, ["get_object"])
    (first.first.parent / "page-2.html").write_bytes(b"torn")
    (first.first.parent / "page-999.html").write_bytes(b"of a larger gallery")
    assert bring_gallery(away).fetched == 1
    assert len(list(first.first.parent.iterdir())) == first.pages


def test_building_again_writes_nothing_that_is_there(away: Dataset, requests: Asked) -> None:
    requests()
    export_gallery(open_dataset(away.store.url, "toys", 1), 20)
    sent = Counter(requests())
    assert sent["put_object"] == 0
    assert sent["head_object"] == 0
    # Thumbnails come from this disk: two looks at the items and the list, none at a picture.
    assert sent.total() <= 8, sent


def test_a_lost_page_is_written_anew(data: Dataset) -> None:
    page = Path(export_gallery(data, 20)).with_name("page-2.html")
    whole = page.read_bytes()
    page.unlink()
    export_gallery(data, 20)
    assert page.read_bytes() == whole


@pytest.mark.parametrize(
    "listed",
    [
        {"../../x.html": {"sha256": "0" * 64, "bytes": 1}},
        {"index.html": {"sha256": "0" * 64, "bytes": 1}, "/etc/passwd": {}},
        {"index.html": {"sha256": "0" * 64, "bytes": 10**12}},
        {"index.html": {"sha256": "../..", "bytes": 1}},
        {"index.html": 3},
        {},
        [],
        7,
    ],
)
def test_a_hostile_list_is_refused(away: Dataset, listed: object) -> None:
    put(away, PAGES, json.dumps(listed).encode())
    with pytest.raises(StoreError, match="no list of a gallery's pages"):
        bring_gallery(away)


def test_a_hostile_page_is_not_kept(away: Dataset) -> None:
    listed = known_pages(away.store, away.manifest)
    ours = away.store.get_export("toys", 1, "gallery/page-2.html")
    assert ours.startswith(page_head("gallery.js"))
    for page in (
        b"<script>fetch('https://evil')</script>",
        b"<script>alert(1)</script>" + ours,
        ours.replace(b"default-src &#39;none&#39;", b"default-src *"),
        b"\xef\xbb\xbf" + ours,
    ):
        put(away, "gallery/page-2.html", page)
        with pytest.raises(StrangePage, match="not the page its list names"):
            bring_gallery(away)
        told = {"sha256": hashlib.sha256(page).hexdigest(), "bytes": len(page)}
        put(away, PAGES, json.dumps({**listed, "page-2.html": told}).encode())
        with pytest.raises(StrangePage, match="does not begin"):
            bring_gallery(away)
        put(away, PAGES, json.dumps(listed).encode())
        assert not (gallery_folder(away) / "page-2.html").exists()
        assert not (gallery_folder(away) / "index.html").exists()


def test_a_gallery_can_be_made_without_writing_to_the_store(
    bucket: str, drawn: Drawn, requests: Asked
) -> None:
    data = published(f"{bucket}/{secrets.token_hex(4)}", drawn)
    with pytest.raises(StoreMissing, match="no gallery was written there"):
        bring_gallery(data)
    requests()
    found = build_here(data, 20)
    assert "put_object" not in requests()
    assert b"toys, version 1" in found.first.read_bytes()


def test_what_people_have_at_hand_is_understood(data: Dataset, away: Dataset) -> None:
    url = data.store.url
    assert address_of("toys@2", "s3://b/p") == ("s3://b/p", "toys", "2")
    assert address_of("s3://b/p#toys", "ignored") == ("s3://b/p", "toys", None)
    page = away.store.export_path("toys", 1, "gallery/index.html")
    assert address_of(page, "ignored") == (away.store.url, "toys", "1")
    assert address_of(url, "ignored") == (url, "toys", None)
    with pytest.raises(StoreMissing, match="#NAME"):
        address_of("./nothing/here", "ignored")


def test_the_command_opens_the_page(
    away: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    opener = tmp_path / "browser"
    opener.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    opener.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(opener))
    # The library of browsers reads it once.
    monkeypatch.setattr(webbrowser, "_tryorder", None)

    def ask(*words: str) -> Result:
        return CliRunner().invoke(main, ["gallery", *words])

    page = away.store.export_path("toys", 1, "gallery/index.html")
    done = ask(page)
    assert done.exit_code == 0, done.output
    path = Path(done.stdout.splitlines()[-1].removeprefix("gallery: "))
    assert path.read_bytes() == away.store.get_export("toys", 1, "gallery/index.html")
    assert opened.read_text().strip() == path.as_uri()
    opened.unlink()
    assert json.loads(ask(f"{away.store.url}#toys", "--json").stdout)["gallery"] == str(path)
    assert ask("toys", "--store", away.store.url, "--no-open").exit_code == 0
    assert not opened.exists()
