"""What becomes of a base some of whose real images are replaced by as many of a pool."""

from collections.abc import Iterator

import numpy as np

from varifactory.exchange.drawn import Drawn
from varifactory.exchange.figures import Substitution
from varifactory.exchange.surface import REAL
from varifactory.exchange.yardstick import Yardstick
from varifactory.statistics import Interval, paired_effect


def substitutions(drawn: Drawn, measure: Yardstick) -> Iterator[Substitution]:
    """A line a pool, base and share; told apart from what is added, for it costs more."""
    answers = drawn.answers
    for at, place in enumerate(answers.places):
        if place.way != "substituted":
            continue
        whole = answers.base_at(place.base)
        yield Substitution(
            pool=place.pool,
            base=round(answers.bases[place.base]),
            share=place.multiple,
            effect=paired_effect(answers.right[at], answers.right[whole]),
            worth=_worth(drawn, measure, at),
        )


def _worth(drawn: Drawn, measure: Yardstick, at: int) -> Interval | None:
    """Real images that one of the pool was worth.

    The accuracy is that of so many real images alone, by their curve; those that were kept are
    taken off. None where it lies outside what real images alone were trained on.
    """
    answers = drawn.answers
    if not answers.other[at]:
        return None
    sizes = answers.real[answers.at(pool=REAL, way="real")]
    equal = measure.images(1 - drawn.top1[:, [at]])[:, 0]
    inside = (equal >= sizes.min() - 0.5) & (equal <= sizes.max() + 0.5)
    if not inside[0] or (~inside[1:]).mean() > drawn.tail:
        return None
    kept = np.where(inside, equal, np.where(equal < sizes.min(), sizes.min(), sizes.max()))
    return drawn.interval((kept - answers.real[at]) / answers.other[at])
