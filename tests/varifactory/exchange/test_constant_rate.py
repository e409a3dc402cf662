import numpy as np
import pytest

from varifactory.exchange.constant_rate import ConstantRate


def test_every_image_is_worth_the_same() -> None:
    form, at = ConstantRate(), np.log([[2.5]])
    x, slopes = form.worth(at, np.array([1.0, 5.0]), np.array([30.0, 60.0]))
    assert x[0] == pytest.approx([0.4, 2.0])
    assert slopes[0, :, 0] == pytest.approx(-x[0])
    assert form.price(at, 2.0, 60)[0] == pytest.approx(5.0)
    assert form.told(at)[0] == pytest.approx([2.5])
