"""``varifactory export``: a data set in another library's form."""

from pathlib import Path

import click

from varifactory.answering import Answer, Say, answering

FORMS = ("hf", "webdataset", "imagefolder", "coco", "fiftyone")


@answering("export")
@click.argument("dataset", metavar="NAME[@VERSION]|STORE#NAME[@VERSION]")
@click.option("--to", "form", required=True, type=click.Choice(FORMS), help="Whose form.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where to; without it into the store's exports.")  # fmt: skip
@click.option("--where", multiple=True, metavar="COLUMN=VALUE",
              help="Only such rows; a column given again allows either value, an empty value "
              "means none. Without a status, accepted images alone.")  # fmt: skip
@click.option("--arm", default="", metavar="ARM",
              help="The training mixture of an arm, such as real+feasible, and the images it is "
              "measured on.")  # fmt: skip
@click.option("--arm-seed", type=int, help="Seed of a mixed arm; the recipe's first otherwise.")
@click.option("--arm-attribute", default="all", show_default=True, metavar="ATTRIBUTE",
              help="Only edits of this attribute, as a study's cell of it trains on.")  # fmt: skip
@click.option("--arm-pairs", default=0, type=click.IntRange(0), metavar="N",
              help="So many pairs of edits a real image and attribute; 0 takes all.")  # fmt: skip
@click.option("--images", type=click.Choice(["jpeg", "png"]), default="jpeg", show_default=True,
              help="JPEG of quality 95 (4:4:4) or PNG, real images and edits alike.")  # fmt: skip
def export(
    store: str, say: Say, dataset: str, form: str, out: Path | None, where: tuple[str, ...],
    arm: str, arm_seed: int | None, arm_attribute: str, arm_pairs: int, images: str,
) -> Answer:  # fmt: skip
    """Copy a data set for other libraries.

    VERSION is the latest if it is left out. An export that was killed is not there; the same
    command goes on with it. One that is there is adopted.
    """
    from varifactory.datasets import open_dataset, split_address
    from varifactory.exports.copying import export_copy
    from varifactory.exports.request import Request

    data = open_dataset(*split_address(dataset, store))
    request = Request(
        form, "png" if images == "png" else "jpeg", _pairs(where), arm, arm_seed, arm_attribute,
        arm_pairs,
    )  # fmt: skip
    found = export_copy(data, request, out)
    rows = ", ".join(f"{split} {count:,}" for split, count in found["rows"].items())
    say(f"{'there already' if found['adopted'] else 'written'}: {rows} images, "
        f"{found['files']:,} files, {found['bytes'] / 1e6:,.1f} MB")  # fmt: skip
    say(f"export: {found['path']}")
    return found, 0


def _pairs(where: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from varifactory.errors import FactoryError

    found = []
    for text in where:
        column, mark, value = text.partition("=")
        if not mark:
            raise FactoryError(f"--where {text!r}: give COLUMN=VALUE, such as attribute=color")
        found.append((column, value))
    return tuple(found)
