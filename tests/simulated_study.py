"""Studies whose truth is known: cells of a real grid, with answers drawn instead of trained."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from varifactory import records
from varifactory.recipe import Recipe
from varifactory.store import Store
from varifactory.store.studies import StudyCell, StudyManifest
from varifactory.training.arms import ARMS
from varifactory.training.grid import Factors, factors, variants

SPEC = hashlib.sha256(b"simulated").hexdigest()
SETTLED = {"margin": 0.005, "resolve": 0.003, "power": 0.8, "confidence": 0.95}
PER_SOURCE = 10
"""Edits of a simulated mixture, for each of ``per_source``; 0 has as many as 5."""


@dataclass(frozen=True)
class Noise:
    """Spread on the scale of the latent score, whose images have a spread of 1."""

    generations: float = 0.02
    seeds: float = 0.03
    """Of one arm and seed; what all arms of a seed share cancels, and is half as much again."""
    answers: float = 0.25
    """Of one cell and image."""


Accuracy = Callable[[Factors], float]


def simulated(
    store: Store,
    settings: Mapping[str, Any],
    accuracy: Accuracy,
    *,
    images: int = 400,
    classes: int = 4,
    noise: Noise = Noise(),
    seed: int = 0,
    plan: Mapping[str, Any] = SETTLED,
    logits: bool = True,
    validation: Accuracy = lambda _: 0.5,
    fails: Callable[[Factors], bool] = lambda _: False,
) -> StudyManifest:
    """Write the cells of a recipe's grid as if they had been trained; their manifest.

    Args:
        settings: of the recipe, beside its name.
        accuracy: what a cell would have on endless images and seeds.
        noise: what moves it.
        seed: of every draw.
        validation: what a cell's row says of validation images.
        fails: cells whose training ends without predictions.
    """
    recipe = Recipe.parse({
        "name": "simulated", "sources": {"kind": "world"},
        "edits": {"per_source": 8, "unchanged": True}, **settings,
    })  # fmt: skip
    drawn, rows, answers = _Drawn(seed, images, noise), [], []
    names = [f"class {number:03d}" for number in range(classes)]
    cells = cells_of(recipe)
    for one, cell in cells.items():
        right = drawn.right(one, accuracy(one))
        row = training_row(cell, right, names) | {"validation_top1": validation(one)}
        if fails(one):
            rows.append(row | {"status": "failed", "reason": "out of memory"})
            continue
        rows.append(row)
        answers.append(answered(cell, right, names, drawn.random, logits=logits))
    store.append("predictions", SPEC, pa.concat_tables(answers))
    store.append("training", SPEC, records.table("training", rows))
    return manifest_of(recipe, list(cells.values()), plan)


def cells_of(recipe: Recipe) -> dict[Factors, StudyCell]:
    """The cells of a recipe's grid, as a manifest lists them."""
    found: dict[Factors, StudyCell] = {}
    for variant in variants(recipe):
        for one in factors(recipe, variant):
            found.setdefault(one, _cell(one, variant.recipe.name))
    return found


def manifest_of(
    recipe: Recipe, cells: list[StudyCell], plan: Mapping[str, Any] = SETTLED
) -> StudyManifest:
    return StudyManifest(
        name=recipe.name, version=1, created_at=datetime(2026, 1, 1, tzinfo=UTC), actor="a test",
        run_id="run", recipe=recipe.model_dump(mode="json"), plan=dict(plan),
        datasets=tuple(
            {"name": one.recipe.name, "version": 1, "dataset_hash": "0" * 64,
             "dataset": one.dataset, "sweep": one.sweep, "generation_seed": one.generation_seed}
            for one in variants(recipe)
        ),
        cells=tuple(cells), specs={f"training/{SPEC}": {}}, provenance={}, study_hash="0" * 64,
    )  # fmt: skip


def _cell(one: Factors, name: str) -> StudyCell:
    stratum = one.stratum
    return StudyCell(
        dataset=stratum.dataset, sweep=stratum.sweep, trainee=stratum.trainee,
        augmentation=stratum.augmentation, attribute=stratum.attribute,
        per_source=stratum.per_source, schedule=stratum.schedule, arm=one.arm,
        generation_seed=one.generation_seed, seed=one.seed, name=name, version=1, spec=SPEC,
        key=hashlib.sha256(repr(one).encode()).hexdigest(),
    )  # fmt: skip


