"""Intervals against formulas where there are some, and against a simulated truth where not."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.simulated_vectors import vectors
from varifactory.metrics import (
    Measure,
    cmmd,
    fid,
    manifold,
    measured_together,
    pairwise_distance,
    vendi,
)
from varifactory.metrics.vectors import Places, Vectors
from varifactory.statistics import proportion

Metric = Callable[[Vectors, Vectors, Places], float]


def precision(real: Vectors, synthetic: Vectors, own: Places) -> float:
    return float(manifold(real, synthetic, 5, own).inside.mean())


def spread(_: Vectors, synthetic: Vectors, __: Places) -> float:
    return vendi(synthetic)


def mean(_: Vectors, synthetic: Vectors, __: Places) -> float:
    return float(synthetic.mean())


def both(real: Vectors, synthetic: Vectors, _: Places) -> Sequence[float]:
    return fid(real, synthetic), cmmd(real, synthetic)


def scores(count: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=(count, 1)).astype(np.float32)


def measured(
    name: str, metric: Metric, synthetic: Vectors, real: Vectors, *, share: bool = False,
    own: Places | None = None, alone: bool = False, resamples: int = 200,
) -> Measure:  # fmt: skip
    """One metric."""
    return measured_together(
        (name,), lambda *sides: (metric(*sides),), synthetic, real, own=own, alone=alone,
        shares=(name,) if share else (), resamples=resamples,
    )[0]  # fmt: skip


def half(one: Measure) -> float:
    assert one.value is not None
    return one.value.half_width


@pytest.mark.parametrize(("theirs", "ours"), [(19, 100), (100, 19), (0, 50)])
def test_of_too_few_images_nothing_is_said(theirs: int, ours: int) -> None:
    found = measured("precision", precision, vectors(theirs, 1), vectors(ours, 2))
    few = min(theirs, ours)
    assert found == Measure(
        "precision", None, theirs, ours, None, f"n too small: {few} images, at least 20"
    )


def test_a_metric_that_needs_more_images_says_so() -> None:
    def of_many(real: Vectors, synthetic: Vectors, _: Places) -> float:
        return float(manifold(real, synthetic, 17).inside.mean())

    found = measured("precision", of_many, vectors(20, 1), vectors(20, 2))
    assert found.value is None
    assert found.why == "n too small: 16 images, and 17 neighbours need at least 18"


@pytest.mark.parametrize(
    ("theirs", "ours", "size", "referred"),
    [(30, 100, 30, True), (30, 60, 30, True), (30, 50, 25, True), (30, 39, 30, False),
     (80, 30, 30, False), (80, 60, 30, True)],
)  # fmt: skip
def test_all_is_measured_at_one_number_of_images(
    theirs: int, ours: int, size: int, referred: bool
) -> None:
    seen = []

    def counting(real: Vectors, synthetic: Vectors, own: Places) -> float:
        seen.append((len(real), len(synthetic)))
        return precision(real, synthetic, own)

    found = measured("precision", counting, vectors(theirs, 1), vectors(ours, 2), resamples=2)
    kept = round(0.8 * size)
    assert set(seen) == {(size, size), (kept, kept)}
    assert (found.n, found.n_real) == (size, size)
    assert (found.reference is not None) == referred


def test_a_metric_of_one_set_is_held_against_real_images_alone() -> None:
    real, synthetic = vectors(60, 1), vectors(60, 2, shift=1.0)
    found = measured("vendi", spread, synthetic, real, alone=True)
    assert found.value is not None
    assert found.value.estimate == vendi(synthetic)
    assert found.reference == pytest.approx(vendi(real))
    assert found.value.covers == "synthetic images"
    without = measured("vendi", spread, synthetic, real[:5], alone=True)
    assert (without.n, without.reference) == (60, None)
    assert without.value is not None


def test_the_interval_of_a_mean_is_that_of_the_formula() -> None:
    some, real = scores(50, 1), scores(50, 2)
    found = measured("score", mean, some, real, alone=True, resamples=2000)
    assert half(found) == pytest.approx(2.0096 * some.std(ddof=1) / np.sqrt(50), rel=0.05)


def test_images_beyond_the_smaller_side_still_count() -> None:
    """A mean over 1000 images, drawn down to 40, is as sure as one over nearly all of them."""
    some, real = scores(1000, 1), scores(40, 2)
    found = measured("score", mean, some, real, alone=True, resamples=1000)
    single = measured("score", mean, some[:40], real, alone=True, resamples=1000)
    assert found.value is not None
    assert found.n == 40
    assert abs(found.value.estimate - some.mean()) < 0.1
    assert half(found) < 0.6 * half(single)


def test_the_interval_of_a_share_is_wilsons_and_stays_a_share() -> None:
    right = (np.arange(60) % 4 == 0).astype(np.float32)[:, None]
    found = measured("right", mean, right, right, alone=True, share=True, resamples=2000)
    expected = proportion(15, 60)
    assert found.value is not None
    assert found.value.low == pytest.approx(expected.low, abs=0.02)
    assert found.value.high == pytest.approx(expected.high, abs=0.02)
    whole = measured("right", mean, np.ones_like(right), right, alone=True, share=True)
    assert whole.value is not None
    assert whole.value.high == 1
    assert whole.value.low == pytest.approx(proportion(60, 60).low, abs=0.01)


def test_edits_of_one_source_are_drawn_together() -> None:
    """Ten sources with six edits each that score alike are worth ten images, not sixty."""
    some = np.repeat(scores(10, 1), 6, axis=0) + 0.01 * scores(60, 3)
    own = np.repeat(np.arange(10), 6)
    apart = measured("score", mean, some, scores(60, 2), alone=True, resamples=1000)
    whole = measured("score", mean, some, scores(60, 2), own=own, alone=True, resamples=1000)
    assert whole.value is not None
    assert whole.value.covers == "whole sources of synthetic images"
    expected = 2.262 * some[::6].std(ddof=1) / np.sqrt(10)
    assert half(whole) == pytest.approx(expected, rel=0.15)
    assert half(apart) < 0.5 * half(whole)


def test_whole_sources_stay_whole_where_images_are_drawn_down() -> None:
    some = np.repeat(scores(12, 1), 10, axis=0) + 0.01 * scores(120, 3)
    own = np.repeat(np.arange(12), 10)
    found = measured("score", mean, some, scores(40, 2), own=own, alone=True, resamples=1000)
    assert found.n == 40
    expected = 2.201 * some[::10].std(ddof=1) / np.sqrt(12)
    assert half(found) == pytest.approx(expected, rel=0.2)


def test_edits_of_a_single_source_have_no_spread_to_tell_of() -> None:
    own = np.zeros(30, np.int64)
    found = measured("vendi", spread, vectors(30, 1), vectors(30, 2), own=own, alone=True)
    assert found.value is None
    assert found.why == "30 images of a single source: nothing tells their spread"


def test_a_metric_of_one_set_needs_no_real_images() -> None:
    none = np.zeros((0, 32), np.float32)
    found = measured("vendi", spread, vectors(30, 1), none, own=np.full(30, -1), alone=True)
    assert (found.n, found.n_real, found.reference) == (30, 0, None)
    assert found.value is not None


def test_sources_are_found_among_those_drawn() -> None:
    real = vectors(100, 1)
    edits, own = real[:30].copy(), np.arange(30)
    seen = []

    def copied(ours: Vectors, theirs: Vectors, places: Places) -> float:
        known = places >= 0
        seen.append(int(known.sum()))
        np.testing.assert_array_equal(ours[places[known]], theirs[known])
        return float(known.mean())

    measured("copied", copied, edits, real, own=own, resamples=40)
    assert max(seen) > 3
    assert min(seen) == 0


def test_a_fault_shows_against_the_reference() -> None:
    real = vectors(80, 1)
    noise = np.random.default_rng(2).normal(size=(40, 32)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    bad = measured("precision", precision, noise, real, share=True)
    good = measured("precision", precision, vectors(40, 3), real, share=True)
    assert bad.value is not None
    assert good.value is not None
    assert bad.reference is not None
    assert bad.value.high < 0.2 < bad.reference
    assert good.value.low < bad.reference <= 1
    one_picture = np.repeat(real[:1], 40, axis=0)
    alike = measured("vendi", spread, one_picture, real, alone=True)
    assert alike.value is not None
    assert alike.reference is not None
    assert alike.value.estimate < 0.5 * alike.reference


def test_the_seed_alone_decides() -> None:
    sides = vectors(30, 1, shift=0.5), vectors(70, 2)
    found = [measured_together(("fid", "cmmd"), both, *sides, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert [one.name for one in found[0]] == ["fid", "cmmd"]


@pytest.mark.parametrize(("theirs", "ours"), [(30, 30), (30, 90)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(theirs: int, ours: int) -> None:
    """The bench holds them against more designs and metrics, with more sets."""

    def several(real: Vectors, synthetic: Vectors, own: Places) -> Sequence[float]:
        return (
            precision(real, synthetic, own), vendi(synthetic), pairwise_distance(synthetic),
            cmmd(real, synthetic),
        )  # fmt: skip

    none = np.full(30, -1, np.int64)
    truth = np.mean(
        [several(vectors(30, 5000 + at), vectors(30, 9000 + at, shift=0.5), none)
         for at in range(600)],
        axis=0,
    )  # fmt: skip
    held = np.zeros(4)
    for at in range(60):
        found = measured_together(
            ("precision", "vendi", "distance", "cmmd"), several,
            vectors(theirs, 100 + at, shift=0.5), vectors(ours, 300 + at),
            shares=("precision",), resamples=60,
        )  # fmt: skip
        for place, (one, true) in enumerate(zip(found, truth, strict=True)):
            assert one.value is not None
            held[place] += one.value.low <= true <= one.value.high
    # Of 60 intervals of 95 %, fewer than 51 hold the truth once in 700 times.
    assert (held >= 51).all()
