"""The deployments file: every flow is found, every default fits, nothing of a machine is in it."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.utilities.callables import parameter_schema

from flows import deploy
from flows.operation.environment import SERVER, WORKER, settings_of
from varifactory.recipe import Recipe

ROOT = Path(__file__).parents[2]
DECLARED = deploy.declared()
ASKED = ["generate", "study", "train", "adapt", "diagnose", "exchange_rate", "rerun", "work"]
FLOWS = [*ASKED, "verify", "gc"]
ON_CARDS = [f"{name}-gpu" for name in ASKED]


def deployments() -> list[Any]:
    return [pytest.param(one, id=one["name"]) for one in DECLARED["deployments"]]


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    module, name = deployment["entrypoint"].rsplit(".", 1)
    found = getattr(import_module(module), name)
    assert isinstance(found, Flow)
    return found


def test_every_flow_is_deployed_under_its_name_and_again_for_cards() -> None:
    pools = {one["name"]: one["work_pool"]["name"] for one in DECLARED["deployments"]}
    assert pools == dict.fromkeys(FLOWS, "cpu") | dict.fromkeys(ON_CARDS, "gpu")
    assert deploy.names()[:2] == ["generate/generate", "generate/generate-gpu"]


@pytest.mark.parametrize("deployment", deployments())
def test_the_entrypoint_is_a_flow_and_its_defaults_fit(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    assert flow.name == deployment["entrypoint"].rsplit(".", 1)[1]
    assert not flow.persist_result
    schema = parameter_schema(flow).model_dump()
    given = deployment.get("parameters", {})
    assert set(given) <= set(schema["properties"])
    jsonschema.validate(given, {**schema, "required": []})
    if "recipe" in given:
        recipe = Recipe.read(str(ROOT / given["recipe"]), given["settings"])
        assert flow.name != "train" or len(recipe.training.arms) == 1
        assert flow.name != "adapt" or recipe.adaptation.scope != "none"


@pytest.mark.parametrize("deployment", deployments())
def test_the_form_says_what_each_parameter_is(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    assert flow.description
    for name, field in parameter_schema(flow).model_dump()["properties"].items():
        assert field.get("description"), f"{flow.name} does not say what {name} is"


def test_schedules_are_off_and_one_line_turns_them_on() -> None:
    found = {
        (one["name"], schedule["slug"]): schedule
        for one in DECLARED["deployments"]
        for schedule in one.get("schedules", [])
    }
    assert set(found) == {("generate", "nightly"), ("generate-gpu", "nightly"),
                          ("verify", "weekly")}  # fmt: skip
    for schedule in found.values():
        assert schedule["active"] is False
        assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])


def test_no_path_of_a_machine_is_in_it() -> None:
    text = deploy.DEPLOYMENTS.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.*\"{ ])/(?:home|work|root|tmp|opt|mnt|data)\b", text)
    (step,) = DECLARED["pull"]
    assert step == {
        "prefect.deployments.steps.set_working_directory": {"directory": "{{ $VARIFACTORY_ROOT }}"}
    }


def test_results_are_json_and_not_kept_on_servers_and_workers_alike() -> None:
    for settings in (settings_of(SERVER), settings_of(WORKER)):
        assert settings["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
        assert settings["PREFECT_RESULTS_PERSIST_BY_DEFAULT"] == "false"
        assert settings["DO_NOT_TRACK"] == "1"
    assert int(settings_of(WORKER)["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == 30
