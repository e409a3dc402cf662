"""What a run would find in its store and what it would make, over all data sets and cells."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.dry_run import DryRun, Prospect
from tasks.training import training_shard
from varifactory import items, records
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.runs.estimating import guesses, pace
from varifactory.runs.planned import Expectation
from varifactory.runs.unmade import is_unmade
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.training.arms import ARMS
from varifactory.training.grid import Factors, Variant, factors, trained_alike, variants
from varifactory.training.planning import plan_cells, plan_each, training_spec

UNMADE = "its data set is not made yet"


def forecast(
    recipe: Recipe, url: str, *, trains: bool = False, preview: int = 0, grid: bool = True
) -> Expectation:
    """What a run of the recipe would find in the store, and what it would make.

    Nothing is written, no model is loaded and no server is needed.

    Args:
        recipe: of the run.
        url: its store.
        trains: whether the run trains on its data set.
        preview: edit so many training images alone; 0 edits all.
        grid: where it trains, whether on all data sets and cells of the study that the recipe
            describes; else on its own data set, every arm and seed.

    Raises:
        FactoryError: what would keep the run from starting.
    """
    from flows.dataset import made_items  # it plans the run that asks for this

    whole = trains and grid and not preview
    wanted = variants(recipe) if whole else [Variant(recipe, generation_seed=recipe.seed)]
    plan = _Plan(recipe, Store(url), Prospect(), [], set())
    for variant in wanted:
        run = DryRun("plan", variant.recipe, plan.store, "plan", prospect=plan.prospect)
        made = made_items(run, trains=trains, preview=preview)
        plan.runs.append(run)
        if trains:
            rows = items.assemble(
                made.chosen, made.masks, made.judged.edits, made.judged.outcomes, variant.recipe
            )
            if not preview:
                _pictures(run, rows, [*made.chosen, *made.judged.edits])
                _leaks(plan, run, rows)
            _cells(plan, run, variant, factors(recipe, variant) if whole else None, rows)
        plan.prospect.counted |= run.keys
    return _expectation(plan)


@dataclass(slots=True)
class _Plan:
    """A plan under way."""

    recipe: Recipe
    store: Store
    prospect: Prospect
    runs: list[DryRun]
    """One a data set."""
    cells: set[Factors]
    """Of data sets before."""


def _pictures(run: DryRun, rows: Sequence[Row], made: Sequence[Row]) -> None:
    """Count the pictures that are embedded: those of items, and of edits that may become some."""
    from flows.embedding import embedded

    first = any("unfiltered" in ARMS[arm].synthetic for arm in run.recipe.training.arms)
    embedded(run, [
        {"pixel_sha256": row[pixels], "image_blob": row[blob]}
        for row in [*rows, *(row for row in made if is_unmade(row))]
        for pixels, blob, wanted in (
            ("pixel_sha256", "image_blob", row["status"] == "ok"),
            ("first_sha256", "first_blob", first),
        )
        if wanted and row.get(pixels) and row.get(blob)
    ])  # fmt: skip


def _leaks(plan: _Plan, run: DryRun, rows: Sequence[Row]) -> None:
    """Count the check of a data set's edits against its test images."""
    from flows.leaks import refuse_edits

    if run.lacking:
        plan.prospect.stage("leakage").may_be("which edits there will be is not known yet", 0)
    else:
        refuse_edits(run, rows, run.recipe.name)


def _cells(
    plan: _Plan, run: DryRun, variant: Variant, wanted: Sequence[Factors] | None, rows: list[Row]
) -> None:
    """Count the cells of one data set; None stands for its recipe's arms and seeds."""
    for recipe, cells in _ways(variant.recipe, wanted):
        fields = training_spec(recipe, registry.trainee(recipe))
        if run.lacking:
            training = recipe.training
            new = set(cells or ()) - plan.cells
            count = len(training.arms) * len(training.seeds) if cells is None else len(new)
            run.unplanned("training", fields, UNMADE, count)
        else:
            spec = spec_of("training", fields)
            if cells is None:
                planned = plan_cells(spec, recipe, rows, rows)
            else:
                planned = list(plan_each(spec, recipe, rows, cells)[0].values())
            run.stage(training_shard, "training", fields, planned)
    plan.cells |= set(wanted or ())


def _ways(
    recipe: Recipe, cells: Sequence[Factors] | None
) -> Iterator[tuple[Recipe, Sequence[Factors] | None]]:
    """Cells of one spec together, with their recipe."""
    if cells is None:
        yield recipe, None
    else:
        yield from trained_alike(recipe, cells)


def _expectation(plan: _Plan) -> Expectation:
    """All stages, in their order."""
    found = plan.prospect.found
    if "leakage" not in found and found["sources"].misses:
        split = "which images are test images is not known yet"
        plan.prospect.stage("leakage").may_be(split, 0)
    stages = [found[name] for name in records.STAGES if name in found]
    for stage in stages:
        if stage.pace is None:
            stage.pace = pace(stage.name, plan.recipe, None, plan.store, same=False, on_card=False)
    judged: Counter[str] = Counter()
    for run in plan.runs:
        judged += run.judged
    refused = judged["rejected"] / max(1, judged.total())
    known = judged.total() >= 20
    expected = [one for run in plan.runs for one in run.expected]
    return Expectation(
        plan.recipe, plan.store.url, tuple(stages), tuple(expected), plan.runs[0].past,
        refused if known else guesses()["refused"],
    )  # fmt: skip
