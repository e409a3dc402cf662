"""Sums on one thread, for on several their order, and so their last digits, would be others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any


@dataclass(slots=True)
class _Inside:
    """Who computes on one thread just now, in this process."""

    lock: Lock = field(default_factory=Lock)
    count: int = 0
    libraries: Any = None
    """A controller of threadpoolctl of those that were loaded when the first entered."""
    done: Event = field(default_factory=Event)
    keeper: Thread | None = None


_INSIDE = _Inside()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it BLAS computes on one thread; any number of threads of a process may be inside.

    Most BLAS know one limit for the whole process. If each restored what it found, the first to
    leave would free the threads under the others, and the last might leave one for good. So a
    thread of its own keeps the limit from the first that enters to the last that leaves.
    """
    with _INSIDE.lock:
        if not _INSIDE.count:
            _begin(_INSIDE)
        _INSIDE.count += 1
        libraries = _INSIDE.libraries
    try:
        with libraries.limit(limits=1):  # of a BLAS that knows a limit for every thread
            yield
    finally:
        with _INSIDE.lock:
            _INSIDE.count -= 1
            if not _INSIDE.count and _INSIDE.keeper:
                _INSIDE.done.set()
                _INSIDE.keeper.join()


def _begin(inside: _Inside) -> None:
    from threadpoolctl import ThreadpoolController

    inside.libraries, inside.done = ThreadpoolController(), Event()
    kept = Event()
    inside.keeper = Thread(target=_keep, args=(inside.libraries, kept, inside.done), daemon=True)
    inside.keeper.start()
    kept.wait()


def _keep(libraries: Any, kept: Event, done: Event) -> None:
    with libraries.limit(limits=1, user_api="blas"):
        kept.set()
        done.wait()
