import numpy as np
import pytest

from varifactory.calibration.estimates import Stratum, filter_kappa, recall, share, whole
from varifactory.calibration.sampling import allocate
from varifactory.statistics import Interval, proportion

WORLDS = {
    # Sizes and true rates of the accepted strata, then of the refused ones.
    "a good filter": (([120, 110, 100, 130, 60, 90], 0.95), ([10, 20, 40, 5, 80, 30], 0.3)),
    "uneven strata": (([400, 20, 100, 130, 8, 90], 0.8), ([10, 200, 4, 5, 80, 30], 0.1)),
    "a coin": (([100, 80, 120, 90, 60, 100], 0.5), ([70, 90, 110, 60, 100, 80], 0.5)),
    "a large set": (([2000] * 6, 0.9), ([500] * 6, 0.1)),
}
ROUNDS = 400


def known(part: Interval) -> tuple[float, float, float]:
    return part.low, part.estimate, part.high


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("n", [24, 60, 150])
def test_intervals_hold_the_truth_as_often_as_they_say(world: str, n: int) -> None:
    """Simulated: a population whose every label is known, drawn from as the sample is."""
    (passed, rate), (refused, loss) = WORLDS[world]
    sizes, rates = [*passed, *refused], [rate] * len(passed) + [loss] * len(refused)
    drawn, taken = allocate(sizes, n), sum(passed) / sum(sizes)
    dice, cut = np.random.default_rng(n), len(passed)
    held = dict.fromkeys(("precision", "recall", "kappa", "good"), 0)
    for _ in range(ROUNDS):
        good = dice.binomial(sizes, rates)
        seen = dice.hypergeometric(good, np.array(sizes) - good, drawn)
        strata = [Stratum(*one) for one in zip(sizes, drawn, map(int, seen), strict=True)]
        found, missed = share(strata[:cut]), share(strata[cut:])
        a, b = good[:cut].sum() / sum(passed), good[cut:].sum() / sum(refused)
        truth = {
            "precision": (found, a),
            "recall": (recall(found, missed, taken), taken * a / (taken * a + (1 - taken) * b)),
            "kappa": (filter_kappa(found, missed, taken), _kappa(a, b, taken)),
            "good": (whole(found, missed, taken), good.sum() / sum(sizes)),
        }
        for name, (interval, value) in truth.items():
            assert interval is not None
            held[name] += interval.low - 1e-9 <= value <= interval.high + 1e-9
    # 0.95 less three standard errors of 400 rounds, and 0.01 that so few labels may cost.
    assert {name: count / ROUNDS for name, count in held.items() if count / ROUNDS < 0.907} == {}


def _kappa(a: float, b: float, taken: float) -> float:
    every = taken * a + (1 - taken) * b
    seen = taken * a + (1 - taken) * (1 - b)
    chance = taken * every + (1 - taken) * (1 - every)
    return (seen - chance) / (1 - chance)


def test_the_weights_take_the_bias_of_the_draw_away() -> None:
    """900 edits of which 0.9 are good and 100 of which none is, drawn half and half."""
    found = share([Stratum(900, 50, 45), Stratum(100, 50, 0)])
    assert found.estimate == pytest.approx(0.81)
    assert found.low < 0.81 < found.high


def test_one_stratum_of_a_large_set_is_as_sure_as_wilson_says() -> None:
    found, wilson = share([Stratum(10**6, 200, 150)]), proportion(150, 200)
    assert known(found) == pytest.approx(known(wilson), abs=2e-3)


def test_agreeing_labels_are_not_taken_for_certainty() -> None:
    found = share([Stratum(100, 3, 3), Stratum(100, 3, 3)])
    assert found.estimate == found.high == 1
    assert 0.4 < found.low < 0.75


def test_who_looked_at_everything_knows_it_exactly() -> None:
    assert known(share([Stratum(40, 40, 30), Stratum(10, 10, 0)])) == pytest.approx((0.6, 0.6, 0.6))


def test_more_labels_make_it_surer() -> None:
    def width(n: int) -> float:
        found = share([Stratum(1000, n, n * 4 // 5), Stratum(500, n, n // 5)])
        return found.high - found.low

    assert width(5) > width(20) > width(80)


def test_what_has_no_value_has_none() -> None:
    nothing = share([Stratum(10, 10, 0)])
    everything = share([Stratum(10, 10, 10)])
    assert recall(nothing, nothing, 0.5) is None
    assert filter_kappa(everything, everything, 1.0) is None
    kappa = filter_kappa(everything, nothing, 0.5)
    assert kappa is not None
    assert known(kappa) == (1, 1, 1)


@pytest.mark.parametrize("strata", [[], [Stratum(5, 0, 0)]])
def test_a_stratum_without_a_label_is_refused(strata: list[Stratum]) -> None:
    with pytest.raises(ValueError, match="at least one label"):
        share(strata)
