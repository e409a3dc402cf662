"""Models that stay loaded: once a process, kept while wanted, given up when memory is short."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from varifactory.errors import ModelError
from varifactory.models import accelerator

log = logging.getLogger(__name__)

Model = TypeVar("Model")
_resident: "WeakSet[Resident[Any]]" = WeakSet()
_lock = threading.Lock()


class Resident(Generic[Model]):
    """A model that is loaded at its first use and then kept.

    One user at a time: pipelines and predictors keep state between calls. When memory runs short
    while another one is loaded, those that nobody uses are given up, the longest unused first.
    """

    def __init__(self, name: str, load: Callable[[], Model]) -> None:
        self.name = name
        self._load = load
        self._model: Model | None = None
        self._busy = threading.Lock()
        self.last_used = 0.0
        self.loads = 0
        """How often it was loaded, for tests and reports."""

    @contextmanager
    def use(self) -> Iterator[Model]:
        """The loaded model, for this thread alone until the block ends.

        Raises:
            ModelError: it cannot be loaded; too little memory names the settings to change.
        """
        with self._busy:
            if self._model is None:
                self._model = self._loaded()
            self.last_used = time.monotonic()
            yield self._model

    def drop(self) -> bool:
        """Give the model up, unless somebody uses it; whether it was."""
        if self._model is None or not self._busy.acquire(blocking=False):
            return False
        try:
            self._model = None
        finally:
            self._busy.release()
        accelerator.release()
        log.info("%s was given up to free memory", self.name)
        return True

    def _loaded(self) -> Model:
        model = self._try()
        while model is None:
            # The error is gone by now, and with it its frames, which hold the half-loaded model.
            accelerator.release()
            if not drop_idle():
                raise ModelError(
                    f"{self.name} does not fit into memory: take a smaller checkpoint, a "
                    "checkpoint.dtype of fewer bits, or a machine with more"
                )
            model = self._try()
        self.loads += 1
        with _lock:
            _resident.add(self)
        return model

    def _try(self) -> Model | None:
        """The model; None where memory is short."""
        try:
            return self._load()
        except Exception as error:
            if accelerator.is_lost(error):
                raise accelerator.lost(error) from error
            if not accelerator.is_short(error):
                raise
            log.warning("memory is short for %s: %s", self.name, str(error)[:200])
            return None


def drop_idle(*, but_newest: bool = False) -> bool:
    """Give up the longest unused model that nobody uses; whether there was one.

    With ``but_newest`` the one that was used last stays: whoever ran short was just using it.
    """
    with _lock:
        known = sorted(_resident, key=lambda each: each.last_used)
    return any(each.drop() for each in (known[:-1] if but_newest else known))


def drop_all(*, but_newest: bool = False) -> int:
    """Give up every model that nobody uses; how many there were."""
    dropped = 0
    while drop_idle(but_newest=but_newest):
        dropped += 1
    return dropped
