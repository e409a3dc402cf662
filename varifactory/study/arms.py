"""Each arm of a study on its own: how often it is right, where it is worst, how sure it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics import Hits, accuracy, macro_accuracy, worst_classes
from varifactory.study.figures import Arm
from varifactory.study.predictions import Answers, curve_of
from varifactory.study.questions import Cells, Place, rank, shared
from varifactory.training.arms import ARMS

ByClass = dict[str, tuple[int, int]]
TOLD_ONCE = {
    "train_real": "its cells were trained on {few} to {many} real images",
    "train_edits": "its cells were trained on {few} to {many} edits",
    "steps": "its cells were trained {few} to {many} steps",
}
"""Columns of a cell's row of which an arm's row shows the largest value, and what is said then."""


def arms(
    cells: Cells,
    truth: Mapping[str, NDArray[np.str_]],
    order: Mapping[str, Sequence[Any]],
    confidence: float,
) -> tuple[Arm, ...]:
    """Every arm in every stratum, in the order of the recipe."""
    known = list(ARMS)
    places = sorted(cells, key=lambda one: (rank(one.stratum, order), known.index(one.arm)))
    return tuple(_arm(cells, place, truth[place.stratum.dataset], confidence) for place in places)


def _arm(cells: Cells, place: Place, truth: NDArray[np.str_], confidence: float) -> Arm:
    alone, kind = shared(cells, [place]), ARMS[place.arm]
    assert alone is not None  # a place holds at least one cell
    (hits,), seeds = alone.hits, alone.seeds
    counted = [cells[place][both] for both in seeds]
    by_class = class_counts(hits, truth)
    worst, names = worst_classes(by_class)
    errors = [one.calibration_error for one in counted if one.calibration_error is not None]
    validated = [one.training["validation_top1"] for one in counted
                 if one.training["validation_top1"] is not None]  # fmt: skip
    return Arm(
        stratum=place.stratum,
        arm=place.arm,
        generation_seeds=tuple(sorted({one for one, _ in seeds})) if kind.needs_edits else (),
        seeds=tuple(sorted({one for _, one in seeds})),
        top1=accuracy(hits, confidence),
        macro_top1=macro_accuracy(by_class),
        worst_top1=worst,
        worst_classes=tuple(names),
        calibration_error=float(np.mean(errors)) if errors else None,
        by_class=by_class,
        train_real=_largest(counted, "train_real"),
        train_edits=_largest(counted, "train_edits"),
        steps=_largest(counted, "steps"),
        chosen_steps=tuple(int(one.training["chosen_step"]) for one in counted
                           if one.training["chosen_step"] is not None),
        validation_top1=float(np.mean(validated)) if validated else None,
        curves=tuple(curve for one in counted if (curve := curve_of(one.training))),
    )  # fmt: skip


def arm_remarks(cells: Cells) -> Iterator[str]:
    """Cells that an arm's own row does not count, and rows that show one number for several."""
    for place in sorted(cells, key=lambda one: (one.stratum, one.arm)):
        alone = shared(cells, [place])
        assert alone is not None  # as above
        if alone.left_out:
            yield (
                f"{place.arm}: {alone.left_out} cells do not count into the arm's own accuracy, "
                f"for not every generation seed has all training seeds; {len(alone.seeds)} do."
            )
        for column, said in TOLD_ONCE.items():
            values = {cells[place][both].training[column] for both in alone.seeds} - {None}
            if len(values) > 1:
                few, many = f"{min(values):,}", f"{max(values):,}"
                yield f"{place.arm}: {said.format(few=few, many=many)}; its row shows the most."


def class_counts(hits: Hits, truth: NDArray[np.str_]) -> ByClass:
    """Class name -> right answers and answers, over all seeds."""
    names, places = np.unique(truth, return_inverse=True)
    cells = int(np.prod(hits.shape[:-1]))
    right = np.bincount(places, weights=hits.reshape(cells, -1).sum(axis=0))
    total = np.bincount(places) * cells
    return {
        str(name): (round(one), int(of)) for name, one, of in zip(names, right, total, strict=True)
    }


def _largest(answers: Sequence[Answers], column: str) -> int | None:
    """The value that all seeds share; the largest where they differ."""
    return max((one.training[column] for one in answers if one.training[column] is not None),
               default=None)  # fmt: skip
