"""Measures of a group: what each is of, and what stands beside it."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from varifactory.diagnosis.chance import share_of
from varifactory.diagnosis.examining import Asked, Examined
from varifactory.embeddings import Vectors
from varifactory.metrics import Measure, manifold, measured_together
from varifactory.metrics.vectors import Flags, Numbers, Places
from varifactory.statistics import proportion

Metrics = Callable[[NDArray[Any], NDArray[Any], Places], Sequence[float]]
"""Real vectors, synthetic ones and the place of their sources, or -1 -> numbers."""
NEIGHBOURS = ("precision", "recall", "density", "coverage")
SHARES = ("precision", "recall", "coverage", "posterior", "entropy", "clip_auc")
"""Measures from 0 to 1."""


def share(name: str, one: Examined, made: Flags, real: Flags | None = None) -> Measure:
    """A share of the synthetic images, beside that of the class's real ones."""
    side = one.side
    if len(side.at) < one.asked.settings.least:
        return too_few(name, one, alone=True)
    beside = float(real.mean()) if real is not None and len(real) else None
    interval = share_of(made, one.kin, one.asked.confidence)
    return Measure(name, interval, len(side.at), len(side.real_at), beside)


def shown_share(name: str, one: Examined, given: Places, beside: Places) -> Measure:
    """A share of the class's real images that get their class, beside that of another judge."""
    side = one.side
    if not one.enough:
        return too_few(name, one)
    if (given < 0).any():
        why = "the other classes have too few synthetic images to learn from"
        return Measure(name, None, len(side.at), len(side.real_at), None, why)
    right = given == side.number
    interval = proportion(int(right.sum()), len(right), one.asked.confidence)
    reference = None if (beside < 0).any() else float((beside == side.number).mean())
    return Measure(name, interval, len(side.at), len(side.real_at), reference)


def mean(name: str, one: Examined, made: Numbers, real: Numbers) -> Measure:
    """The mean of a number an image has, beside that of real images."""
    return by_image(name, one, made, real, lambda some: float(some.mean()))


def by_image(
    name: str,
    one: Examined,
    made: NDArray[Any],
    real: NDArray[Any],
    number: Callable[[NDArray[Any]], float],
) -> Measure:
    """A number of what was found of each image, beside that of real images."""

    def found(_: NDArray[Any], some: NDArray[Any], __: Places) -> tuple[float]:
        return (number(some[:, 0]),)

    side, both = one.side, (made[:, None], real[:, None])
    return several((name,), found, one.asked, *both, side.own, side.sources, alone=True)[0]


def alone(
    names: Sequence[str], one: Examined, numbers: Callable[[Vectors], Sequence[float]]
) -> tuple[Measure, ...]:
    """Metrics that look at one set, beside those of real images."""

    def found(_: Vectors, some: Vectors, __: Places) -> Sequence[float]:
        return numbers(some)

    return several(names, found, one.asked, *_both(one), alone=True)


def of_manifold(one: Examined, most: int = 1_000_000) -> tuple[Measure, ...]:
    """Precision, recall, density and coverage; at most so many resamples."""
    return several(NEIGHBOURS, neighbours(one.asked), one.asked, *_both(one), most=most)


def _both(one: Examined) -> tuple[Vectors, Vectors, Places, Places]:
    side = one.side
    return side.made, side.real, side.own, side.sources


def neighbours(asked: Asked) -> Metrics:
    """What ``NEIGHBOURS`` names."""

    def found(real: Vectors, made: Vectors, own: Places) -> tuple[float, ...]:
        both = manifold(real, made, asked.settings.neighbours, own)
        parts = (both.inside, both.recalled, both.density, both.covered)
        return tuple(float(part.mean()) for part in parts)

    return found


def several(
    names: Sequence[str],
    metrics: Metrics,
    asked: Asked,
    made: NDArray[Any],
    real: NDArray[Any],
    own: Places,
    sources: Places,
    *,
    alone: bool = False,
    most: int = 1_000_000,
) -> tuple[Measure, ...]:
    """Measures of one computation, as the settings have them; at most so many resamples.

    Args:
        own: place in ``real`` of each synthetic image's source, or -1.
        sources: a number each, the same for images of one source; -1 of none. Intervals are of
            whole ones.
    """
    settings = asked.settings
    return measured_together(
        names, metrics, made, real, own=own, sources=sources, alone=alone, shares=SHARES,
        least=settings.least, confidence=asked.confidence,
        resamples=min(most, settings.resamples), seed=settings.seed,
    )  # fmt: skip


def too_few(name: str, one: Examined, *, alone: bool = False) -> Measure:
    """What stands in the place of a measure of too few images.

    Args:
        alone: of one that needs synthetic images only.
    """
    side, least = one.side, one.asked.settings.least
    count, least = (len(side.at), least) if alone else (side.fewest, one.needed)
    why = f"n too small: {count} images, at least {least}"
    return Measure(name, None, len(side.at), len(side.real_at), None, why)
