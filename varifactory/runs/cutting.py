"""Into how many shards a stage is cut."""

FEWEST, MOST, EACH = 100, 400, 16
"""Shards a stage may be cut into: ``EACH`` a worker, so that all end at about the same time, but
``FEWEST`` at least, for progress in steps of a hundredth, and ``MOST`` at most."""
TASK_RUNS = 2000
"""Task runs of a run: beyond, Prefect's page of it is slow and its database grows for nothing."""


def shard_size(items: int, asked: int, workers: int, begun: int = 0) -> int:
    """Items a shard: as many as asked, or the least multiple of it that makes few enough shards.

    ``begun`` task runs were begun by the run before; a stage takes at most half of what is left.
    """
    most = min(MOST, max(FEWEST, EACH * workers), max(1, (TASK_RUNS - begun) // 2))
    return asked * max(1, -(-items // (asked * most)))
