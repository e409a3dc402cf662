"""What an editor refuses, survives and tells of itself."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.varifactory.models.edits.varireal.conftest import build, like
from tests.varifactory.models.edits.varireal.jobs import job
from varifactory.errors import ModelError
from varifactory.models import Weights
from varifactory.models.edits.varireal.editor import DEFAULTS

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)  # diffusers' schedulers make arrays of tensors
ASKED = [("background", "meadow"), ("color", "purple"), ("texture", "striped")]


def test_settings_left_out_are_the_usual_ones_and_told(editor):
    bare = job(3, "color", "red", settings={})
    usual = job(3, "color", "red", settings=DEFAULTS)
    first, second = editor.inpaint([bare, usual])
    assert np.array_equal(first, second)
    assert {f"usual_{name}" for name in DEFAULTS} <= set(editor.identity)


@pytest.mark.parametrize(("height", "width"), [(40, 72), (131, 97)])
def test_pictures_of_other_sizes_come_back_in_their_size(editor, height, width):
    image = np.full((height, width, 3), 90, np.uint8)
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 4 : width // 2] = True
    for attribute, value in ASKED:
        asked = job(1, attribute, value, image=image, object_mask=mask)
        assert editor.inpaint([asked])[0].shape == image.shape


def test_nothing_asked_for_gives_nothing_and_loads_nothing(weights):
    fresh = build(weights)
    assert fresh.inpaint([]) == []
    assert fresh.identity
    fresh.inpaint([job(1, "background", "meadow")])
    assert [each.pipeline.loads for each in (fresh.paint, fresh.fill, fresh.guide)] == [1, 1, 0]
    fresh.inpaint([job(1, "color", "red"), job(2, "texture", "striped")])
    assert [each.pipeline.loads for each in (fresh.paint, fresh.fill, fresh.guide)] == [1, 1, 1]


def test_what_cannot_be_done_is_refused_with_a_way_out(editor):
    asked = job(1, "color", "red")
    assert editor.refusal(asked) == ""
    editors = {"varireal": "repaint"}
    foreign = asked.attribute.model_copy(update={"editors": editors})
    elsewhere = asked.attribute.model_copy(update={"region": "surroundings"})
    for changed, words in (
        ({"attribute": foreign}, r"no operation 'repaint' .* background, color, texture"),
        ({"attribute": elsewhere}, r"repaints the object, .* has the region 'surroundings'"),
        ({"kind": "text-to-image"}, "set edits.kind to inpaint"),
        ({"adapter": Weights("0" * 64, b"")}, "set adaptation.scope to none"),
        ({"value": "ruddy"}, r"no RGB is known for colour 'ruddy': give its value a `paint"),
        ({"settings": {"strength": 0.1, "steps": 5}}, "leaves none: raise edits.strength"),
        ({"prompt": "zyxw " * 20}, "tokens and CLIP's text encoders read 77: shorten"),
    ):
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(editor.refusal(replace(asked, **changed)))


def test_a_painter_s_prompt_may_not_be_cut_off_either(editor):
    """It holds the phrase and words of its own, so it may be the longer one."""
    asked = job(1, "texture", "plain", prompt="it is so")
    fits, does_not = (replace(asked, value="x" * count) for count in (8, 75))
    assert editor.refusal(fits) == ""
    assert "tokens and CLIP's text encoders read 77" in editor.refusal(does_not)


def test_memory_that_is_short_halves_the_batch_and_changes_nothing(weights, editor):
    plain, narrow = (like(editor, weights, batch=4) for _ in range(2))
    asked = [job(number, "background", "meadow") for number in range(4)]
    wanted = plain.inpaint(asked)
    narrow.fill._padded = False  # as on a card
    own, refused = narrow.fill._forward, []

    def short(pipeline, requests, common):
        if len(requests) > 2:
            refused.append(len(requests))
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return own(pipeline, requests, common)

    narrow.fill._forward = short
    made = narrow.inpaint(asked)
    assert refused in ([4], [4, 4])  # once more after idle models were given up
    refused.clear()
    narrow.inpaint(asked)
    assert refused == []
    for one, two in zip(wanted, made, strict=True):
        assert np.abs(one.astype(int) - two).max() <= 2  # another shape, another order of sums


@pytest.mark.parametrize("jobs", [4, 3, 1])
def test_on_a_cpu_smaller_batches_are_run_where_memory_is_short(weights, editor, jobs):
    """Halves are not filled up to the declared batch again, which was too large."""
    plain, narrow = (like(editor, weights, batch=4) for _ in range(2))
    asked = [job(number, "background", "meadow") for number in range(jobs)]
    own, run = narrow.fill._forward, []

    def short(pipeline, requests, common):
        run.append(len(requests))
        if len(requests) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return own(pipeline, requests, common)

    narrow.fill._forward = short
    made = narrow.inpaint(asked)
    assert run in ([4, 2, 2], [4, 4, 2, 2])  # once more after idle models were given up
    run.clear()
    again = narrow.inpaint(asked)
    assert run == [2] * (1 if jobs < 3 else 2)
    for one, two, three in zip(plain.inpaint(asked), made, again, strict=True):
        assert np.abs(one.astype(int) - two).max() <= 2  # another shape, another order of sums
        assert np.array_equal(two, three)


def test_a_batch_that_fits_after_idle_models_were_given_up_is_kept(weights, editor):
    from varifactory.models import residency

    narrow = like(editor, weights, batch=4)
    asked = [job(number, "background", "meadow") for number in range(4)]
    own, run = narrow.fill._forward, []

    def short_once(pipeline, requests, common):
        run.append(len(requests))
        if len(run) == 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return own(pipeline, requests, common)

    idle = residency.Resident("idle", lambda: "held")
    with idle.use():
        pass
    with narrow.fill.pipeline.use():
        pass  # the newest, which is not given up
    narrow.fill._forward = short_once
    narrow.inpaint(asked)
    narrow.inpaint(asked)
    assert run == [4, 4, 4]


def test_a_picture_too_large_for_the_memory_names_the_settings(weights, editor):
    editor = like(editor, weights)

    def short(pipeline, requests, common):
        raise MemoryError

    editor.fill._forward = short
    with pytest.raises(MemoryError, match=r"inpainting\): one image .* smaller edits\.side"):
        editor.inpaint([job(1, "background", "meadow")])


def test_numbers_that_overflow_are_told(weights):
    editor = build(weights)
    with editor.fill.pipeline.use() as pipeline:
        pipeline.vae.decoder.conv_out.bias.data.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"overflowed .* bfloat16 or float32"):
        editor.inpaint([job(1, "background", "meadow")])


def test_the_identity_is_known_without_torch_and_names_what_changes_pixels(weights, editor):
    code = (
        "import sys, json; from tests.varifactory.models.edits.varireal.conftest import build; "
        "print(json.dumps(build(json.loads(sys.argv[1])).identity)); "
        "sys.exit(bool({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(weights)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    identity = json.loads(done.stdout)
    assert identity == dict(editor.identity)
    assert {f"{name}_weights" for name in weights} <= set(identity)
    assert {"batch", "threads", "side", "wording", "control_scale"} <= set(identity)


def test_on_a_card_batch_and_threads_are_no_identity(weights):
    own = set(build(weights).identity) - set(build(weights, device="cuda").identity)
    assert own == {"batch", "threads"}


def test_a_side_that_latents_do_not_fill_is_refused(weights):
    with pytest.raises(ModelError, match=r"edits\.side is 100: varireal needs a multiple of 8"):
        build(weights, side=100)


def test_half_the_bits_give_nearly_the_same_pictures(weights, editor):
    """bfloat16, as on a card, through all three pipelines."""
    import torch

    half = build(weights, dtype="bfloat16")
    asked = [job(2, *each) for each in ASKED]
    for one, two, each in zip(half.inpaint(asked), editor.inpaint(asked), asked, strict=True):
        assert np.abs(one.astype(int) - two).mean() < 8, each.attribute.name
    with half.guide.pipeline.use() as pipeline:
        parts = (pipeline.unet, pipeline.controlnet, pipeline.vae, pipeline.image_encoder)
        assert {part.dtype for part in parts} == {torch.bfloat16}
        assert {each.dtype for each in pipeline.unet.parameters()} == {torch.bfloat16}
    assert half.identity["base_dtype"] == "bfloat16"


def test_a_card_that_is_not_there_is_told(weights, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError, match=r"run\.device is 'cuda'"):
        build(weights, device="cuda").inpaint([job(1, "background", "meadow")])
