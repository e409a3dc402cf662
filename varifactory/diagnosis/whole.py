"""Measures of all classes together, the geometry of the encoder, and what must be said besides."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from varifactory.diagnosis.depth import LOW, Depth
from varifactory.diagnosis.examining import Asked, Examined
from varifactory.diagnosis.measuring import NEIGHBOURS, neighbours, several
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.telling import parted, told_apart
from varifactory.embeddings import Vectors
from varifactory.metrics import (
    Measure,
    centroid_shift,
    cmmd,
    cone,
    fid,
    isotropy,
    kid,
    modality_gap,
)
from varifactory.metrics.vectors import Places
from varifactory.report.wording import percent
from varifactory.statistics import Interval

DRAWS = 40
"""Resamples of what all images take part in."""
NAMED = 5
"""Groups that a note names."""


def whole_measures(asked: Asked) -> tuple[Measure, ...]:
    """FID, KID, CMMD, domain AUC, precision, recall, density and coverage."""
    both, seed = _both(asked.population), asked.settings.seed

    def distances(real: Vectors, made: Vectors, _: Places) -> tuple[float, ...]:
        return fid(real, made), kid(real, made, seed), cmmd(real, made)

    return (
        *several(("fid", "kid", "cmmd"), distances, asked, *both, most=DRAWS),
        told_apart("domain_auc", asked),
        *several(NEIGHBOURS, neighbours(asked), asked, *both, most=DRAWS),
    )


def geometry_measures(asked: Asked) -> tuple[Measure, ...]:
    """Modality gap, cones, separability, isotropy and centroid shift, beside the real images'.

    The texts are those of the class names; without them only what images alone tell.
    """
    both, texts = _both(asked.population), asked.population.class_vectors

    def images(_: Vectors, some: Vectors, __: Places) -> tuple[float, float]:
        return cone(some), isotropy(some)

    def shift(real: Vectors, made: Vectors, _: Places) -> tuple[float]:
        return (1 - centroid_shift(real, made),)

    found = (
        *several(("image_cone", "isotropy"), images, asked, *both, alone=True, most=DRAWS),
        *several(("centroid_shift",), shift, asked, *both, most=DRAWS),
    )
    if texts is None or len(texts) < 2:
        return found

    def gap(_: Vectors, some: Vectors, __: Places) -> tuple[float]:
        return (float(np.linalg.norm(modality_gap(some, texts))),)

    known = cone(texts)
    of_texts = Interval(known, known, known, asked.confidence, "nothing: the texts are these")
    return (
        *several(("gap",), gap, asked, *both, alone=True, most=DRAWS),
        Measure("text_cone", of_texts, len(texts), len(both[1])),
        parted("separability", asked, texts),
        *found,
    )


def _both(population: Population) -> tuple[Vectors, Vectors, Places, Places]:
    """Synthetic and real images, and what the synthetic ones were made from."""
    sides = population.synthetic.vectors, population.real.vectors
    return *sides, population.own, population.made_of


def notes(examined: Sequence[Examined], depths: Mapping[int, Depth | None]) -> tuple[str, ...]:
    """What a reader must know to read the rest."""
    return tuple(filter(None, [
        _few(examined), _spreadless(examined), _repeated(examined[0].asked),
        _no_texts(examined[0].asked.population), _all_apart(depths),
    ]))  # fmt: skip


def _few(examined: Sequence[Examined]) -> str:
    few = [one for one in examined if not one.enough and len(one.side.at)]
    if not few:
        return ""
    named = ", ".join(
        f"{one.label}{' ' if one.side.attribute else ''}{one.side.attribute} "
        f"({len(one.side.at)} and {len(one.side.real_at)})"
        for one in few[:NAMED]
    )
    more = f", and {len(few) - NAMED} more" if len(few) > NAMED else ""
    return (
        f"{len(few)} of {len(examined)} groups have fewer than {few[0].needed} synthetic or real "
        f"images, so that less is said of them and no flag is raised: {named}{more}."
    )


def _spreadless(examined: Sequence[Examined]) -> str:
    """Where real images are equal, nothing can be held against how they vary."""
    alike = list(dict.fromkeys(one.label for one in examined if one.enough and one.unjudged))
    if not alike:
        return ""
    more = f", and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
    return (
        "The reference has no spread: all real images have the same vector, so that nothing can be "
        f"flagged, of {', '.join(alike[:NAMED])}{more}. Look whether the encoder failed, or give "
        "different real images."
    )


def _repeated(asked: Asked) -> str:
    if not asked.repeats:
        return ""
    return (
        f"{asked.repeats:,} of {len(asked.population.real):,} real images equal another of their "
        "class. What is said of classes and of copies counts each picture once, what is said of "
        "the whole set every image: leave the repeats out of the reference."
    )


def _no_texts(population: Population) -> str:
    if population.class_vectors is not None:
        return ""
    return (
        "There are no vectors of texts: CLIPScore, class posterior, spread along the text, other "
        "senses and the modality gap were not measured."
    )


def _all_apart(depths: Mapping[int, Depth | None]) -> str:
    """A generator's own look is no fault of a class, so no class is flagged for it."""
    known = [one for one in depths.values() if one is not None]
    if len(known) < 2 or median(one.precision for one in known) >= LOW:
        return ""
    return (
        "Most classes lie apart from the real images alike (median precision, over that of real "
        f"images: {percent(median(one.precision for one in known))}): that is a look which the "
        "whole set has, not a fault of one class, so that only classes beyond it are flagged. See "
        "the domain AUC."
    )
