"""Which senses a diagnosis takes from a language model, and which it knows already."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.chat import ChatServer, Response, refuses, says
from tests.stored_digits import plan_of, real, stored
from varifactory.diagnosis.plan import FOLDER, keep_plan, plan_diagnosis, plans_of
from varifactory.diagnosis.population import PopulationError
from varifactory.diagnosis.telling_senses import by_model, keep_told, tell, told_before
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
    files = ("", "absent.yaml", "x/Absent.YML", str(plain), "/absent/senses", "../senses")
    assert not any(map(by_model, files))
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
        kept: list[dict[str, tuple[str, ...]]] = []
        found, notices = tell(teller, ["one", "two"], kept.append)
        assert found == {"one": ToldSenses(("letter i", "pipe"))}
        assert notices == [
            "no other senses of 'two' were tried: openai/some-model-of-ours: the provider's "
            "content filter held the answer back"
        ]
        with pytest.raises(ModelError, match="no quota is left"):
            tell(teller, ["nine", "one"], kept.append)
        assert kept == [{"one": ("letter i", "pipe")}]


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
    for each in (other, plan):
        keep_plan(store, each)
    assert told_before(store, manifest, MODEL) == {"one": ("letter i",), "two": ()}
    assert told_before(store, manifest, "openai/other") == {}


def test_what_was_told_is_known_without_a_plan(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    manifest = stored(store, real(range(40)))
    keep_told(store, manifest, MODEL, {"one": ("letter i",)})
    keep_told(store, manifest, MODEL, {"one": ("letter i",), "two": ()})
    assert told_before(store, manifest, MODEL) == {"one": ("letter i",), "two": ()}
    assert told_before(store, manifest, "openai/other") == {}
    assert plans_of(store, manifest) == []
    assert store.verify().whole
    (kept,) = store.export_files("digits", 1, FOLDER)
    store.put_export("digits", 1, f"{FOLDER}/{kept}", b"[]")
    with pytest.raises(PopulationError, match=rf"{kept} does not hold what {MODEL} said .*remove"):
        told_before(store, manifest, MODEL)
