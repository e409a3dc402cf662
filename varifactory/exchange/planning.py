"""Which cells an exchange rate is read from: one planned row a content, keyed by its images.

Two cells that hold the same images with the same labels and seed, such as a base with as much
again and the base of twice the size, are one training.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from varifactory import keys
from varifactory.cell_planning import plan_cells, training_spec
from varifactory.errors import TrainingError
from varifactory.exchange import pools
from varifactory.exchange.estimators import estimator_spec
from varifactory.exchange.subsets import ByClass, Stock, Subsets, stock_of
from varifactory.exchange.surface import REAL, Cell
from varifactory.grid import Factors, Stratum
from varifactory.models import Trainee
from varifactory.recipe import Recipe
from varifactory.stages import Row

ESTIMATOR = "estimator"
"""The trainee that is fitted until it converges, in place of so many steps."""
ClosedSets = Mapping[tuple[int, int], Sequence[Row]]
"""(Base, seed) -> made rows of stage ``closed``."""


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell, the training that it is, and the images of that."""

    cell: Cell
    row: Row
    real: int
    """Real images of all classes; those of a control are not counted."""
    other: int
    """Images of the pool, of all classes."""
    images: tuple[Row, ...] = field(repr=False)
    """In the order in which they are trained on; labels are those that are taught."""


