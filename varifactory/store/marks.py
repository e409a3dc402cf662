"""Lists of marks: what was found unneeded, when and by whom, created once.

When something was marked is told by the time at which the storage wrote the list, so clocks of
machines play no part. A list shortens nothing and names nothing to be removed that is not found
unneeded again: a foreign one can do no harm.
"""

import json
import logging
import secrets
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.base import Opened
from varifactory.store.errors import StoreError
from varifactory.store.reach import Unneeded

_LOG = logging.getLogger("varifactory.store")
_LIST = 20_000
"""Marks a list: some 3 MB."""
_LIMIT = 16 * 2**20
_PREFIX = "marks-"


class Marks(BaseModel):
    """One list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: Annotated[str, Field(max_length=1000)]
    marks: Annotated[dict[str, int], Field(max_length=_LIST)]
    """Path -> bytes."""


class Marking(Opened):
    """A store's lists of marks."""

    def mark(self, found: Sequence[Unneeded], who: str) -> None:
        """Write down what is not needed."""
        for start in range(0, len(found), _LIST):
            piece = {each.path: each.size for each in found[start : start + _LIST]}
            text = json.dumps({"who": who, "marks": piece}, sort_keys=True)
            path = f"{names.GC}/{_PREFIX}{secrets.token_hex(8)}.json"
            self.backend.put_once(path, text.encode())

    def marked(self, found: Iterable[Unneeded]) -> dict[str, float]:
        """Path -> when the storage wrote its first mark since it was written itself."""
        written = {each.path: each.modified for each in found}
        first: dict[str, float] = {}
        for entry in self._lists():
            for path in self._read_marks(entry):
                if written.get(path, entry.modified) < entry.modified:
                    first[path] = min(first.get(path, entry.modified), entry.modified)
        return first

    def forget_marks(self, standing: Iterable[str], before: float) -> None:
        """Remove lists written before a time of which no mark stands any more."""
        still = frozenset(standing)
        for entry in self._lists():
            if entry.modified < before and still.isdisjoint(self._read_marks(entry)):
                self.backend.delete(f"{names.GC}/{entry.name}")

    def _lists(self) -> list[Entry]:
        return [e for e in self.backend.entries(names.GC) if e.name.startswith(_PREFIX)]

    def _read_marks(self, entry: Entry) -> dict[str, int]:
        path = f"{names.GC}/{entry.name}"
        try:
            return Marks.model_validate_json(self.backend.read(path, _LIMIT)).marks
        except FileNotFoundError:
            return {}
        except (ValidationError, StoreError):
            _LOG.warning("%s is no list of marks: what it names is marked anew", path)
            return {}
