"""Adherence: whether images show what was asked for, and what they show where they do not."""

import numpy as np

from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import mean, share
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.strays import Strays, confusers
from varifactory.metrics import Measure, clip_scores, posterior

NAMED = 3
"""Other classes that a sentence names."""


def measures(one: Examined) -> list[Measure]:
    """Recognition by a judge trained on real images, and, with texts, by the encoder.

    ``posterior`` is the probability of the class by the texts of all class names; ``clip_score`` is
    of an image's own prompt, that of real images of the class name.
    """
    right = share("r2s", one, one.given == one.side.number, one.real_given == one.side.number)
    population, side = one.asked.population, one.side
    texts = population.class_vectors
    if texts is None:
        return [right]

    def probability(some: np.ndarray) -> np.ndarray:
        return posterior(some, texts, population.logit_scale)[:, side.number]

    own = texts[side.number] if population.prompt_vectors is None else population.prompt_vectors
    made = clip_scores(side.made, own if own.ndim == 1 else own[side.at])
    return [
        right,
        mean("posterior", one, lambda: (probability(side.made), probability(side.real))),
        mean("clip_score", one, lambda: (made, clip_scores(side.real, texts[side.number]))),
    ]


def flag(one: Examined, strays: Strays, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where strays are many and no one thing."""
    if not strays.significant or strays.one_mode:
        return None
    named = [f"{name} ({part:.0%})" for name, part in confusers(one)[:NAMED]]
    told = {
        "share": f"{strays.share:.0%}", "n": len(one.side.at),
        "confusers": ", ".join(named) or "no class at all",
    }  # fmt: skip
    return raised(one, "scattered", told, evidence, examples(one, strays.at))
