"""Noisy grids of a known truth; ``bench.exchange_coverage`` draws more of them, of more designs."""

import numpy as np

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.effective_data import EffectiveData
from varifactory.exchange.simulation import Truth, effective, noisy, paper

RHO, KAPPA, GRIDS = 0.8, 4.0, 30
G, C2 = 0.003, 2.2


def test_intervals_hold_the_truth() -> None:
    truth = float(EffectiveData().price(np.log([[RHO, KAPPA]]), 1.0, 60)[0])
    held, first = [], []
    for seed in range(GRIDS):
        found = count_exchange(
            noisy(Truth(pools={"edits": effective(RHO, KAPPA)}), seed), title="", gains=(1.0,)
        )
        rate = next(one for one in found.rates if one.base == 60).per_real
        if rate:
            held.append(rate.low <= truth <= rate.high)
        told = found.fits[0].parameters[0]
        first.append(told.low <= 1 / RHO <= told.high)
    assert len(held) >= 0.9 * GRIDS
    assert sum(held) >= 0.9 * len(held)
    assert sum(first) >= 0.9 * GRIDS


def test_intervals_of_the_paper_s_form_hold_the_truth() -> None:
    held: dict[str, list[bool]] = {"g": [], "c2": []}
    for seed in range(20):
        grid = noisy(Truth(pools={"edits": paper(G, C2)}), seed)
        found = count_exchange(grid, title="", gains=(1.0,), resamples=100)
        told = next(one.parameters for one in found.fits if one.form == "paper")
        for one, truth in zip(told[:2], (G, C2), strict=True):
            held[one.name].append(one.identified and one.low <= truth <= one.high)
    assert [sum(each) >= 18 for each in held.values()] == [True, True]
