"""What a writer may spend."""

import threading

from varifactory.errors import ModelError


class Budget:
    """Requests and US dollars, counted before a request is made: neither bound is passed."""

    def __init__(self, *, max_usd: float, max_requests: int) -> None:
        self.max_usd = max_usd
        self.max_requests = max_requests
        self.requests = 0
        self.spent_usd = 0.0
        self.unpriced = False
        """A model whose price is unknown was used: ``spent_usd`` is then too low."""
        self._lock = threading.Lock()

    def reserve(self, worst_usd: float | None) -> None:
        """Count a request that costs at most ``worst_usd`` (None: price unknown).

        Raises:
            ModelError: it could pass a bound.
        """
        with self._lock:
            if self.requests >= self.max_requests:
                raise ModelError(
                    f"{self.requests} requests were made, as many as prompts.max_requests allows: "
                    "raise it to go on; what was written is kept"
                )
            if worst_usd is not None and self.spent_usd + worst_usd > self.max_usd:
                raise ModelError(
                    f"the next request could cost ${worst_usd:.4f}, ${self.spent_usd:.4f} is spent "
                    f"and prompts.max_usd is {self.max_usd:g}: raise it to go on; what was written "
                    "is kept"
                )
            self.requests += 1

    def settle(self, cost_usd: float | None) -> None:
        """Count what a request cost."""
        with self._lock:
            self.spent_usd += cost_usd or 0.0
