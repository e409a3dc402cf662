"""A study's data sets, its cells, and the version that it ends in."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from flows.dataset import Dataset, make_dataset
from flows.embedding import embed_items
from flows.leaks import refuse_leaks
from flows.run import FactoryRun
from flows.showing import show_dataset, show_study
from flows.summary import summary
from flows.tally import StageFailed
from tasks.training import training_shard
from varifactory.actor import actor
from varifactory.card.writing import as_yaml
from varifactory.errors import TrainingError
from varifactory.keys import spec_of
from varifactory.loading import items_of
from varifactory.models import registry
from varifactory.stages import Row
from varifactory.store import StudyCell, StudyManifest, study_hash
from varifactory.training.grid import Factors, Variant, factors, trained_alike, variants
from varifactory.training.planning import plan_each, training_spec


@dataclass(frozen=True, slots=True)
class Studied:
    """One data set of a study."""

    variant: Variant
    made: Dataset
    gallery: str
    failed: int = 0
    """Items that failed in the run that made it, beside those of the study's own run."""

    def told(self) -> dict[str, Any]:
        """What the study's manifest says of it."""
        manifest, variant = self.made.manifest, self.variant
        return {
            "name": manifest.name,
            "version": manifest.version,
            "dataset_hash": manifest.dataset_hash,
            "run_id": manifest.run_id,
            "dataset": variant.dataset,
            "sweep": variant.sweep,
            "generation_seed": variant.generation_seed,
        }


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A cell of the grid that cannot be trained at all."""

    of: Studied
    factors: Factors
    reason: str

    def told(self) -> dict[str, Any]:
        """What the study's manifest says of it."""
        found = asdict(self.factors)
        return {**found.pop("stratum"), **found, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid, trained."""

    of: Studied
    factors: Factors
    spec: str
    row: Row


def registered(run: FactoryRun) -> dict[str, Any]:
    """The plan of the analysis, written down before anything is trained."""
    recipe = run.recipe
    study, report = recipe.study, recipe.report
    plan = {
        "margin": study.margin, "resolve": study.resolve, "power": study.power,
        "confidence": report.confidence, "arms": list(recipe.training.arms),
        "seeds": list(recipe.training.seeds),
        "generation_seeds": list(study.generation_seeds or (recipe.seed,)),
        "attributes": list(study.attributes), "per_source": list(study.per_source),
        "schedules": list(study.schedules),
        "trainees": list(study.trainees or (recipe.training.trainee,)),
        "augmentations": list(study.augmentations or (recipe.training.augmentation,)),
        "datasets": [one.name for one in study.datasets],
        "sweep": [one.model_dump(mode="json") for one in study.sweep],
        "leaks": study.leaks, "encoder": registry.encoder(recipe).identity,
        "training": recipe.training.model_dump(mode="json", exclude={"arms", "seeds"}),
    }  # fmt: skip
    return run.store.register_plan(recipe.name, plan)


def study_datasets(run: FactoryRun) -> list[Studied]:
    """Every data set of a study; one that is not the recipe's own has a run of its own."""
    return [_studied(run, variant) for variant in variants(run.recipe)]


def _studied(run: FactoryRun, variant: Variant) -> Studied:
    if variant.recipe == run.recipe:
        made = make_dataset(run, trains=True)
        return Studied(variant, made, show_dataset(run, made))
    beside = variant.recipe.name
    with FactoryRun.begin("generate", variant.recipe, run.store.url, beside=beside) as own:
        made = make_dataset(own, trains=True)
        run.notices += [f"{beside}: {notice}" for notice in own.notices]
        gallery = show_dataset(own, made)
        failed = sum(counts.get("failed", 0) for counts in own.counts().values())
        return Studied(variant, made, gallery, failed)


def embed_all(run: FactoryRun, studied: Sequence[Studied]) -> None:
    """Embeddings of every picture that a cell may train on or is tested with."""
    made = [one.made.manifest for one in studied]
    embed_items(run, (row for one in made for row in items_of(run.store, one.name, one.version)))


def study_cells(run: FactoryRun, studied: Sequence[Studied]) -> tuple[list[Cell], list[Unplanned]]:
    """Every cell of the grid; each that the store lacks is a Prefect task of its own.

    Raises:
        StageFailed: no cell at all was trained.
        TrainingError: no cell at all can be.
    """
    cells: list[Cell] = []
    unplanned: list[Unplanned] = []
    for one in studied:
        cells += _cells_of(run, one, unplanned)
    if not cells:
        raise TrainingError(
            unplanned[0].reason
            if unplanned
            else "no trainee of this recipe has a cell in any of its arms: zero-shot needs "
            "clip-lora, and a probe knows no augmentation; add an arm to training.arms, or a "
            "trainee to study.trainees"
        )
    run.notices += sorted({f"arm {cell.factors.arm}: {cell.reason}" for cell in unplanned})
    bad = {cell.row["key"]: cell.row for cell in cells if cell.row["status"] != "ok"}
    run.notices += [
        f"arm {row['arm']}, seed {row['seed']} {row['status']}: {row['reason']}"
        for row in bad.values()
    ]
    if bad and all(cell.row["key"] in bad for cell in cells):
        raise StageFailed(f"no cell was trained; the first said: {cells[0].row['reason']}")
    return cells, unplanned


def _cells_of(run: FactoryRun, one: Studied, unplanned: list[Unplanned]) -> list[Cell]:
    manifest = one.made.manifest
    items = items_of(run.store, manifest.name, manifest.version)
    extra = {"dataset": manifest.name, "version": manifest.version}
    found = []
    for recipe, wanted in trained_alike(one.variant.recipe, factors(run.recipe, one.variant)):
        fields = training_spec(recipe, registry.trainee(recipe))
        spec = spec_of("training", fields)
        planned, refused = plan_each(spec, recipe, items, wanted)
        unplanned += [Unplanned(one, cell, reason) for cell, reason in refused.items()]
        once = list({row["key"]: row for row in planned.values()}.values())
        rows = run.stage(training_shard, "training", fields, once, size=1, extra=extra)
        row_of = {row["key"]: row for row in rows}
        found += [Cell(one, cell, spec, row_of[row["key"]]) for cell, row in planned.items()]
    return found


def publish_study(
    run: FactoryRun,
    plan: dict[str, Any],
    studied: Sequence[Studied],
    cells: Sequence[Cell],
    unplanned: Sequence[Unplanned] = (),
) -> StudyManifest:
    """The study's version; one that holds the same is taken as it is."""
    # What knows no generation seed is a cell of every data set of that seed, and one of the study.
    once = {cell.factors: cell for cell in reversed(cells)}
    kept = [_kept(once[factor]) for factor in sorted(once)]
    told = [one.told() for one in studied]
    wanted = ("training/", "embeddings/", "masks/", "prompts/")
    manifest = run.store.put_study(
        StudyManifest(
            name=run.recipe.name,
            version=1,
            created_at=datetime.now(UTC),
            actor=actor(),
            run_id=run.id,
            recipe=run.recipe.model_dump(mode="json"),
            plan=plan,
            datasets=tuple(told),
            cells=tuple(kept),
            specs={name: fields for name, fields in run.specs.items() if name.startswith(wanted)},
            provenance={
                "runs": sorted({run.id, *(one["run_id"] for one in told)}),
                "unplanned": [cell.told() for cell in unplanned],
            },
            study_hash=study_hash(told, kept, plan),
        )
    )
    recipe = as_yaml(manifest.recipe)
    run.store.put_study_file(manifest.name, manifest.version, "recipe.yaml", recipe)
    return manifest


def compared(run: FactoryRun, plan: dict[str, Any], studied: Sequence[Studied]) -> dict[str, Any]:
    """Every cell trained, the study's version and its report; what the run says of it."""
    embed_all(run, studied)
    for one in studied:
        refuse_leaks(run, one.made.manifest)
    study = publish_study(run, plan, studied, *study_cells(run, studied))
    report = show_study(run, study)
    first = studied[0]
    said = summary(run, first.made.manifest, gallery=first.gallery, report=report)
    return said | {
        "failed": said["failed"] + sum(one.failed for one in studied),
        "study": {"name": study.name, "version": study.version, "cells": len(study.cells)},
        "datasets": [one.told() | {"gallery": one.gallery} for one in studied],
    }


def _kept(cell: Cell) -> StudyCell:
    stratum, manifest = cell.factors.stratum, cell.of.made.manifest
    return StudyCell(
        dataset=stratum.dataset, sweep=stratum.sweep, trainee=stratum.trainee,
        augmentation=stratum.augmentation, attribute=stratum.attribute,
        per_source=stratum.per_source, schedule=stratum.schedule, arm=cell.factors.arm,
        generation_seed=cell.factors.generation_seed, seed=cell.factors.seed,
        name=manifest.name, version=manifest.version, spec=cell.spec, key=cell.row["key"],
        status=cell.row["status"],
    )  # fmt: skip
