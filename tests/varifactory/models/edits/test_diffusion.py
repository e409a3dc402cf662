import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from varifactory.catalog import load_catalog
from varifactory.edits import feathered, paste_back, region_of
from varifactory.errors import ModelError
from varifactory.models import InpaintingJob
from varifactory.models.builtin.inpainting_lessons import lessons
from varifactory.models.builtin.inpainting_score import held_out_error
from varifactory.models.edits.diffusion import BUILT_IN, DiffusersInpainter, small_diffusion
from varifactory.models.edits.families import families
from varifactory.models.edits.settings import Asked
from varifactory.world import load_world, render, sample_scene

FIRST_SEED = 72_000_000
"""Neither trained on nor measured for the card."""
FAMILY = families()["small-diffusion"]
BATCH = FAMILY.batch or 0


@pytest.fixture(scope="module")
def editor() -> DiffusersInpainter:
    return small_diffusion()


def job(number: int, attribute: str, value: str, **changed) -> InpaintingJob:
    """An edit of a drawn picture of a study class."""
    world, entry = load_world(), load_catalog().attribute(attribute)
    scene = sample_scene(world, FIRST_SEED + number, classes=world.study_classes)
    drawn = render(world, scene, 96)
    alpha = feathered(region_of(drawn.mask, entry.region), 1.0)
    made = InpaintingJob(
        image=drawn.image,
        object_mask=drawn.mask,
        region=alpha > 0,
        class_name=scene.class_name,
        attribute=entry,
        value=value,
        prompt=entry.render(number, scene.class_name, entry.values[value].phrase),
        seed=number,
        settings={"strength": 1.0},
    )
    return replace(made, **changed)


def hasty(number: int, attribute: str, value: str, **changed) -> InpaintingJob:
    """A poor picture, soon there."""
    asked = job(number, attribute, value, **changed)
    return replace(asked, settings={"steps": 2, **asked.settings})


def mean_colours(editor: DiffusersInpainter, jobs: list[InpaintingJob]) -> np.ndarray:
    """(jobs, 3): the mean colour inside the region, 0 to 255."""
    made = editor.inpaint(jobs)
    return np.array([new[each.region].mean(0) for new, each in zip(made, jobs, strict=True)])


def test_it_fills_holes_better_than_the_mean_and_than_classical_inpainting():
    cases = [
        (each.image, each.region, each.prompts[0])
        for each in lessons(load_world().study_classes, 24, FIRST_SEED)
    ]
    found = held_out_error(BUILT_IN, cases)
    mine = found["masked_error_small_diffusion"]
    assert mine < found["masked_error_mean_fill"]
    assert mine < found["masked_error_classical"]


def test_the_object_takes_the_colour_of_the_prompt(editor):
    red = mean_colours(editor, [job(number, "color", "red") for number in range(8)])
    blue = mean_colours(editor, [job(number, "color", "blue") for number in range(8)])
    redder = (red[:, 0] - red[:, 2]) - (blue[:, 0] - blue[:, 2])
    assert (redder > 0).sum() >= 7
    assert redder.mean() > 100


def test_the_surroundings_follow_the_prompt(editor):
    snow = mean_colours(editor, [job(number, "background", "snowfield") for number in range(8)])
    night = mean_colours(editor, [job(number, "background", "night sky") for number in range(8)])
    assert ((snow.mean(1) - night.mean(1)) > 40).sum() >= 7


