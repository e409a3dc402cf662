"""Which cells are trained: one planned row a cell of the grid, keyed by its images and settings."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.models import LoraSettings, Trainee
from varifactory.recipe import Recipe, Training
from varifactory.recipe.study import EVERY
from varifactory.stages import Row
from varifactory.training.arms import ARMS, held_out, mixture
from varifactory.training.cells import CellSettings
from varifactory.training.grid import BRIDGED, MIXED, PROBE, ZERO_SHOT, Factors, Stratum

NOT_SETTINGS = {
    "arms", "seeds", "clip", "clip_revision", "clip_sha256", "encoders", "precision", "compile",
    "recompute", "trainee", "classifier", "classifier_weights", "classifier_sha256",
    "classifier_rate", "classifier_decay", "probe_rate", "probe_decay",
}  # fmt: skip
"""Keys of ``training`` that the spec of CLIP with LoRA does not hold as they are: of the cells, of
other trainees, or told by its identity, but for ``recompute``, which changes no number."""
EVERYONES = {"steps", "batch_size", "warmup_share", "real_weight", "validate_every"}
SETTINGS = {
    PROBE: EVERYONES | {"probe_rate", "probe_decay"},
    "classifier": EVERYONES | {"classifier_rate", "classifier_decay", "augmentation"},
}
"""Keys of ``training`` that the specs of the other trainees hold."""


def training_spec(recipe: Recipe, trainee: Trainee) -> dict[str, Any]:
    """What all cells of a trainee share: who it is and its settings; the rest is the cells' own."""
    wanted = SETTINGS.get(trainee.kind)
    settings = recipe.training.model_dump(
        mode="json", include=wanted, exclude=None if wanted else NOT_SETTINGS
    )
    return {"trainee": dict(trainee.identity), "settings": settings}


def plan_cells(
    spec: str,
    recipe: Recipe,
    sources: Iterable[Row],
    items: Iterable[Row],
    cells: Sequence[Factors] | None = None,
) -> list[Row]:
    """One planned row a cell; its key holds every image's pixels and label.

    Args:
        spec: of the trainee of these cells (``training_spec``).
        recipe: of the data set (``Variant.recipe``); ``edits.editor`` says whose edits count.
        sources: source rows, or the items of a data set.
        items: of the data set.
        cells: of one trainee; None plans every arm and seed of ``recipe.training`` with its
            trainee and augmentation.

    Raises:
        TrainingError: fewer than two classes, a class without training images, a split without
            images, an arm without the edits it needs, or a cell that its trainee cannot have.
    """
    sources, items = list(sources), list(items)
    class_names = _class_names(sources)
    wanted = _usual(recipe.training) if cells is None else cells
    return [_planned(spec, recipe, cell, class_names, sources, items) for cell in wanted]


def plan_each(
    spec: str, recipe: Recipe, items: Sequence[Row], cells: Iterable[Factors]
) -> tuple[dict[Factors, Row], dict[Factors, str]]:
    """The planned rows of cells, and why others cannot be trained: none takes another with it."""
    planned: dict[Factors, Row] = {}
    refused: dict[Factors, str] = {}
    for cell in cells:
        try:
            (planned[cell],) = plan_cells(spec, recipe, items, items, [cell])
        except TrainingError as error:
            refused[cell] = str(error)
    return planned, refused


def _usual(training: Training) -> list[Factors]:
    shared = Stratum(trainee=training.trainee, augmentation=training.augmentation)
    return [Factors(shared, arm, 0, seed) for arm in training.arms for seed in training.seeds]


def _class_names(sources: Sequence[Row]) -> tuple[str, ...]:
    splits = {split: {row["label"] for row in held_out(sources, split)}
              for split in ("train", "validation", "test")}  # fmt: skip
    every = sorted(set().union(*splits.values()))
    if len(every) < 2:
        raise TrainingError(
            f"a classifier needs at least 2 classes, the sources have {len(every)} ({every}): add "
            "class folders, or widen sources.classes"
        )
    if missing := sorted(set(every) - splits["train"]):
        raise TrainingError(
            f"no training images of {', '.join(map(repr, missing))}: add images, lower "
            "sources.split, or leave these out by sources.classes"
        )
    for split in ("validation", "test"):
        if not splits[split]:
            raise TrainingError(
                f"no {split} images: weights are chosen on validation and scored on test; raise "
                f"sources.split.{split}, or add images"
            )
    return tuple(every)


