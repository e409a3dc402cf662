"""What the writers, or the judges, of a run may spend."""

import threading
from functools import cache

from varifactory.errors import ModelError


class Budget:
    """Requests and US dollars, counted before a request is made: neither bound is passed.

    It holds what this process spends. ``known_spent`` adds what the run's stored rows say that
    it cost elsewhere; requests of other processes, and answers of theirs that are not stored yet,
    are not known here.
    """

    def __init__(self, *, max_usd: float, max_requests: int, section: str = "prompts") -> None:
        self.max_usd = max_usd
        self.max_requests = max_requests
        self.requests = 0
        self.unpriced = False
        """A model whose price is unknown was used: ``spent_usd`` is then too low."""
        self._section = section
        """Of the recipe, for messages."""
        self._own = self._reserved = self._before = self._stored = 0.0
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        """By this process, and by what it was told of; never more than was really spent but for
        requests that timed out, which count as if they were billed in full."""
        return max(self._before + self._own, self._stored)

    def known_spent(self, usd: float) -> None:
        """Tell what the run's rows in the store cost, US dollars.

        What is known before this process's first request was spent by others (earlier tries of
        this run, other workers). Later sums hold this process's own rows too, so they can only
        show that more was spent than was counted here.
        """
        with self._lock:
            if self.requests == 0:
                self._before = max(self._before, usd)
            self._stored = max(self._stored, usd)

    def reserve(self, worst_usd: float | None) -> None:
        """Count a request that costs at most ``worst_usd`` (None: price unknown).

        Raises:
            ModelError: it could pass a bound.
        """
        with self._lock:
            if self.requests >= self.max_requests:
                raise ModelError(
                    f"{self.requests} requests were made, as many as {self._section}.max_requests "
                    "allows: raise it to go on; what was answered is kept"
                )
            spent = self.spent_usd + self._reserved
            if worst_usd is not None and spent + worst_usd > self.max_usd:
                raise ModelError(
                    f"the next request could cost ${worst_usd:.4f}, ${spent:.4f} is spent and "
                    f"{self._section}.max_usd is {self.max_usd:g}: raise it to go on; what was "
                    "answered is kept"
                )
            self.requests += 1
            self._reserved += worst_usd or 0.0

    def settle(self, worst_usd: float | None, cost_usd: float | None) -> None:
        """Count what a request cost that was reserved with ``worst_usd``."""
        with self._lock:
            self._reserved -= worst_usd or 0.0
            self._own += cost_usd or 0.0


_OPENING = threading.Lock()


def shared(run: str, section: str, max_usd: float, max_requests: int) -> Budget:
    """The one budget that all writers (``prompts``) or judges (``verdicts``) of a run share in
    this process."""
    # A cache alone lets two threads that ask first at once open two budgets.
    with _OPENING:
        return _opened(run, section, max_usd, max_requests)


@cache
def _opened(run: str, section: str, max_usd: float, max_requests: int) -> Budget:
    return Budget(max_usd=max_usd, max_requests=max_requests, section=section)
