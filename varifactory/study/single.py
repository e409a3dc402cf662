"""The figures of a study: arms, differences and classes from stored predictions.

Every figure is counted from per-image predictions, so that anybody can count again.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from varifactory.calibration.figures import CalibrationFigures
from varifactory.errors import FactoryError
from varifactory.kappa import Kappa
from varifactory.recipe import ARMS
from varifactory.statistics import (
    Hits,
    Interval,
    McNemar,
    accuracy,
    mcnemar,
    paired_difference,
    winner,
)
from varifactory.yields import (
    Confusion,
    JudgeWords,
    Pairs,
    Presence,
    Yield,
    edits_of,
    feasibility_confusion,
    judge_words,
    pairs,
    presences,
    presences_of_rates,
    yields,
)

REFERENCE = "real"
UNTRAINED = "zero-shot"
HELPS = ("real+mixed", "real+feasible", "real+infeasible", "mixed", "feasible", "infeasible")
"""The first of these that was trained answers whether edits help: fixed before anything is seen."""
MATTERS = (("real+feasible", "real+infeasible"), ("feasible", "infeasible"))
"""The first of these pairs that was trained answers whether feasibility matters."""


@dataclass(frozen=True, slots=True)
class StudyTables:
    """What a study left in the store; each table as ``records.STAGES`` describes it."""

    items: pa.Table
    training: pa.Table | None = None
    predictions: pa.Table | None = None
    masks: pa.Table | None = None
    confusions: Sequence[Confusion] = ()
    """The judge against a known truth, such as a drawn world's scenes."""
    rates: Sequence[Mapping[str, Any]] = ()
    """What ``agreement.presence`` says of first attempts. Without them the attempts that ``items``
    kept are counted, which flatters an editor that was let try again."""
    shared_rates: Sequence[Mapping[str, Any]] = ()
    """The same of the edits that every editor made."""
    kappas: Sequence[Kappa] = ()
    """How far the judges of a panel agree."""
    people: CalibrationFigures | None = None
    """What people's labels of a sample say of the judge."""


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One training mixture on the test images, over all its seeds."""

    arm: str
    seeds: tuple[int, ...]
    top1: Interval
    macro_top1: float
    """Mean of the classes' accuracies."""
    by_class: dict[str, tuple[int, int]]
    """Class name -> right answers and answers, over all seeds."""
    train_real: int | None = None
    train_edits: int | None = None
    steps: int | None = None
    chosen_steps: tuple[int, ...] = ()
    validation_top1: float | None = None
    curves: tuple[tuple[tuple[float, float], ...], ...] = ()
    """A seed each: (step, validation accuracy)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One arm minus another on the same seeds and test images."""

    arm: str
    other: str
    interval: Interval
    mcnemar: McNemar | None
    """With one seed alone."""

    @property
    def winner(self) -> str:
        """``above``, ``below`` or ``no winner``; with one seed the exact test must agree.

        Near its bound the bootstrap of few discordant images is a little too sure of itself.
        """
        if self.mcnemar and self.mcnemar.p_value >= 1 - self.interval.confidence:
            return "no winner"
        return winner(self.interval)


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """Masks against the exact ones, where a truth is known."""

    count: int
    mean_iou: float
    median_iou: float
    share_good: float
    """Share with an IoU of at least 0.7."""
    correlation: float | None
    """Of the segmenter's own estimate with the true IoU (Pearson)."""
    ious: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """All that a report shows."""

    arms: tuple[ArmFigures, ...]
    differences: tuple[Difference, ...]
    """Every arm minus ``real``, then the pairs of feasible and infeasible."""
    helps: Difference | None
    matters: Difference | None
    yields: tuple[Yield, ...]
    presences: tuple[Presence, ...]
    shared_presences: tuple[Presence, ...]
    pairs: tuple[Pairs, ...]
    masks: MaskFigures | None
    confusions: tuple[Confusion, ...]
    test_images: int
    confidence: float
    first_attempts: bool = False
    """Whether presences are of first attempts, not of those that were kept."""
    notes: tuple[str, ...] = field(default=())
    """What a reader must know of cells that are missing or were left out."""
    kappas: tuple[Kappa, ...] = ()
    judge_words: tuple[JudgeWords, ...] = ()
    people: CalibrationFigures | None = None


