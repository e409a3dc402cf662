import numpy as np
import pytest

from varifactory.exchange.yardstick import yardstick

SIZES = np.array([30, 45, 60, 90, 120, 180, 240, 360.0])
SPREAD = np.full(len(SIZES), 0.01)


@pytest.mark.parametrize(("a", "alpha", "c"), [(1.6, 0.5, 0.02), (8.0, 1.0, 0.1), (0.6, 0.2, 0.0)])
def test_a_power_law_is_recovered(a: float, alpha: float, c: float) -> None:
    found = yardstick(SIZES, (a * SIZES**-alpha + c)[None], SPREAD)
    told = {name: float(value[0]) for name, value in found.named.items()}
    assert told["alpha"] == pytest.approx(alpha, rel=0.05)
    assert told["a"] == pytest.approx(a, rel=0.05)
    assert told["c"] == pytest.approx(c, abs=0.002)


def test_images_undo_the_error_and_slopes_are_its_own() -> None:
    found = yardstick(SIZES, (1.6 * SIZES**-0.5 + 0.02)[None], SPREAD)
    assert found.images(found.error(SIZES))[0] == pytest.approx(SIZES)
    step = (found.error(SIZES + 1e-4) - found.error(SIZES - 1e-4)) / 2e-4
    assert found.slope(SIZES)[0] == pytest.approx(step[0], rel=1e-5)
    assert found.images(np.array([[0.001]]))[0, 0] == np.inf


def test_a_flat_curve_gains_next_to_nothing() -> None:
    found = yardstick(SIZES, np.full((1, len(SIZES)), 0.3), SPREAD)
    error = found.error(np.array([60.0, 120.0]))[0]
    assert error[0] - error[1] < 0.0005
    assert error == pytest.approx([0.3, 0.3], abs=0.001)
