"""Who uses how much: bytes by stage, spec, run, person, data set and study, by listings and rows.

A blob that rows of one group name is its own; one that rows of several groups name is shared, and
its bytes are told for each of them apart from their own. In the sum each blob counts once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from varifactory.store import names
from varifactory.store.errors import StoreError
from varifactory.store.parts import BLOB_COLUMNS, Wanted
from varifactory.store.rows import blob_columns
from varifactory.store.studied import Studied

BY = ("stage", "spec", "run", "person", "data set", "study")
_OTHERS = (names.RUNS, names.DATASETS, names.STUDIES, names.EXPORTS, names.PINS, names.GC,
           names.TRASH)  # fmt: skip
_NOBODY = "not known"

Numbers = NDArray[np.int64]


class Used(BaseModel):
    """What the rows of one group name."""

    model_config = ConfigDict(frozen=True)

    name: str
    blobs: int
    own_bytes: int
    """Of blobs that no other group names."""
    shared_bytes: int
    table_bytes: int = 0
    """Of the rows themselves; told by stage and by spec."""


class Usage(BaseModel):
    """What a store holds, and for whom."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    folders: dict[str, int]
    """Top folder -> bytes."""
    blobs: int
    unnamed_blobs: int
    """Blobs that no row that counts names."""
    unnamed_bytes: int
    by: dict[str, tuple[Used, ...]]
    """``BY`` -> groups, the largest first."""


class _Named(NamedTuple):
    """Blobs that the rows of a spec name: each with each of the runs that made such a row."""

    stage: str
    spec: str
    blobs: Numbers
    runs: Numbers


class Using(Studied):
    """A store's account."""

    def usage(self) -> Usage:
        """Count all; blobs are listed, never read."""
        self.known_format()
        listed = list(self.backend.walk(names.BLOBS))
        there = pa.array([entry.name.rpartition("/")[2] for entry in listed], pa.string())
        sizes = np.array([entry.size for entry in listed], np.int64)
        runs: dict[str, int] = {}
        named = [
            self._named(stage, spec, there, runs)
            for stage in self.stages() for spec in self.specs(stage)
        ]  # fmt: skip
        parts = self._part_bytes()
        by = {
            "stage": _account(((n.stage, n.blobs) for n in named), sizes, _of_stages(parts)),
            "spec": _account(((f"{n.stage}/{n.spec}", n.blobs) for n in named), sizes, parts),
            "run": _account(_by_run(named, list(runs)), sizes),
            "person": _account(_by_run(named, self._people(list(runs))), sizes),
            "data set": _account(self._of_versions(there), sizes),
            "study": _account(self._of_studies(there), sizes),
        }
        every = np.zeros(len(sizes), bool)
        for one in named:
            every[one.blobs] = True
        folders = {"blobs": int(sizes.sum()), names.STAGES: sum(parts.values())}
        for folder in _OTHERS:
            folders[folder] = sum(entry.size for entry in self.backend.walk(folder))
        return Usage(
            bytes=sum(folders.values()), folders=folders, blobs=len(sizes),
            unnamed_blobs=int((~every).sum()), unnamed_bytes=int(sizes[~every].sum()), by=by,
        )  # fmt: skip

    def _named(self, stage: str, spec: str, there: pa.Array, runs: dict[str, int]) -> _Named:
        table = self.rows(stage, spec, [BLOB_COLUMNS, "run"])
        makers = pc.fill_null(pc.cast(table["run"], pa.string()), _NOBODY)
        makers = makers.combine_chunks().dictionary_encode()
        if isinstance(makers, pa.ChunkedArray):
            makers = makers.chunk(0)
        known = [runs.setdefault(run, len(runs)) for run in makers.dictionary.to_pylist()]
        codes = np.array([*known, -1], np.int64)[makers.indices.to_numpy()]
        blobs, owners = [], []
        for column in blob_columns(table):
            place, filled = _places(table[column], there)
            blobs.append(place)
            owners.append(codes[filled])
        pairs = np.unique(np.stack([_joined(blobs), _joined(owners)]), axis=1)
        return _Named(stage, spec, pairs[0], pairs[1])

    def _of_versions(self, there: pa.Array) -> Iterable[tuple[str, Numbers]]:
        wanted = Wanted.asked([BLOB_COLUMNS], None)
        for name, numbers in self.datasets():
            for number in numbers:
                places = []
                with suppress(StoreError):  # `verify` tells what is wrong with a version
                    for part in self.dataset(name, number).parts:
                        read = self._read_strictly(part.stage, part.spec, part.name, wanted)
                        columns = blob_columns(read.table)
                        places += [_places(read.table[c], there)[0] for c in columns]
                yield f"{name}@{number}", _joined(places)

    def _of_studies(self, there: pa.Array) -> Iterable[tuple[str, Numbers]]:
        """What the trained cells of each study name: adapters."""
        for name, numbers in self.studies():
            for number in numbers:
                places = []
                with suppress(StoreError):  # `verify` tells what is wrong with a study
                    of_spec: dict[str, list[str]] = defaultdict(list)
                    for cell in self.study(name, number).cells:
                        of_spec[cell.spec].append(cell.key)
                    for spec, keys in of_spec.items():
                        table = self.rows("training", spec, [BLOB_COLUMNS], keys=keys)
                        places += [_places(table[c], there)[0] for c in blob_columns(table)]
                yield f"{name}@{number}", _joined(places)

    def _people(self, runs: Sequence[str]) -> list[str]:
        def actor(run: str) -> str:
            try:
                return str(self.read_run(run).get("actor") or _NOBODY)
            except StoreError:
                return _NOBODY

        found: list[str] = self._map(actor, runs)
        return found

    def _part_bytes(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for entry in self.backend.walk(names.STAGES):
            found[entry.name.rpartition("/")[0]] += entry.size
        return dict(found)


def _of_stages(parts: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for place, size in parts.items():
        found[place.partition("/")[0]] += size
    return found


def _places(column: Any, there: pa.Array) -> tuple[Numbers, NDArray[np.bool_]]:
    """Places of the named blobs in the listing; and which rows name one that is there."""
    place = pc.index_in(pc.cast(column, pa.string()), value_set=there)
    place = pc.fill_null(place, -1).to_numpy().astype(np.int64)
    filled = place >= 0
    return place[filled], filled


def _joined(arrays: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def _by_run(named: Iterable[_Named], labels: Sequence[str]) -> Iterable[tuple[str, Numbers]]:
    for one in named:
        for run in np.unique(one.runs):
            yield labels[run], one.blobs[one.runs == run]


def _account(
    groups: Iterable[tuple[str, Numbers]], sizes: Numbers, tables: dict[str, int] | None = None
) -> tuple[Used, ...]:
    """Each group's own and shared bytes, the largest first."""
    gathered: dict[str, list[Numbers]] = {name: [] for name in tables or {}}
    for name, places in groups:
        gathered.setdefault(name, []).append(places)
    each = {name: np.unique(_joined(places)) for name, places in gathered.items()}
    users = np.zeros(len(sizes), np.int64)
    for places in each.values():
        users[places] += 1
    found = []
    for name, places in each.items():
        own = places[users[places] == 1]
        of_own, of_all = int(sizes[own].sum()), int(sizes[places].sum())
        found.append(
            Used(name=name, blobs=len(places), own_bytes=of_own, shared_bytes=of_all - of_own,
                 table_bytes=(tables or {}).get(name, 0))
        )  # fmt: skip
    return tuple(
        sorted(found, key=lambda u: (-u.own_bytes, -u.shared_bytes, -u.table_bytes, u.name))
    )