def study_figures(
    tables: StudyTables, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> StudyFigures:
    """Count everything once; the bootstrap's draws follow from ``seed``.

    Raises:
        FactoryError: predictions of one arm and seed that name a test image twice.
    """
    cells, truth = _cells(tables.predictions)
    images = sorted(truth)
    whole, notes = _whole(cells, images)
    training = tables.training.to_pylist() if tables.training is not None else []
    options = {"confidence": confidence}  # neither interval draws anything
    arms = tuple(
        _arm(arm, whole[arm], [truth[key] for key in images], training, options)
        for arm in _ordered(whole)
    )
    found = {
        (arm, other): _difference(arm, other, whole, options)
        for arm, other in _comparisons(_ordered(whole))
    }
    differences = {places: difference for places, difference in found.items() if difference}
    edits = edits_of(tables.items)
    asked = feasibility_confusion(edits)
    return StudyFigures(
        arms=arms,
        differences=tuple(differences.values()),
        helps=next((differences[arm, REFERENCE] for arm in HELPS
                    if (arm, REFERENCE) in differences), None),
        matters=next((differences[pair] for pair in MATTERS if pair in differences), None),
        yields=tuple(yields(edits, confidence)),
        presences=tuple(
            presences_of_rates(tables.rates, confidence)
            if tables.rates
            else presences(edits, confidence)
        ),
        shared_presences=tuple(
            presences_of_rates(tables.shared_rates, confidence)
            if tables.shared_rates
            else presences(edits, confidence, shared=True)
        ),
        first_attempts=bool(tables.rates),
        pairs=tuple(pairs(edits)),
        masks=_masks(tables.masks),
        confusions=(*tables.confusions, *([asked] if asked else [])),
        test_images=len(images),
        confidence=confidence,
        notes=tuple(notes),
        kappas=tuple(tables.kappas),
        judge_words=tuple(judge_words(edits, confidence)),
        people=tables.people,
    )  # fmt: skip


Cells = dict[str, dict[int, dict[str, bool]]]
"""Arm -> seed -> test image -> whether it was classified right."""


def _cells(predictions: pa.Table | None) -> tuple[Cells, dict[str, str]]:
    cells: Cells = defaultdict(lambda: defaultdict(dict))
    truth: dict[str, str] = {}
    columns = ("arm", "seed", "source_key", "truth", "predicted", "status")
    for row in predictions.select(columns).to_pylist() if predictions is not None else []:
        if row["status"] != "ok":
            continue
        cell = cells[row["arm"]][row["seed"]]
        if row["source_key"] in cell:
            raise FactoryError(
                f"arm {row['arm']!r}, seed {row['seed']}: test image {row['source_key'][:16]} is "
                "predicted twice; give the predictions of one training run a cell"
            )
        cell[row["source_key"]] = row["predicted"] == row["truth"]
        truth[row["source_key"]] = row["truth"]
    return cells, truth


def _whole(cells: Cells, images: list[str]) -> tuple[dict[str, dict[int, Hits]], list[str]]:
    """Cells that answered every test image; the others are told, never silently shortened."""
    whole: dict[str, dict[int, Hits]] = {}
    notes = []
    for arm, seeds in cells.items():
        for seed, cell in sorted(seeds.items()):
            if len(cell) == len(images):
                whole.setdefault(arm, {})[seed] = np.array([cell[key] for key in images], bool)
            else:
                notes.append(f"{arm}, seed {seed} answered {len(cell)} of {len(images)} test "
                             "images and is left out of every figure.")  # fmt: skip
    return whole, notes


def _ordered(arms: Any) -> list[str]:
    known = {arm: at for at, arm in enumerate(ARMS)}
    return sorted(arms, key=lambda arm: (known.get(arm, len(known)), arm))


def _arm(
    arm: str,
    seeds: dict[int, Hits],
    truth: list[str],
    training: list[dict[str, Any]],
    options: dict[str, Any],
) -> ArmFigures:
    hits = np.stack([seeds[seed] for seed in sorted(seeds)])
    names = np.array(truth)
    by_class = {
        str(name): (int(hits[:, names == name].sum()), int(hits[:, names == name].size))
        for name in sorted(set(truth))
    }
    cells = [row for row in training if row["arm"] == arm and row["seed"] in seeds]
    validated = [row["validation_top1"] for row in cells if row["validation_top1"] is not None]
    return ArmFigures(
        arm=arm,
        seeds=tuple(sorted(seeds)),
        top1=accuracy(hits, **options),
        macro_top1=float(np.mean([right / total for right, total in by_class.values()])),
        by_class=by_class,
        train_real=_one(cells, "train_real"),
        train_edits=_one(cells, "train_edits"),
        steps=_one(cells, "steps"),
        chosen_steps=tuple(row["chosen_step"] for row in cells if row["chosen_step"] is not None),
        validation_top1=float(np.mean(validated)) if validated else None,
        curves=tuple(_curve(row["curve"]) for row in cells if row["curve"]),
    )


def _one(cells: list[dict[str, Any]], column: str) -> int | None:
    """The value that all seeds share; the largest where they differ."""
    return max((row[column] for row in cells if row[column] is not None), default=None)


def _curve(text: str) -> tuple[tuple[float, float], ...]:
    points = json.loads(text)
    return tuple(
        (float(point["step"]), float(point["validation_top1"]))
        for point in points
        if "validation_top1" in point
    )


def _comparisons(arms: list[str]) -> list[tuple[str, str]]:
    against = [(arm, REFERENCE) for arm in arms if REFERENCE in arms and arm != REFERENCE]
    return against + [pair for pair in MATTERS if set(pair) <= set(arms)]


def _difference(
    arm: str, other: str, whole: dict[str, dict[int, Hits]], options: dict[str, Any]
) -> Difference | None:
    first, second = whole[arm], whole[other]
    # Without training there is no seed: the one set of answers stands beside every seed.
    if arm == UNTRAINED:
        first = dict.fromkeys(second, next(iter(first.values())))
    seeds = sorted(set(first) & set(second))
    if not seeds:
        return None
    ours, theirs = (np.stack([side[seed] for seed in seeds]) for side in (first, second))
    single = mcnemar(ours[0], theirs[0]) if len(seeds) == 1 else None
    return Difference(arm, other, paired_difference(ours, theirs, **options), single)


def _masks(masks: pa.Table | None) -> MaskFigures | None:
    rows = masks.to_pylist() if masks is not None else []
    known = [row for row in rows if row["true_iou"] is not None]
    if not known:
        return None
    ious = np.array([row["true_iou"] for row in known], dtype=float)
    both = [
        (row["predicted_iou"], row["true_iou"]) for row in known if row["predicted_iou"] is not None
    ]
    guess = np.array(both, dtype=float).reshape(-1, 2)
    varied = len(guess) > 2 and guess.std(axis=0).min() > 1e-9
    return MaskFigures(
        count=len(known),
        mean_iou=float(ious.mean()),
        median_iou=float(np.median(ious)),
        share_good=float((ious >= 0.7).mean()),
        correlation=float(np.corrcoef(guess.T)[0, 1]) if varied else None,
        ious=tuple(float(iou) for iou in ious),
    )
