"""What is kept beside a data set version of an exchange rate: enough to count it again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory.errors import StudyError
from varifactory.exchange.planning import PlannedCell, PlannedExchange
from varifactory.exchange.surface import Cell, Surface
from varifactory.keys import digest
from varifactory.recipe import Exchange, Recipe
from varifactory.stages import Row
from varifactory.store import Store

VERSION = 1
"""Of the file."""
FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class KeptCell:
    """One cell, and where its answers lie."""

    cell: Cell
    key: str
    """Of its row of stage ``exchange``."""
    real: int
    other: int


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """The grid of an exchange rate as it was trained; ``plan.json`` is this."""

    dataset: str
    """NAME of the data set, and its ``version``."""
    version: int
    asked: Exchange
    """The recipe's part."""
    confidence: float
    seed: int
    """Of the bootstrap."""
    spec: str
    """Of the trained cells, a key of ``specs`` after ``exchange/``."""
    specs: Mapping[str, Mapping[str, Any]]
    """``stage/spec`` -> fields, of all that the rate needs: cells, embeddings, closed sets."""
    class_names: tuple[str, ...]
    test_images: int
    cells: tuple[KeptCell, ...]
    notices: tuple[str, ...] = ()
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """Generator -> what its images were made from."""
    trainee: str = ""
    """In words, for people."""
    made_at: str = ""
    """ISO 8601: of several rates of a data set version the newest is meant."""

    @classmethod
    def of(
        cls,
        planned: PlannedExchange,
        trained: Sequence[Row],
        recipe: Recipe,
        *,
        version: int,
        spec: str,
        specs: Mapping[str, Mapping[str, Any]],
        dataset: str = "",
    ) -> "ExchangePlan":
        """Of what was planned and how its rows ended; a cell that failed is left out, and told.

        Args:
            planned: the grid.
            trained: the rows that count, one a planned key.
            recipe: ``exchange`` and ``report.confidence`` are kept.
            version: of the data set.
            spec: of stage ``exchange``.
            specs: ``stage/spec`` -> fields, all that garbage collection must keep.
            dataset: its name; empty: the recipe's.

        Raises:
            StudyError: no cell was trained.
        """
        status = {row["key"]: row for row in trained}
        good = [each for each in planned.cells if status[each.row["key"]]["status"] == "ok"]
        bad = [each for each in planned.cells if status[each.row["key"]]["status"] != "ok"]
        if not good:
            why = status[planned.cells[0].row["key"]].get("reason", "")
            raise StudyError(f"no cell of the exchange rate was trained; the first said: {why}")
        return cls(
            dataset or recipe.name, version, recipe.exchange, recipe.report.confidence,
            recipe.seed, spec, {name: dict(fields) for name, fields in specs.items()},
            planned.stock.class_names, len(planned.stock.test),
            tuple(KeptCell(each.cell, each.row["key"], each.real, each.other) for each in good),
            (*planned.notices, *_missing(bad, status)), dict(planned.lineage), in_words(recipe),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip

    @property
    def hash12(self) -> str:
        """Name of its folder: of what was asked and trained, not of words about it."""
        told = json.loads(self.written())
        return digest({name: told[name] for name in ("asked", "confidence", "seed", "spec",
                                                     "cells")})[:12]  # fmt: skip

    @property
    def folder(self) -> str:
        """Below the exports of the data set version."""
        return f"exchange/{self.hash12}"

    def written(self) -> bytes:
        """The file."""
        told = {
            "plan_version": VERSION,
            **{name: getattr(self, name) for name in (
                "dataset", "version", "confidence", "seed", "spec", "class_names", "test_images",
                "notices", "trainee", "made_at")},
            "asked": self.asked.model_dump(mode="json"),
            "specs": dict(self.specs),
            "lineage": dict(self.lineage),
            "cells": [asdict(each.cell) | {"key": each.key, "real": each.real, "other": each.other}
                      for each in self.cells],
        }  # fmt: skip
        return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, data: bytes) -> "ExchangePlan":
        """What ``written`` made.

        Raises:
            StudyError: it is not that, or of a later varifactory.
        """
        try:
            told = json.loads(data)
            if told.pop("plan_version") > VERSION:
                raise StudyError("this plan of an exchange rate is of a later varifactory: update")
            cells = [
                KeptCell(key=each.pop("key"), real=each.pop("real"), other=each.pop("other"),
                         cell=Cell(**each))
                for each in told.pop("cells")
            ]  # fmt: skip
            asked = Exchange.model_validate(told.pop("asked"))
            for name in ("class_names", "notices"):
                told[name] = tuple(told[name])
            return cls(**told, asked=asked, cells=tuple(cells))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                f"the plan of an exchange rate cannot be read ({error!r}): run the flow "
                "exchange-rate again, which writes it anew"
            ) from None


def _missing(bad: Sequence[PlannedCell], status: Mapping[str, Row]) -> list[str]:
    """A line a reason, however many cells it took."""
    by_reason: dict[str, list[Cell]] = {}
    for each in bad:
        reason = status[each.row["key"]].get("reason") or "no reason was kept"
        by_reason.setdefault(reason, []).append(each.cell)
    return [
        f"{len(cells)} cells are missing, such as {first.multiple:.3g} times a base of "
        f"{first.base} {first.way} of {first.pool}, seed {first.seed}: {reason}"
        for reason, cells in by_reason.items()
        for first in cells[:1]
    ]


def in_words(recipe: Recipe) -> str:
    """Who was trained, for people."""
    asked = recipe.exchange
    if asked.trainee == "estimator":
        return f"{asked.estimator} of scikit-learn on {asked.pixels} x {asked.pixels} pixels"
    return f"{asked.trainee}, {recipe.training.steps} steps"


def surface(store: Store, plan: ExchangePlan) -> Surface:
    """The right answers of every cell, read from the store: nothing is trained.

    Raises:
        StudyError: a cell's answers are gone, or are of other test images than the others'.
    """
    wanted = ["key", "status", "predicted_classes", "true_classes", "test_sha256"]
    keys = list(dict.fromkeys(each.key for each in plan.cells))
    table = store.rows("exchange", plan.spec, columns=wanted, keys=set(keys))
    table = table.filter(pc.equal(table["status"], "ok"))
    place = {key: at for at, key in enumerate(table["key"].to_pylist())}
    if missing := [each for each in plan.cells if each.key not in place]:
        raise StudyError(
            f"the answers of {len(missing)} of {len(plan.cells)} cells are not in the store, the "
            f"first is {missing[0].cell} ({missing[0].key}): run the flow exchange-rate again, "
            "which trains what is missing"
        )
    hits = _hits(table, plan)
    return Surface(
        tuple(each.cell for each in plan.cells),
        tuple(each.real for each in plan.cells),
        tuple(each.other for each in plan.cells),
        hits[[place[each.key] for each in plan.cells]],
    )


def _hits(table: pa.Table, plan: ExchangePlan) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(rows, test images)."""
    if len(set(table["test_sha256"].to_pylist())) != 1:
        raise StudyError(
            "the cells were tested with different images: run the flow exchange-rate again"
        )
    predicted, truth = (
        pc.list_flatten(table[name]).to_numpy().reshape(len(table), -1)
        for name in ("predicted_classes", "true_classes")
    )
    if predicted.shape != truth.shape or truth.shape[1] != plan.test_images:
        raise StudyError(
            f"the cells answered {predicted.shape[1]} test images, the plan has "
            f"{plan.test_images}: run the flow exchange-rate again"
        )
    right: np.ndarray[Any, np.dtype[np.bool_]] = predicted == truth
    return right
