"""What users' folders and models are called is shown in Prefect's UI, and never rendered there."""

from typing import Any

from markdown_it import MarkdownIt

from flows import failures, reviewing
from flows.rerunning import retelling

LABEL = "cat\n\n# hi ![x](http://127.0.0.1:9/x.png) | <img src=//127.0.0.1:9>"
EDIT = {"edit_key": "3f2a91c05d" * 4, "label": LABEL, "attribute": "color", "value": LABEL,
        "feasibility": "feasible", "status": "ok", "stage": "edits", "reason": LABEL}  # fmt: skip

RENDERED = {"image", "html_inline", "html_block"}


def kinds(text: str) -> set[str]:
    """What a reader of Markdown makes of it."""
    found = MarkdownIt("commonmark").enable("table").parse(text)
    inner = [child for token in found for child in token.children or []]
    return {token.type for token in (*found, *inner)}


def test_a_hostile_label_stays_in_its_cell_of_the_preview() -> None:
    head = "| key | class | change | decision |\n|---|---|---|---|\n"
    text = head + reviewing._line(EDIT) + "\n" + reviewing._line(EDIT | {"label": "owl"})
    assert not kinds(text) & {
        "image",
        "heading_open",
        "html_inline",
        "html_block",
        "paragraph_open",
    }
    assert MarkdownIt("commonmark").enable("table").render(text).count("<tr>") == 3


def test_a_hostile_label_stays_in_its_cell_of_a_rerun() -> None:
    told: dict[str, Any] = {"changed": [EDIT]}
    text = retelling.page(told, ["1 recomputed", f"the whole recipe was gone through: {LABEL}"])
    assert not kinds(text) & {*RENDERED, "heading_open"}
    assert MarkdownIt("commonmark").enable("table").render(text).count("<tr>") == 2


def test_a_hostile_reason_stays_code_in_the_page_of_failures() -> None:
    cause = failures.Cause("edits", LABEL, 2, (LABEL, "```\n" + LABEL), "k" * 64)
    text = failures.page("run", "/tmp/```\n# store", [cause], "http://127.0.0.1:9/run")
    assert not kinds(text) & RENDERED
    assert MarkdownIt("commonmark").enable("table").render(text).count("<h3>") == 1
