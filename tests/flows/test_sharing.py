"""A team's store: two clones, two persons, one S3 server, and every request counted."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.forecast import forecast
from tests.flows.conftest import Make
from tests.servers.running import BUCKET, Counted, proxy, s3_server
from varifactory.recipe import Recipe
from varifactory.store import Store, parts

STAGES = ("sources", "leakage", "prompts", "masks", "edits", "verdicts")


class Team:
    """Persons with clones of their own, on one store."""

    def __init__(self, port: int, place: Path, flow: Callable[..., dict[str, Any]]) -> None:
        self.counted, self.place, self.flow = Counted(port), place, flow
        self.url = f"s3://{BUCKET}/{secrets.token_hex(4)}"

    def run(self, who: str, recipe: Recipe) -> dict[str, Any]:
        """Somebody runs a recipe; what the run said, and under ``asked`` its requests."""
        self.sits_down(who)
        self.counted.since()
        return {**self.flow(recipe, self.url), "asked": self.counted.since()}

    def sits_down(self, who: str) -> None:
        """Another process on another machine, with what that person's disk remembers."""
        parts._RECENT._forget()
        os.environ |= {"VARIFACTORY_ACTOR": who, "VARIFACTORY_CACHE": str(self.place / who)}


SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "hush-hush",
    "AWS_EC2_METADATA_DISABLED": "true", "VARIFACTORY_ACTOR": "", "VARIFACTORY_CACHE": "",
}  # fmt: skip


def served(kind: str, place: Path, flow: Callable[..., dict[str, Any]]) -> Iterator[Team]:
    """A team at work on a server of its own."""
    with (
        s3_server(kind) as behind,
        proxy("counting", behind) as port,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        yield Team(port, place, flow)


@pytest.fixture(scope="module")
def flow(prefect_server: str) -> Callable[..., dict[str, Any]]:
    from flows.generate import generate

    return generate


@pytest.fixture(scope="module")
def team(
    flow: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    yield from served("moto", tmp_path_factory.mktemp("team"), flow)


@pytest.fixture(scope="module")
def adas(team: Team, tiny: Make) -> dict[str, Any]:
    """The first run of all."""
    return team.run("ada", tiny())


def lists(asked: list[str]) -> Counter[str]:
    """Listings of parts, by stage."""
    listed = [one for one in asked if "list-type" in one and "stages%2F" in one]
    return Counter(one.split("stages%2F")[1].split("%2F")[0] for one in listed)


def parts_read(asked: list[str]) -> list[str]:
    return [one for one in asked if one.startswith("GET") and "/part-" in one]


def blobs(asked: list[str]) -> list[str]:
    return [one for one in asked if "/blobs/" in one]


def parts_there(url: str) -> int:
    """All of them, those that a fold has replaced among them."""
    return sum(entry.name.endswith(".parquet") for entry in Store(url).backend.walk("stages"))


def test_a_colleagues_run_costs_nothing_and_says_thanks(
    team: Team, tiny: Make, adas: dict[str, Any]
) -> None:
    bobs = team.run("bob", tiny())
    assert adas["made"] == adas["items"]
    assert adas["saved"] == {}
    assert bobs["made"] == 0
    assert bobs["dataset_hash"] == adas["dataset_hash"]
    (thanks,) = bobs["saved"]["thanks_to"]
    assert (thanks["actor"], thanks["run"]) == ("ada", adas["run"])
    assert thanks["items"] == bobs["saved"]["items"] == bobs["items"]
    assert bobs["saved"]["seconds"] > 0
    assert f"{bobs['items']:,} items made by ada's run {adas['run'][:8]}" in bobs["saved"]["words"]


def test_what_is_there_costs_one_listing_a_stage_and_one_read_an_unseen_part(
    team: Team, tiny: Make, adas: dict[str, Any]
) -> None:
    cold = team.run("cora", tiny())["asked"]
    # Verdicts are looked at twice: on the drawn sources themselves, then on the edits. The version
    # that is there is adopted only if its own parts are.
    assert lists(cold) == {**dict.fromkeys([*STAGES, "decisions", "items"], 1), "verdicts": 2}
    assert len(parts_read(cold)) == len(set(parts_read(cold))) <= parts_there(team.url)
    assert blobs(cold) == []
    warm = team.run("cora", tiny())["asked"]
    assert parts_read(warm) == []
    assert blobs(warm) == []
    assert lists(warm) == lists(cold)
    assert [one for one in warm if "/runs/" in one and adas["run"] in one] == []


def test_a_larger_number_makes_the_rest(team: Team, tiny: Make, adas: dict[str, Any]) -> None:
    larger = tiny(edits__per_source=2)
    team.sits_down("bob")
    expected = forecast(larger, team.url)
    said = team.run("bob", larger)
    assert 0 < said["made"] < said["items"]
    assert said["reused"] == adas["items"]
    stages = {stage.name: stage for stage in expected.stages}
    assert stages["masks"].misses == stages["prompts"].misses == 0
    assert stages["edits"].misses == said["counts"]["edits"]["ok"] / 2
    assert expected.misses <= said["made"] <= expected.misses + expected.unknown
    again = team.run("ada", larger)
    assert again["made"] == 0
    assert {one["actor"] for one in again["saved"]["thanks_to"]} == {"ada", "bob"}


def test_the_number_of_requests_does_not_grow_with_the_images(
    team: Team, tiny: Make, adas: dict[str, Any]
) -> None:
    larger = tiny(edits__per_source=2)
    few, many = [[team.run("dora", recipe) for _ in "ab"][1] for recipe in (tiny(), larger)]
    assert few["items"] < many["items"]
    assert (few["made"], many["made"]) == (0, 0)
    assert abs(len(few["asked"]) - len(many["asked"])) <= 2, (few["asked"], many["asked"])


def test_other_words_reuse_sources_and_masks(team: Team, tiny: Make, adas: dict[str, Any]) -> None:
    other = tiny(prompts={"attributes": ["background", "color"], "per_pool": 3})
    team.sits_down("bob")
    expected = forecast(other, team.url)
    said = team.run("bob", other)
    stages = {stage.name: stage for stage in expected.stages}
    assert stages["sources"].misses == stages["masks"].misses == 0
    assert stages["prompts"].misses == 12
    assert said["made"] > 12
    assert said["saved"]["thanks_to"][0]["actor"] == "ada"


def test_it_holds_on_another_server(
    tiny: Make, flow: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    for team in served("ministack", tmp_path, flow):
        first, second = team.run("ada", tiny()), team.run("bob", tiny())
        assert (first["saved"], second["made"]) == ({}, 0)
        assert second["saved"]["thanks_to"][0]["actor"] == "ada"
        assert blobs(second["asked"]) == []
