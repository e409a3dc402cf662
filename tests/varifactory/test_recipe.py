"""The recipe: what is refused and how it is told, and what its fingerprint follows."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from varifactory.errors import RecipeError
from varifactory.recipe import NOT_IDENTITY, Recipe

SMALL: dict[str, Any] = {"name": "small", "sources": {"kind": "world"}}


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"nmae": "x"}, "unknown key 'nmae' (value 'x'); allowed here are adaptation, diag"),
        ({"edits": {"guidence": 3}}, "unknown key 'edits.guidence' (value 3); allowed here are"),
        ({"edits": {"gate": {"min": 1}}}, "'edits.gate.min' (value 1); allowed here are max_out"),
        ({"edits": {"steps": 0}}, "key 'edits.steps' has the value 0: Input should be greater"),
        ({"edits": {"steps": 10**9}}, "key 'edits.steps' has the value 1000000000"),
        ({"edits": {"guidance": float("nan")}}, "key 'edits.guidance' has the value nan"),
        ({"sources": {"kind": "cloud"}}, "'cloud': Input should be 'world', 'folder' or 'table'"),
        ({"sources": {"kind": "folder"}}, "sources.uri is needed for kind 'folder'"),
        ({"sources": {"kind": "world", "size": 8}}, "key 'sources.size' has the value 8"),
        ({"sources": {"kind": "world", "split": {"validation": 0.7, "test": 0.3}}},
         "validation + test must leave a share for training"),
        ({"sources": None}, "key 'sources' has the value None"),
        ({"training": {"arms": ["real", "imaginary"]}}, "unknown arms ['imaginary']; allowed are"),
        ({"training": {"seeds": [1, 1]}}, "seeds must be distinct"),
        ({"edits": {"distilled": {"file": "few.safetensors"}}},
         "edits.distilled.file is 'few.safetensors' and edits.distilled.checkpoint.name is empty"),
        ({"edits": {"distilled": {"weight": 0.5}}},
         "edits.distilled.weight is 0.5 and edits.distilled.checkpoint.name is empty"),
        ({"edits": {"preset": "faithful", "exact": 5}},
         "edits.exact is 5 and edits.preset is faithful, which takes edits that the judge refused"),
        ({"name": "../up"}, "key 'name' has the value '../up'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_value(data: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse(SMALL | data, where="r.yaml")
    assert told in str(error.value)
    assert str(error.value).startswith("r.yaml: ")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(RecipeError, match="key 'name' is missing; key 'sources' is missing"):
        Recipe.parse({})


@pytest.mark.parametrize(
    ("text", "told"),
    [("- a list", "holds list, not the keys of a recipe"), ("", "holds NoneType"),
     ("name: [", "cannot be read as a YAML recipe"), ("\x00", "cannot be read")],
)  # fmt: skip
def test_a_file_that_is_no_recipe_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        Recipe.read(write(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="the shipped ones are in deployments/recipes"):
        Recipe.read(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="cannot be read as a YAML recipe"):
        Recipe.read(tmp_path)


def test_settings_are_laid_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "name: small\nsources: {kind: world}\nedits: {steps: 3}\n")
    settings = ["edits.steps=5", "edits.gate.min_change=1.5", "training.arms=[real]", "note=a=b"]
    recipe = Recipe.read(path, settings)
    assert (recipe.edits.steps, recipe.edits.gate.min_change) == (5, 1.5)
    assert recipe.training.arms == ("real",)
    assert recipe.note == "a=b"


@pytest.mark.parametrize(
    ("setting", "told"),
    [("edits.steps", "write it as key=value"), ("=3", "write it as key=value"),
     ("name.x=3", "'name' is a value, not a group of keys"), ("edits.steps=[", "is not YAML"),
     ("edits.stepps=3", "unknown key 'edits.stepps'")],
)  # fmt: skip
def test_a_setting_that_cannot_be_laid_over_is_told(
    tmp_path: Path, setting: str, told: str
) -> None:
    path = write(tmp_path, "name: small\nsources: {kind: world}\n")
    with pytest.raises(RecipeError, match=told):
        Recipe.read(path, [setting])


def test_a_recipe_is_frozen() -> None:
    recipe = Recipe.parse(SMALL)
    with pytest.raises(ValidationError, match="frozen"):
        recipe.name = "other"
    assert {recipe: 1}[Recipe.parse(SMALL)] == 1


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"name": "other"}, True),
        ({"note": "words"}, True),
        ({"run": {"workers": 9, "shard_size": 3}}, True),
        ({"report": {"gallery_page": 20}}, True),
        ({"seed": 8}, False),
        ({"edits": {"feather": 2.0}}, False),
        ({"verdicts": {"min_presence": 0.9}}, False),
        ({"training": {"seeds": [2]}}, False),
        ({"edits": {"strength": 1.0}}, True),  # the default, written down
    ],
)
def test_the_fingerprint_follows_what_is_asked_for(change: dict[str, Any], same: bool) -> None:
    first, second = Recipe.parse(SMALL), Recipe.parse(SMALL | change)
    assert (first.fingerprint() == second.fingerprint()) is same


def test_what_is_no_identity_is_a_key_with_a_reason() -> None:
    assert set(NOT_IDENTITY) < set(Recipe.model_fields)
    assert all(len(reason) > 10 for reason in NOT_IDENTITY.values())


def test_a_recipe_survives_a_detour_through_json() -> None:
    recipe = Recipe.parse(SMALL | {"training": {"seeds": [1, 2]}})
    assert Recipe.parse(recipe.model_dump(mode="json")) == recipe
    assert Recipe.parse(recipe.model_dump(mode="json")).fingerprint() == recipe.fingerprint()


def test_no_key_asks_for_a_secret() -> None:
    """A recipe travels and is stored: it names the variable that holds a key, never the key."""

    def names(model: type[BaseModel]) -> set[str]:
        found = set(model.model_fields)
        for field in model.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found |= names(field.annotation)
        return found

    secret = {"key", "api_key", "token", "password", "secret"}
    assert not names(Recipe) & secret


def test_every_default_is_a_value_that_may_be_given() -> None:
    """Defaults are not checked when they are filled in, but are when a stored recipe is read."""
    everything = Recipe.parse(SMALL).model_dump(mode="json")
    assert Recipe.parse(everything, where="written out").model_dump(mode="json") == everything