def test_an_edit_is_the_same_to_the_bit_whatever_its_batch_mates_and_their_order(editor):
    jobs = [
        hasty(number, attribute, value)
        for number in range(BATCH // 2 + 1)
        for attribute, value in (("texture", "striped"), ("background", "street"))
    ]
    together = editor.inpaint(jobs)
    backwards = editor.inpaint(jobs[::-1])[::-1]
    for place, each in enumerate(jobs):
        assert np.array_equal(together[place], backwards[place])
        assert place > 3 or np.array_equal(together[place], editor.inpaint([each])[0])


def test_noise_belongs_to_the_seed_alone(editor):
    asked = hasty(1, "color", "red")
    first, again, other = editor.inpaint([asked, asked, replace(asked, seed=2)])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_less_strength_keeps_more_of_the_source(editor):
    asked = job(2, "color", "purple")
    weak = replace(asked, settings={"strength": 0.3})
    change = [
        np.abs(new[asked.region].astype(float) - asked.image[asked.region]).mean()
        for new in editor.inpaint([asked, weak])
    ]
    assert change[1] < change[0]


def asked_strength(asked: InpaintingJob) -> float:
    return Asked.of(asked, FAMILY).strength


@pytest.mark.parametrize(("attribute", "strength"), [("color", 1.0), ("texture", 0.8)])
def test_strength_depends_on_the_attribute_never_on_what_is_asked_for(attribute, strength):
    values = load_catalog().attribute(attribute).values
    assert {asked_strength(job(1, attribute, value)) for value in values} == {strength}
    half = job(1, attribute, next(iter(values)), settings={"strength": 0.5})
    assert asked_strength(half) == strength / 2


@pytest.mark.parametrize(("height", "width"), [(64, 120), (131, 97)])
def test_pictures_of_other_sizes_come_back_in_their_size(editor, height, width):
    image = np.full((height, width, 3), 90, np.uint8)
    region = np.zeros((height, width), bool)
    region[: height // 2] = True
    asked = hasty(1, "color", "red", image=image, object_mask=region, region=region)
    (made,) = editor.inpaint([asked])
    assert made.shape == image.shape
    assert made.dtype == np.uint8


def test_pasted_back_nothing_changes_outside_the_region(editor):
    asked = hasty(3, "texture", "striped")
    alpha = feathered(asked.object_mask, 1.0)
    pasted = paste_back(asked.image, editor.inpaint([asked])[0], alpha)
    assert np.array_equal(pasted[~asked.region], asked.image[~asked.region])
    assert not np.array_equal(pasted[asked.region], asked.image[asked.region])


def test_nothing_asked_for_gives_nothing(editor):
    assert editor.inpaint([]) == []


def test_what_cannot_be_done_is_refused_with_a_way_out(editor):
    asked = job(1, "color", "red")
    assert editor.refusal(asked) == ""
    still = editor.refusal(replace(asked, settings={"strength": 0.0}))
    assert "leaves none: raise edits.strength" in still
    wordy = editor.refusal(replace(asked, prompt="zyxw " * 20))
    assert "shorten the class name or the phrase" in wordy
    editors = {"small-diffusion": "repaint"}
    foreign = asked.attribute.model_copy(update={"editors": editors})
    assert "knows no operation 'repaint'" in editor.refusal(replace(asked, attribute=foreign))


def test_words_it_never_met_are_read_byte_by_byte(editor):
    with editor._resident.use() as loaded:
        tokenizer = loaded.pipeline.tokenizer
    tokens = tokenizer("a Zürcher Ωmega 蝶").input_ids
    assert tokenizer.unk_token_id not in tokens[:-1]


def test_the_identity_is_known_without_torch_and_names_what_changes_pixels():
    code = (
        "import sys; from varifactory.models.edits.diffusion import small_diffusion; "
        "print(small_diffusion(threads=2).identity); "
        "sys.exit(bool({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads((BUILT_IN / "card.json").read_text())["sha256"] in done.stdout
    for part in ("'steps': 12", "'guidance': 3.0", "'threads': 2", "'strength_texture': 0.8"):
        assert part in done.stdout


def test_other_weights_and_pickles_are_refused(tmp_path):
    folder = shutil.copytree(BUILT_IN, tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    asked = [hasty(1, "color", "red")]
    with pytest.raises(ModelError, match=r"their card says .* install varifactory again"):
        small_diffusion(folder=folder).inpaint(asked)
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model.bin is a pickle checkpoint"):
        small_diffusion(folder=folder).inpaint(asked)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no model at .* `make models`"):
        small_diffusion(folder=tmp_path)
