from dataclasses import replace

import numpy as np
import pytest

from tests.varifactory.models.edits.varireal.conftest import BATCH, like
from tests.varifactory.models.edits.varireal.jobs import SETTINGS, job
from varifactory.models.edits.varireal import passes

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
    changed = like(editor, weights, **{setting: other})
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
