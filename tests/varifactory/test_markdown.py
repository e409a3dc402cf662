"""Other people's words in Markdown, read back by a parser of it."""

import pytest
from markdown_it import MarkdownIt

from varifactory.markdown import fence, plain, row

HOSTILE = (
    "cat\n\n# hi", "![x](http://127.0.0.1:9/x.png)", "<img src=http://127.0.0.1:9/x.png>",
    "a|b", "\\|", "`", "[x](javascript:alert(1))", "**bold**", "&lt;b&gt;", "- one", "---", "$x$",
)  # fmt: skip


def test_names_are_shown_as_they_are() -> None:
    assert plain("a|b\nc *d*") == "a\\|b c \\*d\\*"
    assert fence("x ``` y") == "````"
    assert fence("x") == "```"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_hostile_words_is_a_table_of_words(text: str) -> None:
    page = "\n".join(["| class | reason |", "|---|---|", row([text, "why"]), row(["owl", text])])
    found = MarkdownIt("commonmark").enable("table").parse(page)
    assert [found[0].type, found[-1].type] == ["table_open", "table_close"]
    cells = [token for token in found if token.type == "inline"]
    assert len(cells) == 6
    for cell in (cells[2], cells[5]):
        assert {inner.type for inner in cell.children or []} <= {"text", "text_special"}
        assert "".join(inner.content for inner in cell.children or []) == " ".join(text.split())


def test_long_words_are_cut_before_they_are_escaped() -> None:
    assert row(["|" * 9], longest=3) == "| \\|\\|\\| |"
