"""A stage has few enough shards, however many its items."""

import pytest

from varifactory.runs.cutting import MOST, TASK_RUNS, shard_size


@pytest.mark.parametrize(
    ("items", "asked", "workers", "size"),
    [
        (40, 512, 2, 512),
        (51_200, 512, 2, 512),
        (51_201, 512, 2, 1024),
        (100_000, 512, 2, 1024),
        (100_000, 512, 16, 512),
        (10_000_000, 512, 64, 25_088),
        (101, 1, 2, 2),
        (0, 8, 1, 8),
    ],
)
def test_a_shard_grows_by_whole_multiples(items: int, asked: int, workers: int, size: int) -> None:
    assert shard_size(items, asked, workers) == size


def test_no_run_begins_more_task_runs_than_prefect_shows_well() -> None:
    begun = 0
    for _ in range(60):
        size = shard_size(10_000_000, 32, 256, begun)
        begun += -(-10_000_000 // size)
    assert MOST < begun <= TASK_RUNS + 60
