import pytest

from varifactory.quantities import duration, size


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "0.0 s"), (9.94, "9.9 s"), (41, "41 s"), (2460, "41 min"), (12_600, "3.5 h"),
     (432_000, "120 h")],
)  # fmt: skip
def test_times_are_told_in_their_unit(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"), [(300_000, "0.3 MB"), (42_000_000, "42 MB"), (3_100_000_000, "3.1 GB")]
)
def test_sizes_are_told_in_theirs(count: float, told: str) -> None:
    assert size(count) == told
