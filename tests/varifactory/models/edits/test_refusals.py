"""What a family or a checkpoint cannot do is told in words, job by job."""

from dataclasses import replace

import pytest

from varifactory.models import Weights
from varifactory.models.edits.families import families
from varifactory.models.edits.refusals import refusal_of_family
from varifactory.models.edits.settings import Asked

LONG = "quite a long description " * 30


@pytest.mark.parametrize(
    ("family", "kind", "changed", "told"),
    [
        ("sd15", "inpaint", {"strength": 0.3}, "strength 0.3 of 2 steps leaves none: raise"),
        ("sd15", "inpaint", {"negative_prompt": "dull", "guidance": 1.0}, "guidance 1 leaves"),
        ("sd15", "inpaint", {"alpha": 0.5, "dilate": 3}, "sd15 reads no alpha, dilate: leave"),
        ("sd15", "text-to-image", {"strength": 0.5}, "has no meaning for them: set edits.strength"),
        ("flux-fill", "inpaint", {"negative_prompt": "dull"}, "flux-fill takes no negative prompt"),
        ("flux-fill", "text-to-image", {}, "flux-fill makes no text-to-image edits: set edits.ed"),
        ("small-diffusion", "image-to-image", {}, "one of sd15, sdxl, flux2-klein, qwen-image"),
    ],
)
def test_what_no_checkpoint_of_a_family_can_do(job, family, kind, changed, told) -> None:
    asked = job(kind=kind, **changed)
    assert told in refusal_of_family(asked, families()[family], kind)


def test_what_a_family_can_do_is_not_refused(job) -> None:
    assert refusal_of_family(job(), families()["sd15"], "inpaint") == ""
    fill = job(strength=0.6, guidance=30.0)
    assert refusal_of_family(fill, families()["flux-fill"], "inpaint") == ""


def test_an_edit_of_another_kind_than_was_set_up_is_refused(job) -> None:
    asked = job(kind="image-to-image")
    assert "was set up for inpaint edits" in refusal_of_family(asked, families()["sd15"], "inpaint")


def test_an_adapter_for_a_family_that_takes_none_is_refused(job) -> None:
    asked = replace(job(), adapter=Weights("0" * 64, b""))
    told = refusal_of_family(asked, families()["qwen-image"], "inpaint")
    assert "takes no fine-tuned adapter: set adaptation.scope=none" in told


def test_any_attribute_is_done_unless_it_asks_for_another_operation(job) -> None:
    asked = job()
    new = asked.attribute.model_copy(update={"name": "weather", "editors": {}})
    assert refusal_of_family(replace(asked, attribute=new), families()["sd15"], "inpaint") == ""
    other = asked.attribute.model_copy(update={"editors": {"sd15": "gild"}})
    told = refusal_of_family(replace(asked, attribute=other), families()["sd15"], "inpaint")
    assert "knows no operation 'gild'" in told


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux-fill", "flux2-klein", "qwen-image"])
def test_a_prompt_that_would_be_cut_off_is_refused(build, job, family) -> None:
    told = build(family).refusal(job(prompt=LONG))
    assert "tokens and" in told
    assert "shorten the class name or the phrase" in told


def test_a_negative_prompt_that_would_be_cut_off_is_refused(build, job) -> None:
    assert "edits.negative_prompt has" in build("sd15").refusal(job(negative_prompt=LONG))


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("kind", ["text-to-image", "image-to-image"])
def test_a_checkpoint_that_fills_masks_paints_no_whole_image(build, job, family, kind) -> None:
    told = build(family, kind=kind).refusal(job(kind=kind))
    assert "made for inpainting alone" in told
    assert families()[family].usual(kind) in told


def test_guidance_of_a_distilled_checkpoint_is_refused(build, job) -> None:
    editor = build("flux2-klein")
    assert "is distilled and reads no guidance" in editor.refusal(job(guidance=4.0))
    assert editor.refusal(job(guidance=1.0)) == ""
    assert build("flux2-klein", options={"distilled": False}).refusal(job(guidance=4.0)) == ""


def test_guidance_of_a_fill_checkpoint_without_it_is_refused(build, job) -> None:
    editor = build("flux-fill", options={"guided": False})
    assert "reads no guidance: leave edits.guidance out" in editor.refusal(job(guidance=4.0))
    unsaid = replace(job(), settings={"steps": 2})
    assert editor.refusal(unsaid) == ""


def test_what_a_recipe_leaves_out_is_the_family_s_usual(job) -> None:
    bare = replace(job(), settings={})
    asked = Asked.of(bare, families()["sdxl"])
    assert (asked.steps, asked.guidance, asked.strength, asked.negative) == (30, 7.5, 1.0, "")
