"""A closed-set generator: it has seen the base and nothing else, and a CPU trains it in a moment.

A Gaussian a class, in a space of few numbers: images are shrunk, and told by the directions in
which those of the base differ most. Samples resemble the mean of their class more than a picture,
which is the point of it: from the base alone nothing new is to be had, and a rate that says so is
a rate that can be believed elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from varifactory import keys
from varifactory.exchange.grid import ESTIMATOR, count_of
from varifactory.exchange.one_thread import one_thread
from varifactory.exchange.planning import ClosedSets
from varifactory.exchange.subsets import Subsets, stock_of
from varifactory.images import encode_png, pixel_hash
from varifactory.models import Pixels
from varifactory.recipe import Recipe
from varifactory.stages import Made, Row

NAME = "class-gaussian"
SIDE = 16
"""Pixels to which images are shrunk: 768 numbers, of which few dozen images tell some."""
WIDTH = 24
"""Directions that are kept at most; with fewer images there are fewer."""
LEAST = 2
"""Images a class without which there is no spread to learn."""

Labelled = tuple[tuple[str, str], ...]
"""Pixel hash and class name of the images of a base, in order of content."""


def closed_spec() -> dict[str, Any]:
    """What all its images share."""
    return {"generator": {"name": NAME, "side": SIDE, "width": WIDTH}}


@dataclass(frozen=True, slots=True)
class ClosedPlan:
    """Planned images of every base and seed; equal bases share theirs."""

    rows: list[Row] = field(repr=False)
    bases: Mapping[str, Labelled] = field(repr=False)
    """Name of a generator -> what it is trained on."""
    generators: Mapping[tuple[int, int], str]
    """(Base, seed) -> name of its generator."""
    blobs: Mapping[str, str] = field(repr=False)
    """Pixel hash -> PNG of the images of all bases."""

    def sets(self, made: Iterable[Row]) -> ClosedSets:
        """The made ones of every base and seed, as ``plan_exchange`` takes them."""
        by_name: dict[str, list[Row]] = {}
        for row in made:
            if row["status"] == "ok":
                by_name.setdefault(row["generator"], []).append(row)
        return {at: by_name.get(name, []) for at, name in self.generators.items()}

    def pack(self) -> bytes:
        """What the tasks must know, as JSON."""
        return json.dumps({"bases": dict(self.bases), "blobs": dict(self.blobs)}).encode()


def read_bases(data: bytes) -> tuple[dict[str, Labelled], dict[str, str]]:
    """``bases`` and ``blobs`` of a packed plan."""
    told = json.loads(data)
    bases = {
        name: tuple((pixels, label) for pixels, label in each)
        for name, each in told["bases"].items()
    }
    return bases, told["blobs"]


def plan_closed(spec: str, recipe: Recipe, items: Sequence[Row]) -> ClosedPlan:
    """As many images a class as the grid asks for, of one generator a base and seed.

    A base of fewer than ``LEAST`` images a class has no generator.

    Raises:
        TrainingError: as ``plan_exchange``.
    """
    asked = recipe.exchange
    stock = stock_of(items, max(asked.base), validated=asked.trainee != ESTIMATOR)
    subsets = Subsets.of(stock, asked.seeds)
    rows: dict[str, Row] = {}
    bases: dict[str, Labelled] = {}
    generators: dict[tuple[int, int], str] = {}
    blobs: dict[str, str] = {}
    for base in (each for each in asked.base if each >= LEAST):
        count = count_of(max((*asked.synthetic, *asked.substituted)), base)
        for seed in asked.seeds:
            images = [row for each in subsets.base(base, seed).values() for row in each]
            labelled = tuple(sorted((row["pixel_sha256"], row["label"]) for row in images))
            name = f"{NAME} {keys.digest(labelled)[:12]}"
            bases[name], generators[base, seed] = labelled, name
            blobs |= {row["pixel_sha256"]: row["image_blob"] for row in images}
            for row in _rows(spec, name, labelled, stock.class_names, count):
                rows[row["key"]] = row
    return ClosedPlan(list(rows.values()), bases, generators, blobs)


def _rows(
    spec: str, name: str, base: Labelled, class_names: Sequence[str], count: int
) -> Iterable[Row]:
    trained_on = keys.encoded(keys.digest(base))
    blob = f"{hashlib.sha256(packed_hashes(base)).hexdigest()}.json"
    for label in class_names:
        for index in range(count):
            yield {
                "key": keys.item_key(spec, trained_on=trained_on, label=label, index=index),
                "label": label,
                "generator": name,
                "trained_on_blob": blob,
                "index": index,
                "seed": keys.seed_from("closed", keys.digest(base), label, index),
            }


def packed_hashes(base: Labelled) -> bytes:
    """What ``trained_on_blob`` holds: sorted pixel hashes as JSON."""
    return json.dumps(sorted({pixels for pixels, _ in base})).encode()


@dataclass(frozen=True, slots=True)
class ClassGaussian:
    """Trained on one base."""

    size: tuple[int, int]
    """Width and height of its images, pixels: the most frequent of the base."""
    mean: NDArray[np.float64]
    """(SIDE * SIDE * 3,), 0 to 1."""
    directions: NDArray[np.float64]
    """(kept, SIDE * SIDE * 3)."""
    classes: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """Class name -> mean (kept,) and a root (kept, kept) of the covariance."""

    @classmethod
    def trained(cls, images: Sequence[Pixels], labels: Sequence[str]) -> "ClassGaussian":
        """On one thread, so that the numbers do not depend on how many there are.

        Args:
            images: of any sizes.
            labels: of each; at least ``LEAST`` images a class.
        """
        shown = np.stack([_shrunk(image) for image in images])
        mean = shown.mean(axis=0)
        with one_thread():
            directions = np.linalg.svd(shown - mean, full_matrices=False)[2]
            directions = directions[: min(WIDTH, len(images) - 1)]
            found = (shown - mean) @ directions.T
            classes = {
                name: _gaussian(found[[each == name for each in labels]])
                for name in sorted(set(labels))
            }
        sizes = [(image.shape[1], image.shape[0]) for image in images]
        size = max(sorted(set(sizes)), key=sizes.count)
        return cls(size, mean, directions, classes)

    def image(self, label: str, seed: int) -> Pixels:
        """One image of a class; it depends on the seed alone."""
        middle, root = self.classes[label]
        drawn = np.random.default_rng(seed).standard_normal(len(middle))
        # Sums of numpy's own in place of BLAS: the same whatever threads there are.
        told = middle + (root * drawn).sum(axis=1)
        flat = self.mean + (self.directions * told[:, None]).sum(axis=0)
        small = (flat.clip(0, 1) * 255).round().astype(np.uint8).reshape(SIDE, SIDE, 3)
        return np.asarray(Image.fromarray(small).resize(self.size, Image.Resampling.BICUBIC))


def _shrunk(image: Pixels) -> NDArray[np.float64]:
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)
    flat: NDArray[np.float64] = np.asarray(small, np.float64).reshape(-1) / 255
    return flat


def _gaussian(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and a root of the covariance, which few images tell badly: after Ledoit and Wolf."""
    from sklearn.covariance import ledoit_wolf

    lengths, axes = np.linalg.eigh(ledoit_wolf(rows)[0])
    return rows.mean(axis=0), axes * np.sqrt(lengths.clip(0))


def make_closed(rows: Sequence[Row], generators: Mapping[str, ClassGaussian]) -> list[Made]:
    """The planned rows with their images."""
    return [_made(row, generators[row["generator"]]) for row in rows]


def _made(row: Row, generator: ClassGaussian) -> Made:
    image = generator.image(row["label"], row["seed"])
    measured = {"status": "ok", "reason": "", "pixel_sha256": pixel_hash(image)}
    return Made({**row, **measured}, {"image_blob": encode_png(image)})
