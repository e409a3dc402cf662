"""What a run says at its end: one dictionary for machines, a few lines for people, UI artifacts."""

import logging
import shlex
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows.progress import only_shown
from flows.run import FactoryRun
from flows.worth import against_estimate, saved
from varifactory.markdown import plain
from varifactory.store import Manifest

log = logging.getLogger("varifactory")


def summary(
    run: FactoryRun, manifest: Manifest, *, gallery: str = "", report: str = ""
) -> dict[str, Any]:
    """Run, data set, counts by stage and status, what was reused, seconds, pages."""
    counts = run.counts()
    return {
        "run": run.id,
        "dataset": {"name": manifest.name, "version": manifest.version},
        "dataset_hash": manifest.dataset_hash,
        "counts": counts,
        "failed": sum(statuses.get("failed", 0) for statuses in counts.values()),
        "items": run.items(),
        "reused": run.reused(),
        "made": run.items() - run.reused(),
        "seconds": round(run.seconds(), 1),
        "stage_seconds": {name: round(tally.seconds, 2) for name, tally in run.stages.items()},
        "notices": run.notices,
        "saved": saved(run),
        "estimate": against_estimate(run),
        "gallery": gallery,
        "report": report,
    }


def announce(run: FactoryRun, said: dict[str, Any]) -> dict[str, Any]:
    """Say it on the screen and in Prefect's UI; returns it unchanged."""
    for notice in run.notices:
        log.warning("note: %s", notice)
    for stage, statuses in said["counts"].items():
        log.info("%-9s %s", stage, ", ".join(f"{n} {name}" for name, n in sorted(statuses.items())))
    if said["made"]:
        log.info(
            "made %d items, reused %d, in %.1f s", said["made"], said["reused"], said["seconds"]
        )
    else:
        log.info("reused everything: %d items, in %.1f s", said["reused"], said["seconds"])
    for told in (said["saved"], said["estimate"]):
        if told:
            log.info("%s", told["words"])
    data = said["dataset"]
    log.info(
        "data set: %s version %s, hash %s", data["name"], data["version"], said["dataset_hash"]
    )
    if opened_by := _opened_by(said):
        log.info("see it: %s", opened_by)
    if flow_run.id:
        with only_shown():
            _artifacts(said)
    return said


def _opened_by(said: dict[str, Any]) -> str:
    """The command that brings a gallery out of a bucket; a folder's is opened by its path."""
    return f"varifactory gallery {said['gallery']}" if "://" in said["gallery"] else ""


def _artifacts(said: dict[str, Any]) -> None:
    data = said["dataset"]
    rows = [{"stage": stage, **statuses} for stage, statuses in said["counts"].items()]
    create_table_artifact(key="counts", table=rows, description="Items by stage and status")
    worth = [told["words"] for told in (said["saved"], said["estimate"]) if told]
    if worth:
        create_markdown_artifact(
            "\n\n".join(plain(one[:1].upper() + one[1:]) for one in worth),
            key="worth", description="What the store saved, and how the estimate held",
        )  # fmt: skip
    for name in ("gallery", "report"):
        if said[name]:
            told = f"The {name} of {data['name']} version {data['version']}"
            create_markdown_artifact(_page(name, said[name]), key=name, description=told)


def _page(name: str, place: str) -> str:
    """A link, and what opens the page where no browser follows it: to a file, or into a bucket."""
    opened_by = f"varifactory gallery {shlex.quote(place)}" if name == "gallery" else place
    block = f"\n\n```sh\n{opened_by}\n```"
    if place.startswith(("http://", "https://")):
        return f"[Open the {name}]({place})"
    if "://" in place:
        return f"On any machine that may read the bucket:{block}"
    return (
        f"[Open the {name}]({Path(place).absolute().as_uri()}) on a machine that has the store's "
        f"folder. Most browsers refuse to follow a link to a file; this opens it too:{block}"
    )
