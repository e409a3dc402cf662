"""A run whose prompts and verdicts come from a provider: what it is told, what it pays and says."""

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.flows.conftest import Generate, Make
from tests.servers.chat import ChatServer, Response, phrases, sees
from varifactory.loading import read_blob
from varifactory.store import Store

# litellm's own models and its background work warn while they are built and torn down.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
]

KEY = "sk-test-0123456789abcdef"
MODEL = "openai/some-model-of-ours"
ANSWER_USD = 100 * 2e-6 + 50 * 8e-6
"""Of one answer of the server, at the recipe's price."""


def is_shown(asked: dict[str, Any]) -> bool:
    """Whether a request holds a picture: the judge's."""
    return isinstance(asked["messages"][1]["content"], list)


def answers(asked: dict[str, Any]) -> Response:
    """Writes the catalog's own words, and sees the first of all choices."""
    if is_shown(asked):
        question = json.loads(asked["messages"][1]["content"][0]["text"])
        return sees(question["values"][0].split(":")[0], question["class_names"][0])
    question = json.loads(asked["messages"][1]["content"])
    start = 0 if question["feasibility"] == "feasible" else 2
    return phrases(*question["known"][start : start + question["count"]])


@pytest.fixture(scope="module")
def ran(
    tiny: Make, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[dict[str, Any]], ChatServer, list[int]]]:
    """Two runs on one store; summaries, the server, and its requests after each."""
    store = tmp_path_factory.mktemp("paid") / "store"
    with pytest.MonkeyPatch.context() as patch, ChatServer(answers).running() as server:
        patch.setitem(os.environ, "COSTS_TEST_KEY", KEY)
        asked = {"base_url": server.url, "key_variable": "COSTS_TEST_KEY"}
        recipe = tiny(
            prompts={"attributes": ["color"], "per_pool": 2, "writer": MODEL, **asked,
                     "prices": [{"model": MODEL, "input": 2, "output": 8}]},
            verdicts={"judge": "vision", "model": MODEL, "pointer": "none", "min_presence": 0,
                      "min_class": 0, **asked},
        )  # fmt: skip
        said, counts = [], []
        for _ in range(2):
            said.append(generate(recipe, store))
            counts.append(len(server.requests))
        yield store, said, server, counts


def stored(store: Path, stage: str) -> list[dict[str, Any]]:
    kept = Store(str(store))
    return [row for spec in kept.specs(stage) for row in kept.rows(stage, spec).to_pylist()]


def test_every_verdict_took_one_request_and_shows_an_edit(ran: Any) -> None:
    store, (said, _), server, _ = ran
    shown = [asked for asked in server.requests if is_shown(asked)]
    verdicts = stored(store, "verdicts")
    assert said["failed"] == 0
    assert len(shown) == len(verdicts) > 0
    assert {row["judge"] for row in verdicts} == {"vision"}
    kept = Store(str(store))
    judged = {pixels(read_blob(kept, row["image_blob"])) for row in verdicts}
    sent = {pixels(picture(asked)) for asked in shown}
    assert sent == judged


def picture(asked: dict[str, Any]) -> bytes:
    url = asked["messages"][1]["content"][1]["image_url"]["url"]
    return base64.b64decode(url.removeprefix("data:image/png;base64,"))


def pixels(png: bytes) -> bytes:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).tobytes()


def test_the_judge_is_told_nothing_of_what_was_asked_for(ran: Any) -> None:
    store, _, server, _ = ran
    bodies = [json.dumps(asked).lower() for asked in server.requests if is_shown(asked)]
    assert not [body for body in bodies if "feasib" in body or KEY in body]
    texts = {row["text"].lower() for row in stored(store, "prompts") if row["text"]}
    assert texts
    assert not [body for body in bodies if any(text in body for text in texts)]
    words = {json.dumps([asked["messages"][0], asked["messages"][1]["content"][0]])
             for asked in server.requests if is_shown(asked)}  # fmt: skip
    assert len(words) == 1, "edits of one attribute differ in their picture alone"


def test_the_cost_is_told_before_and_after(ran: Any) -> None:
    store, (said, again), server, _ = ran
    expected = json.loads(Store(str(store)).get_run_object(said["run"], "estimate.json"))
    assert [one["section"] for one in expected] == ["prompts", "verdicts"]
    paid = {stage: [row["cost_usd"] for row in stored(store, stage)]
            for stage in ("prompts", "verdicts")}  # fmt: skip
    for one in expected:
        total = sum(paid[one["section"]])
        asked = [
            each for each in server.requests if is_shown(each) == (one["section"] != "prompts")
        ]
        assert total == pytest.approx(ANSWER_USD * len(asked))
        assert one["expected_usd"] < one["most_usd"] <= one["max_usd"]
        assert total < one["most_usd"]
    told = [note for note in said["notices"] if " cost " in note]
    assert [note.split(" cost ")[0] for note in told] == [
        f"prompts by {MODEL}",
        f"verdicts by {MODEL}",
    ]
    assert f"in {len(paid['verdicts'])} items" in told[1]
    assert not [note for note in again["notices"] if " cost " in note], "paid for by the first run"


def test_a_second_run_asks_nobody(ran: Any) -> None:
    _, (_, again), _, counts = ran
    assert counts[0] == counts[1]
    assert again["stages"]["verdicts"]["reused"] == again["stages"]["verdicts"]["items"] > 0
