"""Every family on a tiny checkpoint of its architecture, through the real loader."""

from dataclasses import replace

import numpy as np
import pytest

from varifactory.models.edits.families import families
from varifactory.models.edits.settings import Asked

CASES = [
    ("sd15", "inpaint", {}),
    ("sd15", "inpaint", {"channels": 4}),
    ("sd15", "text-to-image", {"channels": 4}),
    ("sd15", "image-to-image", {"channels": 4}),
    ("sdxl", "inpaint", {}),
    ("sdxl", "text-to-image", {"channels": 4}),
    ("sdxl", "image-to-image", {"channels": 4}),
    ("flux-fill", "inpaint", {}),
    ("flux2-klein", "inpaint", {"distilled": False}),
    ("flux2-klein", "text-to-image", {"distilled": False}),
    ("flux2-klein", "image-to-image", {"distilled": False}),
    ("qwen-image", "inpaint", {}),
    ("qwen-image", "text-to-image", {}),
    ("qwen-image", "image-to-image", {}),
]  # fmt: skip
each_case = pytest.mark.parametrize(("family", "kind", "options"), CASES)


def test_every_kind_of_every_family_is_tried() -> None:
    tried = {(family, kind) for family, kind, _ in CASES}
    known = {(name, kind) for name, family in families().items() for kind in family.kinds}
    assert known - tried == {("small-diffusion", "inpaint")}


@each_case
def test_an_edit_is_the_same_to_the_bit_in_any_company(build, job, family, kind, options) -> None:
    editor = build(family, kind=kind, options=options, batch=2)
    strength = {} if kind == "text-to-image" else {"strength": 0.7}
    # Three of the same settings are two batches; prompts differ in length, one job in its steps.
    jobs = [job(n, kind=kind, prompt="red " * (1 + 6 * n), **strength) for n in range(3)]
    jobs.append(job(3, kind=kind, steps=3, **strength))
    assert {editor.refusal(each) for each in jobs} == {""}
    together = editor.inpaint(jobs)
    backwards = editor.inpaint(jobs[::-1])[::-1]
    for place, each in enumerate(jobs):
        assert together[place].shape == each.image.shape
        assert np.array_equal(together[place], backwards[place])
        assert place % 2 or np.array_equal(together[place], editor.inpaint([each])[0])
    assert len({image.tobytes() for image in together}) == len(jobs)


@each_case
def test_what_is_remembered_changes_nothing(build, job, family, kind, options) -> None:
    """Against the pipeline called with prompts as words and nothing encoded beforehand.

    To the bit, but for FLUX: its pipelines encode the images of a batch at once, we one by one,
    which rounds differently in the last bit of a float.
    """
    tolerance = 1 if family.startswith("flux") else 0
    editor = build(family, kind=kind, options=options, batch=2)
    jobs = [job(n, kind=kind, prompt="a red cat") for n in range(2)]
    made, again = editor.inpaint(jobs), editor.inpaint(jobs)
    with editor._resident.use() as loaded:
        pipeline = loaded.pipeline
        asked = Asked.of(jobs[0], families()[family])
        arguments = editor._arguments(pipeline, jobs, (32, 32), asked)
        # Without a negative prompt, Qwen-Image's pipelines leave guidance out.
        blank = {"negative_prompt": [" "] * 2} if family == "qwen-image" else {}
        remembering, pipeline.vae.encode = pipeline.vae.encode, loaded.sources._encode
        try:
            plain = pipeline(prompt=[each.prompt for each in jobs], **arguments, **blank).images
        finally:
            pipeline.vae.encode = remembering
    for one, two, three in zip(made, again, plain, strict=True):
        assert np.array_equal(one, two)
        assert np.abs(np.round(three * 255) - one).max() <= tolerance


@each_case
def test_seed_prompt_and_strength_matter(build, job, family, kind, options) -> None:
    editor = build(family, kind=kind, options=options)
    asked = job(1, kind=kind)
    others = [replace(asked, seed=2), replace(asked, prompt="quite another thing altogether")]
    if kind != "text-to-image":
        others.append(replace(asked, settings={**asked.settings, "strength": 0.5}))
    first, *changed = editor.inpaint([asked, *others])
    for image in changed:
        assert not np.array_equal(first, image)


@pytest.mark.parametrize(
    ("family", "kind"),
    [("sd15", "text-to-image"), ("sd15", "image-to-image"), ("sdxl", "inpaint"),
     ("flux-fill", "inpaint")],
)  # fmt: skip
def test_both_arms_of_a_pair_start_from_the_same_noise(build, job, family, kind) -> None:
    editor = build(family, kind=kind, options={} if kind == "inpaint" else {"channels": 4})
    feasible = job(1, kind=kind)
    pair = [feasible, replace(feasible, prompt="a cat of glass"), replace(feasible, seed=2)]
    with editor._resident.use() as loaded:
        scheduler = loaded.pipeline.scheduler
    starts, step = [], scheduler.step

    def watched(output, time, latents, **rest):
        starts.append(latents.clone())
        return step(output, time, latents, **rest)

    scheduler.step = watched
    editor.inpaint(pair)
    first, second, third, _ = starts[0]
    assert first.equal(second)
    assert not first.equal(third)


@pytest.mark.parametrize("family", ["sd15", "flux2-klein", "qwen-image"])
def test_pictures_of_other_shapes_come_back_in_their_size(build, job, family) -> None:
    editor = build(family, side=64)
    asked = [job(1, size=(48, 80)), job(2, size=(97, 33)), job(3, size=(49, 81))]
    asked = [replace(each, settings={"steps": 2, "guidance": 1.0}) for each in asked]
    made = editor.inpaint(asked)
    assert [image.shape for image in made] == [(48, 80, 3), (97, 33, 3), (49, 81, 3)]
    with editor._resident.use() as loaded:
        assert loaded.sources.remembered.made >= 3


def test_a_negative_prompt_has_a_say(build, job) -> None:
    for family, options in (("sd15", {}), ("sdxl", {}), ("flux2-klein", {"distilled": False}),
                            ("qwen-image", {})):  # fmt: skip
        editor = build(family, options=options)
        plain = job(1)
        without = job(1, negative_prompt="drab, dull and grey")
        assert editor.refusal(without) == ""
        first, second = editor.inpaint([plain, without])
        assert not np.array_equal(first, second), family


def test_prompts_and_sources_are_encoded_once(build, job) -> None:
    editor = build("sd15")
    source = job(1)
    jobs = [replace(source, seed=n, prompt=f"a cat, {n % 2}") for n in range(8)]
    editor.inpaint(jobs)
    with editor._resident.use() as loaded:
        assert loaded.prompts.remembered.made == 2
        # What the mask leaves of the source; a mask-filling network reads nothing else of it.
        assert loaded.sources.remembered.made == 1
    whole = replace(source, region=~source.region)
    editor.inpaint([whole, replace(whole, settings={**source.settings, "strength": 0.5})])
    with editor._resident.use() as loaded:
        assert loaded.sources.remembered.made == 3
