"""A version of a data set without the images that lie far from the real ones: left out, not lost.

What is left out stays as a ``rejected`` item with the reason, so that the version says what was
done to it, and every reader of accepted items passes it by.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from varifactory.deriving import Derived, derive
from varifactory.diagnosis.checking import PopulationError, listed, shown
from varifactory.diagnosis.choosing import chosen
from varifactory.diagnosis.halves import kept_of
from varifactory.diagnosis.likeness import realism_of
from varifactory.diagnosis.overlap import chosen_overlaps, pruning
from varifactory.diagnosis.plan import DiagnosisPlan, read_plan
from varifactory.diagnosis.population import Population, population
from varifactory.errors import FactoryError
from varifactory.history.commands import PRUNE
from varifactory.history.versions import check_name, maker
from varifactory.items import LEFT_OUT, item_spec
from varifactory.keys import item_key, spec_of
from varifactory.loading import items_table
from varifactory.metrics import Measure
from varifactory.metrics.vectors import Places
from varifactory.stages import Row
from varifactory.store import Manifest, Store
from varifactory.training.arms import place_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What is kept: one of the two."""

    keep: float | None = None
    """Share of the synthetic images, above 0 and below 1, in the order of ``overlap.pruning``."""
    realism: float | None = None
    """Least realism, above 0; at 1 an image lies inside the real ones of its class."""

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            FactoryError: neither or both are given, or one is out of its range.
        """
        if (self.keep is None) == (self.realism is None):
            raise FactoryError(
                "give either --keep, the share of images that stays, such as 0.5, or "
                "--realism, the least realism of an image that stays, such as 1"
            )
        if self.keep is not None and not 0 < self.keep < 1:
            raise FactoryError(f"--keep {self.keep:g}: give a share above 0 and below 1")
        if self.realism is not None and not 0 < self.realism < float("inf"):
            raise FactoryError(f"--realism {self.realism:g}: give a number above 0")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning ended in."""

    derived: Derived
    plan: DiagnosisPlan
    before: Measure
    """Overlap of all synthetic images with the target."""
    after: Measure
    """Of those that stay when each half of the target chooses, with the other half."""
    kept: dict[str, int]
    """Class -> synthetic images that stay; every class that had some."""
    left_out: dict[str, int]
    """Class -> those that do not."""
    parted: int
    """Edits that stay without their feasible or infeasible partner."""
    notes: tuple[str, ...] = ()
    """On the images that were compared, such as classes that the target has none of."""


def prune(
    store: Store, manifest: Manifest, asked: Asked, name: str, *, actor: str, plan: str = ""
) -> Pruned:
    """Publish a version whose least fitting synthetic images are rejected.

    It rests on the vectors of a diagnosis of the version: nothing is embedded anew.

    Args:
        name: of the data set that the version is of; it may be the same.
        actor: who prunes.
        plan: beginning of the hash of a diagnosis; empty takes the newest.

    Raises:
        PopulationError: the version was never diagnosed, or its images cannot be compared.
        FactoryError: what was asked for cannot be, or leaves nothing or everything.
    """
    asked.check()
    _check_name(store, name, manifest.name)
    known = read_plan(store, manifest, plan)
    items = items_table(store, manifest)
    found = population(store, manifest, known)
    rows = chosen(items, known.settings.reference).synthetic
    reasons = _by_share(found, known, asked.keep) if asked.keep else _by_realism(found, asked)
    if not reasons:
        raise FactoryError(f"nothing is left out of {found.name}: {_all_of(asked)}")
    if len(reasons) == len(rows):
        raise FactoryError(f"nothing would stay of {found.name}: {_all_of(asked)}")
    before, after = _measured(found, known, asked)
    gone = {str(rows[at]["key"]): reason for at, reason in reasons.items()}
    pruned = pruned_items(items.to_pylist(), gone)
    derived = derive(
        store, manifest, pruned, name, flow=PRUNE, actor=actor,
        asked={"keep": asked.keep, "realism": asked.realism, "plan": known.hash12},
        note=f"{found.name} without {len(gone)} of {len(rows)} synthetic images: {_rule(asked)}",
    )  # fmt: skip
    labels = [(str(row["label"]), at in reasons) for at, row in enumerate(rows)]
    classes = sorted({label for label, _ in labels})
    counts = Counter(labels)
    return Pruned(
        derived, known, before, after, {label: counts[label, False] for label in classes},
        {label: counts[label, True] for label in classes}, len(parted(items.to_pylist(), gone)),
        found.notes,
    )  # fmt: skip


