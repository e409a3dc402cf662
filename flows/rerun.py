"""Chosen rows of a finished run made again, with what hangs on them; all else stays as it is.

python -m flows.rerun [--run ID] [--stage STAGE] [--key KEY ...] [--error-class NAME] [--where SQL]
"""

import logging
from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field

from flows.parameters import StoreUrl, store_url
from flows.rerunning.refreshing import FEW, count, refreshed
from flows.rerunning.retelling import lines, retold, show
from flows.rerunning.run import Rerun
from flows.rerunning.studying import resting, restudied
from flows.showing import show_dataset
from flows.summary import announce, summary
from flows.train import train_cells
from varifactory.runs.past import PastRun, find_run
from varifactory.runs.selection import Asked, NothingSelected, Selected, select
from varifactory.store import Manifest, Store

log = logging.getLogger("varifactory")

Stage = Literal[
    "",
    "sources",
    "leakage",
    "prompts",
    "masks",
    "adapters",
    "edits",
    "verdicts",
    "embeddings",
    "training",
]
Keys = Annotated[tuple[str, ...], Field(title="Keys", examples=[["3f2a91c05d7e"]])]
Shard = Annotated[int | None, Field(ge=0, title="Shard")]


@flow(name="rerun", flow_run_name="rerun-{dataset}{stage}", persist_result=False)
def rerun(
    run: str = "",
    dataset: str = "",
    stage: Stage = "",
    shard: Shard = None,
    keys: Keys = (),
    error_class: str = "",
    where: str = "",
    force: bool = False,
    reason: str = "",
    train: bool = True,
    store: StoreUrl = "",
) -> dict[str, Any]:
    """Make chosen rows of a run again; without a choice all that failed in it.

    Args:
        run: Id of the run, or its first digits; empty takes the latest run of the data set.
        dataset: Name of a data set, such as pets; empty takes the latest run of any.
        stage: Rows of this stage alone, such as edits.
        shard: Rows of this shard alone, such as 3, numbered as its task is.
        keys: Ids of images, edits or rows, such as 3f2a91c0; 8 digits do where one begins so.
        error_class: Rows that failed with this error, such as BlobLost.
        where: Rows for which this SQL condition on columns holds, such as attribute = 'color'.
        force: Good rows, too.
        reason: Why good rows are made again, such as smeared edges; kept with your name.
        train: Train again what hangs on the rows, where the run trained.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
    """
    url = store_url(store)
    opened = Store(url)
    past = find_run(opened, run, dataset)
    asked = Asked(stage, shard, tuple(keys), error_class, where, force)
    try:
        chosen = _selected(opened, past, asked)
    except NothingSelected as nothing:
        if asked.narrowed:
            raise
        log.info("%s", nothing)
        return {"failed": 0, "rerun": {"of": past.id, "recomputed": 0}, "lines": [str(nothing)]}
    told = {"of": past.id, "flow": past.flow, "selected": _counted(chosen), "reason": reason}
    with Rerun.begin("rerun", past.recipe, url, record={"rerun": told}) as again:
        again.again, again.before, again.reason = chosen, past.newest, reason
        return _made(again, past, train=train)


def _selected(store: Store, past: PastRun, asked: Asked) -> Selected:
    """What was asked for; nothing where a run only has to go on from where it ended."""
    try:
        return select(store, past, asked)
    except NothingSelected:
        if past.newest is None and not asked.narrowed:
            return Selected({}, {}, force=False)
        raise


def _made(run: Rerun, past: PastRun, *, train: bool) -> dict[str, Any]:
    trains = past.flow != "generate" and (train or "training" in run.again.rows)
    if past.flow == "study":
        return _study(run, past, train=trains)
    found = refreshed(run, trains=trains)
    gallery = ""
    if found.made is not None and (trains or count(found.manifest) <= FEW):
        gallery = show_dataset(run, found.made)
    if trains:
        train_cells(run, found.manifest)
    told = retold(run, past, found.manifest, found.why)
    said = lines(told, found.manifest)
    if not gallery:
        said.append(f"its pages: varifactory gallery {found.manifest.name}")
    said += resting(run.store, run.before, found.manifest)
    show(told, said)
    return _ended(run, summary(run, found.manifest, gallery=gallery), found.manifest, told, said)


def _study(run: Rerun, past: PastRun, *, train: bool) -> dict[str, Any]:
    found = restudied(run, past, train=train)
    said = [*lines(found.told, found.manifest), *found.lines]
    show(found.told, said)
    return _ended(run, found.said, found.manifest, found.told, said)


def _ended(
    run: Rerun, whole: dict[str, Any], manifest: Manifest, told: dict[str, Any], said: list[str]
) -> dict[str, Any]:
    counts = {**whole["counts"], **manifest.counts}
    return announce(run, whole | {
        "counts": counts, "failed": told["failed_again"], "rerun": told, "lines": said,
    })  # fmt: skip


def _counted(chosen: Selected) -> dict[str, int]:
    return {stage: len(rows) for stage, rows in chosen.rows.items()}


if __name__ == "__main__":
    from flows.rerunning.command import rerun_command

    rerun_command()
