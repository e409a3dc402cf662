"""Arms: which real images and edits a training mixture holds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.stages import Row


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
mere repetition of the real images in the synthetic half gives."""


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
) -> Mixture:
    """The training images of an arm; equally many edits in every arm that has any.

    Args:
        arm: one of ``ARMS``.
        sources: rows of the sources table or source items of a data set; those of ``train`` count.
        items: of a data set; its accepted edits of training sources count.
        seed: the training seed; it decides which half of a mixed arm is feasible.
        editor: whose edits count; empty takes all.
        paired_only: take an edit only with its feasible or infeasible partner, so that the arms
            differ in nothing else; otherwise the larger pool is cut to the smaller one's size.

    Raises:
        TrainingError: the arm needs edits and there are none.
    """
    kind = ARMS[arm]
    real = held_out(sources, "train") if kind.real else []
    if not kind.needs_edits:
        return Mixture(tuple(real), tuple(real) if kind.synthetic == "copies" else ())
    edits = [
        row
        for row in items
        if _usable(row, "edit")
        and row.get("split", "train") == "train"
        and editor in ("", row["editor"])
    ]
    pairs = _pairs(edits) if paired_only else _matched(edits, seed)
    if not pairs:
        raise TrainingError(
            f"arm {arm!r} needs edits, but none of the {len(edits)} accepted ones of training "
            "images has its feasible or infeasible partner: loosen masks.gate, edits.gate or "
            "verdicts, raise edits.per_source, or take training.arms without edits"
        )
    return Mixture(tuple(real), tuple(_sides(kind.synthetic, pairs, seed)))


def _usable(row: Row, kind: str) -> bool:
    return bool(row.get("status", "ok") == "ok" and row.get("kind", kind) == kind)


Pair = dict[str, Row]
"""Feasibility -> edit."""


def _pairs(edits: Iterable[Row]) -> list[Pair]:
    found: dict[tuple[Any, ...], Pair] = defaultdict(dict)
    for row in edits:
        if row["paired"]:
            place = (row["label"], row["source_key"], row["attribute"], row["index"],
                     row["editor"], row["attempt"])  # fmt: skip
            found[place][row["feasibility"]] = row
    return [pair for _, pair in sorted(found.items()) if len(pair) == 2]


def _matched(edits: Sequence[Row], seed: int) -> list[Pair]:
    pools = {}
    for side in ("feasible", "infeasible"):
        pool = sorted((row for row in edits if row["feasibility"] == side), key=_content)
        order = np.random.default_rng(keys.seed_from(seed, "matched")).permutation(len(pool))
        pools[side] = [pool[at] for at in order]
    both = zip(pools["feasible"], pools["infeasible"], strict=False)
    return [{"feasible": one, "infeasible": other} for one, other in both]


def _content(row: Row) -> tuple[str, str]:
    return row["label"], row["pixel_sha256"]


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
