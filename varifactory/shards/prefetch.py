"""Work done ahead by threads, handed on in order: hides latency, holds little."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")

THREADS = 8
"""Requests at a time: what a bucket's latency needs; decoding leaves the interpreter's lock too."""
AHEAD = 32
"""Results held before they are asked for."""


def in_order(
    function: Callable[[Given], Found],
    given: Iterable[Given],
    *,
    threads: int = THREADS,
    ahead: int = AHEAD,
) -> Iterator[Found]:
    """``map``, at most ``ahead`` results early; an error is raised in its item's place."""
    items = iter(given)
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Found]] = deque()
    try:
        waiting.extend(pool.submit(function, one) for one in islice(items, ahead))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(pool.submit(function, one) for one in islice(items, 1))
            yield found
    finally:
        # Whoever stops reading early waits for what is under way, not for what was queued.
        pool.shutdown(cancel_futures=True)
