"""Arms: which real images and edits a training mixture holds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from varifactory import keys
from varifactory.catalog.taxonomy import FEASIBILITIES, UNCHANGED
from varifactory.errors import TrainingError
from varifactory.recipe.study import EVERY
from varifactory.stages import Row
from varifactory.training.first_attempts import first_attempts


@dataclass(frozen=True, slots=True)
class Arm:
    """What one training mixture holds."""

    real: bool
    synthetic: Literal["", "copies", "feasible", "infeasible", "mixed", "unfiltered", "unchanged"]
    augmentation: str = ""
    """In place of the recipe's."""
    trained: bool = True

    @property
    def needs_edits(self) -> bool:
        return self.synthetic not in ("", "copies")


ARMS: Mapping[str, Arm] = {
    "zero-shot": Arm(real=False, synthetic="", trained=False),
    "real": Arm(real=True, synthetic=""),
    "real-standard": Arm(real=True, synthetic="", augmentation="standard"),
    "copy-real": Arm(real=True, synthetic="copies"),
    "feasible": Arm(real=False, synthetic="feasible"),
    "infeasible": Arm(real=False, synthetic="infeasible"),
    "mixed": Arm(real=False, synthetic="mixed"),
    "unfiltered": Arm(real=False, synthetic="unfiltered"),
    "unchanged": Arm(real=False, synthetic="unchanged"),
    "real+feasible": Arm(real=True, synthetic="feasible"),
    "real+infeasible": Arm(real=True, synthetic="infeasible"),
    "real+mixed": Arm(real=True, synthetic="mixed"),
    "real+unfiltered": Arm(real=True, synthetic="unfiltered"),
    "real+unchanged": Arm(real=True, synthetic="unchanged"),
}
"""``real-standard`` and ``copy-real`` are controls: what ordinary augmentation gives, and what
mere repetition of the real images in the synthetic half gives. ``unchanged`` shows what editing
alone does, ``unfiltered`` what the judge is good for."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rows of the images an arm trains on, in an order that follows from their content."""

    real: tuple[Row, ...] = ()
    edits: tuple[Row, ...] = ()


def held_out(sources: Iterable[Row], split: str) -> list[Row]:
    """The usable source images of a split, in an order that follows from their content."""
    found = [row for row in sources if _usable(row, "source") and row["split"] == split]
    return sorted(found, key=lambda row: (row["label"], row["pixel_sha256"], source_key(row)))


def source_key(row: Row) -> str:
    """Key of the source image: its own in the sources table, a column in a data set's items."""
    return str(row.get("source_key") or row["key"])


def mixture(
    arm: str,
    sources: Iterable[Row],
    items: Iterable[Row],
    seed: int,
    *,
    editor: str = "",
    paired_only: bool = True,
    attribute: str = EVERY,
    per_source: int = 0,
) -> Mixture:
    """The training images of an arm.

    Arms that differ in nothing else hold equally many edits in one order: the n-th edits of two of
    them change the same attribute of the same image with the same noise. ``unfiltered`` keeps to
    the places of the pairs where its lot fell on them, and everywhere to their classes.
    ``unchanged`` lacks the places whose unchanged edit could not be made (``train_edits`` tells).

    Args:
        arm: one of ``ARMS``.
        sources: rows of the sources table or source items of a data set; those of ``train`` count.
        items: of a data set; edits of its training sources count.
        seed: the training seed; it decides which half of a mixed arm is feasible, and which first
            attempts an unfiltered one holds.
        editor: whose edits count; empty takes all.
        paired_only: take an edit only with its feasible or infeasible partner, so that the arms
            differ in nothing else; otherwise the larger pool is cut to the smaller one's size.
        attribute: whose edits count; ``all`` takes all.
        per_source: so many pairs of a source, attribute and editor at most, those with the
            smallest indexes: what a larger number takes holds what a smaller one does. 0 takes all.

    Raises:
        TrainingError: the arm needs edits and there are none of that kind, or nowhere as many.
    """
    kind = ARMS[arm]
    real = held_out(sources, "train") if kind.real else []
    if not kind.needs_edits:
        return Mixture(tuple(real), tuple(real) if kind.synthetic == "copies" else ())
    made = _edits(arm, items, editor, attribute)
    accepted = [row for row in made if _usable(row, "edit")]
    pairs = _pairs(accepted) if paired_only else _matched(accepted, seed)
    if not pairs:
        raise TrainingError(
            f"arm {arm!r} needs edits, but none of the {len(accepted)} accepted ones of training "
            "images has its feasible or infeasible partner: loosen masks.gate, edits.gate or "
            "verdicts, raise edits.per_source, or take training.arms without edits"
        )
    pairs = _first(pairs, per_source, attribute)
    return Mixture(tuple(real), tuple(_synthetic(arm, pairs, made, seed, per_source)))


def _usable(row: Row, kind: str) -> bool:
    return bool(row.get("status", "ok") == "ok" and row.get("kind", kind) == kind)


