import numpy as np
import pytest

from varifactory.statistics.variance import components, expected, mean_squares, spread

SHAPE = (3, 4, 50)
TRUE = {(0,): 0.3, (1,): 0.2, (2,): 0.5, (0, 1): 0.1, (0, 2): 0.2, (1, 2): 0.4, (0, 1, 2): 1.0}


def _drawn(random: np.random.Generator) -> np.ndarray:
    values = np.zeros(SHAPE)
    for axes, variance in TRUE.items():
        shape = [count if axis in axes else 1 for axis, count in enumerate(SHAPE)]
        values = values + random.normal(0, np.sqrt(variance), size=shape)
    return values


def test_mean_squares_are_those_of_the_textbook() -> None:
    """Two factors: rows, columns, and what neither explains."""
    values = np.random.default_rng(1).normal(size=(1, 4, 7))
    table, mean = values[0], values.mean()
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    left = table - rows[:, None] - columns + mean
    assert mean_squares(values) == pytest.approx({
        (1,): 7 * ((rows - mean) ** 2).sum() / 3,
        (2,): 4 * ((columns - mean) ** 2).sum() / 6,
        (1, 2): (left**2).sum() / 18,
    })  # fmt: skip


def test_components_are_found_on_average() -> None:
    random = np.random.default_rng(2)
    parts = [components(mean_squares(_drawn(random)), SHAPE) for _ in range(400)]
    for axes in ((2,), (0, 2), (1, 2), (0, 1, 2)):
        assert np.mean([one[axes] for one in parts]) == pytest.approx(TRUE[axes], rel=0.05)
    # Few levels leave much to chance, and an estimate below zero counts as zero.
    for axes in ((0,), (1,)):
        assert np.mean([one[axes] for one in parts]) == pytest.approx(TRUE[axes], rel=0.25)


def test_the_variance_of_the_mean_is_that_of_means() -> None:
    random = np.random.default_rng(3)
    tables = [_drawn(random) for _ in range(1500)]
    seen = np.var([table.mean() for table in tables])
    said = np.mean([spread(mean_squares(table), SHAPE)[0] for table in tables])
    assert said == pytest.approx(seen, rel=0.1)


def test_a_larger_design_is_foreseen() -> None:
    """Expected mean squares of known components give the variance by its definition."""
    shape = (5, 6, 700)
    by_hand = sum(
        variance / np.prod([shape[axis] for axis in axes]) for axes, variance in TRUE.items()
    )
    assert spread(expected(TRUE, shape), shape)[0] == pytest.approx(by_hand)
    squares = mean_squares(_drawn(np.random.default_rng(4)))
    if min(parts := components(squares, SHAPE).values()) > 0:
        assert expected(components(squares, SHAPE), SHAPE) == pytest.approx(squares)
    assert len(parts) == 7


def test_freedom_is_that_of_what_varies() -> None:
    only_seeds = np.random.default_rng(5).normal(size=(1, 5, 1)) + np.zeros((1, 5, 40))
    assert spread(mean_squares(only_seeds), (1, 5, 40))[1] == pytest.approx(4)
    only_images = np.random.default_rng(5).normal(size=(1, 1, 40)) + np.zeros((1, 5, 40))
    assert spread(mean_squares(only_images), (1, 5, 40))[1] == pytest.approx(39)
    assert spread(mean_squares(np.zeros((1, 5, 40))), (1, 5, 40)) == (0.0, 39.0)
    assert spread({}, (1, 1, 1)) == (0.0, 1.0)
