import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.varifactory.models.edits.varireal.conftest import BATCH, build
from tests.varifactory.models.edits.varireal.jobs import SETTINGS, job
from varifactory.errors import ModelError
from varifactory.models import Weights
from varifactory.models.edits.varireal import passes
from varifactory.models.edits.varireal.editor import DEFAULTS

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)  # diffusers' schedulers make arrays of tensors
ASKED = [("background", "meadow"), ("color", "purple"), ("texture", "striped")]


def jobs(count):
    return [job(number, *ASKED[number % 3]) for number in range(count)]


def change(made, asked):
    return np.abs(made.astype(int) - asked.image).mean(2)


@pytest.mark.parametrize(("attribute", "value"), ASKED)
def test_every_recipe_changes_what_it_is_asked_to(editor, attribute, value):
    asked = job(4, attribute, value)
    (made,) = editor.inpaint([asked])
    assert made.shape == asked.image.shape
    assert made.dtype == np.uint8
    inside = asked.object_mask if attribute != "background" else ~asked.object_mask
    assert change(made, asked)[inside].mean() > 4


@pytest.mark.parametrize(("attribute", "value"), ASKED[1:])
def test_around_a_new_object_the_source_stays_to_the_bit(editor, attribute, value):
    asked = job(4, attribute, value)
    (made,) = editor.inpaint([asked])
    assert change(made, asked)[~asked.object_mask].max() == 0


def test_an_edit_is_the_same_to_the_bit_whatever_its_batch_mates_and_their_order(editor):
    asked = [replace(each, settings=SETTINGS | {"image_scale": 0.2 * (place % 2)})
             for place, each in enumerate(jobs(2 * BATCH + 1))]  # fmt: skip
    together = editor.inpaint(asked)
    backwards = editor.inpaint(asked[::-1])[::-1]
    for place, each in enumerate(asked):
        assert np.array_equal(together[place], backwards[place])
        assert place > 2 or np.array_equal(together[place], editor.inpaint([each])[0])


def test_noise_belongs_to_the_seed_alone(editor):
    for attribute, value in ASKED:
        asked = job(5, attribute, value)
        first, again, other = editor.inpaint([asked, asked, replace(asked, seed=99)])
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_both_arms_share_their_noise(editor, monkeypatch):
    """Only the words differ: every pass is asked with the same seeds and numbers."""
    seen: list[list[passes.Request]] = []
    for name in ("paint", "fill", "guide"):
        own = getattr(editor, name)
        monkeypatch.setattr(
            editor, name, lambda asked, own=own: seen.append(list(asked)) or own(asked)
        )
    arms = [[job(6, *each) for each in pair] for pair in
            ([ASKED[0], ("background", "lava field")], [ASKED[1], ("color", "green")],
             [ASKED[2], ("texture", "wooden")])]  # fmt: skip
    for pair in arms:
        seen.clear()
        for each in pair:
            editor.inpaint([each])
        half = len(seen) // 2
        for feasible, infeasible in zip(seen[:half], seen[half:], strict=True):
            one, two = feasible[0] if feasible else None, infeasible[0] if infeasible else None
            assert one is two is None or (one.seed, one.shared()) == (two.seed, two.shared())
    seeds = {request.seed for asked in seen for request in asked}
    assert len(seeds) == 3  # and each pass has noise of its own


@pytest.mark.parametrize(
    ("attribute", "value", "setting", "other"),
    [
        ("background", "meadow", "strength", 0.4),
        ("background", "meadow", "steps", 5),
        ("background", "meadow", "guidance", 12.0),
        ("background", "meadow", "dilate", 300),
        ("background", "meadow", "negative_prompt", "fog"),
        ("color", "purple", "alpha", 0.9),
        ("color", "purple", "strength", 0.4),
        ("color", "purple", "image_scale", 0.0),
        ("color", "purple", "negative_prompt", "fog"),
        ("texture", "striped", "alpha", 0.9),
        ("texture", "striped", "image_scale", 0.0),
    ],
)
def test_every_setting_reaches_the_pixels(editor, attribute, value, setting, other):
    asked = job(7, attribute, value)
    changed = replace(asked, settings=SETTINGS | {setting: other})
    first, second = editor.inpaint([asked, changed])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("setting", "other", "asked"),
    [
        ("background_steps", 3, 0),
        ("background_guidance", 2.0, 0),
        ("sheet_steps", 3, 2),
        ("sheet_guidance", 2.0, 2),
        ("guided_steps", 3, 1),
        ("guided_guidance", 2.0, 1),
        ("control_scale", 0.1, 1),
    ],
)
def test_the_settings_of_the_parts_reach_pixels_and_identity(
    editor, weights, setting, other, asked
):
    changed = build(weights, **{setting: other})
    wanted = [job(8, *ASKED[asked])]
    assert not np.array_equal(editor.inpaint(wanted)[0], changed.inpaint(wanted)[0])
    assert changed.identity != editor.identity


def test_the_colour_of_the_prior_is_seen(editor):
    """The same words and noise, another RGB: only the tint tells them apart."""
    asked = job(9, "color", "red")
    entry = asked.attribute
    values = {"red": entry.values["red"].model_copy(update={"paint": {"rgb": "#0000ff"}})}
    other = replace(asked, attribute=entry.model_copy(update={"values": values}))
    first, second = editor.inpaint([asked, other])
    assert not np.array_equal(first, second)


def test_an_object_is_guided_by_the_source_s_edges_and_by_the_inpainted_object(editor):
    asked = job(9, "color", "red")
    request = editor._guiding(asked, asked.image, asked.object_mask, asked.image)
    no_edges = replace(request, image=np.zeros_like(request.image))
    no_object = replace(request, reference=np.full_like(request.reference, 100))
    plain, without, blank = editor.guide([request, no_edges, no_object])
    assert request.image.any()
    assert not np.array_equal(plain, without)
    assert not np.array_equal(plain, blank)


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
    for changed, words in (
        ({"attribute": foreign}, r"no operation 'repaint' .* background, color, texture"),
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


def test_memory_that_is_short_halves_the_batch_and_changes_nothing(weights):
    plain, narrow = build(weights, batch=4), build(weights, batch=4)
    asked = [job(number, "background", "meadow") for number in range(4)]
    wanted = plain.inpaint(asked)
    plain.guide.pipeline.drop()
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
    for one, two in zip(wanted, made, strict=True):
        assert np.abs(one.astype(int) - two).max() <= 2  # another shape, another order of sums


def test_a_picture_too_large_for_the_memory_names_the_settings(weights):
    editor = build(weights)

    def short(pipeline, requests, common):
        raise MemoryError

    editor.fill._forward = short
    with pytest.raises(ModelError, match=r"inpainting\): one image .* smaller edits\.side"):
        editor.inpaint(jobs(1))


def test_numbers_that_overflow_are_told(weights):
    editor = build(weights)
    with editor.fill.pipeline.use() as pipeline:
        pipeline.vae.decoder.conv_out.bias.data.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"overflowed .* bfloat16 or float32"):
        editor.inpaint(jobs(1))


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
