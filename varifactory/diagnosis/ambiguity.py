"""Ambiguity: part of a class's images are one other thing, as where its name has two senses."""

from math import log

import numpy as np

from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import by_image, share
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.strays import APART, Strays
from varifactory.metrics import Measure
from varifactory.report.wording import percent


def measures(one: Examined, strays: Strays) -> list[Measure]:
    """Off-mode mass, and the entropy of what the images are taken for, over that of all classes."""
    classes = len(one.asked.population.class_names)

    def entropy(given: np.ndarray) -> float:
        counts = np.bincount(given[given >= 0], minlength=classes)
        shares = counts[counts > 0] / max(1, counts.sum())
        return float(-(shares * np.log(shares)).sum() / log(classes))

    off = share("off_mode", one, strays.apart)
    return [off, by_image("entropy", one, one.given, one.real_given, entropy)]


def flag(one: Examined, strays: Strays, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where the strays are one thing; None where there are few or they are scattered."""
    if not (strays.significant and strays.one_mode):
        return None
    sense = nearest_sense(one, strays)
    kind = "other-sense" if sense else "other-mode" if strays.main == APART else "other-class"
    other = sense or nearest_class(one, strays)
    told = {"share": percent(strays.share), "n": len(one.side.at), "other": other}
    return raised(one, kind, told, evidence, examples(one, strays.at, other), other)


def nearest_sense(one: Examined, strays: Strays) -> str:
    """The other sense of the name that the strays lie nearer to than to any class name.

    Empty without senses, or where a class name is nearer.
    """
    population = one.asked.population
    senses = population.senses.get(one.label, {})
    if not senses or population.class_vectors is None:
        return ""
    middle = one.side.made[strays.at].mean(axis=0)
    cosines = {name: float(vector @ middle) for name, vector in senses.items()}
    best = max(cosines, key=lambda name: cosines[name])
    return best if cosines[best] > float((population.class_vectors @ middle).max()) else ""


def nearest_class(one: Examined, strays: Strays) -> str:
    """The class most strays are taken for; of a cluster apart the one whose centre is nearest."""
    names = one.asked.population.class_names
    if strays.main != APART:
        return names[strays.main]
    middle = one.side.made[strays.at].mean(axis=0)
    others = [number for number in range(len(names)) if number != one.side.number]
    centres = [one.asked.real(number).mean(axis=0) for number in others]
    return names[others[int(np.argmax([centre @ middle for centre in centres]))]]
