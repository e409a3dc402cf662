"""``varifactory gallery``: the pages of a data set, on the screen."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from varifactory.answering import Answer, Say, answering

if TYPE_CHECKING:
    from varifactory.datasets import Dataset


PAGE_SIZE = 200


@answering("gallery")
@click.argument("dataset", metavar="NAME[@VERSION]|STORE#NAME[@VERSION]|URL")
@click.option("--page-size", type=click.IntRange(1, 5000),
              help="Write the pages anew, with so many edits each (at first 200).")  # fmt: skip
@click.option("--again", is_flag=True, help="Write the pages anew.")
@click.option("--open/--no-open", "opens", default=True, show_default=True,
              help="Open the first page in the browser; never with --json.")  # fmt: skip
def gallery(
    store: str, say: Say, dataset: str, page_size: int | None, again: bool,
    opens: bool,
) -> Answer:  # fmt: skip
    """Show the gallery of a data set, of a folder or a bucket, in the browser.

    URL is a store or the address of a page as a run tells it; VERSION the latest if it is left
    out. Pages that the store does not have yet are written there. Of a bucket those that changed
    are fetched; they need no server and hold their pictures.
    """
    from varifactory.datasets import open_dataset
    from varifactory.exports.fetching import address_of

    data = open_dataset(*address_of(dataset, store))
    path = _shown(data, say, page_size, again)
    if opens and not click.get_current_context().params["as_json"]:
        _open(path, say)
    say(f"gallery: {path}")
    found = data.manifest
    return {"dataset": found.name, "version": found.version, "gallery": str(path)}, 0


def _shown(data: "Dataset", say: Say, page_size: int | None, again: bool) -> Path:
    """The first page on this disk; pages are written to the store where they are missing."""
    from varifactory.exports.fetching import StrangePage, bring_gallery, build_here
    from varifactory.exports.gallery import export_gallery, known_pages
    from varifactory.store import StoreDenied

    size = page_size or PAGE_SIZE
    try:
        if again or page_size or not known_pages(data.store, data.manifest):
            export_gallery(data, size)
        found = bring_gallery(data)
    except (StoreDenied, StrangePage) as error:
        say(f"made on this disk alone, for {error}")
        found = build_here(data, size)
    if data.store.backend.remote:
        say(f"{found.fetched} of {found.pages} pages fetched")
    return found.first


def _open(path: Path, say: Say) -> None:
    if not webbrowser.open(path.as_uri()):
        say("no browser was found: open the page yourself")
