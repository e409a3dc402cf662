"""What the compared arms change class by class, with the share of false discoveries held down."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics import false_discovery, paired_effect
from varifactory.study.comparisons import Measured
from varifactory.study.figures import ClassChange, Comparison


def class_changes(
    found: Sequence[Measured],
    judged: Sequence[Comparison],
    truth: Mapping[str, NDArray[np.str_]],
    confidence: float,
) -> tuple[ClassChange, ...]:
    """The changes of the primary comparisons, each class's against the others of its comparison."""
    changes: list[ClassChange] = []
    for one, comparison in zip(found, judged, strict=True):
        if comparison.primary:
            changes += _changes(one, truth[one.asked.stratum.dataset], confidence)
    return tuple(changes)


def _changes(one: Measured, truth: NDArray[np.str_], confidence: float) -> list[ClassChange]:
    names = np.unique(truth)
    effects = []
    for name in names:
        arm, other = (hits[..., truth == name] for hits in one.pair.hits)
        effects.append(paired_effect(arm, other))
    adjusted = false_discovery([effect.p_value for effect in effects])
    return [
        ClassChange(
            stratum=one.asked.stratum,
            arm=one.asked.first.arm,
            other=one.asked.second.arm,
            class_name=str(name),
            images=effect.images,
            interval=effect.interval(confidence),
            p_value=effect.p_value,
            p_false_discovery=float(p),
        )
        for name, effect, p in zip(names, effects, adjusted, strict=True)
    ]
