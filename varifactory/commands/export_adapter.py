"""``varifactory export-adapter``: a trained cell as a stock checkpoint."""

import click

from varifactory.answering import Answer, Say, answering


@answering("export-adapter")
@click.argument("cell")
@click.option("--to", "folder", required=True, metavar="FOLDER", help="Where to; a new folder.")
@click.option("--as", "library", type=click.Choice(["open_clip", "transformers"]),
              default="open_clip", show_default=True, help="Whose format.")  # fmt: skip
@click.option("--base", default="", metavar="NAME",
              help="The CLIP it was trained on, where it has another name here.")  # fmt: skip
def export_adapter(store: str, say: Say, cell: str, folder: str, library: str, base: str) -> Answer:
    """Merge a trained adapter into its CLIP and write a checkpoint that stock libraries read.

    CELL is the key of a trained cell, or its first digits (the report shows them).
    """
    from pathlib import Path

    from varifactory.exports import merging
    from varifactory.store import Store

    told = merging.export_adapter(Store(store), cell, Path(folder), library, base)
    say(f"{told['arm']}, seed {told['seed']}, of {told['base']}: {folder} ({library})")
    return told, 0
