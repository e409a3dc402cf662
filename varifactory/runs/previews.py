"""Which source images a preview takes."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from varifactory.stages import Row

LONGEST_NAME = 56
"""Characters of a data set's name that are kept before ``-preview``: recipe names end at 64."""


def preview_name(name: str) -> str:
    """The data set that a preview of another is published as."""
    return f"{name[:LONGEST_NAME]}-preview"


def first_images(training: Sequence[Row], images: int) -> set[str]:
    """Keys of so many training images, the classes in turn; the same ones every time."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for row in sorted(training, key=lambda row: (str(row["label"]), str(row["key"]))):
        by_class[row["label"]].append(row["key"])
    in_turn = [key for keys in zip_longest(*by_class.values()) for key in keys if key]
    return set(in_turn[:images])
