"""Garbage collection: what nothing needs is marked, a grace period later moved away, another one
later removed for good.

Safe beside writers and readers, by five rules:

- Nothing is moved that was not marked a grace period ago, and is still unneeded, and was not
  written since. A writer that finds its blob there already writes it again, or touches it.
- Rows go before the blobs they name: a blob that any row names is kept, so whoever read the row
  has a grace period to use what it names, or to write a row of its own.
- Moving is not removing: a blob that a row came to need in the last moment is found in the trash by
  whoever reads it, and put back.
- What hides rows goes last, and a spec whole or not at all: no hidden row is ever seen again.
- Times are those of the storage alone.
"""

import json
import math
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.errors import StoreDenied, StoreError
from varifactory.store.marks import Marking
from varifactory.store.reach import Reaching, Since, Unneeded, Unreachable
from varifactory.store.retiring import Retiring

DAY = 24 * 3600.0
GRACE = 7 * DAY
"""Seconds; longer than the longest run, and than people need to object."""
KEEP_RUNS = 90 * DAY
"""Seconds for which all that a run worked with is kept."""
_UNUSED = "unused rows"


class Tally(BaseModel):
    """Objects of one kind, of one stage, run or version."""

    model_config = ConfigDict(frozen=True)

    kind: str
    where: str
    count: int
    bytes: int


class Collected(BaseModel):
    """What is not needed, and what became of it."""

    model_config = ConfigDict(frozen=True)

    delete: bool
    """False for a dry run, which writes nothing."""
    grace: float
    looked_at: dict[str, int]
    unneeded: tuple[Tally, ...]
    strange: tuple[str, ...] = ()
    """What lies among exports and studies and is of no version: left alone."""
    follows: Tally
    """Blobs that only unneeded rows name: their turn comes when the rows are gone."""
    marked: int = 0
    waiting: int = 0
    """Marked, but not yet a grace period ago."""
    ripe: int = 0
    """What a run that deletes would move now; moved, if this was one."""
    moved: int = 0
    moved_bytes: int = 0
    removed: int = 0
    """Removed from the trash, for good."""
    removed_bytes: int = 0
    put_back: int = 0
    """Came to be needed after it was moved."""

    @property
    def count(self) -> int:
        """Objects that nothing needs now."""
        return sum(tally.count for tally in self.unneeded)

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return sum(tally.bytes for tally in self.unneeded)


