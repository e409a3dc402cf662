"""The grid of an exchange rate: from pools to cells, capped where images run out."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.exchange import lineage
from varifactory.exchange.pools import Pool, of_the_left_first
from varifactory.exchange.subsets import ByClass, Stock, Subsets
from varifactory.exchange.surface import REAL, Cell, Way
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.training.arms import source_key
from varifactory.training.grid import Factors, Stratum
from varifactory.training.planning import plan_cells

ESTIMATOR = "estimator"
"""The trainee that is fitted until it converges, in place of so many steps."""

ENOUGH = 0.95
"""Share of the asked images, over all classes and seeds, that a pool must hold for a cell: classes
then differ by one image in twenty at most in the mean, which moves no rate beyond its interval."""


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


class Grid:
    """Turns pools into cells, and notes what was short."""

    def __init__(
        self, spec: str, recipe: Recipe, subsets: Subsets, trained_on: lineage.TrainedOn
    ) -> None:
        self._spec, self._asked, self._subsets = spec, recipe.exchange, subsets
        self._trained_on = trained_on
        test = [row["pixel_sha256"] for row in subsets.stock.test]
        self._test, self._tested_with = frozenset(test), keys.digest(test)
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

    def of_pool(self, name: str, pool: Pool, *, substituted: bool) -> list[PlannedCell]:
        """What a pool adds to every base, and where asked what stands in its place."""
        found: list[PlannedCell] = []
        shares = self._asked.substituted if substituted else ()
        for base in self._asked.base:
            supply = {seed: pool(base, seed) for seed in self._asked.seeds}
            there = self._there(name, base, supply, shares)
            for seed, images in supply.items():
                if substituted:  # a generator's, not a control's, which are real images
                    self._check(name, base, seed, images)
                found += self._added(base, seed, name, images, there)
                if substituted:
                    found += self._substituted(base, seed, name, images, there)
        if name == "edits":
            self._note_removed([each for each in found if each.cell.way == "substituted"])
        return found

    def _check(self, name: str, base: int, seed: int, images: ByClass) -> None:
        """Raise where a pool knows what it must not."""
        rows = [row for each in images.values() for row in each]
        lineage.check_images(name, rows, self._subsets.stock)
        if name == "edits":
            lineage.check_edits(rows, self._subsets.base_keys(base, seed))
            return
        seen: frozenset[str] | None = None
        if name == "closed-set":
            seen = self._subsets.base_pixels(base, seed)
        lineage.check_generators(name, rows, self._trained_on, self._test, seen)

    def _there(
        self, name: str, base: int, supply: Mapping[int, ByClass], replaced: Sequence[float]
    ) -> int:
        """Images a class up to which the pool has nearly all that is asked, in all seeds.

        An edit in a hundred is refused by its gate or judge, and one class of one seed would end
        every curve: what is missing is told, and the answers count the images there were.
        """
        held = {
            (seed, label): len(images.get(label, ()))
            for seed, images in supply.items()
            for label in self._names
        }
        wanted = max(count_of(each, base) for each in (*self._asked.synthetic, *replaced))
        counts = np.array(list(held.values()))
        asked = np.arange(1, wanted + 1)
        shares = np.minimum(counts[:, None], asked).mean(axis=0) / asked
        there = int(asked[shares >= ENOUGH].max(initial=0))
        seed, label = min(held, key=lambda each: held[each])
        limit = f"class {label!r} (seed {seed})"
        if there < wanted:
            lacking = (there, limit, held[seed, label])
            self._note_short(name, base, self._asked.synthetic, *lacking)
            if replaced and there:
                self._note_short(name, base, replaced, *lacking, way="substituted")
        elif held[seed, label] < wanted:
            missing = f"{100 * (1 - shares[-1]):.1f}\N{NO-BREAK SPACE}%"
            self.notices.append(
                f"{name}: at a base of {base} images a class, {missing} of the images are missing, "
                f"most of {limit}, which has {held[seed, label]} of {wanted}"
            )
        return there

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
            real = _taken(whole, base - count)
            supply = of_the_left_first(images, real) if name == "edits" else images
            yield self._planned(cell, real, _taken(supply, count))

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
            "test_sha256": self._tested_with,
            "lineage": json.dumps(
                {"base": cell.base, "way": cell.way, "pool": cell.pool, "real": len(real),
                 "other": len(other)}
            ),
            **self._settings[cell.seed],
        }  # fmt: skip
        return PlannedCell(cell, row, len(real), len(other), tuple(images))

    def _note_short(
        self, name: str, base: int, multiples: Sequence[float], there: int, limit: str,
        held: int | None = None, way: Way = "added",
    ) -> None:  # fmt: skip
        wanted = max(count_of(multiple, base) for multiple in multiples)
        if there >= wanted:
            return
        aim, done = ("to add", "added") if way == "added" else ("for its place", "replaced")
        ends = (
            f"at most {there / base:.3g} times the base is {done}, not {max(multiples):g}"
            if there
            else "it is left out there"
        )
        self.notices.append(
            f"{name}: at a base of {base} images a class, {limit} has "
            f"{there if held is None else held} {aim}, and the grid "
            f"asks for {wanted}: {ends}"
        )

    def _note_removed(self, substituted: Iterable[PlannedCell]) -> None:
        """Tell of edits in the place of the very images that they were made from."""
        shares = {
            each.cell.multiple
            for each in substituted
            if {source_key(row) for row in each.images}
            != {source_key(row) for row in each.images if row["kind"] == "source"}
        }
        if shares:
            told = ", ".join(f"{share:.3g}" for share in sorted(shares))
            self.notices.append(
                f"edits: where {told} times the base is replaced, the real images that are left "
                "have too few edits: some of those that stand in were made from the very images "
                "that they replace, and could not be had without them"
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
