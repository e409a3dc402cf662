"""A person looks at a preview before the whole is made: in Prefect's UI, by a form."""

import base64
import logging
import shlex
from collections.abc import Sequence
from functools import partial
from itertools import count
from uuid import UUID

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.flow_runs import pause_flow_run, suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment, flow_run
from pydantic import Field

from flows.dataset import Dataset
from varifactory import markdown
from varifactory.errors import FactoryError
from varifactory.gallery.contact_sheet import KEY, MOST, contact_sheet
from varifactory.loading import items_table, read_blob
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.verdicts.decisions import SHORTEST_KEY, Word, named, record, spoken_of

log = logging.getLogger("varifactory")

POLL_SECONDS = 5
"""How often a run that waits in its own process asks whether a person has answered."""

PREVIEW = "preview"
"""Of the artifact that the form speaks of."""

Keys = list[str]
DIGITS = f"{SHORTEST_KEY} digits or more, such as 3f2a91c05d"


class Review(RunInput):
    """The form; edits are named by the digits that the contact sheet shows."""

    who: str = Field(
        min_length=1, title="Your name", description="Kept with each decision, such as ada.",
        examples=["ada"],
    )  # fmt: skip
    go_on: bool = Field(
        True, title="Make the whole", description="Off: the run ends after its preview."
    )
    reject: Keys = Field(
        [], title="Reject", examples=[["3f2a91c05d"]],
        description=f"Edits that are not good, by their keys on the sheet: {DIGITS}.",
    )  # fmt: skip
    accept: Keys = Field(
        [], title="Accept", examples=[["3f2a91c05d"]],
        description=f"Edits that the judge refused and you take: {DIGITS}.",
    )  # fmt: skip
    note: str = Field(
        "", title="Note", description="Why; kept with each decision.", examples=["smeared edges"]
    )


def reviewed(recipe: Recipe, url: str, made: Dataset, gallery: str) -> bool:
    """Wait for a person's word on a preview and keep it; whether to go on with the whole.

    A deployed run is suspended: its process ends, and another goes on once somebody answered. A
    run from the command line waits in its process.
    """
    store = Store(url)
    edits = _edits(store, made)
    if not _is_shown():
        _show(store, edits, gallery)
    trouble = ""
    for asked in count():
        review = _answer(recipe, f"review-{asked}", trouble)
        try:
            _keep(store, edits, review)
        except FactoryError as error:
            trouble = f"**Not understood:** {markdown.plain(error)}\n\n"
            log.warning("review: %s: asked again", error)
            continue
        log.info("review: %s says %s", review.who, "go on" if review.go_on else "stop here")
        return review.go_on
    raise AssertionError("unreachable")


def _answer(recipe: Recipe, key: str, trouble: str) -> Review:
    asked = Review.with_initial_data(
        description=f"{trouble}Look at **{PREVIEW}** among this run's artifacts, then decide."
    )
    seconds = round(3600 * recipe.review.hours)
    if deployment.id:
        return suspend_flow_run(wait_for_input=asked, timeout=seconds, key=key)
    return pause_flow_run(
        wait_for_input=asked, timeout=seconds, key=key, poll_interval=POLL_SECONDS
    )


def _edits(store: Store, made: Dataset) -> list[Row]:
    rows: list[Row] = items_table(store, made.manifest).to_pylist()
    return [row for row in rows if row["kind"] == "edit"]


def _keep(store: Store, edits: Sequence[Row], review: Review) -> None:
    """Keep each decision once: a run that goes on in another process reads its answers again."""
    words = [
        (named(edits, keys), Word(accepted, review.who, review.note))
        for keys, accepted in ((review.accept, True), (review.reject, False))
    ]
    run = str(flow_run.id or "")
    kept = spoken_of(store, run) if run else set()
    for chosen, word in words:
        record(store, [edit for edit in chosen if edit["edit_key"] not in kept], word, run)


def _is_shown() -> bool:
    """Whether this run's contact sheet lies beside it: the run goes on in another process."""
    mine = ArtifactFilterFlowRunId(any_=[UUID(str(flow_run.id))])
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[PREVIEW]), flow_run_id=mine)
    with get_client(sync_client=True) as client:
        return bool(client.read_artifacts(artifact_filter=wanted))


def _show(store: Store, edits: Sequence[Row], gallery: str) -> None:
    sheet = contact_sheet(edits, partial(read_blob, store))
    picture = f"data:image/jpeg;base64,{base64.b64encode(sheet).decode()}"
    below = f", the first {MOST} below" if len(edits) > MOST else ""
    lines = [
        f"{len(edits)} edits{below}: source, edit, decision. All of them, with every detail:", "",
        "```sh", f"varifactory gallery {shlex.quote(gallery)}", "```", "",
        f"![contact sheet]({picture})", "", "| key | class | change | decision |",
        "|---|---|---|---|",
    ]  # fmt: skip
    lines += [_line(edit) for edit in edits[:MOST]]
    create_markdown_artifact("\n".join(lines), key=PREVIEW, description="Contact sheet")


def _line(edit: Row) -> str:
    change = f"{edit['attribute']}, {edit['feasibility']}: {edit['value']}"
    told = markdown.row([edit["label"], change, _decision(edit)])
    return f"| `{edit['edit_key'][:KEY]}` {told}"


def _decision(edit: Row) -> str:
    return "accepted" if edit["status"] == "ok" else str(edit["status"])
