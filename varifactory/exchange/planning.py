"""Which cells an exchange rate is read from: one planned row a content, keyed by its images.

Two cells that hold the same images with the same labels and seed, such as a base with as much
again and the base of twice the size, are one training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from varifactory.errors import TrainingError
from varifactory.exchange import lineage, pools
from varifactory.exchange.estimators import estimator_spec
from varifactory.exchange.grid import ESTIMATOR, Grid, PlannedCell
from varifactory.exchange.subsets import Stock, Subsets, stock_of
from varifactory.models import Trainee
from varifactory.recipe import Recipe
from varifactory.recipe.exchange import Exchange
from varifactory.stages import Row
from varifactory.training.planning import training_spec

__all__ = ["ESTIMATOR", "PlannedCell", "PlannedExchange", "exchange_spec", "plan_exchange"]

ClosedSets = Mapping[tuple[int, int], Sequence[Row]]
"""(Base, seed) -> made rows of stage ``closed``."""


@dataclass(frozen=True, slots=True)
class PlannedExchange:
    """The whole grid."""

    cells: tuple[PlannedCell, ...]
    stock: Stock = field(repr=False)
    notices: tuple[str, ...] = ()
    """What could not be planned as the recipe asks, and why."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """Generator -> what its images were made from."""

    @property
    def rows(self) -> list[Row]:
        """Each training once."""
        return list({each.row["key"]: each.row for each in self.cells}.values())

    @property
    def pictures(self) -> list[Row]:
        """Every picture that is trained on or tested with, once: what must be embedded."""
        every = [row for each in self.cells for row in each.images]
        every += [*self.stock.validation, *self.stock.test]
        return list({row["pixel_sha256"]: row for row in every}.values())


def _of_generators(cells: Sequence[PlannedCell]) -> dict[str, list[Row]]:
    """Generator -> its images in any cell."""
    found: dict[str, dict[str, Row]] = {}
    for each in cells:
        for row in each.images:
            if _generator(row) == each.cell.pool:
                found.setdefault(each.cell.pool, {})[row["key"]] = row
    return {name: list(rows.values()) for name, rows in found.items()}


def _generator(row: Row) -> str:
    """Of ``recipe.exchange``, by the columns of who made an image; a source's is empty."""
    if "generator" in row:
        return "closed-set"
    return {"edit": "edits", "foreign": "foreign"}.get(row["kind"], "")


def _taken_in(
    foreign: Sequence[Row], subsets: Subsets, trained_on: lineage.TrainedOn, asked: Exchange
) -> tuple[list[Row], list[str]]:
    """Foreign images that may be traded, and what is told of them and of who made them."""
    if "foreign" not in asked.generators:
        return [], []
    taken, repeated = lineage.apart(foreign, subsets.stock)
    lineage.check_classes(taken, subsets.stock)
    bases = {base: [subsets.base_pixels(base, seed) for seed in asked.seeds] for base in asked.base}
    silent = lineage.unknown(taken, trained_on)
    return taken, [*filter(None, (repeated, silent)), *lineage.beyond(taken, trained_on, bases)]


def _controls(
    asked: Exchange, subsets: Subsets, reserved: Mapping[int, int]
) -> dict[str, pools.Pool]:
    """Every control there is; ``reserved`` as ``pools.identity`` takes it."""
    return {
        "identity": pools.identity(subsets, reserved),
        "duplicate": pools.duplicate(subsets, max(asked.synthetic)),
        "mislabelled": pools.mislabelled(subsets, reserved, asked.mislabelled),
    }


def exchange_spec(recipe: Recipe, trainee: Trainee | None) -> dict[str, Any]:
    """What all cells share; ``trainee`` is None where ``recipe.exchange`` fits an estimator."""
    if recipe.exchange.trainee == ESTIMATOR:
        return estimator_spec(recipe.exchange.estimator, recipe.exchange.pixels)
    if trainee is None or trainee.kind != recipe.exchange.trainee:
        raise ValueError(f"the spec of {recipe.exchange.trainee!r} needs that trainee")
    return training_spec(recipe, trainee)


def plan_exchange(
    spec: str,
    recipe: Recipe,
    items: Sequence[Row],
    *,
    closed: ClosedSets | None = None,
    foreign: Sequence[Row] = (),
    trained_on: lineage.TrainedOn | None = None,
    foreign_set: str = "",
) -> PlannedExchange:
    """Every cell of the grid with its planned row.

    Where images of a class run out the multiple is what there is, the same in every class and
    seed, and a notice says so; a pool without any is left out.

    Args:
        spec: of ``exchange_spec``.
        recipe: its part ``exchange`` tells the grid.
        items: of the data set.
        closed: what closed-set generators made.
        foreign: items of the data set that ``recipe.exchange.foreign`` names.
        trained_on: what the generators of ``closed`` and ``foreign`` have seen.
        foreign_set: NAME@VERSION of that data set, kept in the lineage.

    Raises:
        LineageError: a pool knows test images, or a closed set more than its base.
        RecipeError: foreign images of classes that the data set lacks.
        TrainingError: images for less than a rate: too few for a base, none to add, or of no
            generator any.
    """
    asked = recipe.exchange
    stock = stock_of(items, max(asked.base), validated=asked.trainee != ESTIMATOR)
    lineage.check_apart(stock)
    subsets = Subsets.of(stock, asked.seeds)
    grid = Grid(spec, recipe, subsets, trained_on or {})
    cells = list(grid.real())
    taken, notices = _taken_in(foreign, subsets, trained_on or {}, asked)
    generators = {
        "edits": lambda: pools.edits(subsets, items, asked.feasibility, recipe.edits.editor),
        "closed-set": lambda: pools.closed(closed or {}),
        "foreign": lambda: pools.foreign(taken),
    }
    before = len(grid.notices)
    if "edits" in asked.generators and (seen := lineage.adapted(recipe.adaptation)):
        grid.notices.append(seen)
    grid.notices += notices
    for name in asked.generators:
        cells += grid.of_pool(name, generators[name](), substituted=True)
    if not any(each.cell.pool in asked.generators for each in cells):
        raise TrainingError("no generator has images: " + "; ".join(grid.notices[before:]))
    reserved = {base: base + max(grid.added_real(base), default=0) for base in asked.base}
    controls = _controls(asked, subsets, reserved)
    for control in asked.controls:
        cells += grid.of_pool(control, controls[control], substituted=False)
    made_from = lineage.told(
        _of_generators(cells), trained_on or {}, recipe.adaptation, foreign_set
    )  # fmt: skip
    return PlannedExchange(tuple(cells), stock, tuple(grid.notices), made_from)
