"""What a run leaves in Prefect's database: states that say what was reused, and no payload."""

import asyncio
import json
import shutil
from typing import Any
from uuid import UUID

import pytest

from tests.flows.conftest import Generate, Make

SECRET = "hush-hush-7f3a"


@pytest.fixture(scope="module")
def told(
    tiny: Make, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What Prefect knows of a second run, with secrets in the environment of both."""
    store = tmp_path_factory.mktemp("states") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("OPENAI_API_KEY", SECRET)
        generate(tiny(), store)
        # One more edit a source: some shards are there already, some are not.
        said = generate(tiny(edits__per_source=2), store)
    shutil.rmtree(store)
    return asyncio.run(_read(UUID(said["run"])))


async def _read(run: UUID) -> dict[str, Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import TaskRunSort

    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    async with get_client() as client:
        for _ in range(120):  # task runs reach the database a while after the flow has ended
            tasks = await client.read_task_runs(
                flow_run_filter=only, sort=TaskRunSort.EXPECTED_START_TIME_DESC
            )
            if len(tasks) >= 8 and all(task.state and task.state.is_final() for task in tasks):
                break
            await asyncio.sleep(0.5)
        flow_run = await client.read_flow_run(run)
        artifacts = await client.read_artifacts(flow_run_filter=only)
    return {"flow": flow_run, "tasks": tasks, "artifacts": artifacts}


def test_a_shard_that_was_there_is_named_cached(told: dict[str, Any]) -> None:
    states = {task.name: task.state.name for task in told["tasks"]}
    for stage in ("sources", "leakage", "prompts", "masks"):
        assert [state for name, state in states.items() if name.startswith(stage)] == ["Cached"]
    edits = sorted(state for name, state in states.items() if name.startswith("edits"))
    assert edits.count("Cached") <= 1
    assert "Completed" in edits
    assert all(task.state.is_completed() for task in told["tasks"])


def test_a_state_says_how_many(told: dict[str, Any]) -> None:
    said = {task.name: task.state.message for task in told["tasks"]}
    assert "12 items in the store" in said.values()
    assert any(message.startswith("made ") and " ok" in message for message in said.values())


def test_nothing_but_small_json_reaches_the_database(told: dict[str, Any]) -> None:
    for task in told["tasks"]:
        kept = task.model_dump_json()
        assert len(kept) < 4000
        assert not any(task.task_inputs.values())
    parameters = json.dumps(told["flow"].parameters, default=str)
    assert set(told["flow"].parameters) == {"recipe", "store", "settings", "preview"}
    assert len(parameters) < 6000
    everything = [task.model_dump_json() for task in told["tasks"]]
    everything += [artifact.model_dump_json() for artifact in told["artifacts"]]
    assert SECRET not in "".join([*everything, parameters])


def test_the_ui_is_shown_the_counts_and_the_gallery(told: dict[str, Any]) -> None:
    keys = {artifact.key for artifact in told["artifacts"]}
    assert {"counts", "gallery"} <= keys
    (counts,) = [one for one in told["artifacts"] if one.key == "counts"]
    rows = json.loads(counts.data) if isinstance(counts.data, str) else counts.data
    assert {"sources", "masks", "edits", "items"} <= {row["stage"] for row in rows}
