"""Which edits people are asked about: a sample of every kind, each with its known chance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from pydantic import BaseModel, ConfigDict

from varifactory import keys, records
from varifactory.errors import FactoryError
from varifactory.items import LEFT_OUT, is_unchanged, surplus

LEAST = 2
"""Edits drawn of every stratum that has as many, where there is room: one tells no spread."""
DIGITS = 12
"""Of a sample's id: enough to tell the samples of one data set version apart."""

Row = Mapping[str, Any]


class CalibrationError(FactoryError):
    """A sample that cannot be drawn, or a sheet that cannot be read."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn(_Kept):
    """One edit of the sample; people are shown neither its stratum nor its chance."""

    key: str
    stratum: int
    """Place in the sample's strata."""


class Kind(_Kept):
    """A stratum: edits of one attribute and feasibility that the filter treated alike."""

    attribute: str
    feasibility: str
    accepted: bool
    size: int
    """Edits of it in the data set."""
    drawn: int

    @property
    def chance(self) -> float:
        """Inclusion probability of each of its edits."""
        return self.drawn / self.size


class Sample(_Kept):
    """What was drawn of a data set version, in the order in which people see it."""

    id: str
    dataset: str
    version: int
    dataset_hash: str
    seed: int
    feasibility_counts: bool
    """Whether the filter refused edits that are not as feasible as was asked for."""
    asked_for: int
    """Edits of the version, made and judged or not."""
    kinds: tuple[Kind, ...]
    drawn: tuple[Drawn, ...]

    @property
    def name(self) -> str:
        """As every line of a sheet says it."""
        return f"{self.dataset}@{self.version}/{self.id}"


def judged_edits(rows: Sequence[Row]) -> list[Row]:
    """The edits that a judge decided on, with their pictures; others nobody can be asked about.

    Those that were accepted and left out are among them: without them a filter would seem to have
    refused a larger share than it did. Unchanged ones, which no judge was asked of, are not.
    """
    return [
        row
        for row in rows
        if row["kind"] == "edit"
        and not is_unchanged(row)
        and (row["status"] in records.DONE or surplus(row))
        and row.get("stage") != "edits"
        and row["image_blob"]
        and row["source_blob"]
    ]


def accepted(row: Row) -> bool:
    """What the filter said: an edit that was taken although it was refused counts as refused, one
    that was accepted and left out (``edits.exact``) as accepted."""
    kept_or_spare = surplus(row) or row["status"] == "ok" or row.get("stage") == LEFT_OUT
    return kept_or_spare and not row["forced"]


def draw(
    rows: Sequence[Row],
    *,
    dataset: str,
    version: int,
    dataset_hash: str,
    recipe: Mapping[str, Any],
    n: int,
    seed: int,
) -> Sample:
    """``n`` edits of a data set version, some of every attribute, feasibility and decision.

    Edits are taken in an order that follows from the seed and their keys: a larger sample of the
    same seed holds the smaller one. All are taken where there are fewer than ``n``.

    Raises:
        CalibrationError: nothing was judged, or ``n`` is below the number of strata.
    """
    strata: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for row in judged_edits(rows):
        strata[row["attribute"], row["feasibility"], accepted(row)].append(row["key"])
    if not strata:
        raise CalibrationError(
            f"data set {dataset!r} version {version} has no edit that a judge decided on: there is "
            "nothing to check. Make one with edits and a judge"
        )
    names = sorted(strata)
    counts = allocate([len(strata[name]) for name in names], n)
    kinds = tuple(
        Kind(attribute=a, feasibility=f, accepted=good, size=len(strata[a, f, good]), drawn=count)
        for (a, f, good), count in zip(names, counts, strict=True)
    )
    chosen = [
        Drawn(key=key, stratum=at)
        for at, (name, count) in enumerate(zip(names, counts, strict=True))
        for key in _in_order(strata[name], f"drawn/{seed}")[:count]
    ]
    place = {key: at for at, key in enumerate(_in_order([o.key for o in chosen], f"shown/{seed}"))}
    return Sample(
        id=keys.digest([dataset_hash, n, seed])[:DIGITS],
        dataset=dataset,
        version=version,
        dataset_hash=dataset_hash,
        seed=seed,
        feasibility_counts=(recipe.get("verdicts") or {}).get("feasibility") == "required",
        asked_for=sum(row["kind"] == "edit" and not is_unchanged(row) for row in rows),
        kinds=kinds,
        drawn=tuple(sorted(chosen, key=lambda one: place[one.key])),
    )


def _in_order(found: Sequence[str], salt: str) -> list[str]:
    return sorted(found, key=lambda key: (keys.share(key, salt), key))


def allocate(sizes: Sequence[int], n: int) -> list[int]:
    """How many of each stratum: in proportion to the root of its size, a few at least.

    Between equal parts, which show rare strata best, and proportional ones, which show the whole
    best (power allocation: Bankier, 1988).

    Raises:
        CalibrationError: ``n`` is below the number of strata: some would never be seen.
    """
    if n < len(sizes):
        raise CalibrationError(
            f"--n {n} is too few: the edits fall into {len(sizes)} groups of attribute, "
            f"feasibility and decision, and every group must be seen; give at least {len(sizes)}, "
            f"better {10 * len(sizes)}"
        )
    if n >= sum(sizes):
        return list(sizes)
    taken = [min(LEAST, size) for size in sizes]
    if sum(taken) > n:
        taken = [1] * len(sizes)
    for _ in range(n - sum(taken)):
        # One at a time to whoever has the fewest for the root of its size (Sainte-Laguë's rule).
        free = [at for at, size in enumerate(sizes) if taken[at] < size]
        most = max(free, key=lambda at: (sqrt(sizes[at]) / (2 * taken[at] + 1), -at))
        taken[most] += 1
    return taken
