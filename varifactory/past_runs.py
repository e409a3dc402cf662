"""What a finished run left in the store: its recipe, the specs it used, the version it ended in."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store, StoreError, StoreMissing

ENDED = "ended.json"
"""Run object: how a run ended; a run that was killed has none."""
FLOWS = ("generate", "train", "study")
"""Flows whose runs can be taken up again."""
SHORTEST_ID = 8


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as its record and its end tell it."""

    id: str
    flow: str
    recipe: Recipe
    specs: Mapping[str, tuple[str, ...]]
    """Stage -> the specs of it that the run used, in the order of the stages."""
    version: Manifest | None
    """The version it ended in; None for a run that ended before it published one, or whose
    version was dropped."""
    newest: Manifest | None = None
    """The newest version of the same data set and recipe, from that one on: it holds what was
    mended of the run since."""


def find_run(store: Store, run: str = "", dataset: str = "") -> PastRun:
    """A run by its id, which may be cut short; or else the latest that made a data set.

    Args:
        store: where it ran.
        run: id, or the beginning of one.
        dataset: name of a data set; empty takes the latest run of any.

    Raises:
        FactoryError: there is no such run, or it is none that can be taken up again.
        StoreError: its record cannot be read.
    """
    found = _by_id(store, run) if run else _latest(store, dataset)
    record = store.read_run(found)
    flow = _flow(record)
    if flow not in FLOWS:
        raise FactoryError(
            f"run {found} is one of {flow or 'an unknown flow'!r}: rerun takes up runs of "
            f"{', '.join(FLOWS)}"
        )
    ended = _ended(store, found) or {}
    recipe = Recipe.parse(record.get("recipe"), where=f"the recipe of run {found}")
    first, version = _version(store, found, recipe, ended)
    newest = _newest(store, recipe, first, version) if first else None
    return PastRun(found, flow, recipe, _specs(store, found, ended), version, newest)


def _by_id(store: Store, start: str) -> str:
    runs = store.runs()
    found = [run for run in runs if run == start] or [run for run in runs if run.startswith(start)]
    if len(found) != 1 or len(start) < SHORTEST_ID:
        raise FactoryError(
            f"run {start!r} names {len(found)} of {len(runs)} runs in {store}: give a run's id, at "
            f"least its first {SHORTEST_ID} digits (`varifactory status` lists them)"
        )
    return found[0]


def _latest(store: Store, dataset: str) -> str:
    """The newest run that has ended; where none has, the newest."""
    under_way = ""
    for run in store.latest_runs():
        record = store.read_run(run)
        name = str((record.get("recipe") or {}).get("name", ""))
        if dataset not in ("", name) or _flow(record) not in FLOWS:
            continue
        if _ended(store, run) is not None:
            return run
        under_way = under_way or run
    if not under_way:
        what = f"of data set {dataset!r}" if dataset else "that made a data set"
        raise FactoryError(f"no run {what} in {store}: `varifactory status` lists the runs")
    return under_way


def _flow(record: Mapping[str, Any]) -> str:
    """The flow of a run; of a rerun the flow that it took up."""
    again = record.get("rerun")
    return str(again.get("flow", "") if isinstance(again, dict) else record.get("flow", ""))


def _ended(store: Store, run: str) -> dict[str, Any] | None:
    try:
        found = json.loads(store.get_run_object(run, ENDED))
    except StoreMissing:
        return None
    except ValueError as error:
        raise StoreError(f"{ENDED} of run {run} is no JSON: {error}") from None
    return found if isinstance(found, dict) else None


def _specs(store: Store, run: str, ended: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    by_stage: dict[str, set[str]] = defaultdict(set)
    for name in ended.get("specs") or {}:
        stage, _, spec = str(name).partition("/")
        by_stage[stage].add(spec)
    if not ended:  # killed: its plans name the beginning of each spec
        for name in store.run_objects(run):
            if name.startswith("plan-"):
                _, stage, start, *_ = name.split("-")
                by_stage[stage] |= {spec for spec in store.specs(stage) if spec.startswith(start)}
    return {stage: tuple(sorted(by_stage[stage])) for stage in records.STAGES if by_stage[stage]}


def _version(
    store: Store, run: str, recipe: Recipe, ended: Mapping[str, Any]
) -> tuple[int, Manifest | None]:
    """Number of the version that a run ended in, 0 for none, and the version, if it is there."""
    known = ended.get("dataset")
    if isinstance(known, dict) and known.get("version"):
        return int(known["version"]), _there(store, str(known["name"]), int(known["version"]))
    if "dataset" in ended or not ended:
        return 0, None
    # Runs of before their end named it: the version that names the run.
    for number, manifest in _versions(store, recipe.name):
        if manifest.run_id == run:
            return number, manifest
    return 0, None


def _newest(store: Store, recipe: Recipe, first: int, version: Manifest | None) -> Manifest | None:
    alike = {recipe.fingerprint(), version.recipe_fingerprint if version else ""}
    return newer_version(store, recipe.name, first, alike) or version


def newer_version(
    store: Store, name: str, than: int, fingerprints: Collection[str]
) -> Manifest | None:
    """The newest version of a data set that one of these recipes made, if it is newer."""
    for number, manifest in _versions(store, name):
        if number <= than:
            break
        if manifest.recipe_fingerprint in fingerprints:
            return manifest
    return None


def _versions(store: Store, name: str) -> Iterator[tuple[int, Manifest]]:
    """Versions of a data set, the newest first."""
    for number in reversed(dict(store.datasets()).get(name, [])):
        if manifest := _there(store, name, number):
            yield number, manifest


def _there(store: Store, name: str, number: int) -> Manifest | None:
    """A version; None if it was dropped."""
    try:
        return store.dataset(name, number)
    except StoreMissing:
        return None
