"""On a real server: a failed run links to the rerun that mends it; Prefect's own retry works."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from bench import server as bench_server
from tests.browser.chromium import browser
from tests.flows.conftest import TINY
from varifactory.loading import items_of
from varifactory.store import Store

ROOT = Path(__file__).parents[2]
DEPLOY = 'from flows.rerun import rerun; print(rerun.to_deployment("rerun").apply())'
ARTIFACT = """
import sys
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
with get_client(sync_client=True) as client:
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["failures"]))
    for one in client.read_artifacts(artifact_filter=wanted):
        if str(one.flow_run_id) == sys.argv[1]:
            print(one.data)
"""
STATE = """
import sys
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    run = client.read_flow_run(sys.argv[1])
    print(run.state.type.value, run.run_count)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a client of a real server."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        with bench_server.prefect_server(home):
            yield {**os.environ, "PREFECT_LOGGING_LEVEL": "ERROR"}


def ask(server: dict[str, str], *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=server, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def hurt(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run on the server in which the edits of one image failed, beside the deployment rerun."""
    place = tmp_path_factory.mktemp("hurt")
    (place / "recipe.yaml").write_text(yaml.safe_dump(TINY))
    store = str(place / "store")
    generate = ("-m", "flows.generate", str(place / "recipe.yaml"), "--store", store, "--json")
    ask(server, "-c", DEPLOY)
    ask(server, *generate)
    rot(store)
    more = ("--set", "edits.per_source=2", "--set", "run.error_budget=1")
    said = json.loads(ask(server, *generate, *more, code=1))
    return {**said, "store": store, "page": ask(server, "-c", ARTIFACT, said["run"])}


def rot(store: str) -> None:
    """Damage one image that edits are made of."""
    edits = [row for row in items_of(Store(store), "tiny", 1) if row["kind"] == "edit"]
    blob = min(row["source_blob"] for row in edits)
    (Path(store) / "blobs/sha256" / blob[:2] / blob).write_bytes(b"rotten")


def links(page: str) -> list[str]:
    return re.findall(r"\((http[^)]+)\)", page)


def asked(link: str) -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(parse_qs(urlsplit(link).query)["parameters"][0])
    return parameters


def test_a_failure_is_told_with_its_cause_and_a_command(hurt: dict[str, Any]) -> None:
    page = hurt["page"]
    assert f"| edits | BlobCorrupt | {hurt['counts']['edits']['failed']} |" in page
    assert "holds other bytes than those it is named after" in page
    command = f"python -m flows.rerun --run {hurt['run']} --stage edits --store {hurt['store']}"
    assert f"{command} --error-class BlobCorrupt" in page
    (whole, one) = [found for link in links(page) if (found := asked(link))["stage"] == "edits"]
    assert whole == {"run": hurt["run"], "stage": "edits", "store": hurt["store"],
                     "error_class": "BlobCorrupt"}  # fmt: skip
    assert json.dumps(whole) in page
    assert one.keys() == {"run", "stage", "keys", "store"}


@pytest.mark.browser
@pytest.mark.parametrize("version", ["v2", "v1"])
def test_the_link_opens_the_form_filled_in(
    hurt: dict[str, Any], version: str, tmp_path: Path
) -> None:
    link = links(hurt["page"])[1]
    assert "/v2/deployments/deployment/" in link
    (key,) = asked(link)["keys"]
    with browser(tmp_path / "profile") as tab:
        tab.window(1280)
        tab.visit(link if version == "v2" else link.replace("/v2/", "/"))
        shown = ""
        for _ in range(80):
            shown = tab.ask(
                "[document.body.innerText, ...[...document.querySelectorAll('input, textarea, "
                "[contenteditable=true]')].map(e => e.value || e.innerText || '')].join('\\n')"
            )
            if key in shown and hurt["run"] in shown:
                break
            time.sleep(0.25)
        tab.picture(tmp_path / f"form-{version}.png")
    assert key in shown
    assert hurt["run"] in shown
    assert hurt["store"] in shown
    assert "Id of the run" in shown


def test_the_command_of_the_page_mends_it(server: dict[str, str], hurt: dict[str, Any]) -> None:
    lines = re.findall(r"```sh\npython (.+)\n```", hurt["page"])
    (line,) = [line for line in lines if "--stage edits" in line]
    said = json.loads(ask(server, *line.split(), "--json"))
    assert said["rerun"]["recomputed"] == hurt["counts"]["edits"]["failed"]
    assert said["rerun"]["others_changed"] == 0
    assert said["lines"][0].endswith("0 others changed")
    assert said["dataset"]["version"] == hurt["dataset"]["version"] + 1


def test_prefects_retry_redoes_only_what_is_missing(server: dict[str, str], tmp_path: Path) -> None:
    """The flow run keeps its id; its second attempt is a run of its own in the store."""
    store, recipe = str(tmp_path / "store"), tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(TINY))
    generate = ("-m", "flows.generate", str(recipe), "--store", store, "--json")
    ask(server, *generate)
    rot(store)
    strict = ("--set", "edits.per_source=2", "--set", "run.error_budget=0.01",
              "--set", "run.error_budget_after=1")  # fmt: skip
    assert "error budget" in ask(server, *generate, *strict, code=1)
    (run,) = [run for run in Store(store).latest_runs() if ended(store, run)["error"]]
    retry = ("-m", "prefect", "flow-run", "retry", run, "--entrypoint",
             "flows/generate.py:generate")  # fmt: skip
    ask(server, *retry)
    assert ask(server, "-c", STATE, run).split() == ["COMPLETED", "2"]
    before, after = ended(store, run), ended(store, f"{run}-2")
    assert after["error"] == ""
    assert after["dataset"]["version"] == 2
    stages = after["stages"]
    assert stages["prompts"]["reused"] == stages["prompts"]["items"]
    # The image that had rotted, its mask and the edits that failed; no edit that was good.
    assert stages["sources"]["items"] - stages["sources"]["reused"] == 1
    made = stages["edits"]["items"] - stages["edits"]["reused"]
    assert made < stages["edits"]["items"] / 2
    assert stages["edits"]["statuses"].get("failed", 0) == 0
    assert before["stages"]["edits"]["statuses"]["failed"] <= made


def ended(store: str, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Store(store).get_run_object(run, "ended.json"))
    return found
