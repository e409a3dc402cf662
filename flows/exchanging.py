"""An exchange rate: which images are traded, the grid that is trained, and the page it ends in."""

from dataclasses import dataclass

from flows.dataset import make_dataset
from flows.embedding import embedded
from flows.leaks import refuse_leaks
from flows.parameters import data_set
from flows.run import FactoryRun
from flows.showing import show_dataset
from tasks.closed import BASES, closed_shard
from tasks.exchange import CONTENTS, SLOW, exchange_shard
from tasks.report import write_exchange
from varifactory.errors import RecipeError
from varifactory.exchange.cell_training import Contents
from varifactory.exchange.closed_set import closed_spec, plan_closed
from varifactory.exchange.drawing import check_draws
from varifactory.exchange.lineage import check_beside, closed_trained_on
from varifactory.exchange.plan import ExchangePlan
from varifactory.exchange.planning import (
    ESTIMATOR,
    ClosedSets,
    PlannedExchange,
    exchange_spec,
    plan_exchange,
)
from varifactory.history.versions import title
from varifactory.ingest.lineage import lineage_of
from varifactory.keys import spec_of
from varifactory.loading import items_of
from varifactory.models import Trainee, registry
from varifactory.report.exchange.publishing import keep_plan
from varifactory.stages import Row
from varifactory.store import Manifest

CELLS = 64
"""Cells a task of quick trainees; those of ``SLOW`` have a task a cell."""
CLOSED = 512
"""Images of closed-set generators a task, a generator's in one: it is trained once."""
KEPT = ("exchange/", "closed/")
"""Stages whose rows an exchange rate rests on; embeddings only where vectors are learnt from."""


@dataclass(frozen=True, slots=True)
class Traded:
    """What is traded."""

    manifest: Manifest
    """Of the real images, and of the edits."""
    gallery: str
    foreign: Manifest | None
    """Of the foreign images: the version that their name meant when the run began."""


def traded_set(run: FactoryRun) -> Traded:
    """The data set version whose images are traded, and its gallery.

    Where foreign images alone are traded that is the version that ``varifactory ingest`` made of
    them and the real images beside them; else the recipe's own.

    Raises:
        ModelError: the trainee is not there.
        RecipeError: no such data set, bases that take all the shots, or too few bootstrap draws.
        Leaked: training images or edits show test images.
    """
    asked = run.recipe.exchange
    _refuse_early(run)
    foreign: Manifest | None = None
    if "foreign" in asked.generators:
        foreign = data_set(run.store, "exchange.foreign", asked.foreign)
    if foreign and asked.generators == ("foreign",):
        return Traded(foreign, "", foreign)
    made = make_dataset(run, trains=True)
    refuse_leaks(run, made.manifest)
    return Traded(made.manifest, show_dataset(run, made), foreign)


def _refuse_early(run: FactoryRun) -> None:
    """Raise for what else would be noticed after hours of work."""
    asked, shots = run.recipe.exchange, run.recipe.sources.shots
    check_draws(asked.resamples, run.recipe.report.confidence)
    _trainee(run)
    if asked.generators != ("foreign",) and 0 < shots <= max(asked.base):
        raise RecipeError(
            f"exchange.base asks for {max(asked.base)} images a class and sources.shots leaves "
            f"{shots}, so that no real image could be added: raise sources.shots, or lower "
            "exchange.base"
        )


def exchanged(run: FactoryRun, traded: Traded) -> str:
    """Train what is missing of the grid, write its plan down and then the page; where that lies.

    Raises:
        RecipeError: the foreign images were put beside other real images.
        TrainingError: there are too few images for any rate.
        StudyError: no cell was trained.
    """
    trainee, manifest = _trainee(run), traded.manifest
    fields = exchange_spec(run.recipe, trainee)
    spec = spec_of("exchange", fields)
    planned = _planned(run, traded, spec)
    run.notices += planned.notices
    kept: tuple[str, ...] = KEPT
    if trainee is not None and trainee.takes == "vectors":
        kept = (*KEPT, f"embeddings/{embedded(run, planned.pictures)}")
    run.leave(CONTENTS, Contents.of(planned).pack())
    size = 1 if run.recipe.exchange.trainee in SLOW else CELLS
    trained = run.stage(exchange_shard, "exchange", fields, planned.rows, size=size)
    plan = ExchangePlan.of(
        planned, trained, run.recipe, version=manifest.version, spec=spec,
        specs={name: told for name, told in run.specs.items() if name.startswith(kept)},
        dataset=manifest.name,
    )  # fmt: skip
    keep_plan(run.store, manifest, plan)
    shown = write_exchange(run.store.url, manifest.name, manifest.version, plan.hash12)
    return shown.result()


def _planned(run: FactoryRun, traded: Traded, spec: str) -> PlannedExchange:
    items = items_of(run.store, traded.manifest.name, traded.manifest.version)
    trained_on: dict[str, frozenset[str] | None] = {}
    foreign: list[Row] = []
    closed: ClosedSets = {}
    if traded.foreign:
        foreign = items_of(run.store, traded.foreign.name, traded.foreign.version)
        check_beside(title(traded.manifest), items, title(traded.foreign), foreign)
        trained_on |= lineage_of(run.store, traded.foreign)
    if "closed-set" in run.recipe.exchange.generators:
        closed = _closed(run, items)
        made = [row for rows in closed.values() for row in rows]
        trained_on |= closed_trained_on(run.store, made)
    return plan_exchange(
        spec, run.recipe, items, closed=closed, foreign=foreign, trained_on=trained_on,
        foreign_set=title(traded.foreign) if traded.foreign else "",
    )  # fmt: skip


def _closed(run: FactoryRun, items: list[Row]) -> ClosedSets:
    """Images of a generator a base and seed, each trained on that base alone."""
    fields = closed_spec()
    plan = plan_closed(spec_of("closed", fields), run.recipe, items)
    run.leave(BASES, plan.pack())
    made = run.stage(
        closed_shard, "closed", fields, plan.rows, size=CLOSED, together=("generator",)
    )
    return plan.sets(made)


def _trainee(run: FactoryRun) -> Trainee | None:
    """None where an estimator is fitted, which needs no model."""
    kind = run.recipe.exchange.trainee
    return None if kind == ESTIMATOR else registry.trainee(run.recipe, kind)
