"""A paired difference with its standard error and freedom, and what follows from them."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["equivalent", "different", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Accuracy of one arm minus that of another, on the same seeds and test images."""

    estimate: float
    error: float
    """Standard error."""
    freedom: float
    """Degrees of freedom of the error, by Satterthwaite; infinite with one seed."""
    covers: str
    """What another draw of would move the estimate."""
    generation_seeds: int
    seeds: int
    images: int
    between_generations: float = 0.0
    """Variance components of the difference of one cell pair and image: of generation seeds, ..."""
    between_seeds: float = 0.0
    between_images: float = 0.0
    residual: float = 0.0
