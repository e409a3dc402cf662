"""What an exchange rate says, as plain frozen data: the page shows it, JSON and Parquet hold it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from varifactory.statistics import Effect, Interval

Reached = Literal["reached", "at most", "not reached", "beyond", "no gain"]
"""``at most``: one number of synthetic images was tried and gained as much; whether fewer do is not
known. ``beyond``: the number or its interval ends within twice the most synthetic images there
were, but beyond these: flagged. ``no gain``: real images themselves do not surely gain anything, so
that there is nothing to trade."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Synthetic images of a pool that gain as much as so many real ones."""

    pool: str
    base: int
    """Real images to begin with, all classes."""
    gain: float
    """Real images added, as a multiple of the base."""
    points: Interval
    """What these real images gain in top-1, 0 to 1."""
    per_real: Interval | None
    """Synthetic images a real one; None where ``at_most`` alone is known, where not reached, or
    where nothing is gained."""
    state: Reached
    most: float
    """The most synthetic images that were tried, as a multiple of the base."""
    unreached: float
    """Share of bootstrap draws in which the gain was not reached, 0 to 1."""
    at_most: float | None = None
    """Synthetic images that a real one costs at most, where that alone is known."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a fit."""

    name: str
    value: float
    low: float
    high: float
    identified: bool
    """False at a bound: its value then says nothing."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """One form fitted to the answers of a pool."""

    pool: str
    form: Literal["effective data", "paper", "constant"]
    parameters: tuple[Parameter, ...]
    aic: float | None
    left_out: float | None
    """Mean squared error in top-1 of points that were left out, one at a time."""
    refused: str = ""
    """What was not fitted, and why: ``one base size: g needs two``."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy by images added to one base."""

    pool: str
    base: int
    """Images of all classes."""
    points: tuple[tuple[float, Interval], ...]
    """Multiple of the base, top-1 over all seeds."""
    fitted: tuple[tuple[float, float], ...] = ()
    """Multiple of the base, top-1 as fitted; never beyond twice the largest that was measured."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """So many real images of the base replaced by as many of the pool."""

    pool: str
    base: int
    share: float
    effect: Effect
    """Top-1 minus that of the whole base, on the same seeds and test images."""
    worth: Interval | None
    """Real images that one of the pool was worth, by the curve of real images; None where the
    curve does not go so low or so high."""


@dataclass(frozen=True, slots=True)
class Control:
    """A pool whose rate is known beforehand."""

    pool: str
    passed: bool
    sentence: str
    tells: bool = True
    """False where the grid is too small: it then neither passed nor failed."""

    @property
    def failed(self) -> bool:
        return self.tells and not self.passed


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """Everything the page shows."""

    title: str
    verdict: tuple[str, ...]
    """A line a generator, the first one first."""
    seeds: tuple[int, ...]
    test_images: int
    bases: tuple[int, ...]
    """Images of all classes."""
    trainee: str
    curves: tuple[Curve, ...]
    rates: tuple[Rate, ...]
    fits: tuple[Fit, ...]
    ceilings: tuple[Parameter, ...]
    """Of each pool: the most real images it can ever replace, as a multiple of the base."""
    substitutions: tuple[Substitution, ...]
    controls: tuple[Control, ...]
    more_seeds: Mapping[str, int | None]
    """Pool -> further seeds that would halve the interval of its rate at one base; None where no
    number would, for the test images' share alone is wider."""
    confidence: float
    notes: tuple[str, ...] = ()
