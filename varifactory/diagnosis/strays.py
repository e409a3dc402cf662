"""The images of a class that show something else, and whether that is one thing."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from varifactory.diagnosis.chance import least_excess
from varifactory.diagnosis.depth import LOW, Depth
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.thresholds import limit
from varifactory.keys import seed_from
from varifactory.metrics import pairwise_distance
from varifactory.metrics.vectors import Flags, Places
from varifactory.statistics import Interval, proportion

CLUSTERS = (2, 3)
"""Into how many a class is parted to look for one that lies apart."""
LEAST_CLUSTER = 0.1
"""Share of a class below which a cluster is a few images, not a sense."""
KMEANS_SEEDS = 2**32
"""So many seeds scikit-learn knows, from 0."""
APART = -1
"""Stands for a class number: apart from the real images, though taken for none other."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Images taken for another class, or in a cluster apart from the real ones."""

    at: Flags
    """An image each."""
    apart: Flags
    """Those of them in a cluster apart."""
    significant: bool
    """More than among real images, by more than chance and by ``stray``."""
    main: int
    """What most of them are taken for: a class number, or ``APART``."""
    together: float
    """Share of the strays that are taken for it; those of one kin count once."""
    one_mode: bool
    """Whether most of them are one thing, by more than chance would put there."""

    @property
    def share(self) -> float:
        """Of the images."""
        return float(self.at.mean())


def strays(one: Examined, others: Depth | None) -> Strays:
    """Find them; of images that no judge could judge there are none, and where nothing can be
    flagged they are not told from chance.

    Args:
        others: what is usual of the other groups.
    """
    given = one.given
    wrong = (given >= 0) & (given != one.side.number)
    apart = _apart(one, others)
    at = wrong | apart
    if one.unjudged:
        return Strays(at, apart, False, APART, 0.0, False)
    # One picture made often is one stray, not a sense.
    said = np.unique(np.stack([one.kin, np.where(wrong, given, APART)], axis=1)[at], axis=0)[:, 1]
    main, count = Counter(said.tolist()).most_common(1)[0] if len(said) else (APART, 0)
    real = (one.real_given >= 0) & (one.real_given != one.side.number)
    excess = float(at.mean()) - float(real.mean())
    significant = excess >= limit("stray") and least_excess(at, one.kin, real, one.asked.chance) > 0
    together = count / max(1, len(said))
    one_mode = together >= limit("one_mode") and not _by_chance(one, count, len(said))
    if significant and not one_mode and _compact(one, at):
        main, one_mode = APART, True
    return Strays(at, apart, bool(significant), int(main), together, one_mode)


def _compact(one: Examined, at: Flags) -> bool:
    """Whether the strays are as near to each other as images of one class are, whatever a judge
    that knows no such class takes them for. One image is like none."""
    if at.sum() < 2:
        return False
    return pairwise_distance(one.side.made[at]) <= limit("compact") * one.asked.usual_distance


def _by_chance(one: Examined, count: int, total: int) -> bool:
    """Whether so many of scattered strays could be of one class (Bonferroni over the classes).

    Of two classes there is but one other: then strays are one thing.
    """
    from scipy.stats import binom

    others = len(one.asked.population.class_names) - 1
    chance = others * float(binom.sf(count - 1, total, 1 / others))
    return others > 1 and chance > limit("scattered")


def confusers(one: Examined) -> tuple[tuple[str, float], ...]:
    """Other classes the images are taken for, and their shares, largest first."""
    wrong = one.given[(one.given >= 0) & (one.given != one.side.number)]
    names = one.asked.population.class_names
    counted = sorted(Counter(wrong.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((names[number], count / len(one.given)) for number, count in counted)


def _apart(one: Examined, others: Depth | None) -> Flags:
    """Images in a cluster that surely lies off the real ones while the rest surely does not.

    Where all lie off the real images the class, or the whole set, is off them: that is no sense.
    """
    found = np.zeros(len(one.side.at), bool)
    if not one.enough or (others is not None and others.precision < LOW):
        return found
    inside = one.manifold.inside
    for parts in CLUSTERS:
        cluster = _clusters(one, parts)
        for number in range(parts):
            own = cluster == number
            if LEAST_CLUSTER <= own.mean() < 1:
                here, rest = _bounds(inside[own]), _bounds(inside[~own])
                if here.high < limit("off_mode") < rest.low:
                    found |= own
    return found


def _clusters(one: Examined, parts: int) -> Places:
    from sklearn.cluster import KMeans

    fewer = min(parts, len(np.unique(one.kin)))
    seed = seed_from("clusters", one.asked.settings.seed) % KMEANS_SEEDS
    model = KMeans(fewer, n_init=5, random_state=seed)
    return np.asarray(model.fit_predict(one.side.made.astype(np.float64)), np.int64)


def _bounds(inside: Flags) -> Interval:
    return proportion(int(inside.sum()), len(inside), 0.9)
