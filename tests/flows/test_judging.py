"""A panel in a flow: each judge in a spec of its own, their words on every item and on the card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Generate, Make
from tests.servers.chat import ChatServer, Response, says, sees
from varifactory.datasets import open_dataset
from varifactory.store import Store
from varifactory.verdicts.panel import NO_WORD

Ran = tuple[dict[str, Any], Store]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("panel")


@pytest.fixture(scope="module")
def ran(generate: Generate, tiny: Make, place: Path) -> Ran:
    recipe = tiny(verdicts__panel=["clip"], verdicts__decision="majority")
    return generate(recipe, place), Store(str(place))


def ended(store: Store, said: dict[str, Any]) -> dict[str, Any]:
    return json.loads(store.get_run_object(said["run"], "ended.json"))


def test_every_judge_is_asked_about_every_edit_under_its_own_spec(ran: Ran) -> None:
    said, store = ran
    specs = {fields["judge"]["name"]: name.split("/")[1]
             for name, fields in ended(store, said)["specs"].items()
             if name.startswith("verdicts/")}  # fmt: skip
    assert set(specs) == {"measured", "clip"}
    rows = {name: store.rows("verdicts", spec).to_pylist() for name, spec in specs.items()}
    assert {name: {row["judge"] for row in found} for name, found in rows.items()} == {
        "measured": {"measured"}, "clip": {"clip"}}  # fmt: skip
    judged = [{row["pixel_sha256"] for row in found} for found in rows.values()]
    assert judged[0] == judged[1]
    values = {name for row in rows["clip"] for name in json.loads(row["value_scores"])}
    asked = {row["value"] for row in open_dataset(store.url, "tiny").table(kind="edit").to_pylist()}
    assert asked <= values


def test_items_hold_all_words_and_follow_from_them(ran: Ran) -> None:
    edits = open_dataset(ran[1].url, "tiny").table(kind="edit", stage="verdicts").to_pylist()
    assert edits
    for row in edits:
        words = json.loads(row["judgements"])
        assert list(words) == ["measured", "clip"]
        against = [name for name, word in words.items() if word["status"] == "rejected"]
        assert (row["status"] == "rejected") is bool(against)
        assert all(f"{name} (" in row["reason"] for name in against)
        assert row["verdict_key"] == words["measured"]["verdict_key"]


def test_the_card_tells_how_far_they_agree(ran: Ran) -> None:
    store = ran[1]
    found = json.loads(store.get_export("tiny", 1, "judges.json"))
    assert {one["method"] for one in found} == {"Fleiss", "Cohen"}
    card = store.get_export("tiny", 1, "card.md").decode()
    assert "| accepted or refused | measured, clip | Cohen |" in card
    page = store.get_export("tiny", 1, "gallery/index.html").decode()
    assert "measured, clip (decision: majority)" in page


def test_another_rule_asks_no_judge_again(ran: Ran, generate: Generate, tiny: Make) -> None:
    said = generate(tiny(verdicts__panel=["clip"], verdicts__decision="first"), Path(ran[1].url))
    stage = said["stages"]["verdicts"]
    assert stage["reused"] == stage["items"] > 0
    alone = generate(tiny(), Path(ran[1].url))["stages"]["verdicts"]
    assert alone["reused"] == alone["items"] == stage["items"] / 2


# litellm's own models and its background work warn while they are built and torn down.
@pytest.mark.filterwarnings("ignore::UserWarning:pydantic")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_a_run_whose_judge_was_disturbed_ends_as_one_that_was_not(
    generate: Generate, tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_TEST_KEY", "sk-test-0123456789abcdef")
    sulking = [True]

    def answer(request: dict[str, Any]) -> Response:
        picture = hashlib.sha256(json.dumps(request["messages"]).encode()).digest()
        if sulking[0] and picture[0] < 77:
            return says(None, refusal="I would rather not")
        return sees("none of these", possible_percent=picture[1] % 101)

    with ChatServer(answer).running() as server:
        recipe = tiny(
            verdicts__panel=["clip", "vision"], verdicts__decision="majority",
            verdicts__model="openai/some-model-of-ours", verdicts__base_url=server.url,
            verdicts__key_variable="JUDGE_TEST_KEY",
        )  # fmt: skip
        disturbed = generate(recipe, tmp_path / "disturbed")
        waiting = open_dataset(str(tmp_path / "disturbed"), "tiny").table(status="skipped")
        reasons = {row["reason"].partition(":")[0] for row in waiting.to_pylist()}
        assert reasons == {NO_WORD}
        sulking[0] = False
        asked = len(server.requests)
        healed = generate(recipe, tmp_path / "disturbed")
        again = len(server.requests) - asked
        calm = generate(recipe, tmp_path / "calm")
    assert healed["dataset_hash"] == calm["dataset_hash"] != disturbed["dataset_hash"]
    assert 0 < again < asked / 2
