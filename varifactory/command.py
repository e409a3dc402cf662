"""The command ``varifactory``: look at a store, check it, and show what it holds.

Exit codes: 0 done, 1 done with failed items or findings, 2 wrong use. Heavy imports stay inside
the commands, so that help is there at once.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from varifactory import __version__
from varifactory.answering import Answer, Say, answering
from varifactory.calibration.command import calibrate
from varifactory.errors import FactoryError

LATEST_RUNS = 10
SHORTEST_KEY = 8


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="varifactory")
def main() -> None:
    """Look after a store of varifactory. Data sets are made by the flows: python -m flows.study."""


main.add_command(calibrate)
_command = partial(answering, main)


@_command("gallery")
@click.argument("dataset", metavar="NAME[@VERSION]")
@click.option("--page-size", default=200, show_default=True, type=click.IntRange(1, 5000),
              help="Edits a page.")  # fmt: skip
def gallery(store: str, say: Say, dataset: str, page_size: int) -> Answer:
    """Write the gallery of a data set and say where it is.

    VERSION is the latest if it is left out. The pages need no server and hold their pictures.
    """
    from varifactory.datasets import open_dataset
    from varifactory.exports import export_gallery

    name, _, version = dataset.partition("@")
    data = open_dataset(store, name, version or None)
    path = export_gallery(data, page_size)
    say(f"gallery: {path}")
    found = data.manifest
    return {"dataset": found.name, "version": found.version, "gallery": path}, 0


@_command("status")
def status(store: str, say: Say) -> Answer:
    """Say what a store holds: data sets, runs, and items by stage and status."""
    from varifactory.store import Store

    place = Store(store)
    datasets = {name: _versions(place, name, numbers) for name, numbers in place.datasets()}
    stages = {stage: _counts(place, stage) for stage in place.stages()}
    runs = place.runs()
    say(f"store: {store}")
    say("\ndata sets" if datasets else "\nno data set yet")
    for name, versions in datasets.items():
        for version, found in versions.items():
            counts = _told(found["counts"])
            say(f"  {name}@{version}  {found['hash'][:16]}  {found['made']}  {counts}")
    say("\nitems by stage" if stages else "\nno items yet")
    for stage, found in stages.items():
        say(f"  {stage:<12} {_told(found['statuses'])}  ({found['specs']} specs)")
    say(f"\nruns: {len(runs)}")
    latest = [_run(place, run) for run in runs[-LATEST_RUNS:]]
    for run in latest:
        say("  " + "  ".join(str(value) for value in run.values()))
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
    return {"run": run, "recipe": str((record.get("recipe") or {}).get("name", "")), **told}


def _told(counts: Mapping[str, Any]) -> str:
    """Counts, nested or not, in a line."""
    parts = []
    for name, value in counts.items():
        if isinstance(value, Mapping):
            parts.append(f"{name} ({_told(value)})")
        else:
            parts.append(f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}")
    return ", ".join(parts) or "nothing"


@_command("verify")
@click.option("--sample", type=click.FloatRange(0, 1), metavar="SHARE",
              help="Hash only this share of the blobs; the others must only be there.")  # fmt: skip
@click.option("--heal/--no-heal", default=True, show_default=True,
              help="Hide rows whose blobs are lost or damaged, so that the next run makes them "
              "again.")  # fmt: skip
def verify(store: str, say: Say, sample: float | None, heal: bool) -> Answer:
    """Read a store again and tell what is not as it was written.

    Exits with 1 if anything was found.
    """
    from varifactory.store import Store

    report = Store(store).verify(sample=sample, heal=heal)
    say(f"checked: {_told(report.checked)}")
    for finding in report.findings:
        ending = " (healed: the next run makes it again)" if finding.healed else ""
        say(f"{finding.kind}: {finding.where}: {finding.detail}{ending}")
    say("all is as it was written" if report.whole else f"found: {_told(report.counts)}")
    answer = {**report.model_dump(mode="json"), "whole": report.whole, "counts": report.counts}
    return answer, 0 if report.whole else 1


@_command("invalidate")
@click.argument("stage")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--reason", required=True, help="Why: kept in the store with your decision.")
def invalidate(store: str, say: Say, stage: str, keys: tuple[str, ...], reason: str) -> Answer:
    """Hide items, so that the next run makes them again.

    A KEY may be cut short (at least 8 digits) where one item alone begins so. Nothing is deleted:
    published data sets keep what they hold.
    """
    from varifactory.store import Store

    place = Store(store)
    chosen = _resolved(place, stage, keys)
    for spec, found in chosen.items():
        place.invalidate(stage, spec, found, reason)
        if stage == "training":
            _hide_cells(place, spec, found, reason)
        for key in found:
            say(f"{stage} {key}: hidden, the next run makes it again")
    return {"stage": stage, "invalidated": chosen, "reason": reason}, 0


def _hide_cells(place: Any, spec: str, cells: list[str], reason: str) -> None:
    """What a trained cell left: else its last checkpoint would give the same result at once."""
    for stage in ("checkpoints", "predictions"):
        rows = place.rows(stage, spec, columns=["key", "training_key"]).to_pylist()
        keys = [row["key"] for row in rows if row["training_key"] in cells]
        if keys:
            place.invalidate(stage, spec, keys, reason)


def _resolved(place: Any, stage: str, wanted: tuple[str, ...]) -> dict[str, list[str]]:
    """Spec -> full keys.

    Raises:
        FactoryError: no such stage, or a key that no item or more than one begins with.
    """
    if stage not in place.stages():
        there = ", ".join(place.stages()) or "none"
        raise FactoryError(f"no items of a stage {stage!r}: this store has {there}")
    places = {
        key: spec
        for spec in place.specs(stage)
        for key in place.rows(stage, spec, columns=["key"])["key"].to_pylist()
    }
    chosen: dict[str, list[str]] = {}
    for start in dict.fromkeys(wanted):
        found = [key for key in places if key.startswith(start)]
        if len(start) < SHORTEST_KEY or len(found) != 1:
            raise FactoryError(
                f"key {start!r} names {len(found)} items of stage {stage!r}: give one item's key, "
                f"at least its first {SHORTEST_KEY} digits (the gallery shows 16 of an edit's)"
            )
        chosen.setdefault(places[found[0]], []).append(found[0])
    return chosen


@_command("export-adapter")
@click.argument("cell")
@click.option("--to", "folder", required=True, metavar="FOLDER", help="Where to; a new folder.")
@click.option("--as", "library", type=click.Choice(["open_clip", "transformers"]),
              default="open_clip", show_default=True, help="Whose format.")  # fmt: skip
@click.option("--base", default="", metavar="NAME",
              help="The CLIP it was trained on, where it has another name here.")  # fmt: skip
def export_adapter(store: str, say: Say, cell: str, folder: str, library: str, base: str) -> Answer:
    """Merge a trained adapter into its CLIP and write a checkpoint that stock libraries read.

    CELL is the key of a trained cell, or its first digits (the report shows them).
    """
    from pathlib import Path

    from varifactory import merging
    from varifactory.store import Store

    told = merging.export_adapter(Store(store), cell, Path(folder), library, base)
    say(f"{told['arm']}, seed {told['seed']}, of {told['base']}: {folder} ({library})")
    return told, 0


@_command("doctor")
def doctor(store: str, say: Say) -> Answer:
    """Check this installation and a store, with what to do about what is wrong.

    Exits with 1 if anything is in the way. Prefect's part: python -m flows.doctor.
    """
    from dataclasses import asdict

    from varifactory.doctor import checks

    found = checks(store)
    signs = {"ok": "ok     ", "note": "note   ", "trouble": "TROUBLE"}
    for check in found:
        say(f"{signs[check.state]} {check.name}: {check.found}")
        if check.advice:
            say(f"          {check.advice}")
    trouble = sum(check.state == "trouble" for check in found)
    say(f"{trouble} in the way" if trouble else "nothing is in the way")
    return {"checks": [asdict(check) for check in found], "trouble": trouble}, 1 if trouble else 0


if __name__ == "__main__":
    main()
