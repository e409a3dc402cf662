"""Copies: images that are nearly a real one of the reference, or nearly another of the set."""

import numpy as np

from varifactory.diagnosis.chance import least_excess
from varifactory.diagnosis.examining import Examined, Flags
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import share
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Measure


def measures(one: Examined) -> list[Measure]:
    """Share of copies of real images, and of near-duplicates in the set."""
    return [
        share("memorised", one, _of_real(one), _usual(one)),
        share("duplicates", one, _of_each_other(one)),
    ]


def flag(one: Examined, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where more images are copies than real ones are of each other."""
    if not one.enough:
        return None
    made, real = _of_real(one), _usual(one)
    excess = float(made.mean()) - float(real.mean())
    if excess < limit("memorised") or least_excess(made, one.kin, real, one.asked.chance) <= 0:
        return None
    told = {"share": f"{made.mean():.0%}", "n": len(made)}
    return raised(one, "memorised", told, evidence, examples(one, made))


def _of_real(one: Examined) -> Flags:
    return _among(one, {copy.image for copy in one.asked.copies if copy.of == "real"})


def _of_each_other(one: Examined) -> Flags:
    pairs = [copy for copy in one.asked.copies if copy.of == "synthetic"]
    return _among(one, {name for copy in pairs for name in (copy.image, copy.other)})


def _among(one: Examined, names: set[str]) -> Flags:
    pixels = one.asked.population.synthetic.pixels
    return np.array([pixels[row] in names for row in one.side.at], bool)


def _usual(one: Examined) -> Flags:
    """So many of all real images as are nearly another one."""
    count = one.asked.memorised.n_real
    return np.arange(count) < round(count * (one.asked.memorised.reference or 0.0))
