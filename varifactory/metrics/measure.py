"""One figure of a set of vectors, with all that says how far it can be believed."""

from dataclasses import dataclass

from varifactory.statistics import Interval


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured, or why it was not."""

    name: str
    value: Interval | None
    """None where it was not measured; ``why`` says so."""
    n: int
    """Synthetic images it rests on, after the larger side was drawn down to the smaller one."""
    n_real: int
    """Real images of the reference."""
    reference: float | None = None
    """The same measure of real images against other real images, or of real images alone, at the
    same number: what a set without faults would have. None where there are too few to split."""
    why: str = ""
    """``n too small: 12 images, at least 20``; empty where it was measured."""
