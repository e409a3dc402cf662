import base64
import io
import json
import re
import time
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pyarrow as pa
import pytest
from PIL import Image

from tests.drawn_items import CLASSES, Drawn
from varifactory import records
from varifactory.errors import FactoryError
from varifactory.gallery.page import gallery_pages, render_gallery
from varifactory.quotas import SURPLUS
from varifactory.store import BlobLost

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


class Page(HTMLParser):
    """What a browser would take from a page."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str, name: str) -> list[str]:
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture(scope="module")
def pages(drawn: Drawn) -> dict[str, bytes]:
    return render_gallery(
        drawn.items, drawn.read, title="toys", facts={"made": "today"}, page_size=40
    )


def index_of(page: bytes) -> dict:
    found = re.search(r'<script type="application/json" id="index">(.*?)</script>', page.decode())
    assert found
    return json.loads(found[1])


def test_every_edit_is_on_exactly_one_page(drawn: Drawn, pages: dict[str, bytes]) -> None:
    edits = [row for row in drawn.rows if row["kind"] == "edit"]
    assert list(pages) == ["index.html", *(f"page-{n}.html" for n in range(2, len(pages) + 1))]
    keys = re.findall(r"<code>([0-9a-f]{16})</code>", b"".join(pages.values()).decode())
    assert sorted(keys) == sorted(row["edit_key"][:16] for row in edits)


def test_the_filters_know_how_many_of_each_kind_every_page_holds(
    drawn: Drawn, pages: dict[str, bytes]
) -> None:
    index = index_of(pages["page-2.html"])
    assert index["page"] == 2
    assert index["files"] == list(pages)
    counted: Counter[tuple[str, ...]] = Counter()
    for page in index["counts"]:
        for *at, count in page:
            counted[
                tuple(
                    index["names"][facet][i] for facet, i in zip(index["facets"], at, strict=True)
                )
            ] += count
    truth = Counter(
        (row["label"], row["attribute"], row["feasibility"], row["status"], row["editor"])
        for row in drawn.rows if row["kind"] == "edit"
    )  # fmt: skip
    assert counted == truth
    on_page = Page(pages["page-2.html"]).of("figure", "data-facets")
    assert Counter(on_page) == Counter(
        {",".join(map(str, at)): count for *at, count in index["counts"][1]}
    )


def test_the_first_page_links_to_every_class_and_decision(
    drawn: Drawn, pages: dict[str, bytes]
) -> None:
    links = [href for href in Page(pages["index.html"]).of("a", "href") if "=" in href]
    wanted = [dict(parse_qsl(href.partition("#")[2])) for href in links]
    assert {state["class"] for state in wanted if "class" in state} == set(CLASSES)
    assert any(state.get("status") == "rejected" for state in wanted)
    for href, state in zip(links, wanted, strict=True):
        index = index_of(pages[href.partition("#")[0]])
        at = {index["facets"].index(name): index["names"][name].index(value)
              for name, value in state.items()}  # fmt: skip
        here = index["counts"][index["page"] - 1]
        assert any(all(row[i] == number for i, number in at.items()) for row in here), href


def test_a_page_asks_nothing_of_a_network(pages: dict[str, bytes]) -> None:
    for data in pages.values():
        page = Page(data)
        for tag, name, value in page.attributes:
            if name in ("src", "href"):
                local = value.split("#")[0] in ("", *pages)
                assert local or value.startswith("data:"), (tag, name, value[:80])
        assert page.tags["link"] == 1  # the empty icon
        assert "url(" not in data.decode()


def test_thumbnails_are_small_and_show_the_pictures(pages: dict[str, bytes]) -> None:
    pictures = [uri for data in pages.values() for uri in Page(data).of("img", "src")]
    assert len(pictures) > 100
    assert max(map(len, pictures)) <= 8 * 1024 + 32
    kinds = Counter(uri.partition(";")[0] for uri in pictures)
    assert set(kinds) == {"data:image/webp", "data:image/png"}
    for uri in pictures[:12]:
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            assert max(image.size) <= 192


def test_a_large_noisy_picture_still_fits() -> None:
    drawn = Drawn(classes=("owl",), sources=1, side=256)
    noise = Image.effect_noise((700, 500), 90).convert("RGB")
    stream = io.BytesIO()
    noise.save(stream, format="PNG")
    drawn.rows[0]["image_blob"] = drawn.keep(stream.getvalue())
    data = render_gallery(drawn.items, drawn.read, title="noise")["index.html"]
    assert max(map(len, Page(data).of("img", "src"))) <= 8 * 1024 + 32


def test_partners_and_editors_stand_together(drawn: Drawn, pages: dict[str, bytes]) -> None:
    cards = re.findall(r"<article.*?</article>", b"".join(pages.values()).decode(), re.DOTALL)
    assert len(cards) == len(CLASSES) * 2 * 3 * 2
    both = [card for card in cards if "small-diffusion made the same edits" in card]
    assert len(both) == len(CLASSES) * 3
    for card in cards:
        sides = re.findall(r'class="role (\w+)"', card)
        assert sides == ["feasible", "infeasible"] * (2 if card in both else 1)
        assert 'alt="Source image: ' in card


def test_verdicts_are_said_in_words(pages: dict[str, bytes]) -> None:
    text = " ".join(Page(b"".join(pages.values())).text.split())
    assert "Shows red (0.81)" in text
    assert "Still an owl (0.97)" in text
    assert "Judged feasible, as asked" in text
    assert "Attribute not seen: color 'red' scored 0.12, below 0.3; the judge saw 'blue'" in text
    assert "not made" in text


def test_accepted_edits_that_were_left_out_are_told(pages: dict[str, bytes]) -> None:
    words = b"Of those left out 3 were accepted"
    assert words not in pages["index.html"]
    drawn = Drawn(sources=1)
    some = [row for row in drawn.rows if row["kind"] == "edit" and row["status"] == "ok"][:3]
    for row in some:
        row |= {"status": "skipped", "reason": f"{SURPLUS} (4)", "paired": False}
    found = render_gallery(drawn.items, drawn.read, title="toys")
    assert words in found["index.html"]


def test_hostile_names_stay_words() -> None:
    drawn = Drawn(classes=(HOSTILE, "owl"), sources=1)
    for row in drawn.rows:
        row["reason"] = HOSTILE if row["status"] != "ok" else ""
        if row["kind"] == "edit":
            row.update(value=HOSTILE, prompt=HOSTILE, editor=HOSTILE)
    plain = Drawn(classes=("cat", "owl"), sources=1)
    ours = render_gallery(drawn.items, drawn.read, title=HOSTILE, facts={HOSTILE: HOSTILE})
    data = ours["index.html"]
    page = Page(data)
    assert page.tags["script"] == 2
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.of("img", "src").count("x") == 0
    assert "{{7*7}}" in page.text
    assert index_of(data)["names"]["class"][0] == HOSTILE
    assert (
        page.tags.keys()
        == Page(
            render_gallery(plain.items, plain.read, title="t", facts={"a": "b"})["index.html"]
        ).tags.keys()
    )


def test_only_the_pages_own_script_may_run(pages: dict[str, bytes]) -> None:
    import hashlib

    for data in pages.values():
        policy = next(v for v in Page(data).of("meta", "content") if "default-src" in v)
        script = re.findall(r"<script>(.*?)</script>", data.decode(), re.DOTALL)[-1]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy


def test_a_picture_that_is_lost_or_torn_is_said_in_its_place(drawn: Drawn) -> None:
    shown = next(row for row in drawn.rows if row["kind"] == "edit" and row["image_blob"])
    torn = next(
        row for row in drawn.rows if row["kind"] == "edit" and row["image_blob"]
        and row["image_blob"] != shown["image_blob"]
    )  # fmt: skip

    def read(name: str) -> bytes:
        if name == shown["image_blob"]:
            raise BlobLost(name, f"blob {name} is lost")
        data = drawn.read(name)
        return data[: len(data) // 2] if name == torn["image_blob"] else data

    text = Page(b"".join(render_gallery(drawn.items, read, title="t").values())).text
    assert "image cannot be read: BlobLost" in text
    assert text.count("image cannot be read") == 2


def test_sources_that_never_were_edited_are_shown_with_the_reason() -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    lost = {**drawn.rows[0], "key": "e" * 64, "source_key": "e" * 64, "status": "rejected",
            "reason": "mask covers 0.01 of the image, below 0.03"}  # fmt: skip
    test = {**drawn.rows[0], "key": "f" * 64, "source_key": "f" * 64, "split": "test",
            "mask_blob": None}  # fmt: skip
    drawn.rows += [lost, test]
    page = render_gallery(drawn.items, drawn.read, title="t")["index.html"].decode()
    unused = page.partition("Sources without an edit")[2]
    assert "mask covers 0.01 of the image, below 0.03" in unused
    assert unused.count("<article") == 1


def test_an_empty_data_set_has_a_page() -> None:
    pages = render_gallery(records.table("items", []), lambda name: b"", title="nothing")
    assert list(pages) == ["index.html"]
    assert "No edit was asked for." in Page(pages["index.html"]).text


def test_a_page_of_less_than_one_edit_is_refused(drawn: Drawn) -> None:
    with pytest.raises(FactoryError, match="page_size 0"):
        render_gallery(drawn.items, drawn.read, title="t", page_size=0)


def test_the_same_items_give_the_same_pages_in_any_order(
    drawn: Drawn, pages: dict[str, bytes]
) -> None:
    turned = drawn.items.take(pa.array(range(len(drawn.items) - 1, -1, -1)))
    again = render_gallery(turned, drawn.read, title="toys", facts={"made": "today"}, page_size=40)
    assert again == pages


@pytest.mark.slow
def test_ten_thousand_edits_stay_quick() -> None:
    drawn = Drawn(sources=2)
    rows = [
        {**row, "source_key": f"{copy:08x}{row['source_key'][8:]}",
         "key": f"{copy:08x}{row['key'][8:]}"}
        for copy in range(10_000 // 108 + 1)
        for row in drawn.rows
    ]  # fmt: skip
    table = records.table("items", rows)
    start = time.perf_counter()
    sizes = [len(page) for _, page in gallery_pages(table, drawn.read, title="many")]
    assert len(sizes) >= 50
    assert max(sizes) < 3_000_000
    assert time.perf_counter() - start < 60
