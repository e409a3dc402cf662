"""What missing items will take: seconds, bytes and dollars, each with a range.

Rows say how long they took, so a store knows its own pace; blobs of a few rows are measured. Where
there is no row of a stage yet, ``guesses.yaml`` is taken, and the range is wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from varifactory import records
from varifactory.history.deviations import PROCESSORS
from varifactory.models.provider.estimate import Estimate, dollars
from varifactory.quantities import duration, size
from varifactory.recipe import Recipe
from varifactory.store import Store, names
from varifactory.store.rows import blob_columns

SAMPLED = 6
"""Blobs of a stage whose sizes are asked for: each is a request."""
OWN_BLOBS = {
    "sources": ("image_blob", "truth_mask_blob"), "masks": ("mask_blob",),
    "adapters": ("adapter_blob",), "edits": ("image_blob",), "training": ("adapter_blob",),
}  # fmt: skip
"""Stage -> the blobs that it makes; its other columns name what it was given."""


@cache
def guesses() -> Mapping[str, Any]:
    """The figures of ``guesses.yaml``."""
    text = resources.files("varifactory").joinpath("runs/guesses.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


@dataclass(frozen=True, slots=True)
class Range:
    """A figure between what is sure and what may be."""

    low: float = 0.0
    about: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.about + other.about, self.high + other.high)

    def times(self, factor: float) -> "Range":
        """Each of the three, times a factor."""
        return Range(self.low * factor, self.about * factor, self.high * factor)

    def spread(self, factors: Sequence[float]) -> "Range":
        """As wide as these factors of its ends make it."""
        return Range(self.low * factors[0], self.about, self.high * factors[1])

    def told(self, digits: int = 1) -> dict[str, float]:
        """For programs."""
        return {name: round(getattr(self, name), digits) for name in ("low", "about", "high")}


@dataclass(frozen=True, slots=True)
class Pace:
    """What an item of a stage takes."""

    seconds: float
    bytes: float
    usd: float | None
    """Paid to a provider; None where no row says."""
    on_card: bool
    known: str
    """``same``, ``other`` or ``guess``: how much it is like what is to be made."""


def pace(
    stage: str, recipe: Recipe, table: pa.Table | None, store: Store, *, same: bool, on_card: bool
) -> Pace:
    """The pace of a stage, from rows of it or by a guess.

    Args:
        stage: whose items.
        recipe: of the plan.
        table: rows of the stage, of one spec; None or empty where there are none.
        store: where their blobs lie.
        same: whether they are of the very spec that is planned.
        on_card: whether the stage will run on a card.
    """
    rows = _timed(table, on_card) if table is not None and len(table) else None
    if rows is None or not len(rows):
        return _guess(stage, recipe, on_card)
    usd = None
    if "cost_usd" in rows.column_names and rows["cost_usd"].null_count < len(rows):
        usd = float(pc.mean(pc.cast(rows["cost_usd"], pa.float64())).as_py())
    return Pace(
        float(pc.mean(pc.cast(rows["seconds"], pa.float64())).as_py()),
        _mean_bytes(stage, rows, store) + guesses()["bytes"][stage] * (stage not in OWN_BLOBS),
        usd,
        on_card,
        "same" if same else "other",
    )


def _timed(table: pa.Table, on_card: bool) -> pa.Table | None:
    """Rows that were made, with their time, on the kind of device that the plan names."""
    done = pc.is_in(table["status"], value_set=pa.array(records.DONE))
    rows = table.filter(pc.and_(done, pc.fill_null(pc.greater(table["seconds"], 0), False)))
    devices = pc.utf8_lower(pc.fill_null(rows["device"], "cpu"))
    here = pc.is_in(devices, value_set=pa.array(PROCESSORS))
    return rows.filter(pc.invert(here) if on_card else here)


def _guess(stage: str, recipe: Recipe, on_card: bool) -> Pace:
    known = guesses()
    pixels = recipe.sources.size**2
    kept = known["bytes"][stage] + known["pixel_bytes"].get(stage, 0) * pixels
    seconds = known["seconds"]["card" if on_card else "cpu"][stage]
    return Pace(float(seconds), float(kept), None, on_card, "guess")


def _mean_bytes(stage: str, rows: pa.Table, store: Store) -> float:
    """Mean size of what the stage keeps an item, of a few rows spread over all."""
    step = max(1, len(rows) // SAMPLED)
    few = rows.take(list(range(0, len(rows), step))[:SAMPLED])
    kept = [name for name in OWN_BLOBS.get(stage, ()) if name in blob_columns(few)]
    sizes = [
        store.backend.size(names.blob(*names.split_blob(blob))) or 0
        for name in kept
        for blob in few[name].to_pylist()
        if blob
    ]
    return sum(sizes) / max(1, len(few))


@dataclass(frozen=True, slots=True)
class Cost:
    """What the missing items of one stage will take."""

    seconds: Range
    """Of one worker."""
    bytes: Range
    usd: Range
    """Of providers and machines; storage apart."""
    known: str
    unpriced: bool
    """Something is paid whose price nobody named."""


def cost(count: Range, each: Pace, recipe: Recipe, asked: Sequence[Estimate], items: int) -> Cost:
    """What so many items take.

    Args:
        count: how many are missing.
        each: what one takes.
        recipe: its ``prices``.
        asked: what providers ask for all items of the stage.
        items: how many these are.
    """
    factors = guesses()["spread"][each.known]
    seconds = count.times(each.seconds).spread(factors)
    hour = recipe.prices.gpu_hour if each.on_card else recipe.prices.cpu_hour
    provider, unpriced = _provider(count, each, asked, items)
    return Cost(
        seconds,
        count.times(each.bytes).spread(factors),
        seconds.times(hour / 3600) + provider,
        each.known,
        unpriced or (each.on_card and not hour and count.high > 0),
    )


def _provider(
    count: Range, each: Pace, asked: Sequence[Estimate], items: int
) -> tuple[Range, bool]:
    if each.usd is not None:
        return count.times(each.usd).spread(guesses()["spread"][each.known]), False
    whole, unpriced = Range(), False
    for one in asked:
        if one.expected_usd is None or one.most_usd is None:
            unpriced = unpriced or count.high > 0
            continue
        share = 1 / max(1, items)
        whole += Range(count.low * share * one.expected_usd, count.about * share * one.expected_usd,
                       count.high * share * max(one.expected_usd, one.most_usd))  # fmt: skip
    return whole, unpriced


def words(seconds: Range, kept: Range, usd: Range, *, workers: int, unpriced: bool) -> str:
    """One line: how long, how much, what for."""

    def between(low: str, about: str, high: str) -> str:
        return about if low == high else f"{about} ({low} to {high})"

    wall = seconds.times(1 / max(1, workers))
    time = between(duration(wall.low), duration(wall.about), duration(wall.high))
    room = between(size(kept.low), size(kept.about), size(kept.high))
    money = between(dollars(usd.low), dollars(usd.about), dollars(usd.high))
    told = f"about {time}, {room}, {money}"
    return told + (", and what the recipe has no price for (prices)" if unpriced else "")
