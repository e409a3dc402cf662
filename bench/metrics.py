"""Metrics of sets at 50,000 vectors of 512 numbers, and how often their intervals hold the truth.

``python -m bench.metrics 1000`` simulates as many sets a line; a group of the bench takes ``SETS``.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bench.figures import beside, show
from tests.simulated_vectors import vectors
from varifactory.metrics import (
    Measure,
    clip_scores,
    cmmd,
    cone,
    domain_auc,
    effective_rank,
    fid,
    isotropy,
    kid,
    manifold,
    measured_together,
    modality_gap,
    pairwise_distance,
    posterior,
    realism,
    variance_along,
    vendi,
)
from varifactory.metrics.vectors import Numbers, Places, Vectors

WIDTH = 512
SECONDS, GIGABYTES = 60, 8
TABLES = {"25,000 real and 25,000 synthetic": 25_000, "50,000 real and 50,000 synthetic": 50_000}
SETS = 100
TRUTH = 2000
"""Pairs of sets whose mean is the truth: its own error is 2 % of a single pair's."""
RESAMPLES = 100
DESIGNS = (
    (20, 20, 0.3), (38, 38, 1.0), (40, 40, 0.0), (40, 40, 1.0), (40, 100, 0.3), (60, 100, 1.0),
    (40, 500, 0.3), (200, 400, 0.3),
)  # fmt: skip
"""Synthetic images, real images, and how far the synthetic ones are shifted."""
OTHER = 1_000_000
"""Seeds of synthetic sets lie beyond; no set is drawn twice."""
SHARES = ("precision", "recall", "coverage")
PAIRED = ("precision", "recall", "density", "coverage", "FID", "KID", "CMMD")
SINGLE = ("mean pairwise distance", "Vendi", "effective rank")


def main() -> None:
    """The time of each table, in a process of its own for its memory; then the coverage."""
    if sys.argv[1:2] == ["table"]:
        _time(sys.argv[2])
        return
    for name in TABLES:
        beside("bench.metrics", "table", name)
    _coverage(int(sys.argv[1]) if len(sys.argv) > 1 else SETS)


def _time(name: str) -> None:
    count = TABLES[name]
    real = vectors(count, 1, width=WIDTH)
    synthetic = vectors(count, 2, width=WIDTH, shift=0.3)
    texts = vectors(100, 3, width=WIDTH)
    start, all_busy = time.perf_counter(), time.process_time()
    for metric, work in _work(real, synthetic, texts).items():
        began, busy = time.perf_counter(), time.process_time()
        work()
        show(f"{metric}, {name}, width {WIDTH}", time.perf_counter() - began, "s", count,
             core_seconds=round(time.process_time() - busy, 2))  # fmt: skip
    show(f"all metrics, {name}, width {WIDTH}", time.perf_counter() - start, "s", count,
         goal=SECONDS, core_seconds=round(time.process_time() - all_busy, 2))  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    show(f"peak memory of all metrics, {name}, width {WIDTH}", peak, "GB", count, goal=GIGABYTES)


def _work(real: Vectors, synthetic: Vectors, texts: Vectors) -> dict[str, Callable[[], object]]:
    return {
        "precision, recall, density, coverage": partial(manifold, real, synthetic),
        "the same of 1,000 a side, with intervals": partial(
            measured_together, PAIRED[:4], _neighbours, synthetic, real, resamples=RESAMPLES
        ),
        "realism": partial(realism, real, synthetic),
        "FID": partial(fid, real, synthetic),
        "KID": partial(kid, real, synthetic),
        "CMMD": partial(cmmd, real, synthetic),
        "domain AUC": partial(domain_auc, real, synthetic),
        "mean pairwise distance": partial(pairwise_distance, synthetic),
        "Vendi": partial(vendi, synthetic),
        "effective rank": partial(effective_rank, synthetic),
        "variance along a text": partial(variance_along, synthetic, texts[0]),
        "CLIPScore": partial(clip_scores, synthetic, texts[0]),
        "class posterior": partial(posterior, synthetic, texts),
        "geometry": partial(_geometry, synthetic, texts),
    }


def _geometry(images: Vectors, texts: Vectors) -> tuple[object, ...]:
    separability = domain_auc(texts, images).auc
    return modality_gap(images, texts), cone(images), cone(texts), isotropy(images), separability


def _neighbours(real: Vectors, synthetic: Vectors, own: Places) -> tuple[float, ...]:
    found = manifold(real, synthetic, 5, own)
    parts = (found.inside, found.recalled, found.density, found.covered)
    return tuple(float(part.mean()) for part in parts)


def _paired(real: Vectors, synthetic: Vectors, own: Places) -> Sequence[float]:
    apart = fid(real, synthetic), kid(real, synthetic), cmmd(real, synthetic)
    return *_neighbours(real, synthetic, own), *apart


def _single(_: Vectors, synthetic: Vectors, __: Places) -> Sequence[float]:
    return pairwise_distance(synthetic), vendi(synthetic), effective_rank(synthetic)


def _coverage(sets: int) -> None:
    for theirs, ours, shift in DESIGNS:
        pairs = (
            (vectors(ours, seed), vectors(theirs, OTHER + seed, shift=shift))
            for seed in range(1, sets + 1)
        )
        found = [_measured(*pair) for pair in pairs]
        truths = _truths([group[0].n for group in found[0]], shift)
        for at, truth in enumerate(truths):
            case = f"{theirs} synthetic, {ours} real images, shift {shift}"
            _show_coverage(case, [group[at] for group in found], truth)


def _measured(real: Vectors, synthetic: Vectors) -> tuple[tuple[Measure, ...], ...]:
    return (
        measured_together(PAIRED, _paired, synthetic, real, shares=SHARES, resamples=RESAMPLES),
        measured_together(SINGLE, _single, synthetic, real, alone=True, resamples=RESAMPLES),
    )


def _truths(sizes: list[int], shift: float) -> list[Numbers]:
    """Means over fresh pairs of sets of these sizes."""
    found = []
    for metric, size in zip((_paired, _single), sizes, strict=True):
        none = np.full(size, -1, np.int64)
        values = [
            metric(vectors(size, seed), vectors(size, OTHER + seed, shift=shift), none)
            for seed in range(2 * OTHER, 2 * OTHER + TRUTH)
        ]
        found.append(np.mean(values, axis=0))
    return found


def _show_coverage(case: str, found: list[tuple[Measure, ...]], truth: Numbers) -> None:
    for at, true in enumerate(truth):
        values = [one[at].value for one in found]
        known = [value for value in values if value is not None]
        held = [value.low <= true <= value.high for value in known]
        spread = float(np.std([value.estimate for value in known]))
        first = found[0][at]
        show(f"coverage of 95 %, {first.name}, {case}", float(np.mean(held)), "share", len(known),
             images_a_side=first.n, truth=round(float(true), 4), spread=round(spread, 4),
             half_width=round(float(np.median([one.half_width for one in known])), 4))  # fmt: skip


if __name__ == "__main__":
    main()
