"""Models that stay loaded: once a process, kept while wanted, given up when memory is short."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from varifactory.errors import ModelError
from varifactory.models import accelerator

log = logging.getLogger(__name__)

Model = TypeVar("Model")
_resident: "list[Resident[object]]" = []
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
        while True:
            try:
                model = self._load()
                break
            except Exception as error:
                if not accelerator.is_short(error):
                    raise
                if not drop_idle():
                    raise ModelError(
                        f"{self.name} does not fit into memory: take a smaller checkpoint or "
                        "dtype, or a machine with more"
                    ) from error
        self.loads += 1
        with _lock:
            if self not in _resident:
                _resident.append(self)  # type: ignore[arg-type]
        return model


def drop_idle() -> bool:
    """Give up the longest unused model that nobody uses; whether there was one."""
    with _lock:
        known = sorted(_resident, key=lambda each: each.last_used)
    return any(each.drop() for each in known)


def drop_all() -> None:
    """Give up every model that nobody uses."""
    while drop_idle():
        pass
