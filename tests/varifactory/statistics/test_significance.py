import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from varifactory.statistics import false_discovery, holm, mcnemar

FAMILIES = [
    [0.01],
    [0.04, 0.01, 0.03, 0.005],
    [0.2, 0.2, 0.2],
    [0.0, 1.0, 0.5, 1e-12],
    np.random.default_rng(1).beta(0.4, 3, size=60).tolist(),
]


def test_mcnemar_is_the_exact_binomial_test() -> None:
    arm = np.array([True] * 14 + [False] * 4 + [True] * 50 + [False] * 10)
    other = np.array([False] * 14 + [True] * 4 + [True] * 50 + [False] * 10)
    found = mcnemar(arm, other)
    assert (found.only_first, found.only_second) == (14, 4)
    # Twice the lower tail of a binomial of 18 fair coins: the textbook form of the exact test.
    assert found.p_value == pytest.approx(2 * stats.binom.cdf(4, 18, 0.5))
    assert mcnemar(arm, arm).p_value == 1.0
    with pytest.raises(ValueError, match="one seed"):
        mcnemar(np.ones((2, 3), bool), np.ones((2, 3), bool))


def test_holm_by_hand() -> None:
    """Smallest times 4, next times 3, ..., and never less than the one before."""
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_adjusted_p_values_are_those_of_statsmodels_and_scipy(family: list[float]) -> None:
    assert holm(family) == pytest.approx(multipletests(family, method="holm")[1])
    assert false_discovery(family) == pytest.approx(multipletests(family, method="fdr_bh")[1])
    assert false_discovery(family) == pytest.approx(stats.false_discovery_control(family))


@pytest.mark.parametrize("adjust", [holm, false_discovery])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(adjust: object, wrong: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        adjust([0.5, wrong])


def test_a_family_without_effects_rarely_has_a_finding() -> None:
    """Holm: at most 5 % of families; 20 comparisons that share half of their noise."""
    random = np.random.default_rng(2)
    found = 0
    for _ in range(800):
        z = (random.normal() + random.normal(size=20)) / np.sqrt(2)
        found += min(holm(2 * stats.norm.sf(np.abs(z)))) < 0.05
    assert found / 800 <= 0.065


def test_the_share_of_false_findings_is_kept() -> None:
    """200 classes, a fifth of them changed by three standard errors."""
    random = np.random.default_rng(3)
    false, power = [], []
    for _ in range(200):
        z = random.normal(size=200) + 3 * (np.arange(200) < 40)
        hit = np.array(false_discovery(2 * stats.norm.sf(np.abs(z)))) < 0.1
        false.append(hit[40:].sum() / max(1, hit.sum()))
        power.append(hit[:40].mean())
    assert np.mean(false) <= 0.1
    assert np.mean(power) > 0.5
