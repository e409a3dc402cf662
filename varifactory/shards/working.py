"""A shard's work: batch by batch, each kept before the next is made, and folded at the end."""

import logging
import platform
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from varifactory.errors import FactoryError, ModelError
from varifactory.models import accelerator
from varifactory.shards.keeping import keep_rows
from varifactory.shards.overlap import Lane, ahead_of
from varifactory.shards.planning import ShardRef, finished, planned_rows
from varifactory.stages import Made, Row, Work, failed
from varifactory.store import BlobError, Store, StoreError

log = logging.getLogger(__name__)

Maker = Callable[[list[Row], Store], list[Made]]
"""Makes planned rows, reading what they name through the store; one ``Made`` or more a row."""

stopping = threading.Event()
"""Set when the process was asked to end: shards finish the batch under way, then stop."""


class Interrupted(FactoryError):
    """The run was asked to stop; every finished batch is kept."""


@dataclass(slots=True)
class Outcome:
    """What a shard made: counts by status, and its part."""

    made: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    lost_blobs: list[str] = field(default_factory=list)


def work_shard(
    ref: ShardRef,
    work: Maker | Work[Any, Any],
    *,
    batch_size: int,
    ahead: int = 0,
    again: bool = False,
    where: Callable[[], str] = platform.machine,
) -> Outcome:
    """Make a shard's missing items batch by batch: blobs first, then a part of rows, then a fold.

    ``again`` (a retried task) looks first for what an earlier attempt has already written. With
    ``ahead`` that many batches are read before and kept after the one that is made. ``where`` names
    the device of the model, once it was used.

    Raises:
        Interrupted: the process was asked to stop; finished batches are kept.
        ModelError: the model cannot work at all, so trying item after item would be waste.
    """
    if not ref.missing:
        return Outcome()
    store = Store(ref.store)
    rows = planned_rows(store.get_run_object(ref.run, ref.plan))
    if again:
        done = finished(store, ref.stage, ref.spec)
        rows = [row for row in rows if row["key"] not in done]
    bench = _Bench(ref, store, _in_steps(work), where)
    pieces = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    with Lane[Any](ahead) as reading, Lane[str](ahead) as keeping:
        kept = []
        for piece, read in ahead_of(reading, bench.read, pieces, ahead):
            if stopping.is_set():
                raise Interrupted(
                    f"stopped during {ref.stage}: run the same command again to go on"
                )
            began = time.perf_counter()
            drawn = bench.drawn(piece, read)
            kept.append(keeping.call(bench.keep, piece, drawn, began))
            for each in kept[-1 - ahead :]:
                if each.done():
                    each.result()
    parts = [each.result() for each in kept]
    if len(parts) > 1:
        store.fold(ref.stage, ref.spec, parts)
    return bench.outcome


def _in_steps(work: Maker | Work[Any, Any]) -> Work[Any, Any]:
    """A maker that does all at once, as a work of one step."""
    if isinstance(work, Work):
        return work
    return Work(
        read=lambda rows, store: store,
        draw=lambda rows, store: work(rows, store),
        finish=lambda rows, made: made,
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where the batches of one shard are made."""

    ref: ShardRef
    store: Store
    work: Work[Any, Any]
    where: Callable[[], str]
    outcome: Outcome = field(default_factory=Outcome)

    def read(self, rows: list[Row]) -> Any:
        return self.work.read(rows, self.store)

    def drawn(self, rows: list[Row], read: "Future[Any]") -> Any:
        """The drawn batch, or the error that it ends in."""
        try:
            return self.work.draw(rows, read.result())
        except Exception as error:
            return self._all_alike(error)

    def keep(self, rows: list[Row], drawn: Any, began: float) -> str:
        """Finish and keep a batch; the name of its part."""
        batch = self._finished(rows, drawn)
        seconds = time.perf_counter() - began
        ref = self.ref
        part = keep_rows(self.store, ref.stage, ref.spec, ref.run, batch, seconds, self.where())
        self.outcome.made += len(batch)
        self.outcome.statuses.update(made.row["status"] for made in batch)
        return part

    def _finished(self, rows: list[Row], drawn: Any) -> list[Made]:
        error = drawn
        if not isinstance(drawn, Exception):
            try:
                return self.work.finish(rows, drawn)
            except Exception as trouble:
                error = self._all_alike(trouble)
        return self._apart(rows, error)

    @staticmethod
    def _all_alike(error: Exception) -> Exception:
        """The error, where it is one item's; raised where every further item would meet it too."""
        if isinstance(error, ModelError | StoreError) and not isinstance(error, BlobError):
            raise error
        if accelerator.is_lost(error):
            raise accelerator.lost(error) from error
        # Its frames hold what the batch had computed, and what comes next needs that memory.
        traceback.clear_frames(error.__traceback__)
        return error

    def _apart(self, rows: list[Row], error: Exception) -> list[Made]:
        """Item by item, so that only the bad one fails."""
        if len(rows) > 1:
            return [made for row in rows for made in self._one(row)]
        log.warning("%s failed: %s: %s", rows[0]["key"][:12], type(error).__name__, error)
        if isinstance(error, BlobError):
            self.outcome.lost_blobs.append(error.blob)
        return [failed(rows[0], accelerator.explained(error))]

    def _one(self, row: Row) -> list[Made]:
        try:
            return self.work.finish([row], self.work.draw([row], self.read([row])))
        except Exception as error:
            return self._apart([row], self._all_alike(error))