def _edits(arm: str, items: Iterable[Row], editor: str, attribute: str) -> list[Row]:
    """Every edit of training sources that was asked for, whatever became of it."""
    made = [
        row
        for row in items
        if row.get("kind", "edit") == "edit"
        and row.get("split", "train") == "train"
        and editor in ("", row["editor"])
    ]
    chosen = [row for row in made if attribute in (EVERY, row["attribute"])]
    if made and not chosen:
        known = ", ".join(sorted({str(row["attribute"]) for row in made}))
        raise TrainingError(
            f"arm {arm!r} is to train on edits of attribute {attribute!r}, but the data set's "
            f"edits change {known}: name one of these, or all, in study.attributes, or add "
            f"{attribute!r} to prompts.attributes"
        )
    return chosen


Pair = dict[str, Row]
"""Feasibility -> edit."""


def _pairs(edits: Iterable[Row]) -> list[Pair]:
    found: dict[tuple[Any, ...], Pair] = defaultdict(dict)
    for row in edits:
        if row["paired"]:
            found[place_of(row)][row["feasibility"]] = row
    return [pair for _, pair in sorted(found.items()) if len(pair) == 2]


def place_of(row: Row) -> tuple[Any, ...]:
    """What the edits of one pair share, and the unchanged edit beside them."""
    return (row["label"], row["source_key"], row["attribute"], row["index"], row["editor"],
            row["attempt"])  # fmt: skip


def _matched(edits: Sequence[Row], seed: int) -> list[Pair]:
    pools = {}
    for side in FEASIBILITIES:
        pool = sorted((row for row in edits if row["feasibility"] == side), key=_content)
        order = np.random.default_rng(keys.seed_from(seed, "matched")).permutation(len(pool))
        pools[side] = [pool[at] for at in order]
    both = zip(pools["feasible"], pools["infeasible"], strict=False)
    return [{"feasible": one, "infeasible": other} for one, other in both]


def _content(row: Row) -> tuple[str, str]:
    return row["label"], row["pixel_sha256"]


def _first(pairs: list[Pair], per_source: int, attribute: str) -> list[Pair]:
    """The first pairs of every source, attribute and editor; their order stays."""
    if per_source == 0:
        return pairs
    indexes: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for pair in pairs:
        indexes[_origin(pair["feasible"])].append(pair["feasible"]["index"])
    most = max(map(len, indexes.values()))
    if most < per_source:
        of = "" if attribute == EVERY else f" of attribute {attribute!r}"
        raise TrainingError(
            f"study.per_source asks for {per_source} pairs of edits a source image and attribute, "
            f"but no image has more than {most} complete ones{of}: take at most {most}, or raise "
            "edits.per_source or edits.attempts"
        )
    kept = {origin: set(sorted(each)[:per_source]) for origin, each in indexes.items()}
    return [pair for pair in pairs
            if pair["feasible"]["index"] in kept[_origin(pair["feasible"])]]  # fmt: skip


def _origin(row: Row) -> tuple[str, str, str]:
    return row["source_key"], row["attribute"], row["editor"]


def _synthetic(
    arm: str, pairs: Sequence[Pair], made: Sequence[Row], seed: int, per_source: int
) -> Iterable[Row]:
    wanted = ARMS[arm].synthetic
    if wanted == "unfiltered":
        return first_attempts(arm, [pair["feasible"] for pair in pairs], made, seed, per_source)
    if wanted == UNCHANGED:
        return _unchanged(arm, pairs, made)
    return _sides(wanted, pairs, seed)


def _unchanged(arm: str, pairs: Sequence[Pair], made: Sequence[Row]) -> list[Row]:
    """The unchanged edits of the pairs' places, as far as there are any."""
    at = {
        place_of(row): row
        for row in made
        if row["feasibility"] == UNCHANGED and _usable(row, "edit")
    }
    found = [at[place] for pair in pairs if (place := place_of(pair["feasible"])) in at]
    bare = {pair["feasible"]["label"] for pair in pairs} - {row["label"] for row in found}
    if bare:
        raise TrainingError(
            f"arm {arm!r} needs the unchanged edits of every class, but "
            f"{', '.join(map(repr, sorted(bare)))} {'has' if len(bare) == 1 else 'have'} none: set "
            "edits.unchanged=true and make the data set anew (its other edits are kept); where it "
            "is set, the gallery tells why they were skipped"
        )
    return found


def _sides(wanted: str, pairs: Sequence[Pair], seed: int) -> Iterator[Row]:
    """One side of every pair; for ``mixed`` every other pair of a shuffle within its class."""
    if wanted != "mixed":
        yield from (pair[wanted] for pair in pairs)
        return
    shuffle = np.random.default_rng(keys.seed_from(seed, "mixed")).permutation(len(pairs))
    by_class = sorted(range(len(pairs)), key=lambda at: (pairs[at]["feasible"]["label"],
                                                         shuffle[at]))  # fmt: skip
    feasible = set(by_class[::2])
    for at, pair in enumerate(pairs):
        yield pair["feasible" if at in feasible else "infeasible"]
