"""Pools: whose images are traded against real ones, in an order that larger shares continue.

A pool tells for a base size and a seed which images it has of every class. The first ``n`` of them
are what a cell takes: what a larger cell holds begins with what a smaller one does.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, zip_longest

import numpy as np

from varifactory import keys
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.exchange.subsets import ByClass, Subsets
from varifactory.stages import Row
from varifactory.training.arms import source_key

Pool = Callable[[int, int], ByClass]
"""Base size a class, seed -> class -> its images, those that are taken first in front."""


def edits(subsets: Subsets, items: Iterable[Row], feasibility: str, editor: str = "") -> Pool:
    """Accepted edits of the base's images, and of no other image; of one editor, if it is named.

    One of every image before a second of any; the base's last image first, an order as good as any
    on which the keys of cells rest.
    """
    wanted = FEASIBILITIES if feasibility == "all" else (feasibility,)
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in items:
        accepted = row["kind"] == "edit" and row["status"] == "ok" and row["split"] == "train"
        if accepted and row["feasibility"] in wanted and editor in ("", row["editor"]):
            by_source[source_key(row)].append(row)

    def pool(base: int, seed: int) -> ByClass:
        return {
            name: _in_turns([_drawn(by_source.get(source_key(row), ()), seed)
                             for row in reversed(rows)])
            for name, rows in subsets.base(base, seed).items()
        }  # fmt: skip

    return pool


def of_the_left_first(images: ByClass, real: Iterable[Row]) -> ByClass:
    """Edits of the real images that are left before those of images that they shall replace.

    Who replaces real images by synthetic ones has no longer what the latter were made from.
    """
    left = {source_key(row) for row in real}
    return {
        name: sorted(rows, key=lambda row: source_key(row) not in left)
        for name, rows in images.items()
    }


def _in_turns(piles: Iterable[Sequence[Row]]) -> list[Row]:
    """One of every pile before a second of any."""
    return [row for turn in zip_longest(*piles) for row in turn if row is not None]


def _drawn(rows: Iterable[Row], seed: int) -> list[Row]:
    """Rows in an order by lot, the same whatever rows stand beside them."""
    return sorted(rows, key=lambda row: keys.share(row["pixel_sha256"], f"exchange {seed}"))


def closed(made: Mapping[tuple[int, int], Sequence[Row]]) -> Pool:
    """What generators made that were trained on a base alone; (base, seed) -> rows."""

    def pool(base: int, seed: int) -> ByClass:
        return _by_class(sorted(made.get((base, seed), ()), key=lambda row: row["index"]))

    return pool


def foreign(items: Iterable[Row]) -> Pool:
    """Images that were taken in, by lot a seed, whatever the base."""
    rows = [row for row in items if row["kind"] == "foreign" and row["status"] == "ok"]

    def pool(base: int, seed: int) -> ByClass:
        del base
        return _by_class(_drawn(rows, seed))

    return pool


def _by_class(rows: Iterable[Row]) -> ByClass:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["label"]].append(row)
    return found


def identity(subsets: Subsets, reserved: Mapping[int, int]) -> Pool:
    """Other real images, none of the base and none that is added as a real one.

    ``reserved``: base size -> images a class of the base and of the most that is added to it.
    """
    return lambda base, seed: subsets.others(reserved[base], seed)


def duplicate(subsets: Subsets, most: float) -> Pool:
    """The base itself once more, as often as the largest multiple ``most`` needs."""

    def pool(base: int, seed: int) -> ByClass:
        rows = subsets.base(base, seed)
        return {name: list(chain(*[each] * math.ceil(most))) for name, each in rows.items()}

    return pool


def mislabelled(subsets: Subsets, reserved: Mapping[int, int], share: float) -> Pool:
    """The images of ``identity``, of which a share bears the name of another class.

    The wrong ones are spread evenly over a class's images, so that few of them hold that share,
    too.
    """
    names = subsets.stock.class_names

    def pool(base: int, seed: int) -> ByClass:
        rows = subsets.others(reserved[base], seed)
        return {name: _with_wrong(each, names, share, seed) for name, each in rows.items()}

    return pool


def _with_wrong(rows: Sequence[Row], names: Sequence[str], share: float, seed: int) -> list[Row]:
    found = []
    for at, row in enumerate(rows):
        # Classes begin at different places, else small cells of all would have none at all.
        start = keys.share(row["label"], f"mislabelled {seed}")
        wrong = math.floor((at + 1) * share + start) > math.floor(at * share + start)
        found.append({**row, "label": _other(row, names, seed)} if wrong else row)
    return found


def _other(row: Row, names: Sequence[str], seed: int) -> str:
    others = [name for name in names if name != row["label"]]
    lot = np.random.default_rng(keys.seed_from(seed, "mislabelled", row["pixel_sha256"]))
    return others[int(lot.integers(len(others)))]
