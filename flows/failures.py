"""What failed in a run, why, and how each is made again: an artifact in Prefect's UI."""

import json
import logging
import re
import shlex
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.parameters import anywhere
from varifactory.markdown import fence, plain, row
from varifactory.runs.past import FLOWS, RUN_AGAIN

if TYPE_CHECKING:
    from flows.run import FactoryRun

log = logging.getLogger("varifactory")

KEY = "failures"
"""Of the artifact, whose history the UI shows."""
DEPLOYMENTS = {"cpu": ("rerun/rerun",), "cuda": ("rerun/rerun-gpu", "rerun/rerun")}
"""Device of a run -> deployments that make its failures again, the first that is there."""
TAKEN_UP = (*FLOWS, "rerun")
"""Flows whose single failures can be made again; a preview or a tuning is simply run again."""
MOST_CAUSES, MOST_TEXTS, LONGEST = 10, 3, 200
"""Causes a page, texts a cause, and characters a text."""
NAME, SHOWN = re.compile(r"(?:blobs/sha256/[0-9a-f]{2}/)?\b([0-9a-f]{64})\b"), 12
"""A name by content, and the digits of it that are shown."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Items of one stage that failed with one class of error."""

    stage: str
    error: str
    count: int
    texts: tuple[str, ...]
    first: str
    """Key of one of them; empty where whole shards ended in it."""


def show_failures(run: "FactoryRun", error: BaseException | None) -> None:
    """Write the artifact, if anything failed; a server that is gone hides no error of the run."""
    found = causes(run)
    if not flow_run.id or not found or not isinstance(error, Exception | None):
        return
    try:
        form = _form(run.recipe.run.device) if run.flow in TAKEN_UP else ""
        text = page(run.id, anywhere(run.store.url), found, form, run.flow)
        create_markdown_artifact(text, key=KEY, description="What failed, and how to run it again")
    except Exception as trouble:
        log.warning("the page of what failed could not be kept: %s", trouble)


def causes(run: "FactoryRun") -> list[Cause]:
    """What failed, by stage and class of error, the most frequent first."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for stage, rows in run.failed.items():
        for bad in rows:
            error = bad.get("error_type") or "unknown"
            groups[stage, error].append((bad["key"], bad.get("reason") or ""))
    for shard, trouble in run.crashed:
        groups[shard.stage, type(trouble).__name__].append(("", str(trouble)))
    found = [
        Cause(stage, error, len(each), tuple(dict.fromkeys(text for _, text in each))[:MOST_TEXTS],
              each[0][0])
        for (stage, error), each in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda cause: (-cause.count, cause.stage, cause.error))


def page(run: str, store: str, found: Sequence[Cause], form: str, flow: str = FLOWS[0]) -> str:
    """The artifact's text.

    Args:
        run: id of the run.
        store: its URL.
        found: what failed.
        form: address of the run form of the deployment ``rerun``; empty where there is none.
        flow: of the run; one that no rerun takes up is to be run again.
    """
    taken_up = flow in TAKEN_UP
    lines = ["| stage | error | failed |", "|---|---|---|"]
    lines += [row([one.stage, one.error, one.count]) for one in found]
    for cause in found[:MOST_CAUSES]:
        lines += ["", *_told(store, cause)]
        lines += _ways(run, store, cause, form) if taken_up else []
    if len(found) > MOST_CAUSES:
        lines += ["", f"and {len(found) - MOST_CAUSES} further causes"]
    if not taken_up:
        lines += ["", f"To make these again, run the same again: {RUN_AGAIN}."]
    return "\n".join(lines)


def _told(store: str, cause: Cause) -> list[str]:
    times = f"{cause.count} times" if cause.count > 1 else "once"
    lines = [f"### {plain(f'{cause.stage}: {cause.error}')}, {times}", ""]
    return [*lines, *(f"- {_code(text, store)}" for text in cause.texts)]


def _ways(run: str, store: str, cause: Cause, form: str) -> list[str]:
    """How the rows of a cause are made again, by the form and by a command."""
    asked, lines = parameters(run, store, cause), []
    if form:
        lines += ["", f"**[Run these again]({link(form, asked)})**"]
        if cause.count > 1 and cause.first:
            one = {"run": run, "stage": cause.stage, "keys": [cause.first], "store": store}
            lines[-1] += f", or [the first alone]({link(form, one)})"
    lines += [*_block("sh", command(asked)), *_block("json", json.dumps(asked))]
    return lines


def _block(language: str, text: str) -> list[str]:
    return ["", f"{fence(text)}{language}", text, fence(text)]


def parameters(run: str, store: str, cause: Cause) -> dict[str, Any]:
    """What the flow ``rerun`` is asked, to make these again."""
    asked: dict[str, Any] = {"run": run, "stage": cause.stage, "store": store}
    if cause.first:
        return asked | ({"error_class": cause.error} if cause.error != "unknown" else {})
    return asked


def command(asked: dict[str, Any]) -> str:
    """The command line that asks the same."""
    words = ["python", "-m", "flows.rerun"]
    for name, value in asked.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def link(form: str, asked: dict[str, Any]) -> str:
    """The run form with its fields filled in.

    The UI reads ``?parameters=`` as JSON: version 2 as it is, version 1 decoded once more, which
    is the same where no percent sign is in it.
    """
    return f"{form}?parameters={quote(json.dumps(asked, separators=(',', ':')), safe='')}"


def _form(device: str) -> str:
    """Address of the run form of a deployment of ``rerun``; empty without one, or without a UI."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_UI_URL

    base = str(PREFECT_UI_URL.value() or "").rstrip("/")
    # A hosted UI names the account in its address, and has no second version beside the first.
    version = "" if "/account/" in base or base.endswith("/v2") else "/v2"
    with get_client(sync_client=True) as client:
        for name in DEPLOYMENTS[device] if base else ():
            with suppress(ObjectNotFound):
                found = client.read_deployment_by_name(name)
                return f"{base}{version}/deployments/deployment/{found.id}/run"
    return ""


def _code(text: str, store: str) -> str:
    """A text as one line of markdown that shows it as it is, names of the store's files cut short.

    A whole name runs over the border of the UI's column.
    """
    near = text.replace(f"{store.rstrip('/')}/", "")
    line = " ".join(NAME.sub(lambda found: f"{found[1][:SHOWN]}…", near).split())
    short = line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
    return f"`{short.replace('`', chr(39))}`"