def _planned(
    spec: str, recipe: Recipe, cell: Factors, class_names: tuple[str, ...],
    sources: Sequence[Row], items: Sequence[Row],
) -> Row:  # fmt: skip
    settings = _settings(recipe, cell, class_names)
    found = mixture(
        cell.arm, sources, items, cell.seed, editor=settings.editor, **settings.chosen_edits
    )
    parts = {"real": found.real, "edits": found.edits}
    parts |= {split: tuple(held_out(sources, split)) for split in ("validation", "test")}
    content = {
        name: [[row["pixel_sha256"], row["label"]] for row in rows] for name, rows in parts.items()
    }
    content |= _unusual(recipe.training, cell.arm, settings)
    return {
        "key": keys.item_key(spec, arm=cell.arm, seed=cell.seed, classes=list(class_names),
                             **content),
        "label": "",
        "arm": cell.arm,
        "seed": cell.seed,
        "steps": settings.lora.steps,
        "train_real": len(found.real),
        "train_edits": len(found.edits),
        "settings": json.dumps(asdict(settings), sort_keys=True),
    }  # fmt: skip


def _unusual(training: Training, arm: str, settings: CellSettings) -> dict[str, Any]:
    """What a key tells of a cell's factors: nothing where they are what they are by default, so
    that a study which varies them trains no other cell anew."""
    found: dict[str, Any] = dict(settings.chosen_edits)
    if settings.schedule != MIXED:
        found["schedule"] = settings.schedule
    if settings.lora.augmentation != _augmentation(training, arm, settings.trainee, ""):
        found["augmentation"] = settings.lora.augmentation
    return found


def _settings(recipe: Recipe, cell: Factors, class_names: tuple[str, ...]) -> CellSettings:
    training, stratum, kind = recipe.training, cell.stratum, ARMS[cell.arm]
    trainee = stratum.trainee or training.trainee
    _refuse_odd(cell, trainee)
    return CellSettings(
        lora=LoraSettings(
            **_rates(training, trainee),
            steps=training.steps if kind.trained else 0,
            warmup_share=training.warmup_share,
            augmentation=_augmentation(training, cell.arm, trainee, stratum.augmentation),
            seed=keys.seed_from(cell.seed, "adapter"),
        ),
        batch_size=training.batch_size,
        validate_every=training.validate_every,
        real_weight=training.real_weight,
        class_names=class_names,
        trainee=trainee,
        schedule=stratum.schedule or MIXED,
        attribute=stratum.attribute or (EVERY if kind.needs_edits else ""),
        per_source=stratum.per_source,
        editor=recipe.edits.editor,
    )


def _rates(training: Training, trainee: str) -> Mapping[str, Any]:
    """What trainees have of their own; of the adapter's shape only CLIP with LoRA has any."""
    if trainee == "clip-lora":
        return {
            "rank": training.rank, "alpha": training.alpha, "dropout": training.dropout,
            "learning_rate": training.learning_rate, "weight_decay": training.weight_decay,
            "image_rate": training.image_rate,
        }  # fmt: skip
    short = "probe" if trainee == PROBE else "classifier"
    return {
        "rank": 0, "alpha": 0.0, "dropout": 0.0,
        "learning_rate": getattr(training, f"{short}_rate"),
        "weight_decay": getattr(training, f"{short}_decay"),
    }  # fmt: skip


def _augmentation(training: Training, arm: str, trainee: str, wanted: str) -> str:
    """None of a probe: its vectors were made before."""
    if trainee == PROBE:
        return "none"
    return ARMS[arm].augmentation or wanted or training.augmentation


def _refuse_odd(cell: Factors, trainee: str) -> None:
    """Raise for a cell that would be another one under its name."""
    arm = ARMS[cell.arm]
    if not arm.trained and trainee != ZERO_SHOT:
        raise TrainingError(
            f"arm {cell.arm!r} needs a trainee that knows classes by their names, which "
            f"{trainee!r} does not before it is trained: leave the arm out of training.arms, or "
            f"set training.trainee={ZERO_SHOT}"
        )
    if arm.augmentation and trainee == PROBE:
        raise TrainingError(
            f"arm {cell.arm!r} is told by its augmentation, and {trainee!r} learns from vectors "
            "that were made before, without any: leave the arm out of training.arms, or take "
            "another training.trainee"
        )
    if cell.stratum.schedule == BRIDGED and not (arm.real and arm.synthetic):
        raise TrainingError(
            f"arm {cell.arm!r} has images of one kind alone, and the schedule 'bridged' goes from "
            "one kind to the other: set study.schedules=[mixed], or take arms with both"
        )
