"""``varifactory prune``: a version without the synthetic images that lie far from the real ones."""

from typing import TYPE_CHECKING, Any

import click

from varifactory.actor import actor
from varifactory.answering import Answer, Say, answering, asked

if TYPE_CHECKING:
    from varifactory.diagnosis.prune import Pruned
    from varifactory.metrics import Measure

MOST_CLASSES = 8
"""Classes that are named; JSON has all."""


@answering("prune")
@click.argument("dataset", nargs=-1, required=True, metavar="[STORE] DATASET[@VERSION]")
@click.option("--keep", type=float, metavar="SHARE",
              help="Share of the synthetic images that stays, such as 0.5: those that together "
              "overlap most with the real images, or with the diagnosis's target.")  # fmt: skip
@click.option("--realism", type=float, metavar="LEAST",
              help="Least realism of an image that stays; at 1 it lies inside the real images of "
              "its class.")  # fmt: skip
@click.option("--as", "name", required=True, metavar="NAME",
              help="Data set that the pruned version is of; it may be the same.")  # fmt: skip
@click.option("--plan", default="", metavar="HASH",
              help="Which diagnosis, by how its folder begins; else the newest.")  # fmt: skip
@click.option("--who", default=actor, envvar="VARIFACTORY_ACTOR", show_envvar=True,
              help="Your name: kept with the version.  [default: login name]")  # fmt: skip
def prune(
    store: str, say: Say, dataset: tuple[str, ...], keep: float | None, realism: float | None,
    name: str, plan: str, who: str,
) -> Answer:  # fmt: skip
    """Publish a version of a diagnosed data set without its least fitting synthetic images.

    They stay in it as rejected, with the reason; give --keep or --realism. Nothing is embedded
    anew: `python -m flows.diagnose RECIPE` came before. VERSION is the latest if it is left out.
    """
    from varifactory.diagnosis.prune import Asked
    from varifactory.diagnosis.prune import prune as leave_out
    from varifactory.store import Store

    url, of, version = asked(store, dataset, "data set")
    place = Store(url)
    place.prepare()
    manifest = place.dataset(of, version)
    found = leave_out(place, manifest, Asked(keep, realism), name, actor=who, plan=plan)
    for line in _lines(found):
        say(line)
    held = found.derived.manifest
    return {
        "dataset": held.name, "version": held.version, "dataset_hash": held.dataset_hash,
        "of": f"{manifest.name}@{manifest.version}", "diagnosis": found.plan.hash12,
        "adopted": found.derived.adopted, "kept": found.kept, "left_out": found.left_out,
        "parted": found.parted, "notes": list(found.notes),
        "overlap": {"before": _told(found.before), "after": _told(found.after)},
    }, 0  # fmt: skip


def _lines(found: "Pruned") -> list[str]:
    held = found.derived.manifest
    kept, gone = sum(found.kept.values()), sum(found.left_out.values())
    how = "there already" if found.derived.adopted else "published"
    lines = [f"{how}: {held.name}@{held.version}: {kept:,} synthetic images stay, {gone:,} are "
             "left out"]  # fmt: skip
    if found.before.value and found.after.value:
        lines.append(f"overlap: {_words(found.before)} before, {_words(found.after)} after")
    by_loss = sorted(found.left_out, key=lambda one: (-found.left_out[one], one))
    for label in by_loss[:MOST_CLASSES]:
        if found.left_out[label]:
            total = found.kept[label] + found.left_out[label]
            lines.append(f"  {label}: {found.left_out[label]:,} of {total:,} left out")
    lines += [f"note: {one}" for one in (*found.notes, found.derived.notice) if one]
    if bare := [label for label, count in found.kept.items() if not count]:
        lines.append(f"note: no synthetic image stays of {', '.join(bare)}")
    if found.parted:
        lines.append(
            f"note: {found.parted:,} edits stay without their feasible or infeasible partner, and "
            "paired arms will not train on them"
        )
    return lines


def _words(found: "Measure") -> str:
    from varifactory.report.wording import percent, percents

    value = found.value
    assert value is not None
    return f"{percent(value.estimate)} ({percents(value)})"


def _told(found: "Measure") -> dict[str, Any]:
    value = found.value
    return {
        "estimate": value.estimate if value else None, "low": value.low if value else None,
        "high": value.high if value else None, "reference": found.reference, "why": found.why,
    }  # fmt: skip