@dataclass(frozen=True, slots=True)
class PlannedExchange:
    """The whole grid."""

    cells: tuple[PlannedCell, ...]
    stock: Stock = field(repr=False)
    notices: tuple[str, ...] = ()
    """What could not be planned as the recipe asks, and why."""

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

    Raises:
        TrainingError: images for less than a rate: too few for a base, none to add, or of no
            generator any.
    """
    asked = recipe.exchange
    stock = stock_of(items, max(asked.base), validated=asked.trainee != ESTIMATOR)
    subsets = Subsets.of(stock, asked.seeds)
    grid = _Grid(spec, recipe, subsets)
    cells = list(grid.real())
    reserved = {base: base + max(grid.added_real(base), default=0) for base in asked.base}
    generators = {
        "edits": lambda: pools.edits(subsets, items, asked.feasibility),
        "closed-set": lambda: pools.closed(closed or {}),
        "foreign": lambda: pools.foreign(foreign),
    }
    for name in asked.generators:
        cells += grid.of_pool(name, generators[name](), substituted=True)
    if not any(each.cell.pool in asked.generators for each in cells):
        raise TrainingError("; ".join(grid.notices[-len(asked.generators) :]))
    controls = {
        "identity": pools.identity(subsets, reserved),
        "duplicate": pools.duplicate(subsets, max(asked.synthetic)),
        "mislabelled": pools.mislabelled(subsets, reserved, asked.mislabelled),
    }
    for control in asked.controls:
        cells += grid.of_pool(control, controls[control], substituted=False)
    return PlannedExchange(tuple(cells), stock, tuple(grid.notices))


class _Grid:
    """Turns pools into cells, and notes what was short."""

    def __init__(self, spec: str, recipe: Recipe, subsets: Subsets) -> None:
        self._spec, self._asked, self._subsets = spec, recipe.exchange, subsets
        self._names = subsets.stock.class_names
        self._held_out = _held_out(recipe, subsets.stock)
        self._settings = _settings(spec, recipe, subsets.stock)
        self.notices: list[str] = []

    def added_real(self, base: int) -> list[int]:
        """Real images a class that are added, as far as there are any."""
        return _counts(self._asked.real, base, self._subsets.stock.least[1] - base)

    def real(self) -> Iterator[PlannedCell]:
        """Every base alone, and with real images added."""
        if not any(self.added_real(base) for base in self._asked.base):
            name, least = self._subsets.stock.least
            raise TrainingError(
                f"exchange.base takes all {least} training images of class {name!r}, and none is "
                "left to add: lower exchange.base, raise sources.shots, or add images"
            )
        for base in self._asked.base:
            name, least = self._subsets.stock.least
            self._note_short(REAL, base, self._asked.real, least - base, f"class {name!r}")
            for seed in self._asked.seeds:
                kept, after = self._subsets.base(base, seed), self._subsets.following(base, seed)
                for count in (0, *self.added_real(base)):
                    cell = Cell(base, "real", REAL, count / base, seed)
                    yield self._planned(cell, _taken(kept, base) + _taken(after, count), [])

    def of_pool(self, name: str, pool: pools.Pool, *, substituted: bool) -> list[PlannedCell]:
        """What a pool adds to every base, and where asked what stands in its place."""
        found: list[PlannedCell] = []
        for base in self._asked.base:
            supply = {seed: pool(base, seed) for seed in self._asked.seeds}
            there, limit = self._least(supply)
            self._note_short(name, base, self._asked.synthetic, there, limit)
            for seed, images in supply.items():
                found += self._added(base, seed, name, images, there)
                if substituted:
                    found += self._substituted(base, seed, name, images, there)
        return found

    def _least(self, supply: Mapping[int, ByClass]) -> tuple[int, str]:
        """Images that every class has in every seed, and where there are no more."""
        counts = {
            (seed, name): len(images.get(name, ()))
            for seed, images in supply.items()
            for name in self._names
        }
        seed, name = min(counts, key=lambda each: counts[each])
        return counts[seed, name], f"class {name!r} (seed {seed})"

    def _added(
        self, base: int, seed: int, name: str, images: ByClass, there: int
    ) -> Iterator[PlannedCell]:
        kept = _taken(self._subsets.base(base, seed), base)
        for count in _counts(self._asked.synthetic, base, there):
            cell = Cell(base, "added", name, count / base, seed)
            yield self._planned(cell, kept, _taken(images, count))

    def _substituted(
        self, base: int, seed: int, name: str, images: ByClass, there: int
    ) -> Iterator[PlannedCell]:
        whole = self._subsets.base(base, seed)
        for count in _counts(self._asked.substituted, base, min(there, base)):
            cell = Cell(base, "substituted", name, count / base, seed)
            yield self._planned(cell, _taken(whole, base - count), _taken(images, count))

    def _planned(self, cell: Cell, real: list[Row], other: list[Row]) -> PlannedCell:
        images = sorted([*real, *other], key=lambda row: (row["label"], row["pixel_sha256"]))
        content = [[row["pixel_sha256"], row["label"]] for row in images]
        stock = self._subsets.stock
        row = {
            "key": keys.item_key(self._spec, seed=cell.seed, train=content, **self._held_out),
            "label": "",
            "seed": cell.seed,
            "trainee": self._asked.trainee,
            "train_images": len(images),
            "class_names": list(stock.class_names),
            "test_sha256": keys.digest([each["pixel_sha256"] for each in stock.test]),
            "lineage": json.dumps(
                {"base": cell.base, "way": cell.way, "pool": cell.pool, "real": len(real),
                 "other": len(other)}
            ),
            **self._settings[cell.seed],
        }  # fmt: skip
        return PlannedCell(cell, row, len(real), len(other), tuple(images))

    def _note_short(
        self, name: str, base: int, multiples: Sequence[float], there: int, limit: str
    ) -> None:
        wanted = max(count_of(multiple, base) for multiple in multiples)
        if there >= wanted:
            return
        ends = (
            f"at most {there / base:.3g} times the base is added, not {max(multiples):g}"
            if there
            else "it is left out there"
        )
        self.notices.append(
            f"{name}: at a base of {base} images a class {limit} has {there} to add, and the grid "
            f"asks for {wanted}: {ends}"
        )


def count_of(multiple: float, base: int) -> int:
    """Images a class that a multiple of a base is; halves are rounded up, and 1 at least."""
    return max(1, math.floor(multiple * base + 0.5))


def _counts(multiples: Iterable[float], base: int, there: int) -> list[int]:
    """Images a class, ascending and each once, as far as there are any."""
    wanted = {min(count_of(multiple, base), there) for multiple in multiples}
    return sorted(count for count in wanted if count > 0)


def _taken(images: ByClass, count: int) -> list[Row]:
    """The first ``count`` of every class."""
    return [row for rows in images.values() for row in rows[:count]]


def _held_out(recipe: Recipe, stock: Stock) -> dict[str, Any]:
    """Fields that all keys share. An estimator sees no validation images."""
    parts = {"validation": stock.validation, "test": stock.test}
    if recipe.exchange.trainee == ESTIMATOR:
        del parts["validation"]
    return {"classes": keys.encoded(list(stock.class_names))} | {
        name: keys.encoded([[row["pixel_sha256"], row["label"]] for row in rows])
        for name, rows in parts.items()
    }


def _settings(spec: str, recipe: Recipe, stock: Stock) -> dict[int, Row]:
    """Seed -> how its cells are trained: as those of a study's arm ``real``."""
    asked = recipe.exchange
    if asked.trainee == ESTIMATOR:
        told = json.dumps({"estimator": asked.estimator, "pixels": asked.pixels})
        return {seed: {"steps": None, "settings": told} for seed in asked.seeds}
    rows = [*(row for each in stock.train.values() for row in each), *stock.validation, *stock.test]
    shared = Stratum(trainee=asked.trainee, augmentation=recipe.training.augmentation)
    cells = [Factors(shared, "real", 0, seed) for seed in asked.seeds]
    return {
        row["seed"]: {"steps": row["steps"], "settings": row["settings"]}
        for row in plan_cells(spec, recipe, rows, (), cells)
    }
