import numpy as np
import pytest

from varifactory.exchange.paper_form import PaperForm

ADDED, BASE = np.array([0.5, 1, 2, 4.0]), np.array([30, 60, 120, 240.0])


def test_it_is_the_paper_s_form_turned_round() -> None:
    """y = exp(g n) (c2^x - 1), of reported c2 2.53 with C = 1: 1.53 for one base, 5.40 for two."""
    form = PaperForm(3, 240.0)
    at = np.array([[0.0, np.log(np.log(2.53))]])
    assert form.price(at, 1.0, 60)[0] == pytest.approx(1.53)
    assert form.price(at, 2.0, 60)[0] == pytest.approx(2.53**2 - 1)
    g = 0.004
    at = np.array([[g * 240, np.log(np.log(2.53))]])
    assert form.price(at, 1.0, 60)[0] == pytest.approx(np.exp(g * 60) * 1.53)
    assert form.told(at)[0] == pytest.approx([g, 2.53])
    x, _ = form.worth(at, ADDED, BASE)
    price = [form.price(at, gain, base)[0] for gain, base in zip(x[0], BASE, strict=True)]
    assert price == pytest.approx(ADDED.tolist())


def test_one_base_has_c_in_place_of_g() -> None:
    form = PaperForm(1, 60.0)
    assert form.names == ("C", "c2")
    assert form.told(np.array([[np.log(2.0), 0.0]]))[0] == pytest.approx([2.0, np.e])


def test_slopes_are_those_of_the_worth() -> None:
    form, at = PaperForm(3, 240.0), np.array([[0.7, -0.2]])
    _, slopes = form.worth(at, ADDED, BASE)
    for number in range(2):
        step = 1e-6 * np.eye(2)[number]
        moved = (
            form.worth(at + step, ADDED, BASE)[0] - form.worth(at - step, ADDED, BASE)[0]
        ) / 2e-6
        assert slopes[0, :, number] == pytest.approx(moved[0], abs=1e-6)
