"""What a run says at its end: one dictionary for machines, a few lines for people, UI artifacts."""

import logging
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.runtime import flow_run

from flows.progress import only_shown
from flows.run import FactoryRun
from flows.worth import against_estimate, saved
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
    rows = [{"stage": stage, **statuses} for stage, statuses in said["counts"].items()]
    create_table_artifact(key="counts", table=rows, description="Items by stage and status")
    worth = [told["words"] for told in (said["saved"], said["estimate"]) if told]
    if worth:
        create_markdown_artifact(
            "\n\n".join(one[:1].upper() + one[1:] for one in worth),
            key="worth", description="What the store saved, and how the estimate held",
        )  # fmt: skip
    for name in ("gallery", "report"):
        if said[name]:
            link = said[name] if "://" in said[name] else f"file://{said[name]}"
            by = _opened_by(said) if name == "gallery" else ""
            create_link_artifact(link=link, key=name, link_text=f"Open the {name}",
                                 description=by and f"On any machine: `{by}`")  # fmt: skip
