"""Which senses a diagnosis takes from a language model, and which it knows already."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.chat import ChatServer, Response, refuses, says
from tests.stored_digits import plan_of, real, stored
from varifactory.diagnosis.plan import plan_diagnosis
from varifactory.diagnosis.telling_senses import by_model, tell, told_before
from varifactory.errors import ModelError
from varifactory.models import ToldSenses
from varifactory.models.registry import sense_teller
from varifactory.recipe import Recipe
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.store import Store

MODEL = "openai/gpt-4o-mini"


def knows_one_word(asked: dict[str, Any]) -> Response:
    """Has no answer for a second, and does not work for a third."""
    name = json.loads(asked["messages"][1]["content"])["class_name"]
    if name == "nine":
        return refuses(402, "pay first")
    if name == "one":
        return says('{"senses": ["letter i", "pipe"]}')
    return says("", finish="content_filter")


def test_a_yaml_file_or_a_file_that_is_there_is_no_model(tmp_path: Path) -> None:
    plain = tmp_path / "senses"
    plain.write_text("one: [letter i]\n")
    assert [by_model(each) for each in ("", "absent.yaml", "x/Absent.YML", str(plain))] == [
        False, False, False, False,
    ]  # fmt: skip
    assert by_model(MODEL)


@pytest.mark.filterwarnings("ignore::UserWarning:pydantic")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_what_was_not_answered_is_noticed_and_what_cannot_work_stops() -> None:
    with ChatServer(knows_one_word).running() as server:
        recipe = Recipe.parse({
            "name": "x", "sources": {"kind": "world"}, "prompts": {"base_url": server.url},
            "diagnosis": {"senses": "openai/some-model-of-ours"},
        })  # fmt: skip
        teller = sense_teller(recipe, run="run of this test")
        found, notices = tell(teller, ["one", "two"])
        assert found == {"one": ToldSenses(("letter i", "pipe"))}
        assert notices == [
            "no other senses of 'two' were tried: openai/some-model-of-ours: the provider's "
            "content filter held the answer back"
        ]
        with pytest.raises(ModelError, match="no quota is left"):
            tell(teller, ["nine", "one"])


def test_what_was_told_is_in_the_plan_and_known_the_next_time(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    manifest = stored(store, real(range(40)))
    plan = plan_diagnosis(
        store, manifest, Diagnosis(senses=MODEL), ("one", "two"), encoder="digits",
        embeddings="e", texts="t", told={"one": ("letter i",), "two": ()},
    )  # fmt: skip
    assert plan.senses == {"one": {"letter i": "a photo of a letter i"}, "two": {}}
    other = plan_of(manifest, senses={"two": {"swan": "a swan"}}, settings={"senses": "x.yaml"})
    assert told_before([other, plan], MODEL) == {"one": ("letter i",), "two": ()}
    assert told_before([other, plan], "openai/other") == {}
