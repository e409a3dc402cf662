"""Diversity: whether images vary as real ones do. Never told without what they show beside it."""

from dataclasses import dataclass

import numpy as np

from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import alone, of_manifold
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.thresholds import limit
from varifactory.embeddings import Vectors
from varifactory.keys import seed_from
from varifactory.metrics import Measure, effective_rank, pairwise_distance, variance_along, vendi
from varifactory.report.wording import percent

NAMES = ("vendi", "pairwise_distance", "effective_rank")
BY_TEXT = ("along_text", "orthogonal")
DRAWS = 40
"""Subsamples that a ratio of spreads is taken over."""
MOST = 200
"""Images of a subsample: the time of a Vendi score grows with their third power."""
DEVIATIONS = 2.0
"""By how many standard deviations of its draws a ratio must lie below one half way to its limit."""
ONCE = 1
"""Resamples of what is held against a limit: its interval is not asked for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Diversity beside that of as many real images."""

    vendi: float
    """Of the synthetic images."""
    vendi_real: float
    distance: float
    """Mean pairwise distance over that of real images."""
    surely_fewer: bool
    """The Vendi ratio is below its threshold, and by more than chance below 1."""
    surely_narrower: bool
    """The same of the distance."""


def measures(one: Examined) -> list[Measure]:
    """Vendi score, distances, rank, and the variance along and beside the class's text."""
    texts = one.asked.population.class_vectors
    text = None if texts is None else texts[one.side.number]
    names = NAMES if text is None else (*NAMES, *BY_TEXT)

    def numbers(some: Vectors) -> tuple[float, ...]:
        found = (vendi(some), pairwise_distance(some), effective_rank(some))
        return found if text is None else (*found, *variance_along(some, text))

    return list(alone(names, one, numbers))


def spread(one: Examined) -> Spread:
    """Compare subsamples of half of the smaller side, so that both sides vary."""
    side = one.side
    dice = np.random.default_rng(seed_from("spread", one.asked.settings.seed, one.label))
    size = min(MOST, max(2, side.fewest // 2))

    def draw(vectors: Vectors) -> tuple[float, float]:
        some = vectors[dice.permutation(len(vectors))[:size]]
        return vendi(some), pairwise_distance(some)

    made = np.array([draw(side.made) for _ in range(DRAWS)])
    real = np.array([draw(side.real) for _ in range(DRAWS)])
    ratios = made.mean(axis=0) / np.maximum(real.mean(axis=0), 1e-12)
    # Two halves of one set differ as the whole differs from another whole.
    doubt = ratios * np.hypot(
        made.std(axis=0) / made.mean(axis=0), real.std(axis=0) / real.mean(axis=0)
    )
    limits = np.array([limit("diversity"), limit("narrow")])
    sure = (ratios <= limits) & (ratios + DEVIATIONS * doubt <= (1 + limits) / 2)
    whole = vendi(side.made[: len(side.real)]), vendi(side.real[: len(side.made)])
    return Spread(*whole, float(ratios[1]), bool(sure[0]), bool(sure[1]))


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of the real images synthetic ones reach, at equal numbers."""

    recall: float
    coverage: float
    short: bool
    """Either is well below what real images reach of other real ones."""


def reach(one: Examined) -> Reach:
    """Recall falls where all images lie about the middle, coverage where they are a few pictures,
    even if some others beside them have balls that hold every real image.

    Where nothing can be told at equal numbers, as of a single source, all images are taken. Too few
    real ones to be halved are held against reaching all.
    """
    all_of = {"recall": one.manifold.recalled, "coverage": one.manifold.covered}
    shares, short = {}, False
    for measure in (found for found in of_manifold(one, ONCE) if found.name in all_of):
        value, usual = measure.value, measure.reference
        share = value.estimate if value else float(all_of[measure.name].mean())
        short |= share <= limit("unreached") * (1.0 if usual is None else usual)
        shares[measure.name] = share
    return Reach(**shares, short=short)


def flag(one: Examined, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where spread is low and real images are left unreached: what only repeats some of a
    class that is there as a whole is told by ``repeated``."""
    found = spread(one)
    if not (found.surely_fewer or found.surely_narrower):
        return None
    reached, inside = reach(one), one.manifold.inside
    if not reached.short:
        return None
    told = {
        "n": one.side.fewest, "vendi": f"{found.vendi:.1f}",
        "vendi_real": f"{found.vendi_real:.1f}", "distance": percent(found.distance),
        "recall": percent(reached.recall), "coverage": percent(reached.coverage),
        "precision": percent(inside.mean()),
    }  # fmt: skip
    kind = "few-modes" if found.surely_fewer else "narrow"
    return raised(one, kind, told, evidence, examples(one, np.ones(len(inside), bool)))
