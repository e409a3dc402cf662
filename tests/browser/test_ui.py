"""Prefect's UI as people use it: the form of a deployment, a review that is answered, a run's page.

That a failure's link opens the filled-in form of its rerun is tests/flows/test_rerun_server.py.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from bench.deployed import process_of
from tests.browser.chromium import Browser, browser
from tests.deployments.operated import Place, operated, wait
from tests.flows.conftest import TINY
from varifactory.datasets import open_dataset

pytestmark = pytest.mark.browser

GENERATE = "generate/generate"
SHOWN = (
    "[document.body.innerText, ...[...document.querySelectorAll('input, textarea')]"
    ".map(one => one.value)].join('\\n')"
)
FORM = ".p-modal__card"
LAST_FIELD = """
(() => {
    const label = [...document.querySelectorAll('.p-modal__card .schema-form-property')]
        .find(one => one.innerText.startsWith(%s));
    const field = [...(label?.querySelectorAll('textarea, input') ?? [])].at(-1);
    field?.focus();
    return Boolean(field);
})()
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        found.window(1280)
        yield found


@pytest.fixture(scope="module")
def place(tab: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("seen")
    with operated(folder, PREFECT_WORKER_QUERY_SECONDS="1") as found:
        done = found.run("flows.deploy")
        assert done.returncode == 0, done.stderr
        found.start("flows.worker", log="worker.log")
        yield found


@pytest.fixture(scope="module")
def store(place: Place) -> str:
    return str(place.folder / "store")


@pytest.fixture(scope="module")
def waiting(place: Place, store: str) -> str:
    """A run that waits for a person."""
    recipe = place.folder / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(TINY | {"review": {"pause": True, "images": 2}}))
    return place.begin(GENERATE, {"recipe": str(recipe), "store": store})


@pytest.fixture(scope="module")
def answered(place: Place, tab: Browser, waiting: str, store: str) -> str:
    """That run after somebody filled in its form; the key that was rejected."""
    place.until(waiting, "Suspended")
    # Prefect's worker falls over a run that is resumed while the worker still holds its place.
    wait(lambda: process_of(waiting) is None, "its process to end", place)
    time.sleep(2)
    item, *_ = open_dataset(store, "tiny-preview").select(kind="edit")
    key = str(item["edit_key"])
    tab.visit(f"{ui(place)}/runs/flow-run/{waiting}")
    press(tab, "Resume")
    sees(tab, "Edits that are not good")
    fill(tab, "Your name", "ada")
    press(tab, "Add item", f"{FORM} .schema-form-property:nth-child(3)")  # to Reject
    fill(tab, "Reject", key[:10])
    fill(tab, "Note", "smeared")
    press(tab, "Submit", FORM)
    place.until(waiting, "Completed", "Failed", "Crashed")
    return key


def ui(place: Place) -> str:
    return place.url.removesuffix("/api")


def fill(tab: Browser, name: str, text: str) -> None:
    """Type into the last field of that name."""
    until(tab, LAST_FIELD % json.dumps(name))
    tab.write(text)


def until(tab: Browser, script: str) -> None:
    """Wait until a script says true."""
    wait_for(tab, lambda: bool(tab.ask(script)), script)


def press(tab: Browser, text: str, within: str = "body") -> None:
    wait_for(tab, lambda: tab.click(text, within), f"{text} to be pressed")


def wait_for(tab: Browser, done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, f"in vain: {what}\n{tab.ask('document.body.innerText')}"
        time.sleep(0.25)


def sees(tab: Browser, *words: str) -> None:
    for word in words:
        until(tab, f"{SHOWN}.includes({json.dumps(word)})")


def test_the_form_of_a_deployment_says_what_to_fill_in(place: Place, tab: Browser) -> None:
    found = place.ask(f"/deployments/name/{GENERATE}")["id"]
    tab.visit(f"{ui(place)}/v2/deployments/deployment/{found}/run")
    sees(tab, "deployments/recipes/quickstart.yaml", "Path of a YAML file", "s3://team/store",
         "such as edits.per_source=2", "0 makes the whole")  # fmt: skip
    shown = tab.ask(SHOWN)
    places = [shown.index(f"\n{name}") for name in ("recipe", "store", "settings", "preview")]
    assert places == sorted(places)


def test_a_review_is_answered_in_the_browser(
    place: Place, store: str, waiting: str, answered: str
) -> None:
    assert place.state(waiting) == "Completed", place.log("worker.log")[-3000:]
    items = {item["edit_key"]: item for item in open_dataset(store, "tiny").select(kind="edit")}
    assert items[answered]["reason"] == "rejected by ada: smeared"


def test_the_page_of_a_finished_run_shows_its_artifacts(
    place: Place, tab: Browser, waiting: str, answered: str
) -> None:
    tab.visit(f"{ui(place)}/v2/runs/flow-run/{waiting}")
    sees(tab, "generate-tiny", "Completed")
    press(tab, "Artifacts")
    sees(tab, "data-set-card", "counts", "gallery")
    assert "data-set-card" in tab.ask(SHOWN)


def test_the_gallery_is_opened_by_the_command_its_artifact_tells(
    place: Place, tab: Browser, waiting: str, answered: str
) -> None:
    asked = {"artifacts": {"key": {"any_": ["gallery"]}, "flow_run_id": {"any_": [waiting]}}}
    last = max(place.ask("/artifacts/filter", asked), key=lambda one: one["created"])
    tab.visit(f"{ui(place)}/v2/artifacts/artifact/{last['id']}")
    sees(tab, "Open the gallery", "varifactory gallery")
    command = last["data"].split("```sh\n")[1].split("\n")[0].split()
    done = place.run("varifactory.command", *command[1:], "--no-open")
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.split("gallery: ")[1].splitlines()[0])
    tab.open(page)
    assert "tiny" in tab.ask("document.title")
