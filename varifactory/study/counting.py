"""A study, counted from the store alone: nothing is trained and no model is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from varifactory.store import Store
from varifactory.store.studies import StudyManifest
from varifactory.study.arms import arm_remarks, arms
from varifactory.study.checks import study_checks
from varifactory.study.classes import class_changes
from varifactory.study.comparisons import comparisons, measured, notes
from varifactory.study.figures import Plan, Study
from varifactory.study.planned import missing, planned_places, unplanned_notes
from varifactory.study.predictions import Predictions, read_predictions, words
from varifactory.study.questions import asked, placed, primary
from varifactory.study.scaling import ranking, scaling
from varifactory.training.arms import ARMS

Order = Mapping[str, Sequence[Any]]


def count_study(store: Store, manifest: StudyManifest) -> Study:
    """All that a study says of training, and what its edits are.

    Predictions are read cell by cell, so that a hundred cells need the memory of one.

    Raises:
        StudyError: predictions that contradict themselves, or cells that cannot be told apart.
        StoreError: a data set version that it is of is gone or damaged.
    """
    checked = study_checks(store, manifest)
    study = count_predictions(read_predictions(store, manifest), manifest)
    again = [
        f"{words(cell)} was trained again since this version was written and came out otherwise: "
        "figures are of what the store holds now."
        for cell in store.trained_since(manifest)
    ]
    return replace(
        study,
        checks=checked.checks,
        confounds=checked.confounds,
        alarms=checked.alarms,
        tested=checked.tested,
        remarks=(*study.remarks, *again),
    )


def count_predictions(found: Predictions, manifest: StudyManifest) -> Study:
    """What its cells answered, and nothing of its data sets."""
    cells, order = placed(found.cells), order_of(manifest)
    plan = plan_of(manifest, found)
    planned = asked(planned_places(manifest, order), order)
    pairs = measured(cells, planned)
    judged = comparisons(pairs, planned, plan)
    answered = {(one.asked.first, one.asked.second) for one in pairs}
    lacking = [planned[at] for at in sorted(primary(planned))
               if (planned[at].first, planned[at].second) not in answered]  # fmt: skip
    return Study(
        plan=plan,
        arms=arms(cells, found.truth, order, plan.confidence),
        comparisons=judged,
        classes=class_changes(pairs, judged, found.truth, plan.confidence),
        scaling=scaling(cells, found.truth, order, plan.confidence),
        ranking=ranking(cells, order, plan.confidence),
        cells=len(found.cells),
        test_images={dataset: len(truth) for dataset, truth in found.truth.items()},
        notes=(*found.notes, *unplanned_notes(manifest), *notes(pairs)),
        remarks=(*found.remarks, *arm_remarks(cells)),
        missing=missing(lacking, cells, manifest, found.left_out),
    )


def plan_of(manifest: StudyManifest, found: Predictions) -> Plan:
    """What was settled, and how many cells had been trained before it was."""
    told = manifest.plan
    registered = str(told.get("registered_at") or "")
    before = 0
    if registered:
        settled = _aware(datetime.fromisoformat(registered))
        made = [one.training["made_at"] for one in found.cells if ARMS[one.cell.arm].trained]
        before = sum(at is not None and _aware(at) < settled for at in made)
    return Plan(
        margin=float(told["margin"]),
        resolve=float(told["resolve"]),
        power=float(told["power"]),
        confidence=float(told["confidence"]),
        registered_at=registered,
        trained_before=before,
    )


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def order_of(manifest: StudyManifest) -> Order:
    """Every factor's values in the order of the recipe; those it does not tell come after."""
    study: Mapping[str, Any] = manifest.recipe.get("study") or {}
    training: Mapping[str, Any] = manifest.recipe.get("training") or {}
    told: dict[str, Sequence[Any]] = {
        "dataset": [one.get("dataset", "") for one in manifest.datasets],
        "sweep": [one.get("sweep", "") for one in manifest.datasets],
        "trainee": study.get("trainees") or [training.get("trainee") or "clip-lora"],
        "augmentation": study.get("augmentations") or [training.get("augmentation", "")],
        "attribute": study.get("attributes") or (),
        "per_source": study.get("per_source") or (),
        "schedule": study.get("schedules") or (),
    }
    return {
        factor: list(
            dict.fromkeys(
                [*values, *filter(None, (getattr(cell, factor) for cell in manifest.cells))]
            )
        )
        for factor, values in told.items()
    }
