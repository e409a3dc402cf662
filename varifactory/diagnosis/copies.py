"""Images that are nearly the same: of the set among themselves, and of real training images.

How near is near depends on the encoder: photographs of one class may have a cosine of 0.95. So an
image is a copy where it lies much nearer to another than real images lie to each other (``alike``
of ``flags.yaml``), and nearer than ``LEAST`` in any case. Of scikit-learn's digits 1 fresh image in
2,000 is so near to another one, of copies with noise of 1 % all.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.figures import Copy
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import firsts
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics import Measure
from varifactory.metrics.interval import SOURCES, SYNTHETIC
from varifactory.metrics.vectors import Places, Vectors, by_source
from varifactory.statistics import clustered_proportion

Cosines = NDArray[np.float32]

LEAST = 0.98
"""Cosine below which nothing is called a copy."""
ROUNDING = 1e-6
"""One minus the cosine of equal vectors, in float32."""
SAMPLE = 5_000
"""Real images whose nearest one is looked for: enough for a median and a share."""
CELLS = 8_000_000
"""Cosines that a thread holds at a time (32 MB)."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """To each vector of a set its nearest of another; of an empty one place -1 and cosine -1."""

    places: Places
    cosines: Cosines


def nearest(
    some: Vectors,
    others: Vectors,
    *,
    same: bool = False,
    own: Places | None = None,
    apart: Places | None = None,
) -> Nearest:
    """The nearest of ``others`` to each of ``some``, in blocks that memory holds.

    Args:
        some: (n, width) of length 1.
        others: (m, width) of length 1.
        same: the two are one set, and no row its own neighbour.
        own: place in ``others`` that is no neighbour of each row, or -1.
        apart: of one set a number each; rows of one number, from 0 up, are no neighbours.
    """
    places, cosines = np.full(len(some), -1, np.int64), np.full(len(some), -1, np.float32)
    left_out = [(np.arange(len(some)), np.arange(len(some)))] if same else []
    left_out += [] if own is None else [(np.flatnonzero(own >= 0), own[own >= 0])]
    left_out += [] if apart is None else [_pairs(apart)]

    def work(rows: slice) -> None:
        alike = some[rows] @ others.T
        for one, other in left_out:
            begin, end = np.searchsorted(one, (rows.start, rows.stop))
            alike[one[begin:end] - rows.start, other[begin:end]] = -1
        places[rows] = alike.argmax(axis=1)
        cosines[rows] = alike[np.arange(len(alike)), places[rows]]

    if len(others):
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(work, _blocks(len(some), len(others))))
    return Nearest(np.where(cosines > -1, places, -1), np.minimum(cosines, 1))


def _pairs(numbers: Places) -> tuple[Places, Places]:
    """Both places of every two rows that have one number, sorted by the first."""
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= 0]
    groups = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    found = [(np.repeat(group, len(group)), np.tile(group, len(group))) for group in groups]
    one = np.concatenate([first for first, _ in found])
    other = np.concatenate([second for _, second in found])
    by_first = np.argsort(one, kind="stable")
    return one[by_first].astype(np.int64), other[by_first].astype(np.int64)


def _blocks(count: int, others: int) -> Iterator[slice]:
    step = max(1, CELLS // others)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def copies(
    population: Population, *, least: int = 20, confidence: float = 0.95
) -> tuple[tuple[Copy, ...], Measure]:
    """Each synthetic image with the one of the set that it nearly repeats, and with the real one;
    and the share of synthetic images that repeat a real one.

    Edits of one source are no copies of each other, and none of its source: they are meant to share
    what was not changed. The likest come first. The reference of the share is that of real images,
    each against the others, equal ones counted once; its interval knows of the synthetic images, by
    whole sources, and not of the choice of real ones.

    Args:
        least: images on a side below which no share is said.
    """
    first, made = firsts(population.real.vectors), population.synthetic.vectors
    kept = np.unique(first)
    real, own = population.real.vectors[kept], population.own
    own = np.where(own >= 0, np.searchsorted(kept, first[own]), -1)
    between = _between(real)
    limit_here = _limit(between)
    within = nearest(made, made, same=True, apart=population.made_of)
    beside = nearest(made, real, own=own)
    found = [*_of_real(population, beside, kept, limit_here),
             *_of_each(population, within, limit_here)]  # fmt: skip
    ordered = sorted(found, key=lambda copy: (-copy.cosine, copy.of, copy.image, copy.other))
    n, n_real = len(made), len(real)
    if min(n, n_real) < least:
        why = f"n too small: {min(n, n_real)} images, at least {least}"
        return tuple(ordered), Measure("memorised", None, n, n_real, None, why)
    sources = by_source(population.made_of)
    covers = SYNTHETIC if len(np.unique(sources)) == n else SOURCES
    share = clustered_proportion(beside.cosines >= limit_here, sources, confidence, covers)
    usual = float((between >= limit_here).mean())
    return tuple(ordered), Measure("memorised", share, n, n_real, usual)


def _between(real: Vectors) -> Cosines:
    """Of ``SAMPLE`` real images at most, evenly spread, the cosine to their nearest other one."""
    at = np.unique(np.linspace(0, len(real) - 1, min(len(real), SAMPLE)).astype(np.int64))
    return nearest(real[at], real, own=at).cosines


def _limit(between: Cosines) -> float:
    """The least cosine of two images that are called copies, by how near real images lie."""
    usual = float(np.median(1 - between))
    # One minus the cosine is half of the squared distance.
    return 1 - max(ROUNDING, min(1 - LEAST, usual * limit("alike") ** 2))


def _of_real(population: Population, beside: Nearest, kept: Places, least: float) -> Iterator[Copy]:
    real, made = population.real, population.synthetic
    for one in np.flatnonzero(beside.cosines >= least):
        other = int(kept[beside.places[one]])
        yield Copy(made.pixels[one], real.pixels[other], "real", float(beside.cosines[one]),
                   made.labels[one])  # fmt: skip


def _of_each(population: Population, within: Nearest, least: float) -> Iterator[Copy]:
    """Two that name each other are told once."""
    made = population.synthetic
    for one in np.flatnonzero(within.cosines >= least):
        other = int(within.places[one])
        if other > one or within.places[other] != one:
            yield Copy(made.pixels[one], made.pixels[other], "synthetic",
                       float(within.cosines[one]), made.labels[one])  # fmt: skip
