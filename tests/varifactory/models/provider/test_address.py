"""What of a server's address makes another model, and what does not."""

import json

import pytest

from varifactory.models.prompts.llm import LitellmWriter
from varifactory.models.provider.address import server_of
from varifactory.models.provider.budget import Budget
from varifactory.models.verdicts.vision import VisionJudge

HERE = "http://models.lab:8000/v1"


@pytest.mark.parametrize(
    "same",
    ["http://models.lab:8000/v1/", " HTTP://Models.LAB:8000/v1",
     "http://me:secret@models.lab:8000/v1", "http://models.lab:8000/v1?api-key=secret"],
)  # fmt: skip
def test_credentials_and_spelling_make_no_other_server(same: str) -> None:
    assert server_of(same) == server_of(HERE)
    assert "secret" not in json.dumps(server_of(same))


def test_a_port_that_is_usual_may_be_left_out() -> None:
    assert server_of("https://models.lab:443/v1") == server_of("https://models.lab/v1")
    assert server_of("http://models.lab:443/v1") != server_of("http://models.lab/v1")


@pytest.mark.parametrize(
    "other", ["http://models.lab:8001/v1", "http://other.lab:8000/v1", "http://models.lab:8000/v2",
              "https://models.lab:8000/v1"]
)  # fmt: skip
def test_another_address_is_another_server(other: str) -> None:
    assert server_of(other) != server_of(HERE)


def test_the_usual_server_adds_nothing() -> None:
    assert server_of("") == server_of(None) == {}


def test_one_model_name_at_two_servers_shares_neither_prompts_nor_verdicts() -> None:
    places = (None, HERE, "http://models.lab:8001/v1")
    budget = Budget(max_usd=1, max_requests=1)
    for ask in (LitellmWriter, VisionJudge):
        identities = [dict(ask("openai/a", base_url=at, budget=budget).identity) for at in places]
        assert len({json.dumps(one, sort_keys=True) for one in identities}) == len(places)
        assert "server" not in identities[0]
        assert not [one for one in identities if "models.lab" in json.dumps(one)]
