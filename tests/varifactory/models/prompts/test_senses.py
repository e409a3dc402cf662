"""Senses of class names, asked of a real server that answers well and badly."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers.chat import ChatServer, Response, Step, refuses, says
from varifactory.errors import ModelError
from varifactory.models import NoAnswer
from varifactory.models.prompts.senses import SENSES, LitellmSenses
from varifactory.models.provider import Patience, Provider
from varifactory.models.provider.budget import Budget

# litellm's own models and its background work warn while they are built and torn down.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
]

KEY, VARIABLE = "sk-test-0123456789abcdef", "SENSES_TEST_KEY"
PRICED, UNPRICED = "openai/gpt-4o-mini", "openai/some-model-of-ours"
QUICK = Patience(tries=2, first_wait=0.01, longest=3.0, timeout=20.0)

Start = Callable[..., tuple[LitellmSenses, ChatServer]]


def senses(*words: str) -> Response:
    return says(json.dumps({"senses": list(words)}))


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A teller and the server it asks, playing the given steps."""
    monkeypatch.setenv(VARIABLE, KEY)
    with ExitStack() as stack:

        def begin(*steps: Step, model: str = UNPRICED, max_requests: int = 100):
            server = stack.enter_context(ChatServer(*steps).running())
            provider = Provider(
                model, base_url=server.url, key_variable=VARIABLE, patience=QUICK, keys=SENSES,
                budget=Budget(max_usd=1.0, max_requests=max_requests),
            )  # fmt: skip
            return LitellmSenses(provider), server

        yield begin


def test_a_class_is_asked_of_once(start: Start) -> None:
    teller, server = start(senses("wading bird", "lifting machine"), model=PRICED)
    told = teller.senses("crane")
    assert told.senses == ("wading bird", "lifting machine")
    assert told.cost_usd
    assert server.questions == [{"class_name": "crane", "count": 5}]
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["senses"]
    assert server.keys == [KEY]


def test_senses_are_told_once_without_the_name_and_five_at_most(start: Start) -> None:
    said = ("A Crane", "Wading bird.", "the wading birds", "one", "two", "three", "four", "five")
    teller, _ = start(senses(*said))
    assert teller.senses("crane").senses == ("Wading bird", "one", "two", "three", "four")


def test_a_name_with_one_sense_has_none(start: Start) -> None:
    teller, server = start(senses())
    assert teller.senses("ostrich").senses == ()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a bird and a machine", "no JSON object"),
        ('{"senses": "bird"}', "valid array"),
        ('{"senses": ["see https://evil.example/x"]}', "should match pattern"),
        ('{"meanings": []}', "senses: Field required"),
    ],
)
def test_an_answer_of_another_form_is_asked_for_once_more(
    start: Start, text: str, told: str
) -> None:
    teller, server = start(says(text), senses("wading bird"))
    assert teller.senses("crane").senses == ("wading bird",)
    assert told in server.requests[1]["messages"][-1]["content"]
    teller, server = start(says(text))
    with pytest.raises(NoAnswer, match=rf"no usable answer after 2 questions: .*{told}"):
        teller.senses("crane")
    assert len(server.requests) == 2


def test_a_refused_key_says_which_setting_to_change(start: Start) -> None:
    teller, _ = start(refuses(401, f"bad key {KEY}"))
    with pytest.raises(ModelError, match=r"prompts\.key_variable names") as error:
        teller.senses("crane")
    assert KEY not in str(error.value)
    teller, _ = start(refuses(404, "no such model"))
    with pytest.raises(ModelError, match=r"check diagnosis\.senses and prompts\.base_url"):
        teller.senses("crane")


def test_the_price_is_told_before_and_the_budget_is_kept(start: Start) -> None:
    teller, server = start(senses("wading bird"), model=PRICED, max_requests=1)
    foreseen = teller.estimate(["crane", "mouse"])
    assert foreseen.questions == 2
    assert foreseen.expected_usd
    assert "prompts.max_requests is 1 and will stop it" in foreseen.words()
    assert server.requests == []
    teller.senses("crane")
    with pytest.raises(ModelError, match=r"prompts\.max_requests allows"):
        teller.senses("mouse")