class Collecting(Reaching, Retiring, Marking):
    """A store's garbage collection."""

    def collect(
        self,
        *,
        delete: bool = False,
        grace: float = GRACE,
        keep_runs: float = KEEP_RUNS,
        who: str = "",
    ) -> Collected:
        """Find what nothing needs; with ``delete`` mark it, and move what was marked long ago.

        Args:
            delete: else nothing is written. It needs the right to delete.
            grace: seconds. Below two days it is safe only while nobody writes to a bucket.
            keep_runs: seconds for which all that a run worked with is kept, at least ``grace``;
                of a run that has not ended always a day at least.
            who: written on the marks.

        Raises:
            StoreError: something cannot be read, so that nobody knows what it needs; or no right;
                or the store is of a later varifactory.
        """
        if grace < 0 or keep_runs < 0:
            raise StoreError(f"grace {grace!r}, keep_runs {keep_runs!r}: give seconds from 0")
        self.known_format()
        try:
            return self._collect(delete, grace, keep_runs, who)
        except StoreDenied as error:
            if not delete:
                raise
            raise StoreDenied(
                f"{error}. Garbage collection needs a role that may delete (docs/store.md)"
            ) from None

    def _collect(self, delete: bool, grace: float, keep_runs: float, who: str) -> Collected:
        now = self._clock() if delete else datetime.now(UTC).timestamp()
        ended = now - max(keep_runs, grace)
        since = Since(ended, min(ended, now - DAY))
        reach = self.unreachable(since)
        at = self.marked(reach.found)
        told = {
            "delete": delete, "grace": grace, "looked_at": reach.looked_at,
            "unneeded": _tallied(reach.found), "follows": _follows(reach), "strange": reach.strange,
        }  # fmt: skip
        if not delete:
            ripe = _ripe(reach.found, at, now - grace)
            return Collected(**told, ripe=len(ripe), waiting=len(at) - len(ripe))
        new = [each for each in reach.found if each.path not in at]
        self.mark(new, who)
        if new and not grace:
            at, now = self.marked(reach.found), self._clock()
        ripe = self._still(_ripe(reach.found, at, now - grace), since)
        moved = self._move(ripe, at)
        told |= self._empty_trash(reach, now - grace)
        gone = {each.path for each in moved}
        standing = [each.path for each in reach.found if each.path not in gone]
        self.forget_marks(standing, now - grace)
        report = Collected(
            **told, marked=len(new), ripe=len(ripe), moved=len(moved),
            waiting=len(standing) - len(ripe) + len(moved),
            moved_bytes=sum(each.size for each in moved),
        )  # fmt: skip
        self._write_down(report, who)
        return report

    def _clock(self) -> float:
        """What time it is for the storage."""
        path = f"{names.PROBES}/clock-{secrets.token_hex(8)}"
        self.backend.put_once(path, b"now")
        now = self.backend.modified(path)
        self.backend.delete(path)
        return datetime.now(UTC).timestamp() if now is None else now

    def _still(self, ripe: list[Unneeded], since: Since) -> list[Unneeded]:
        """Without rows that a run or version has come to need while all was looked through."""
        if not any(each.path.startswith(names.STAGES) for each in ripe):
            return ripe
        needed = self._needed(self.backend.walk(names.RUNS), since)
        kept = []
        for each in ripe:
            folder, *inner = each.path.split("/")
            if folder == names.STAGES:
                stage, spec, part = inner
                wanted = part in needed.parts.get((stage, spec), ())
                if wanted or (each.kind == _UNUSED and needed.has_spec(spec)):
                    continue
            kept.append(each)
        return kept

    def _move(self, ripe: Sequence[Unneeded], at: dict[str, float]) -> list[Unneeded]:
        def away(each: Unneeded) -> bool:
            return self.backend.move(each.path, names.trash(each.path), at[each.path])

        moved = []
        for last in (False, True):
            wave = [each for each in ripe if each.last == last]
            done = self._map(away, wave)
            moved += [each for each, gone in zip(wave, done, strict=True) if gone]
        return moved

    def _empty_trash(self, reach: Unreachable, before: float) -> dict[str, int]:
        """Put back what rows name, and remove for good what has lain there long enough."""
        found: Counter[str] = Counter()
        old = []
        for entry in self.backend.walk(names.TRASH):
            blob = entry.name.rpartition("/")[2]
            if blob in reach.missing and entry.name.startswith(names.BLOBS):
                found["put_back"] += self.put_back(entry.name, blob[:64]) is not None
            elif entry.modified <= before:
                old.append(entry)
        self._map(self._remove, old)
        found["removed"] = len(old)
        found["removed_bytes"] = sum(entry.size for entry in old)
        return dict(found)

    def _remove(self, entry: Entry) -> None:
        self.backend.delete(f"{names.TRASH}/{entry.name}")

    def _write_down(self, report: Collected, who: str) -> None:
        """Who collected what, when: kept for good."""
        if report.moved or report.removed or report.marked:
            when = datetime.now(UTC)
            said = {"who": who, "when": when.isoformat(), **report.model_dump(mode="json")}
            name = f"{when:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json"
            self.backend.put_once(f"{names.GC}/{name}", json.dumps(said, indent=1).encode())


def _ripe(found: Iterable[Unneeded], at: dict[str, float], before: float) -> list[Unneeded]:
    """Marked long enough ago, and so is all that goes with it."""
    every = list(found)
    unripe = {each.path for each in every if at.get(each.path, math.inf) > before}
    held = {each.together for each in every if each.together and each.path in unripe}
    return [each for each in every if each.path not in unripe and each.together not in held]


def _tallied(found: Iterable[Unneeded]) -> tuple[Tally, ...]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in found:
        sums[each.kind, each.where][0] += 1
        sums[each.kind, each.where][1] += each.size
    return tuple(
        Tally(kind=kind, where=where, count=count, bytes=size)
        for (kind, where), (count, size) in sorted(sums.items())
    )


def _follows(reach: Unreachable) -> Tally:
    count, size = reach.follows
    return Tally(kind="blobs", where="of unused rows", count=count, bytes=size)
