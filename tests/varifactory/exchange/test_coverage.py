"""Noisy grids of a known truth; ``bench.exchange_coverage`` draws more of them, of more designs."""

import numpy as np

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.effective_data import EffectiveData
from varifactory.exchange.simulation import Truth, effective, noisy

RHO, KAPPA, GRIDS = 0.8, 4.0, 30


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
