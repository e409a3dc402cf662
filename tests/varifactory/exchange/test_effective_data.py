import numpy as np
import pytest

from varifactory.exchange.effective_data import ByBase, EffectiveData, NoCeilingByBase

ADDED, BASE = np.array([0.5, 1, 2, 4.0]), np.array([30, 60, 120, 240.0])
AT = np.log([[0.8, 4.0]])


def test_the_first_images_are_worth_rho_and_none_more_than_the_ceiling() -> None:
    form = EffectiveData()
    x, _ = form.worth(AT, np.array([1e-6, 1e6]), BASE[:2])
    assert x[0] == pytest.approx([0.8e-6, 4.0])
    assert form.told(AT)[0] == pytest.approx([1 / 0.8, 4.0])


def test_the_price_undoes_the_worth() -> None:
    form = EffectiveData()
    x, _ = form.worth(AT, ADDED, BASE)
    assert [form.price(AT, gain, 60)[0] for gain in x[0]] == pytest.approx(ADDED.tolist())
    assert form.price(AT, 4.0, 60)[0] == np.inf
    assert form.price(AT, 5.0, 60)[0] == np.inf


@pytest.mark.parametrize("form", [EffectiveData(), ByBase(60.0), NoCeilingByBase(60.0)])
def test_slopes_are_those_of_the_worth(form: EffectiveData) -> None:
    at = np.append(AT, [[0.4]], axis=1)[:, : len(form.names)]
    _, slopes = form.worth(at, ADDED, BASE)
    for number in range(at.shape[1]):
        step = 1e-6 * np.eye(at.shape[1])[number]
        moved = (
            form.worth(at + step, ADDED, BASE)[0] - form.worth(at - step, ADDED, BASE)[0]
        ) / 2e-6
        assert slopes[0, :, number] == pytest.approx(moved[0], abs=1e-6)


def test_tau_makes_larger_bases_dearer() -> None:
    form, at = ByBase(60.0), np.append(AT, [[1.0]], axis=1)
    price = [form.price(at, 1.0, base)[0] for base in (30, 60, 120)]
    assert price[1] == pytest.approx(EffectiveData().price(AT, 1.0, 60)[0])
    assert [price[0] * 2, price[2] / 2] == pytest.approx([price[1]] * 2)
    x, _ = form.worth(at, np.array(price), np.array([30, 60, 120.0]))
    assert x[0] == pytest.approx([1.0] * 3)
    assert form.told(at)[0, 2] == 1.0
