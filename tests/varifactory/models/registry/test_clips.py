import shutil

import pytest

from varifactory.errors import ModelError, RecipeError
from varifactory.keys import spec_of
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.export import export
from varifactory.models.registry.clips import clip, training_clip
from varifactory.models.registry.judges import judge
from varifactory.models.registry.trainees import trainee
from varifactory.recipe import Recipe
from varifactory.training.planning import training_spec


def recipe(run=None, **training) -> Recipe:
    return Recipe.parse(
        {"name": "tiny", "sources": {"kind": "world"}, "training": training, "run": run or {}}
    )


def spec(made: Recipe) -> str:
    return spec_of("training", training_spec(made, trainee(made)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("clip") / "transformers"
    export(find_base("small-clip"), found, "transformers")
    return found


def test_what_the_built_in_model_was_trained_to_is_found_again():
    # Of the recipe before there were other back ends: a change here trains every study anew.
    assert spec(recipe()) == "0be40313a39ddccfdf7c28efa4c83c87209cf2c627238914dc7c6de46bf58b25"


def test_a_spec_holds_what_changes_weights_and_nothing_else(folder, tmp_path):
    usual = spec(recipe(clip=str(folder)))
    changes = [
        {"encoders": "image"}, {"precision": "bfloat16"}, {"rank": 4}, {"clip": "small-clip"},
        {"clip": "ViT-B-16/openai"}, {"template": "one {class_name}"},
    ]  # fmt: skip
    others = {spec(recipe(**{"clip": str(folder)} | change)) for change in changes}
    assert len(others | {usual}) == len(changes) + 1
    assert spec(recipe({"threads": 2}, clip=str(folder))) != usual
    moved = shutil.copytree(folder, tmp_path / "moved")
    weights = find_base(str(folder)).weights
    for same in ({"recompute": True}, {"clip": f"transformers:{moved}"}, {"clip_sha256": weights},
                 {"arms": ["real"]}):  # fmt: skip
        assert spec(recipe(**{"clip": str(folder)} | same)) == usual
    assert spec(recipe({"workers": 3, "ahead": 1}, clip=str(folder))) == usual


def test_on_a_card_threads_are_no_part_and_compiling_is(folder):
    one, two = ({"device": "cuda", "threads": count} for count in (1, 2))
    assert spec(recipe(one, clip=str(folder))) == spec(recipe(two, clip=str(folder)))
    assert spec(recipe(one, clip=str(folder), compile=True)) != spec(recipe(one, clip=str(folder)))
    assert spec(recipe(one)) == spec(recipe())


def test_settings_that_cannot_be_followed_name_themselves(folder):
    with pytest.raises(ModelError, match=r"set training\.compile=false"):
        trainee(recipe(clip=str(folder), compile=True))
    with pytest.raises(ModelError, match=r"training\.clip_sha256 is 0000"):
        trainee(recipe(clip=str(folder), clip_sha256="0" * 64))
    with pytest.raises(ModelError, match=r"training\.clip 'none' is unknown"):
        trainee(recipe(clip="none"))


def test_a_clip_is_built_once_and_with_its_key_in_messages(folder):
    assert clip(str(folder), 1) is clip(str(folder), 1)
    assert training_clip(recipe(clip=str(folder))).identity["name"] == "transformers"
    assert clip("small-clip", 1, device="cuda", dtype="bfloat16").identity == (
        clip("small-clip", 1).identity
    )
    with pytest.raises(ModelError, match=r"verdicts\.clip 'none' is unknown"):
        clip("none", 1, key="verdicts.clip")


def test_the_judging_clip_s_weights_are_fixed_by_keys_of_its_own(folder):
    def judging(**verdicts):
        made = Recipe.parse({"name": "x", "sources": {"kind": "world"},
                             "verdicts": {"judge": "clip", **verdicts}})  # fmt: skip
        return judge(made, (), "").identity

    weights = find_base(str(folder)).weights
    assert judging(clip=str(folder), clip_sha256=weights) == judging(clip=str(folder))
    with pytest.raises(ModelError, match=r"^verdicts\.clip_sha256 is 0000"):
        judging(clip=str(folder), clip_sha256="0" * 64)
    pinned = judging(clip="hf-hub:lab/tiny", clip_revision="a" * 40)
    assert pinned["clip_weights"] == f"lab/tiny@{'a' * 40}"
    with pytest.raises(ModelError, match=r"^verdicts\.clip_revision is 'v1', and 'small-clip'"):
        judging(clip="small-clip", clip_revision="v1")


@pytest.mark.parametrize("given", [{"clip_revision": "main"}, {"clip_sha256": "0" * 64}])
def test_what_fixes_the_judging_clip_wants_its_name(given):
    with pytest.raises(RecipeError, match=rf"verdicts\.{next(iter(given))} is of verdicts\.clip"):
        Recipe.parse({"name": "x", "sources": {"kind": "world"}, "verdicts": given})
