"""One machine operated for real: server, deployments, worker; a schedule, a stop, a check-up."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.postgres import NoPostgres, postgres
from tests.deployments.operated import Place, operated, wait
from tests.flows.conftest import TINY
from varifactory.store import Store

GENERATE = "generate/generate"
LONG = {**TINY, "name": "long", "run": {**TINY["run"], "workers": 1},
        "sources": {**TINY["sources"], "world": {"classes": 3, "train": 2, "validation": 1,
                                                 "test": 600}}}  # fmt: skip
"""Minutes of drawing, a batch a moment."""


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("recipes")
    for recipe in (TINY, LONG):
        (folder / f"{recipe['name']}.yaml").write_text(yaml.safe_dump(recipe))
    return {name: str(folder / f"{name}.yaml") for name in ("tiny", "long")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server with everything deployed, and a worker."""
    with operated(tmp_path_factory.mktemp("operated")) as found:
        deployed(found)
        found.start("flows.worker", log="worker.log")
        yield found


@pytest.fixture
def database() -> Iterator[str]:
    try:
        with postgres() as address:
            yield address
    except NoPostgres as reason:
        pytest.skip(str(reason))


def deployed(place: Place) -> list[str]:
    done = place.run("flows.deploy")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def scheduled(place: Place, recipe: str) -> Iterator[None]:
    """The deployment fires by itself, each minute from a moment on."""
    found = place.ask(f"/deployments/name/{GENERATE}")
    soon = (datetime.now(UTC) + timedelta(seconds=10)).isoformat()
    path = f"/deployments/{found['id']}/schedules"
    (made,) = place.ask(path, [{"active": True, "parameters": {"recipe": recipe},
                                "schedule": {"interval": 60, "anchor_date": soon}}])  # fmt: skip
    try:
        yield
    finally:
        place.ask(f"{path}/{made['id']}", method="DELETE")


def fired(place: Place) -> list[dict[str, Any]]:
    runs = place.ask("/flow_runs/filter", {"sort": "START_TIME_ASC", "limit": 20})
    return [run for run in runs if run["auto_scheduled"] and run["start_time"]]


def test_a_schedule_fires_unattended_and_its_data_set_appears(
    place: Place, recipes: dict[str, str]
) -> None:
    made = place.folder / "store"
    with scheduled(place, recipes["tiny"]):
        wait(lambda: list(made.glob("datasets/tiny/*.json")), "the data set", place)
    run, *_ = fired(place)
    place.until(run["id"], "Completed")
    assert run["name"] == "generate-tiny"
    store = Store(str(made))
    assert list(store.datasets()) == [("tiny", [1])]
    last = "data set: tiny version 1"
    wait(lambda: any(last in line for line in ours(place, run["id"])), "its words in the UI", place)
    kept = json.loads(store.get_run_object(run["id"], "ended.json"))
    assert kept["error"] == ""
    assert "Traceback" not in place.log("worker.log")


def test_deploying_again_changes_nothing(place: Place) -> None:
    before = place.ask("/deployments/filter", {})
    said = deployed(place)
    after = place.ask("/deployments/filter", {})
    assert {one["id"] for one in before} == {one["id"] for one in after}
    assert "automation varifactory-lost-runs: kept" in said
    assert "pool gpu: kept, of type process" in said
    form = next(one for one in after if one["name"] == "generate")
    assert form["enforce_parameter_schema"]
    assert form["parameter_openapi_schema"]["properties"]["recipe"]["type"] == "string"
    settings = place.ask("/admin/settings")
    assert settings["results"]["default_serializer"] == "json"
    assert not settings["results"]["persist_by_default"]
    assert settings["server"]["services"]["task_run_recorder"]["batch_size"] == 100
    assert not settings["server"]["analytics_enabled"]
    limited = {one["name"] for one in after if one["global_concurrency_limit"]}
    assert limited == {"gc", "verify"}


def ours(place: Place, run: str) -> list[str]:
    """What the library said, as the UI shows it."""
    only = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
    said = place.ask("/logs/filter", only)
    return [line["message"] for line in said if line["name"].startswith("varifactory")]


@pytest.mark.parametrize("how", ["cancelled", "worker stopped"])
def test_a_run_that_is_stopped_finishes_the_batch_under_way(
    place: Place, recipes: dict[str, str], how: str
) -> None:
    store = place.folder / how.replace(" ", "-")
    run = place.begin(GENERATE, {"recipe": recipes["long"], "store": str(store)})
    wait(lambda: list(store.glob("stages/sources/*/part-*")), "the first rows", place)
    if how == "cancelled":
        place.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        place.until(run, "Cancelled")
    else:
        worker = place.started[-1]
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=60)
        assert place.state(run) == "Crashed"
        assert "stopping after the batches under way" in place.log("worker.log")
    opened = Store(str(store))
    assert opened.verify().whole
    kept = opened.rows("sources", opened.specs("sources")[0])
    assert 0 < len(kept) < 1809
    assert len(kept) % TINY["run"]["batch_size"] == 0
    ended = json.loads(opened.get_run_object(run, "ended.json"))
    assert "TerminationSignal" in ended["error"]


def test_the_check_up_tells_of_pools_and_automations(place: Place) -> None:
    done = place.run("flows.doctor", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert found["pool gpu"]["advice"] == "make worker POOL=gpu"
    assert found["automation varifactory-lost-runs"]["state"] == "ok"


@pytest.mark.database
def test_the_same_on_postgresql(tmp_path: Path, database: str, recipes: dict[str, str]) -> None:
    with operated(tmp_path, DATABASE=database) as place:
        deployed(place)
        place.start("flows.worker", log="worker.log")
        store = tmp_path / "store"
        with scheduled(place, recipes["tiny"]):
            wait(lambda: list(store.glob("datasets/tiny/*.json")), "the data set", place)
        place.until(fired(place)[0]["id"], "Completed")
        assert not list((tmp_path / "prefect").glob("*.db"))
