"""A study with chosen rows made again: its data sets one after the other, then what hangs on them.

Every data set is gone through as a rerun, which makes what was selected and nothing else: so a cell
alone is trained again, or the edits of one data set and the cells that trained on them.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.rerunning.refreshing import refreshed
from flows.rerunning.retelling import MOST_ROWS, retold
from flows.rerunning.run import Rerun
from flows.showing import show_dataset
from flows.studying import Studied, compared, registered
from flows.summary import summary
from varifactory.runs.past import PastRun
from varifactory.runs.selection import Selected
from varifactory.store import Manifest, Store
from varifactory.training.grid import Variant, variants

Said = dict[str, Any]
SUMMED = ("recomputed", "failed_again", "reused", "refreshed", "others_changed")


@dataclass(frozen=True, slots=True)
class Restudied:
    """What became of a study."""

    manifest: Manifest
    """Of its first data set."""
    said: Said
    """As a study says it."""
    told: Said
    """The figures of the rerun."""
    lines: list[str]
    """What is said of the study and its other data sets."""


def restudied(run: Rerun, past: PastRun, *, train: bool) -> Restudied:
    """Make the chosen rows of a study again, and what hangs on them.

    Without ``train`` its data sets alone: the study keeps its version.
    """
    chosen = run.again
    held = dict(run.store.studies()).get(run.recipe.name, [])
    newest = {one.recipe.name: one.newest for one in past.variants}
    studied: list[Studied] = []
    each: list[Said] = []
    for variant in variants(run.recipe):
        if variant.recipe == run.recipe:
            run.before = run.before or newest[run.recipe.name]
            _remade(run, past, variant, studied, each)
        else:
            _beside(run, past, variant, newest[variant.recipe.name], studied, each)
    told = _summed(each, chosen)
    lines = [_step(f"data set {one['from']['name']}", one) for one in each[1:] if one["from"]]
    first = studied[0]
    if train:
        said = _compared(run, studied, chosen.keys("training"), told)
        lines.append(_version(said, held))
    else:
        said = summary(run, first.made.manifest, gallery=first.gallery)
    told["not_asked_for"] = max(0, sum(told["selected"].values()) - told["recomputed"])
    return Restudied(first.made.manifest, said, told, lines)


def _compared(run: Rerun, studied: Sequence[Studied], asked: frozenset[str], told: Said) -> Said:
    """Every cell that was asked for or hangs on what was made; counted into ``told``."""
    known = {stage: set(keys) for stage, keys in run.made.items()}
    said = compared(run, registered(run), studied)
    fresh = {stage: keys - known.get(stage, set()) for stage, keys in run.made.items()}
    again = fresh.get("training", set()) & asked
    told["recomputed"] += len(again)
    told["refreshed"] += sum(map(len, fresh.values())) - len(again)
    told["failed_again"] += len(again & {row["key"] for row in run.failed.get("training", [])})
    return said


def _beside(
    run: Rerun, past: PastRun, variant: Variant, before: Manifest | None, studied: list[Studied],
    each: list[Said],
) -> None:  # fmt: skip
    """A data set that is not the recipe's own: a run of its own goes through it."""
    name = variant.recipe.name
    record = {"rerun": {"of": past.id, "flow": "generate", "reason": run.reason}}
    with Rerun.begin("rerun", variant.recipe, run.store.url, beside=name, record=record) as own:
        own.again, own.before, own.reason = run.again, before, run.reason
        _remade(own, past, variant, studied, each)
        run.again = own.again
        run.notices += [f"{name}: {notice}" for notice in own.notices]


def _remade(
    own: Rerun, past: PastRun, variant: Variant, studied: list[Studied], each: list[Said]
) -> None:
    found = refreshed(own, trains=True)
    assert found.made is not None
    studied.append(Studied(variant, found.made, show_dataset(own, found.made)))
    told = retold(own, past, found.manifest, found.why)
    each.append(told | {"version": found.manifest.version})
    own.again = _without(own.again, own.made)


def _without(chosen: Selected, made: Mapping[str, Collection[str]]) -> Selected:
    """What is left to be made: rows that two data sets share are made once. A stage stays named,
    for nothing before the first of them is looked after."""
    rows = {
        stage: tuple(row for row in rows if row["key"] not in made.get(stage, ()))
        for stage, rows in chosen.rows.items()
    }
    return replace(chosen, rows=rows)


def _summed(each: Sequence[Said], chosen: Selected) -> Said:
    """The figures of all data sets in one."""
    on_the_way: Counter[str] = Counter()
    for one in each:
        on_the_way.update(one["on_the_way"])
    return {
        **each[0],
        **{name: sum(one[name] for one in each) for name in SUMMED},
        "selected": {stage: len(rows) for stage, rows in chosen.rows.items()},
        "changed": [row for one in each for row in one["changed"]][:MOST_ROWS],
        "on_the_way": dict(on_the_way),
    }


def _step(what: str, told: Said) -> str:
    before, after = told["from"]["version"], told["version"]
    return f"{what}: " + (f"version {before} -> {after}" if before != after
                          else f"still version {after}, it holds the same")  # fmt: skip


def resting(store: Store, before: Manifest | None, after: Manifest) -> list[str]:
    """The studies whose newest version rests on a version of a data set that was exchanged."""
    if before is None or before.version == after.version:
        return []
    place = (before.name, before.version)
    found = []
    for name, numbers in store.studies():
        newest = store.study(name, numbers[-1])
        if place in newest.dataset_versions():
            found.append(
                f"study {name}@{newest.version} rests on {before.name}@{before.version}: run its "
                "recipe again (python -m flows.study), it trains the cells that this changes"
            )
    return found


def _version(said: Said, held: Sequence[int]) -> str:
    study = said["study"]
    if study["version"] in held:
        return (
            f"study {study['name']}: still version {study['version']}, every cell came out as it "
            "did before"
        )
    return f"study {study['name']}: version {held[-1] if held else 'none'} -> {study['version']}"
