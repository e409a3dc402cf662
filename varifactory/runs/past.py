"""What a finished run left in the store: its recipe, the specs it used, the version it ended in."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.history.commands import INGEST, PRUNE
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store, StoreMissing
from varifactory.training.grid import variants

FLOWS = ("generate", "train", "study")
"""Flows whose runs can be taken up again."""
COMMANDS = (INGEST, PRUNE)
"""Commands that publish versions, as their runs' records name them."""
RUN_ANEW = ("adapt", "diagnose", "exchange_rate")
"""Flows that are simply run again."""
RUN_AGAIN = "what was made is kept, and what failed is tried anew"
"""What comes of a flow that is simply run again."""
SHORTEST_ID = 8
MOST_TOLD = 12
"""Runs whose records are read where the beginning of an id names several."""


@dataclass(frozen=True, slots=True)
class PastVariant:
    """One data set of a study."""

    recipe: Recipe
    newest: Manifest | None
    """The newest version of it; None where none was published, or it was dropped."""


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
    variants: tuple[PastVariant, ...] = ()
    """Of a study: its data sets; one that is the recipe's own is among them."""


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
            f"{', '.join(FLOWS)}{_instead(flow, '')}"
        )
    ended = store.ended(found) or {}
    recipe = Recipe.parse(record.get("recipe"), where=f"the recipe of run {found}")
    first, version = _version(store, found, recipe, ended)
    newest = _newest(store, recipe, first, version) if first else None
    specs = _specs(store, [found, *(_beside(store, found) if flow == "study" else ())])
    held = tuple(
        PastVariant(
            one.recipe, newer_version(store, one.recipe.name, 0, {one.recipe.fingerprint()})
        )
        for one in (variants(recipe) if flow == "study" else ())
    )
    return PastRun(found, flow, recipe, specs, version, newest, held)


def _beside(store: Store, run: str) -> list[str]:
    """The runs that made further data sets of a study's run."""
    begin = f"{run}-"
    return [
        one
        for one in store.runs()
        if one.startswith(begin) and store.read_run(one).get("flow") in ("generate", "rerun")
    ]


def _by_id(store: Store, start: str) -> str:
    """The run of this id; of runs whose ids begin so the last attempt, if all are one flow run's.

    A flow run that was retried or resumed is several runs here (ID, ID-2), and so is its preview,
    which is never meant.
    """
    runs = store.runs()
    if start in runs:
        return start
    found = [run for run in runs if run.startswith(start)] if len(start) >= SHORTEST_ID else []
    told = {run: store.read_run(run) for run in found[:MOST_TOLD]}
    meant = {run: record for run, record in told.items() if _flow(record) in FLOWS} or told
    meant = {run: meant[run] for run in meant if not _study_of(store, run, meant)} or meant
    if len(found) > MOST_TOLD or len({_attempt_of(run, meant[run]) for run in meant}) != 1:
        each = "; ".join(f"{run} ({_flow(told[run])}, {told[run].get('began_at')})" for run in told)
        raise FactoryError(
            f"run {start!r} names {len(found)} of {len(runs)} runs in {store}"
            f"{f', such as {each}' if each else ''}: give a run's id, at least its first "
            f"{SHORTEST_ID} digits (`varifactory status` lists them)"
        )
    return max(meant, key=lambda run: (str(meant[run].get("began_at") or ""), len(run), run))


def _attempt_of(run: str, record: Mapping[str, Any]) -> str:
    """The flow run that a run was an attempt of; the run itself where no server counted it."""
    return str(record.get("flow_run") or run)


def _latest(store: Store, dataset: str) -> str:
    """The newest run that has ended; where none has, the newest."""
    under_way, runs = "", store.latest_runs()
    known = set(runs)
    for run in runs:
        record = store.read_run(run)
        name = str((record.get("recipe") or {}).get("name", ""))
        if dataset not in ("", name) or _flow(record) not in FLOWS:
            continue
        if not dataset and _study_of(store, run, known):
            continue
        if store.ended(run) is not None:
            return run
        under_way = under_way or run
    if not under_way and (maker := _maker(store, dataset)):
        by = f"varifactory {maker}" if maker in COMMANDS else f"python -m flows.{maker}"
        raise FactoryError(
            f"data set {dataset!r} was made by `{by}`, whose work rerun does not take up"
            f"{_instead(maker, dataset)}"
        )
    if not under_way:
        what = f" of data set {dataset!r}" if dataset else ""
        raise FactoryError(
            f"no run{what} that rerun takes up in {store}: it takes up those of "
            f"{', '.join(FLOWS)}; `varifactory status` lists all runs, and any other flow is "
            f"simply run again: {RUN_AGAIN}"
        )
    return under_way


def _instead(flow: str, dataset: str) -> str:
    """What to do in place of a rerun, after what is wrong; empty where no flow is known."""
    if flow in COMMANDS:
        of = dataset or "DATASET"
        return f": `varifactory reproduce {of}` says how it is made again"
    if not flow:
        return ""
    what = f"`python -m flows.{flow} RECIPE`" if flow in RUN_ANEW else "the same"
    return f": run {what} again, {RUN_AGAIN}"


def _maker(store: Store, dataset: str) -> str:
    """The command that made the newest version of a data set, where it was no flow; else empty."""
    numbers = dict(store.datasets()).get(dataset, [])
    held = _there(store, dataset, numbers[-1]) if numbers else None
    try:
        flow = _flow(store.read_run(held.run_id)) if held else ""
    except StoreMissing:
        return ""
    return "" if flow in FLOWS else flow


def _study_of(store: Store, run: str, known: Collection[str]) -> str:
    """The study's run that a run made a further data set for; empty of any other run."""
    begins = [run[:at] for at, letter in enumerate(run) if letter == "-"]
    for begin in reversed(begins):
        if begin in known and _flow(store.read_run(begin)) == "study":
            return begin if _flow(store.read_run(run)) == "generate" else ""
    return ""


def _flow(record: Mapping[str, Any]) -> str:
    """The flow of a run; of a rerun the flow that it took up."""
    again = record.get("rerun")
    return str(again.get("flow", "") if isinstance(again, dict) else record.get("flow", ""))


def _specs(store: Store, runs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    by_stage: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for name in store.specs_of(run) or _planned_specs(store, run):
            stage, _, spec = name.partition("/")
            by_stage[stage].add(spec)
    return {stage: tuple(sorted(by_stage[stage])) for stage in records.STAGES if by_stage[stage]}


def _planned_specs(store: Store, run: str) -> set[str]:
    """Of a run that was killed before there were notes: its plans name the beginning of each."""
    plans = [name.split("-") for name in store.run_objects(run) if name.startswith("plan-")]
    return {
        f"{stage}/{spec}"
        for _, stage, start, *_ in plans
        for spec in store.specs(stage)
        if spec.startswith(start)
    }


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
