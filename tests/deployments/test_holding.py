"""A deployed run that waits for a person: its process ends, and another goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.deployed import process_of
from tests.deployments.operated import Place, operated, wait
from tests.flows.conftest import TINY
from varifactory.datasets import open_dataset
from varifactory.loading import items_of
from varifactory.markdown import plain
from varifactory.store import Store
from varifactory.verdicts import decisions

GENERATE = "generate/generate"
STRICT = ["edits.per_source=2", "run.error_budget=0.01", "run.error_budget_after=1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server with everything deployed, and a worker that looks every second."""
    with operated(tmp_path_factory.mktemp("held"), PREFECT_WORKER_QUERY_SECONDS="1") as found:
        done = found.run("flows.deploy")
        assert done.returncode == 0, done.stderr
        found.start("flows.worker", log="worker.log")
        yield found


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return str(path)


def suspended(place: Place, run: str, *, key: str) -> None:
    """Wait until it is, by this pause, and until no process of it is left."""

    def is_it() -> bool:
        state = place.ask(f"/flow_runs/{run}")["state"]
        assert state["type"] not in ("FAILED", "CRASHED", "COMPLETED"), state["message"]
        return state["name"] == "Suspended" and state["state_details"]["pause_key"].startswith(key)

    wait(is_it, f"run {run} to be suspended by {key}", place)
    wait(lambda: process_of(run) is None, f"the process of run {run} to end", place, 60)


def resume(place: Place, run: str, **said: Any) -> str:
    """What the form's Submit button does; what the server says to it."""
    return str(place.ask(f"/flow_runs/{run}/resume", {"run_input": said})["status"])


def form(place: Place, run: str) -> dict[str, Any]:
    """The form that a run waits with."""
    keys = place.ask(f"/flow_runs/{run}")["state"]["state_details"]["run_input_keyset"]
    return {name: place.ask(f"/flow_runs/{run}/input/{key}") for name, key in keys.items()
            if name in ("description", "schema")}  # fmt: skip


def artifacts(place: Place, run: str, key: str) -> list[str]:
    asked = {"artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}}
    return [found["data"] for found in place.ask("/artifacts/filter", asked)]


def test_a_review_ends_the_process_and_another_makes_the_whole(place: Place, recipe: str) -> None:
    store = place.folder / "reviewed"
    run = place.begin(GENERATE, {"recipe": recipe, "store": str(store),
                                 "settings": ["review.pause=true", "review.images=2"]})  # fmt: skip
    suspended(place, run, key="review-0")
    assert list(Store(str(store)).datasets()) == [("tiny-preview", [1])]
    asked = form(place, run)
    assert "preview" in asked["description"]
    assert asked["schema"]["required"] == ["who"]
    assert resume(place, run, go_on=True) == "REJECT"
    # What names no edit is asked again, by the process that went on.
    assert resume(place, run, who="ada", reject=["ffffffffffff"]) == "ACCEPT"
    suspended(place, run, key="review-1")
    assert "Not understood" in form(place, run)["description"]
    bad = next(item["edit_key"] for item in open_dataset(str(store), "tiny-preview").select(
        kind="edit") if item["image_blob"])  # fmt: skip
    assert resume(place, run, who="ada", reject=[bad[:10]], note="smeared") == "ACCEPT"
    place.until(run, "Completed", "Failed", "Crashed")
    assert place.state(run) == "Completed", place.log("worker.log")[-3000:]
    (refused,) = [item for item in open_dataset(str(store), "tiny").select(kind="edit")
                  if item["edit_key"] == bad]  # fmt: skip
    assert (refused.status, refused["reason"]) == ("rejected", "rejected by ada: smeared")
    assert len(Store(str(store)).rows("decisions", decisions.SPEC)) == 1
    assert len(artifacts(place, run, "preview")) == 1


def test_a_spent_budget_suspends_and_what_failed_is_made_on_resuming(
    place: Place, recipe: str
) -> None:
    store = place.folder / "spent"
    made = place.run("flows.generate", recipe, "--store", str(store))
    assert made.returncode == 0, made.stderr[-3000:]
    rot(store)
    run = place.begin(GENERATE, {"recipe": recipe, "store": str(store), "settings": STRICT})
    suspended(place, run, key="budget")
    why = form(place, run)["description"]
    assert plain("more than the error budget of 1% (run.error_budget)") in why
    assert "BlobCorrupt" in why
    assert "BlobCorrupt" in artifacts(place, run, "failures")[0]
    assert list(Store(str(store)).datasets()) == [("tiny", [1])]
    assert resume(place, run) == "ACCEPT"
    place.until(run, "Completed", "Failed", "Crashed")
    assert place.state(run) == "Completed", place.log("worker.log")[-3000:]
    opened = Store(str(store))
    assert list(opened.datasets()) == [("tiny", [1, 2])]
    first, second = (json.loads(opened.get_run_object(name, "ended.json"))["stages"]["edits"]
                     for name in (run, f"{run}-2"))  # fmt: skip
    assert first["statuses"]["failed"] > 0
    assert second["statuses"].get("failed", 0) == 0
    # What failed, and earlier edits of that image, whose rows were hidden with it.
    assert first["statuses"]["failed"] <= second["items"] - second["reused"] < second["items"] / 2


def rot(store: Path) -> None:
    """Damage one image that edits are made of."""
    edits = [row for row in items_of(Store(str(store)), "tiny", 1) if row["kind"] == "edit"]
    blob = min(row["source_blob"] for row in edits)
    (store / "blobs/sha256" / blob[:2] / blob).write_bytes(b"rotten")
