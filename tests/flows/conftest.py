"""A recipe of seconds, and how it is run against Prefect's test server."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from varifactory.recipe import Recipe
from varifactory.store import Store

TINY: dict[str, Any] = {
    "name": "tiny",
    "sources": {"kind": "world", "size": 64, "shots": 2,
                "world": {"classes": 3, "train": 2, "validation": 1, "test": 1}},
    "prompts": {"attributes": ["background", "color"], "per_pool": 2},
    "masks": {"segmenter": "grabcut-box"},
    "edits": {"per_source": 1, "attempts": 1},
    "training": {"arms": ["real"], "steps": 2, "batch_size": 4, "validate_every": 1},
    "run": {"retries": 0, "shard_size": 8, "batch_size": 4},
}  # fmt: skip

Make = Callable[..., Recipe]
Generate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def tiny() -> Make:
    """The recipe with settings laid over it: ``tiny(edits__per_source=2)``."""

    def make(**settings: Any) -> Recipe:
        data = json.loads(json.dumps(TINY))
        for name, value in settings.items():
            *groups, last = name.split("__")
            place = data
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
        return Recipe.parse(data)

    return make


@pytest.fixture(scope="session")
def generate(prefect_server: str) -> Generate:
    """Run the flow on a store; its summary, with what was reused by stage."""
    from flows.generate import generate as flow

    def run(recipe: Recipe, store: Path) -> dict[str, Any]:
        said = flow(recipe, str(store))
        ended = json.loads(Store(str(store)).get_run_object(said["run"], "ended.json"))
        return {**said, "stages": ended["stages"]}

    return run


def ended(run: str, task: str) -> tuple[str, str]:
    """Name and message of the state that a task of a flow run ended in, as Prefect keeps it."""
    return asyncio.run(_ended(UUID(run), task))


async def _ended(run: UUID, task: str) -> tuple[str, str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    async with get_client() as client:
        for _ in range(120):  # task runs reach the database a while after the flow has ended
            found = [one.state for one in await client.read_task_runs(flow_run_filter=only)
                     if one.name.startswith(task) and one.state]  # fmt: skip
            if found and found[0].is_final():
                return found[0].name, found[0].message or ""
            await asyncio.sleep(0.5)
    raise AssertionError(f"no task {task!r} of run {run} ended")
