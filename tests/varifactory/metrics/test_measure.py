"""A measure beside its reference."""

import pytest

from varifactory.metrics import Measure
from varifactory.statistics import Interval


def test_a_ratio_needs_a_value_and_a_reference_that_is_not_zero() -> None:
    value = Interval(3.0, 2.0, 4.0, 0.95)
    assert Measure("vendi", value, 40, 40, 4.0).ratio == pytest.approx(0.75)
    assert Measure("vendi", value, 40, 40, None).ratio is None
    assert Measure("kid", value, 40, 40, 0.0).ratio is None
    assert Measure("vendi", None, 5, 40, 4.0, "n too small: 5 images, at least 20").ratio is None