class _Drawn:
    """Answers of a latent score: right where it is above zero."""

    def __init__(self, seed: int, images: int, noise: Noise) -> None:
        self.random = np.random.default_rng(seed)
        self._noise, self._images = noise, images
        self._difficulty = self.random.normal(size=images)
        self._moved: dict[Any, float] = {}

    def right(self, one: Factors, accuracy: float) -> NDArray[np.bool_]:
        from scipy.stats import norm

        noise, kind = self._noise, ARMS[one.arm]
        variance = 1 + noise.answers**2
        moved = 0.0
        if kind.trained:
            shared = 1.5 * noise.seeds
            moved += self._of(shared, one.seed) + self._of(noise.seeds, one.stratum, one.arm,
                                                           one.seed)  # fmt: skip
            variance += shared**2 + noise.seeds**2
        if kind.needs_edits:
            moved += self._of(noise.generations, one.stratum, one.arm, "of", one.generation_seed)
            variance += noise.generations**2
        place = norm.ppf(accuracy) * np.sqrt(variance)
        answers = self.random.normal(scale=noise.answers, size=self._images)
        found: NDArray[np.bool_] = place + moved + self._difficulty + answers > 0
        return found

    def _of(self, spread: float, *place: Any) -> float:
        if place not in self._moved:
            self._moved[place] = float(self.random.normal(scale=spread)) if spread else 0.0
        return self._moved[place]


def answered(
    cell: StudyCell,
    right: NDArray[np.bool_],
    names: list[str],
    random: np.random.Generator,
    *,
    logits: bool = True,
) -> pa.Table:
    """Predictions that are right and wrong on these images."""
    truth = np.arange(len(right)) % len(names)
    other = (truth + random.integers(1, max(2, len(names)), len(right))) % len(names)
    predicted = np.where(right, truth, other)
    return predictions(cell, truth, predicted, names, random, logits=logits)


def training_row(cell: StudyCell, right: NDArray[np.bool_], names: list[str]) -> dict[str, Any]:
    kind = ARMS[cell.arm]
    return {
        "key": cell.key, "status": "ok", "reason": "", "label": "", "arm": cell.arm,
        "seed": cell.seed, "made_at": datetime(2026, 1, 2, tzinfo=UTC), "steps": 60,
        "chosen_step": 40, "train_real": 40 if kind.real else 0,
        "train_edits": PER_SOURCE * (cell.per_source or 5) if kind.needs_edits else 0,
        "validation_top1": 0.5, "test_top1": float(right.mean()),
        "curve": json.dumps([{"step": 20, "validation_top1": 0.4}]),
        "settings": json.dumps({"class_names": names}),
    }  # fmt: skip


def predictions(
    cell: StudyCell, truth: NDArray[Any], predicted: NDArray[Any], names: list[str],
    random: np.random.Generator, *, logits: bool = True,
) -> pa.Table:  # fmt: skip
    """Rows of the stage, built flat: Python lists of a hundred cells would take minutes."""
    count, classes = len(truth), len(names)
    sources = pa.array(source_keys(count))
    keys = [f"{cell.key[:40]}{at:024x}" for at in range(count)]
    columns: dict[str, Any] = {
        "key": keys, "status": pa.repeat("ok", count), "reason": pa.repeat("", count),
        "training_key": pa.repeat(cell.key, count), "arm": pa.repeat(cell.arm, count),
        "seed": pa.repeat(cell.seed, count), "source_key": sources,
        "truth": pa.array(np.array(names)[truth]),
        "predicted": pa.array(np.array(names)[predicted]),
        "class_names": pa.repeat(pa.scalar(names, pa.list_(pa.string())), count),
    }  # fmt: skip
    if logits:
        scores = random.standard_normal((count, classes), dtype=np.float32)
        scores[np.arange(count), predicted] = scores.max(axis=1) + 1
        offsets = pa.array(np.arange(count + 1, dtype=np.int32) * classes)
        columns["logits"] = pa.ListArray.from_arrays(offsets, pa.array(scores.ravel()))
    return pa.table(columns)


@cache
def source_keys(count: int) -> tuple[str, ...]:
    return tuple(hashlib.sha256(f"test image {at}".encode()).hexdigest() for at in range(count))
