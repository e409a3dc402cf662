"""``varifactory ingest``: images of another generator as a data set, beside real ones."""

import time
from collections.abc import Callable

import click

from varifactory.answering import Answer, Say, answering, told

SHOWN_REASONS = 8
TELL_EVERY = 10.0
"""Seconds between two words on how far the reading is."""


@answering("ingest")
@click.argument("place", metavar="FOLDER|TABLE")
@click.option("--as", "name", required=True, metavar="NAME", help="Of the data set it becomes.")
@click.option("--beside", required=True, metavar="DATASET[@VERSION]",
              help="Whose real images, classes and image size count.")  # fmt: skip
@click.option("--generator", required=True, metavar="NAME", help="Who made the images.")
@click.option("--trained-on", default="", metavar="FILE|FOLDER",
              help="What the generator was trained on: a file of pixel hashes, one a line, or a "
              "folder of images.")  # fmt: skip
@click.option("--image-column", default="image", show_default=True, help="Of a table.")
@click.option("--label-column", default="label", show_default=True, help="Of a table.")
@click.option("--prompt-column", default="", help="Of a table; without it 'prompt', if there.")
@click.option("--max-pixels", type=click.IntRange(1, 1_000_000_000),
              help="A larger image is refused before decoding; without it as the data set beside "
              "it has it.")  # fmt: skip
@click.option("--fetch-urls", is_flag=True, help="Fetch the https:// addresses of a table.")
def ingest(
    store: str, say: Say, place: str, name: str, beside: str, generator: str, trained_on: str,
    image_column: str, label_column: str, prompt_column: str, max_pixels: int | None,
    fetch_urls: bool,
) -> Answer:  # fmt: skip
    """Take in images of any generator, as a data set that can be diagnosed and traded.

    FOLDER holds class folders, TABLE is Parquet with an image, a label and perhaps a prompt column;
    local or on S3. Labels must be classes of the data set beside it. A file that cannot be used
    ends as a row with its reason; exit code 1 says that there are such.
    """
    from varifactory.ingest.asking import Asked
    from varifactory.ingest.publishing import ingest as take_in
    from varifactory.store import Store

    asked = Asked(
        place, name, beside, generator, trained_on, image_column, label_column, prompt_column,
        max_pixels or 0, fetch_urls,
    )  # fmt: skip
    taken = take_in(Store(store), asked, progress=_telling(say))
    held = taken.manifest
    how = "there already" if taken.adopted else "published"
    say(f"{how}: {held.name}@{held.version}, beside {taken.beside}: {told(taken.statuses)}")
    if taken.reused:
        say(f"  {taken.reused:,} files were read before")
    for reason, count in list(taken.reasons.items())[:SHOWN_REASONS]:
        say(f"  {count:,} left out: {reason}")
    if (more := len(taken.reasons) - SHOWN_REASONS) > 0:
        say(f"  and {more:,} further reason{'s' if more > 1 else ''} (--json)")
    for notice in taken.notices:
        say(f"note: {notice}")
    found = {
        "dataset": held.name, "version": held.version, "dataset_hash": held.dataset_hash,
        "beside": taken.beside, "statuses": taken.statuses, "classes": taken.classes,
        "reasons": taken.reasons, "reused": taken.reused, "adopted": taken.adopted,
        "notices": list(taken.notices),
    }  # fmt: skip
    return found, 0 if taken.statuses["ok"] == sum(taken.statuses.values()) else 1


def _telling(say: Say) -> Callable[[int, int], None]:
    """Says now and then how far the reading is."""
    said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_EVERY:
            said = time.monotonic()
            say(f"  {done:,} of {total:,} files read")

    return progress