def _check_name(store: Store, name: str, of: str) -> None:
    """Refuse the name of a data set of other contents.

    Raises:
        FactoryError: neither that of the version, nor new, nor of an earlier prune; or no name.
    """
    check_name(name)
    if name == of or name not in dict(store.datasets()):
        return
    if (by := maker(store, name)) != PRUNE:
        raise FactoryError(
            f"data set {name!r} was made by {by or 'an unknown flow'!r}, not by a prune: give "
            f"another name with --as, or {of!r} itself"
        )


def _by_share(found: Population, plan: DiagnosisPlan, keep: float) -> dict[int, str]:
    """Row of the synthetic images -> why it is left out."""
    order = pruning(found, plan.settings.neighbours, plan.settings.seed).order
    count = kept_of(len(order), keep)
    towards = f"{plan.target.name}@{plan.target.version}" if plan.target else "the real images"
    return {
        int(row): f"left out by prune: number {place + 1} of {len(order)} in overlap with "
        f"{towards}, of which {count} stay"
        for place, row in enumerate(order)
        if place >= count
    }


def _by_realism(found: Population, asked: Asked) -> dict[int, str]:
    scores, least = realism_of(found), asked.realism or 0.0
    if unknown := sorted({found.synthetic.labels[at] for at in np.flatnonzero(np.isnan(scores))}):
        raise PopulationError(
            f"{found.name} has one real image alone of {listed(map(shown, unknown))}, so that the "
            "realism of its synthetic ones cannot be said: add real images, or prune with --keep"
        )
    return {
        int(at): f"left out by prune: a realism of {scores[at]:.2f} is under {least:g}"
        for at in np.flatnonzero(scores < least)
    }


def _measured(found: Population, plan: DiagnosisPlan, asked: Asked) -> tuple[Measure, Measure]:
    """Overlap before and after, each half of the target measuring what the other left out."""

    def choose(half: Population) -> list[Places]:
        every = np.arange(len(half.synthetic))
        if asked.keep is None:
            return [every, np.flatnonzero(~(realism_of(half) < (asked.realism or 0.0)))]
        order = pruning(half, plan.settings.neighbours, plan.settings.seed)
        return [every, order.kept(asked.keep)]

    before, after = chosen_overlaps(found, choose, plan.settings)
    return before, after


def pruned_items(rows: Sequence[Row], gone: Mapping[str, str]) -> list[Row]:
    """The rows of a version, some of them rejected.

    The partner of an edit that is left out is no longer paired. Rows that change are other items,
    with keys of their own, as an item is named by what it holds.

    Args:
        rows: of the version.
        gone: key -> why it is left out.
    """
    spec, lonely = spec_of("items", item_spec()), parted(rows, gone)
    found = []
    for row in rows:
        change: dict[str, Any] = {}
        if row["key"] in gone:
            change = {"status": "rejected", "reason": gone[row["key"]], "stage": LEFT_OUT,
                      "paired": False}  # fmt: skip
        elif row["key"] in lonely:
            change = {"paired": False}
        key = item_key(spec, of=row["key"], **change) if change else row["key"]
        found.append({**row, **change, "key": key})
    return found


def parted(rows: Sequence[Row], gone: Mapping[str, str]) -> set[str]:
    """Keys of the paired edits that stay while their partner goes."""
    places = {place_of(row) for row in rows if row["key"] in gone and row["paired"]}
    return {str(row["key"]) for row in rows
            if row["paired"] and row["key"] not in gone and place_of(row) in places}  # fmt: skip


def _rule(asked: Asked) -> str:
    if asked.realism is not None:
        return f"a realism under {asked.realism:g}"
    return f"{asked.keep:g} of them stay, by their overlap with the target"


def _all_of(asked: Asked) -> str:
    if asked.realism is None:
        return f"--keep {asked.keep:g} of so few images keeps all; take a smaller share"
    return f"no image, or every one, has a realism under {asked.realism:g}; take another threshold"
