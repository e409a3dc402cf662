"""A data set version of scikit-learn's digits with edits, in a store: for tests of exchange."""

from collections.abc import Mapping

import numpy as np

from varifactory import records
from varifactory.images import encode_png, pixel_hash
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Store

SPLIT = {"train": 24, "validation": 3, "test": 20}
"""Images a class."""


def recipe(**exchange: object) -> Recipe:
    """A small grid of estimators."""
    asked = {"base": [3, 6], "real": [1, 2], "synthetic": [1, 2], "substituted": [0.5],
             "gains": [1], "seeds": [1, 2], "trainee": "estimator", "pixels": 8}  # fmt: skip
    return Recipe.parse(
        {
            "name": "digits",
            "sources": {"kind": "world"},
            "exchange": asked | exchange,
            "training": {"steps": 20, "batch_size": 16, "validate_every": 10},
        }
    )


def digit_items(
    store: Store, split: Mapping[str, int] = SPLIT, edits: int = 3, classes: int = 4,
    enlarged: int = 1,
) -> list[Row]:  # fmt: skip
    """Source items of 8 x ``enlarged`` pixels, and accepted edits of every training image: the
    digit, shaded."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(3).permutation(len(digits.target))  # they come by writer
    rows: list[Row] = []
    for number in range(classes):
        images = iter(digits.images[order][digits.target[order] == number])
        for name, count in split.items():
            for _ in range(count):
                small = np.kron(next(images) * 15, np.ones((enlarged, enlarged)))
                made = edits if name == "train" else 0
                rows += _source(small.astype(np.uint8), str(number), name, made)
    kept = store.put_blobs([(row["image_blob"], "png") for row in rows])
    return [row | {"image_blob": f"{sha}.png"} for row, sha in zip(rows, kept, strict=True)]


def _source(small: np.ndarray, label: str, split: str, edits: int) -> list[Row]:
    image = np.repeat(small[:, :, None], 3, axis=2)
    key = f"source {pixel_hash(image)}"
    shared = {"label": label, "source_key": key, "split": split, "status": "ok", "reason": ""}
    found = [{**shared, "key": key, "kind": "source", **_picture(image)}]
    for at in range(edits):
        edited = image.copy()
        edited[..., at % 3] //= 2 + at // 3
        found.append({
            **shared, "key": f"edit {at} {key}", "kind": "edit", "attribute": "color",
            "feasibility": "feasible" if at % 2 else "infeasible", "index": at // 2,
            "editor": "compositor",
            **_picture(edited),
        })  # fmt: skip
    return found


def _picture(image: np.ndarray) -> Row:
    return {"pixel_sha256": pixel_hash(image), "image_blob": encode_png(image)}


def as_items(rows: list[Row]) -> list[Row]:
    """As a data set would hand them out: with every column."""
    found: list[Row] = records.table("items", rows).to_pylist()
    return found
