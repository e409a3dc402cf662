"""A whole grid of an exchange rate on scikit-learn's digits, planned and trained as shipped."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.cell_training import Contents, train_exchange
from varifactory.exchange.closed_set import ClassGaussian, closed_spec, make_closed, plan_closed
from varifactory.exchange.estimators import shrunk
from varifactory.exchange.planning import (
    ClosedSets,
    PlannedExchange,
    exchange_spec,
    plan_exchange,
)
from varifactory.exchange.surface import Surface
from varifactory.images import decode_png, pixel_hash
from varifactory.keys import spec_of
from varifactory.models import Pixels
from varifactory.recipe import Recipe
from varifactory.recipe.exchange import CONTROLS
from varifactory.stages import Row

TEST = 797
"""Images that are kept for the test; the other 1,000 are about a hundred a class."""
BASES = (3, 6, 12)
ADDED = (0.5, 1.0, 2.0)
TRADED = (0.5, 1.0, 2.0, 4.0)
"""Twelve, twice as many real ones and four times as many others make 84 of the hundred."""
REPLACED = (0.5, 1.0)
SIDE = 8

Pictures = dict[str, Pixels]
"""Pixel hash -> image."""


class _Closed(NamedTuple):
    """What the closed-set generators of a grid made."""

    sets: ClosedSets
    trained_on: Mapping[str, frozenset[str]]
    pictures: Pictures


def digits_surface(
    seeds: Sequence[int], controls: Sequence[str] = CONTROLS, estimator: str = "svc"
) -> Surface:
    """Right answers of every cell of a closed set and of controls."""
    recipe = _recipe(seeds, controls, estimator)
    items, pictures = _drawn()
    closed = _closed(recipe, items, pictures)
    planned = plan_exchange(
        spec_of("exchange", exchange_spec(recipe, None)), recipe, items,
        closed=closed.sets, trained_on=closed.trained_on,
    )  # fmt: skip
    return _trained(planned, pictures | closed.pictures)


def _recipe(seeds: Sequence[int], controls: Sequence[str], estimator: str) -> Recipe:
    return Recipe.parse({
        "name": "digits", "sources": {"kind": "folder", "uri": "digits"},
        "exchange": {
            "base": BASES, "real": ADDED, "synthetic": TRADED, "substituted": REPLACED,
            "generators": ["closed-set"], "controls": list(controls), "seeds": list(seeds),
            "trainee": "estimator", "estimator": estimator, "pixels": SIDE,
        },
    })  # fmt: skip


def _drawn() -> tuple[list[Row], Pictures]:
    """Items of every digit, and what they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    grey = (found.images[order] / 16 * 255).round().astype(np.uint8)
    items: list[Row] = []
    pictures: Pictures = {}
    for at, (small, label) in enumerate(zip(grey, found.target[order], strict=True)):
        image = np.repeat(small[:, :, None], 3, axis=2)
        pixels = pixel_hash(image)
        pictures[pixels] = image
        items.append({
            "key": pixels, "source_key": pixels, "kind": "source", "status": "ok",
            "label": str(label), "split": "test" if at < TEST else "train",
            "pixel_sha256": pixels, "image_blob": "",
        })  # fmt: skip
    return items, pictures


def _closed(recipe: Recipe, items: Sequence[Row], pictures: Pictures) -> _Closed:
    plan = plan_closed(spec_of("closed", closed_spec()), recipe, items)
    generators = {
        name: ClassGaussian.trained(
            [pictures[pixels] for pixels, _ in base], [label for _, label in base]
        )
        for name, base in plan.bases.items()
    }
    made = make_closed(plan.rows, generators)
    rows = [each.row | {"image_blob": ""} for each in made]
    seen = {name: frozenset(pixels for pixels, _ in base) for name, base in plan.bases.items()}
    return _Closed(
        plan.sets(rows),
        {row["key"]: seen[row["generator"]] for row in rows},
        {each.row["pixel_sha256"]: decode_png(each.blobs["image_blob"]) for each in made},
    )


def _trained(planned: PlannedExchange, pictures: Pictures) -> Surface:
    shown = {pixels: shrunk(image, SIDE) for pixels, image in pictures.items()}
    contents = Contents.of(planned)
    hits: dict[str, NDArray[np.bool_]] = {}
    for row in planned.rows:
        made = train_exchange(row, contents, lambda hashes: [shown[each] for each in hashes], None)
        hits[row["key"]] = np.equal(made.row["predicted_classes"], made.row["true_classes"])
    return Surface(
        tuple(each.cell for each in planned.cells),
        tuple(each.real for each in planned.cells),
        tuple(each.other for each in planned.cells),
        np.stack([hits[each.row["key"]] for each in planned.cells]),
    )
