"""``varifactory status``: what a store holds."""

import json
from collections import Counter
from typing import Any

from varifactory.answering import Answer, Say, answering, told

LATEST_RUNS = 10


@answering("status")
def status(store: str, say: Say) -> Answer:
    """Say what a store holds: data sets, runs, and items by stage and status."""
    from varifactory.store import Store

    place = Store(store)
    datasets = {name: _versions(place, name, numbers) for name, numbers in place.datasets()}
    stages = {stage: _counts(place, stage) for stage in place.stages()}
    runs = place.latest_runs()
    say(f"store: {store}")
    say("\ndata sets" if datasets else "\nno data set yet")
    for name, versions in datasets.items():
        for version, found in versions.items():
            counts = told(found["counts"])
            say(f"  {name}@{version}  {found['hash'][:16]}  {found['made']}  {counts}")
    say("\nitems by stage" if stages else "\nno items yet")
    for stage, found in stages.items():
        say(f"  {stage:<12} {told(found['statuses'])}  ({found['specs']} specs)")
    say(f"\nruns: {len(runs)}" + (", the newest first" if len(runs) > 1 else ""))
    latest = [_run(place, run) for run in runs[:LATEST_RUNS]]
    for run in latest:
        say("  " + "  ".join(str(value) for name, value in run.items() if name != "estimate"))
        if run["estimate"]:
            say(f"      {run['estimate']}")
    return {"store": store, "datasets": datasets, "stages": stages, "runs": len(runs),
            "latest_runs": latest}, 0  # fmt: skip


def _versions(place: Any, name: str, numbers: list[int]) -> dict[str, Any]:
    found = {}
    for number in numbers:
        manifest = place.dataset(name, number)
        found[str(number)] = {
            "hash": manifest.dataset_hash,
            "made": f"{manifest.created_at:%Y-%m-%d %H:%M}",
            "counts": manifest.counts,
            "run": manifest.run_id,
        }
    return found


def _counts(place: Any, stage: str) -> dict[str, Any]:
    counted: Counter[str] = Counter()
    specs = place.specs(stage)
    for spec in specs:
        counted.update(place.rows(stage, spec, columns=["status"])["status"].to_pylist())
    return {"statuses": dict(sorted(counted.items())), "specs": len(specs)}


def _run(place: Any, run: str) -> dict[str, Any]:
    """A run's id and what of its record fits a line."""
    record = place.read_run(run)
    wanted = ("flow", "actor", "began_at")
    told = {key: record[key] for key in wanted if isinstance(record.get(key), str)}
    recipe = str((record.get("recipe") or {}).get("name", ""))
    return {"run": run, "recipe": recipe, **told, "estimate": _estimate(place, run)}


def _estimate(place: Any, run: str) -> str:
    """What the run was expected to take, and, once it ended, what it took; empty if nothing."""
    from varifactory.store import StoreError

    try:
        told = (place.ended(run) or {}).get("estimate")
        if isinstance(told, dict) and isinstance(told.get("outcome"), str):
            return str(told["outcome"])
        told = json.loads(place.get_run_object(run, "forecast.json"))
    except (StoreError, ValueError):
        return ""  # nothing was expected of it, or what it left is damaged
    words = told.get("words") if isinstance(told, dict) else None
    return f"expected: {words}" if isinstance(words, str) else ""
