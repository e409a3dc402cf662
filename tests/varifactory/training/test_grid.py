"""The grid: which cells a recipe asks for, each once."""

import pytest

from varifactory.errors import RecipeError
from varifactory.recipe import Recipe
from varifactory.training.grid import Factors, factors, variants

QUICKSTART = "deployments/recipes/quickstart.yaml"


def recipe(*settings: str) -> Recipe:
    return Recipe.read(QUICKSTART, settings)


def cells(*settings: str) -> list[Factors]:
    asked = recipe(*settings)
    return [cell for one in variants(asked) for cell in factors(asked, one)]


def test_a_plain_recipe_is_its_own_only_variant() -> None:
    asked = recipe()
    (one,) = variants(asked)
    assert one.recipe == asked
    assert (one.dataset, one.sweep, one.generation_seed) == ("", "", asked.seed)


def test_every_combination_is_a_data_set_with_a_name_of_its_own() -> None:
    found = variants(
        recipe(
            "study.generation_seeds=[7, 8]",
            "study.sweep=[{key: edits.guidance, values: [2.0, 7.5]},"
            " {key: prompts.per_pool, values: [2, 4]}]",
            "study.datasets=[{name: small, settings: [sources.world.classes=4]},"
            " {name: whole, settings: [sources.world.classes=12]}]",
        )
    )
    assert len(found) == 2 * 4 * 2
    assert len({one.recipe.name for one in found}) == len(found)
    last = found[-1]
    assert last.recipe.seed == last.generation_seed == 8
    assert last.recipe.edits.guidance == 7.5
    assert last.recipe.sources.world.classes == 12
    assert last.sweep == "edits.guidance=7.5 prompts.per_pool=4"


def test_names_stay_apart_where_they_would_be_too_long() -> None:
    found = variants(
        recipe(
            "name=" + "q" * 60,
            "study.sweep=[{key: edits.guidance, values: [2.0, 2.5]},"
            " {key: edits.strength, values: [0.5, 1.0]}]",
        )
    )
    assert len({one.recipe.name for one in found}) == 4
    assert {len(one.recipe.name) for one in found} == {64}


def test_a_factor_that_a_cell_does_not_depend_on_is_empty() -> None:
    found = cells(
        "training.arms=[zero-shot, real, feasible, real+feasible]", "training.seeds=[1, 2]",
        "study.attributes=[all, color]", "study.per_source=[0, 1]",
        "study.schedules=[mixed, bridged]", "study.augmentations=[flip, standard]",
        "study.generation_seeds=[7, 8]",
    )  # fmt: skip
    counts = {arm: len({cell for cell in found if cell.arm == arm})
              for arm in ("zero-shot", "real", "feasible", "real+feasible")}  # fmt: skip
    edited = 2 * 2 * 2 * 2 * 2  # seeds, generation seeds, attributes, sizes, augmentations
    assert counts == {"zero-shot": 1, "real": 4, "feasible": edited, "real+feasible": 2 * edited}
    (untrained,) = {cell for cell in found if cell.arm == "zero-shot"}
    assert untrained.seed == untrained.generation_seed == 0
    assert not untrained.stratum.augmentation


def test_only_clip_answers_without_training() -> None:
    found = cells("study.trainees=[clip-lora, linear-probe]", "training.arms=[zero-shot, real]")
    assert {(cell.arm, cell.stratum.trainee) for cell in found} == {
        ("zero-shot", "clip-lora"), ("real", "clip-lora"), ("real", "linear-probe"),
    }  # fmt: skip


def test_no_augmentation_reaches_stored_vectors() -> None:
    found = cells(
        "study.trainees=[classifier, linear-probe]", "study.augmentations=[flip, geometry]",
        "training.arms=[real, real-standard]",
    )  # fmt: skip
    assert {(cell.arm, cell.stratum.trainee, cell.stratum.augmentation) for cell in found} == {
        ("real", "classifier", "flip"), ("real", "classifier", "geometry"),
        ("real-standard", "classifier", ""), ("real", "linear-probe", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("study.sweep=[{key: training.steps, values: [1]}]", "cannot be varied"),
        ("study.datasets=[{name: a, settings: [run.workers=1]}]", "cannot be varied"),
        ("study.sweep=[{key: sources.size, values: [64, 96]}]",
         "cannot be varied by sweep: .* give each value a data set of its own in study.datasets"),
        ("study.sweep=[{key: edits.guidance, values: []}]", "study.sweep.0.values"),
        ("study.generation_seeds=[7, 7]", "names a value twice"),
        ("study.per_source=[-1]", "study.per_source.0"),
        ("study.trainees=[forest]", "study.trainees.0"),
        ("study.margin=0", "study.margin"),
        ("study.datasets=[{name: a, settings: [seed=1]}, {name: a, settings: [seed=2]}]",
         "cannot be varied"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_grid_is_refused_by_its_key(setting: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("study.attributes=[colour]", "which prompts.attributes does not make"),
        ("study.per_source=[9]", "raise that"),
        ("training.arms=[real, real+unchanged]", "set edits.unchanged=true"),
    ],
)
def test_what_could_only_fail_after_hours_is_refused_at_once(setting: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(setting)


def test_values_that_a_name_cannot_tell_apart_have_names_of_their_own() -> None:
    names = [
        one.recipe.name
        for one in variants(recipe("study.sweep=[{key: prompts.writer, values: [a/b, a-b, c]}]"))
    ]
    assert len(set(names)) == 3
    assert names[2] == "quickstart-prompts.writer-c"


def test_without_trainees_of_its_own_a_study_trains_the_recipes() -> None:
    found = cells("training.trainee=classifier", "training.arms=[real]")
    assert {cell.stratum.trainee for cell in found} == {"classifier"}


def test_a_value_of_a_sweep_that_the_recipe_refuses_names_its_key() -> None:
    with pytest.raises(RecipeError, match="guidance"):
        variants(recipe("study.sweep=[{key: edits.guidance, values: [-3]}]"))
