"""What the store saved a run, and thanks to whom: rows say who made them and what it took."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.history.deviations import PROCESSORS
from varifactory.models.provider.estimate import dollars
from varifactory.quantities import duration

NAMED = 3
"""Runs that are told by name, those that made most first: each costs one read of its record."""

ReadRun = Callable[[str], Mapping[str, Any]]
"""A run's record by its id, empty where there is none."""


@dataclass(slots=True)
class Share:
    """What one earlier run made of all that a run reused."""

    items: int = 0
    seconds: float = 0.0
    card_seconds: float = 0.0
    """Of these on an accelerator."""
    usd: float = 0.0
    """Paid to providers."""

    def __iadd__(self, other: "Share") -> "Share":
        self.items += other.items
        self.seconds += other.seconds
        self.card_seconds += other.card_seconds
        self.usd += other.usd
        return self


@dataclass(slots=True)
class Savings:
    """What a run found made, by the run that made it."""

    run: str
    flow_run: str = ""
    """What other runs of the same flow run made (its preview, attempts before this one) is neither
    saved nor made by this one; their ids begin with this."""
    shares: dict[str, Share] = field(default_factory=dict)
    own: Share = field(default_factory=Share)
    """What the run made itself, failed items included."""

    def add(self, table: pa.Table) -> None:
        """Count rows of a stage that a run uses."""
        if not len(table):
            return
        done = pc.is_in(table["status"], value_set=pa.array(records.DONE))
        own = pc.fill_null(pc.equal(table["run"], self.run), False)
        for _, share in _shares(table.filter(own)):
            self.own += share
        for run, share in _shares(table.filter(pc.and_(done, pc.invert(self._kin(table, own))))):
            self.shares.setdefault(run, Share())
            self.shares[run] += share

    def _kin(self, table: pa.Table, own: pa.Array) -> pa.Array:
        if not self.flow_run:
            return own
        first = pc.equal(table["run"], self.flow_run)
        later = pc.starts_with(table["run"], f"{self.flow_run}-")
        return pc.or_(own, pc.fill_null(pc.or_(first, later), False))

    def paid(self, gpu_hour: float = 0.0) -> float:
        """What the run's own items cost, US $: providers, and cards at that price an hour."""
        return self.own.usd + self.own.card_seconds / 3600 * gpu_hour

    def total(self) -> Share:
        """Of all runs."""
        whole = Share()
        for share in self.shares.values():
            whole += share
        return whole

    def told(self, read_run: ReadRun, items: int, gpu_hour: float = 0.0) -> dict[str, Any]:
        """For programs and, under ``words``, for people; empty where nothing was saved.

        Args:
            read_run: asked for the ``NAMED`` runs that made most.
            items: of the run in all.
            gpu_hour: price of an hour of a card, US $.
        """
        whole = self.total()
        if not whole.items:
            return {}
        ordered = sorted(self.shares.items(), key=lambda one: (-one[1].items, one[0]))
        thanks = [_thanks(run, share, read_run(run)) for run, share in ordered[:NAMED]]
        usd = whole.usd + whole.card_seconds / 3600 * gpu_hour
        said = {
            "items": whole.items,
            "seconds": round(whole.seconds, 1),
            "usd": round(usd, 4),
            "thanks_to": thanks,
            "further_runs": max(0, len(ordered) - NAMED),
        }
        return said | {"words": _words(said, items)}


def _shares(table: pa.Table) -> Iterator[tuple[str, Share]]:
    names = [name for name in ("seconds", "cost_usd") if name in table.column_names]
    grouped = table.group_by(["run", "device"]).aggregate(
        [("key", "count"), *((name, "sum") for name in names)]
    )
    for row in grouped.to_pylist():
        seconds = row.get("seconds_sum") or 0.0
        on_card = (row["device"] or "cpu").lower() not in PROCESSORS
        share = Share(row["key_count"], seconds, seconds if on_card else 0.0,
                      row.get("cost_usd_sum") or 0.0)  # fmt: skip
        yield row["run"] or "", share


def _thanks(run: str, share: Share, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": run,
        "actor": str(record.get("actor") or "somebody"),
        "date": str(record.get("began_at") or "")[:10],
        "items": share.items,
        "seconds": round(share.seconds, 1),
    }


def by_whom(run: str, actor: str, date: str) -> str:
    """``ada's run 3f9c1a7b of 2026-11-20``."""
    return f"{actor}'s run {run[:8]}" + (f" of {date}" if date else "")


def _words(said: Mapping[str, Any], items: int) -> str:
    worth = duration(said["seconds"]) + (f" and {dollars(said['usd'])}" if said["usd"] else "")
    first, *others = said["thanks_to"]
    made = f"{first['items']:,} of {items:,} items made by {_by(first)}"
    made += "".join(f", {one['items']:,} by {_by(one)}" for one in others)
    if said["further_runs"]:
        made += f", others by {said['further_runs']} more runs"
    return f"saved {worth}: {made}"


def _by(one: Mapping[str, Any]) -> str:
    return by_whom(one["run"], one["actor"], one["date"])
