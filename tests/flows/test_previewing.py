"""A preview counts for the whole, and a person's word in Prefect's form outranks the judge's."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from varifactory.datasets import open_dataset
from varifactory.loading import items_table
from varifactory.recipe import Recipe
from varifactory.store import Store
from varifactory.verdicts import decisions

Make = Callable[..., Recipe]


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def ended(store: str, run: str) -> dict[str, Any]:
    return json.loads(Store(store).get_run_object(run, "ended.json"))["stages"]


def test_what_a_preview_makes_the_whole_finds(prefect_server: str, tiny: Make, place: str) -> None:
    from flows.generate import generate

    recipe = tiny(edits__per_source=1)
    said = generate(recipe, place, preview=2)
    assert said["dataset"] == {"name": "tiny-preview", "version": 1}
    edits = open_dataset(place, "tiny-preview").select(kind="edit")
    assert len({item["source_key"] for item in edits}) == 2
    assert len({item.label for item in edits}) == 2, "the classes come in turn"
    whole = generate(recipe, place)
    assert whole["dataset"] == {"name": "tiny", "version": 1}
    reused = {name: tally["reused"] for name, tally in ended(place, whole["run"]).items()}
    made = ended(place, said["run"])
    assert reused["edits"] == made["edits"]["items"] > 0
    assert reused["verdicts"] == made["verdicts"]["items"] > 0
    keys = {item["edit_key"] for item in open_dataset(place, "tiny").select(kind="edit")}
    assert {item["edit_key"] for item in edits} <= keys


def test_a_preview_of_the_whole_is_the_whole(prefect_server: str, tiny: Make, place: str) -> None:
    from flows.generate import generate

    generate(tiny(), place, preview=1000)
    whole = generate(tiny(), place)
    edits = ended(place, whole["run"])["edits"]
    assert edits["reused"] == edits["items"]


@contextmanager
def answering(*answers: dict[str, Any]) -> Iterator[list[Any]]:
    """Somebody who answers each run that waits, as the form in the UI does."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    got: list[Any] = []
    done = threading.Event()

    def work() -> None:
        waiting = list(answers)
        with get_client(sync_client=True) as client:
            while waiting and not done.is_set():
                paused = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}})
                for run in client.read_flow_runs(flow_run_filter=paused):
                    answer = client.resume_flow_run(run.id, run_input=waiting[0])
                    got.append(answer)
                    if answer.status.name == "ACCEPT":
                        waiting.pop(0)
                        break
                time.sleep(0.5)

    person = threading.Thread(target=work)
    person.start()
    try:
        yield got
    finally:
        done.set()
        person.join(timeout=20)


def test_a_person_decides_before_the_whole(
    prefect_server: str, tiny: Make, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import reviewing
    from flows.generate import generate

    monkeypatch.setattr(reviewing, "POLL_SECONDS", 1)
    recipe = tiny(review__pause=True, review__images=2)
    first = generate(recipe.overlaid(["review.pause=false"]), place, preview=2)
    items = items_table(Store(place), Store(place).dataset("tiny-preview")).to_pylist()
    edits = [row for row in items if row["kind"] == "edit" and row["image_blob"]]
    bad, good = edits[0]["edit_key"], edits[1]["edit_key"]
    unknown = {"who": "ada", "reject": ["ffffffffffff"]}
    answer = {"who": "ada", "reject": [bad[:10]], "accept": [good[:10]], "note": "smeared"}
    with answering(unknown, answer) as got:
        said = generate(recipe, place)
    assert [answered.status.name for answered in got] == ["ACCEPT", "ACCEPT"]
    assert said["dataset"]["name"] == "tiny"
    assert first["dataset"]["name"] == "tiny-preview"
    by_key = {item["edit_key"]: item for item in open_dataset(place, "tiny").select(kind="edit")}
    refused = [item for key, item in by_key.items() if key == bad]
    assert [(item.status, item["reason"], item["stage"]) for item in refused] == [
        ("rejected", "rejected by ada: smeared", "decisions")
    ]
    words = decisions.latest(Store(place))
    assert words == {
        bad: decisions.Word(False, "ada", "smeared"),
        good: decisions.Word(True, "ada", "smeared"),
    }
    row = Store(place).rows("decisions", decisions.SPEC).to_pylist()[0]
    assert row["who"] == "ada"
    assert row["made_at"] is not None


def test_a_person_can_stop_the_run(
    prefect_server: str, tiny: Make, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import reviewing
    from flows.generate import generate

    monkeypatch.setattr(reviewing, "POLL_SECONDS", 1)
    with answering({"who": "bo", "go_on": False}):
        said = generate(tiny(review__pause=True, review__images=1), place)
    assert said["stopped"] == "after the preview"
    assert [name for name, _ in Store(place).datasets()] == ["tiny-preview"]


def test_the_preview_is_shown_as_one_small_picture(
    prefect_server: str, tiny: Make, place: str
) -> None:
    from flows.generate import generate
    from varifactory.gallery.contact_sheet import MOST_BYTES, contact_sheet
    from varifactory.loading import read_blob

    generate(tiny(), place, preview=3)
    store = Store(place)
    rows = items_table(store, store.dataset("tiny-preview")).to_pylist()
    sheet = contact_sheet([r for r in rows if r["kind"] == "edit"], lambda n: read_blob(store, n))
    assert sheet.startswith(b"\xff\xd8")
    assert 2_000 < len(sheet) <= MOST_BYTES
