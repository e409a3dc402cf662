"""How well images fit texts by the encoder, beside how well real images fit their class name."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.chance import share_of
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.measuring import mean, several, share, too_few
from varifactory.embeddings import Vectors
from varifactory.metrics import Measure, area, clip_scores, posterior
from varifactory.metrics.vectors import Numbers, Places
from varifactory.statistics import Interval

LOW = 0.1
"""Quantile of the CLIPScores that is told beside their mean, which a tenth of wrong images hardly
moves."""


def measures(one: Examined) -> list[Measure]:
    """Nothing without texts of the classes.

    ``posterior`` is the probability of the class by the texts of all class names, and
    ``above_chance`` the share of images of which that exceeds 1 in the number of classes.
    ``clip_score`` is of an image's own prompt, that of real images of the class name; ``clip_low``
    is their lower quantile, and ``clip_auc`` how often a synthetic image's is above a real one's.
    """
    texts = one.asked.population.class_vectors
    if texts is None:
        return []
    made, real = (
        _probabilities(one, one.side.made, texts),
        _probabilities(one, one.side.real, texts),
    )
    chance = 1 / len(texts)
    scores, beside = _scores(one, texts)
    return [
        mean("posterior", one, made, real),
        share("above_chance", one, made > chance, real > chance),
        mean("clip_score", one, scores, beside),
        _lowest(one, scores, beside),
        _order(one, scores, beside),
    ]


def _probabilities(one: Examined, some: Vectors, texts: Vectors) -> Numbers:
    found: Numbers = posterior(some, texts, one.asked.population.logit_scale)[:, one.side.number]
    return found


def _scores(one: Examined, texts: Vectors) -> tuple[Numbers, Numbers]:
    """Of synthetic images with their prompts, and of real ones with the class name."""
    prompts, side = one.asked.population.prompt_vectors, one.side
    own = texts[side.number] if prompts is None else prompts[side.at]
    return clip_scores(side.made, own), clip_scores(side.real, texts[side.number])


def _lowest(one: Examined, made: Numbers, real: Numbers) -> Measure:
    if len(made) < one.asked.settings.least:
        return too_few("clip_low", one, alone=True)
    beside = _quantile(real, LOW) if len(real) else None
    interval = lowest(made, one.kin, one.asked.confidence)
    return Measure("clip_low", interval, len(made), len(real), beside)


def lowest(scores: Numbers, kin: Places, confidence: float) -> Interval:
    """A low quantile; its interval is that of the share of images below it (Woodruff, 1952).

    Leaving images out, as other measures do, held the truth in 84 % of normal samples of 30: a
    quantile jumps from image to image. This holds it in 94 % from 30 images on, in 88 % of 20, of
    which one in eight has none of the lowest tenth; with four images a source in 85 % of 10 sources
    and 91 % of 30.
    """
    value = _quantile(scores, LOW)
    below = share_of(scores <= value, kin, confidence)
    low, high = (_quantile(scores, share) for share in (below.low, below.high))
    return replace(below, estimate=value, low=low, high=high)


def _quantile(some: Numbers, share: float) -> float:
    # Unbiased in the median, so that more real images than synthetic ones lie no lower.
    return float(np.quantile(some, share, method="median_unbiased"))


def _order(one: Examined, made: Numbers, real: Numbers) -> Measure:
    def found(theirs: NDArray[np.float64], ours: NDArray[np.float64], _: Places) -> tuple[float]:
        return (area(theirs[:, 0], ours[:, 0]),)

    side, both = one.side, (made[:, None], real[:, None])
    return several(("clip_auc",), found, one.asked, *both, side.own, side.sources)[0]
