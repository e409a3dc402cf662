"""``varifactory gallery``: the pages of a data set."""

import click

from varifactory.answering import Answer, Say, answering


@answering("gallery")
@click.argument("dataset", metavar="NAME[@VERSION]")
@click.option("--page-size", default=200, show_default=True, type=click.IntRange(1, 5000),
              help="Edits a page.")  # fmt: skip
def gallery(store: str, say: Say, dataset: str, page_size: int) -> Answer:
    """Write the gallery of a data set and say where it is.

    VERSION is the latest if it is left out. The pages need no server and hold their pictures.
    """
    from varifactory.datasets import open_dataset
    from varifactory.exports import export_gallery

    name, _, version = dataset.partition("@")
    data = open_dataset(store, name, version or None)
    path = export_gallery(data, page_size)
    say(f"gallery: {path}")
    found = data.manifest
    return {"dataset": found.name, "version": found.version, "gallery": path}, 0
