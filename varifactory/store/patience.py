"""Requests that outlast passing trouble: a restart or a failover of the server ends no run."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from varifactory.store.errors import StoreUnreachable

PATIENCE = 30.0
"""Seconds for which a server that has answered before is asked again."""
_LOG = logging.getLogger("varifactory.store")
_answering: set[str] = set()
"""Servers that have answered, and were not given up since. One that never answered is told at once,
for its address is most likely wrong; so is all else that is asked of one given up."""


class Asking(Protocol):
    """What asks a server, and says which."""

    @property
    def server(self) -> str: ...


Who = TypeVar("Who", bound=Asking)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def patient(
    ask: Callable[Concatenate[Who, Asked], Answer],
) -> Callable[Concatenate[Who, Asked], Answer]:
    """Make a request again while its server is unreachable; done twice it must do no harm."""

    @wraps(ask)
    def patiently(who: Who, /, *args: Asked.args, **more: Asked.kwargs) -> Answer:
        until = time.monotonic() + PATIENCE
        for attempt in count():
            try:
                answer = ask(who, *args, **more)
            except StoreUnreachable as error:
                if who.server not in _answering or time.monotonic() > until:
                    _answering.discard(who.server)
                    raise
                if not attempt:
                    _LOG.warning("%s (asked again for up to %.0f s)", error, PATIENCE)
                time.sleep(random.uniform(0.5, 1.0) * min(5.0, 2.0**attempt))
            else:
                _answering.add(who.server)
                return answer
        raise AssertionError("unreachable")

    return patiently
