"""The compositor: every catalog value, at both sizes, in place, repeatable, and visible."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from varifactory.catalog import Attribute, Value, load_catalog
from varifactory.compositor import Compositor
from varifactory.compositor.color import to_lab
from varifactory.errors import ModelError
from varifactory.models import InpaintingJob, Pixels, Region

CATALOG = load_catalog()
PAINTED = [
    (name, value)
    for name, attribute in CATALOG.attributes.items()
    for value in attribute.values
    if "compositor" in attribute.editors
]


def ball(size: int = 96, color: tuple[int, int, int] = (180, 60, 50)) -> tuple[Pixels, Region]:
    """A shaded ball with a dark spot before a plain wall, with some grain."""
    y, x = np.mgrid[0:size, 0:size] / size
    mask = (x - 0.5) ** 2 + (y - 0.58) ** 2 < 0.28**2
    shade = 1.15 - 0.8 * np.hypot(x - 0.42, y - 0.45)
    image = np.where(mask[..., None], np.array(color) * shade[..., None], (150, 160, 155))
    image = np.where(((x - 0.6) ** 2 + (y - 0.6) ** 2 < 0.04**2)[..., None], 10, image)
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), mask


def job(
    attribute: Attribute, value: str, size: int = 96, seed: int = 5, **options: Any
) -> InpaintingJob:
    image, mask = ball(size, **options)
    region = ~mask if attribute.region == "surroundings" else mask
    return InpaintingJob(image, mask, region, "ball", attribute, value, "", seed, {"strength": 1.0})


def painted(operation: str, paint: Mapping[str, Any], region: str = "object") -> Attribute:
    return Attribute(name="own", region=region, measure="none",
                     editors={"compositor": operation}, templates=("{class_name} {phrase}",),
                     values={"it": Value(phrase="it", paint=paint)})  # fmt: skip


@pytest.mark.parametrize(("name", "value"), PAINTED)
def test_every_catalog_value_is_painted_visibly_and_repeatably(name: str, value: str) -> None:
    asked = job(CATALOG.attributes[name], value)
    first, second = Compositor().inpaint([asked, asked])
    assert first.shape == asked.image.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    change = np.abs(first.astype(int) - asked.image)[asked.region].mean()
    # A smoothed plain ball hardly changes, and a red one painted red little.
    assert change > (0.5 if value in ("plain", "red") else 4)


@pytest.mark.parametrize("name", CATALOG.attributes)
def test_what_is_to_stay_as_it_is_is_painted_anew_with_its_own_measures(name: str) -> None:
    attribute = CATALOG.attributes[name]
    asked = job(attribute, "unchanged")
    (new,) = Compositor().inpaint([asked])
    region = asked.region
    before, after = (to_lab(picture)[region].mean(axis=0) for picture in (asked.image, new))
    assert (new[region] != asked.image[region]).any()
    assert np.abs(after - before).max() < 5
    values = [value for value in attribute.values if value != "plain"]
    others = Compositor().inpaint([job(attribute, value) for value in values])
    changes = [np.abs(one.astype(int) - asked.image)[region].mean() for one in (new, *others)]
    assert changes[0] < np.median(changes[1:]) / 2


def test_a_place_of_its_own_measures_keeps_sky_over_ground_but_no_things() -> None:
    image, mask = ball()
    image[:40], image[60:] = (120, 160, 220), (90, 150, 80)
    image[5:30, 5:20] = 0
    attribute = painted("replace_background", {"own": True}, "surroundings")
    (new,) = Compositor().inpaint(
        [InpaintingJob(image, mask, ~mask, "ball", attribute, "it", "", 1, {})]
    )
    for rows in (slice(0, 20), slice(76, None)):
        old, now = (np.median(picture[rows][~mask[rows]], axis=0) for picture in (image, new))
        assert np.abs(now / now.sum() - old / old.sum()).max() < 0.02
        assert 0.8 < now.sum() / old.sum() < 1.25
    assert new[5:30, 5:20].mean() > 60  # the dark thing is gone
    full = np.ones_like(mask)
    job_ = InpaintingJob(image, full, full, "ball", attribute, "it", "", 1, {})
    assert Compositor().inpaint([job_])[0].shape == image.shape


@pytest.mark.parametrize(("name", "value"), [("background", "street"), ("color", "blue"),
                                             ("texture", "wooden")])  # fmt: skip
def test_another_seed_varies_and_512_pixels_work(name: str, value: str) -> None:
    attribute = CATALOG.attributes[name]
    jobs = [job(attribute, value, 512, seed) for seed in (1, 2)]
    one, other = Compositor().inpaint(jobs)
    assert one.shape == (512, 512, 3)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("start", [(180, 60, 50), (245, 245, 245), (18, 18, 20), (128, 128, 128)])
@pytest.mark.parametrize("value", ["red", "blue", "green", "black", "white", "yellow"])
def test_recolor_reaches_the_target_from_any_colour(
    value: str, start: tuple[int, int, int]
) -> None:
    attribute = CATALOG.attributes["color"]
    asked = job(attribute, value, color=start)
    [edited] = Compositor().inpaint([asked])
    target = to_lab(np.array([[_rgb(attribute.values[value].paint["rgb"])]], np.uint8))[0, 0]
    got = np.median(to_lab(edited)[asked.object_mask], axis=0)
    assert np.linalg.norm(got - target) < 16


def _rgb(text: str) -> list[int]:
    return [int(text[place : place + 2], 16) for place in (1, 3, 5)]


def test_recolor_keeps_details_and_shading() -> None:
    asked = job(CATALOG.attributes["color"], "blue")
    [edited] = Compositor().inpaint([asked])
    spot = slice(56, 59), slice(56, 59)
    assert edited[spot].mean() < 45
    before, after = to_lab(asked.image)[..., 0], to_lab(edited)[..., 0]
    inside = asked.object_mask & (before > 20)
    assert np.corrcoef(before[inside], after[inside])[0, 1] > 0.8


def test_background_keeps_the_object_apart_from_its_rim() -> None:
    import cv2

    asked = job(CATALOG.attributes["background"], "lava field")
    [edited] = Compositor().inpaint([asked])
    inner = cv2.erode(asked.object_mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert np.array_equal(edited[inner], asked.image[inner])


def test_texture_keeps_the_colour() -> None:
    asked = job(CATALOG.attributes["texture"], "striped")
    [edited] = Compositor().inpaint([asked])
    before, after = (
        np.median(to_lab(image)[asked.object_mask], axis=0) for image in (asked.image, edited)
    )
    assert np.linalg.norm((after - before)[1:]) < 12


def test_tone_follows_its_settings() -> None:
    dusk = painted("adjust_tone", {"gain": 0.6, "temperature": 0.4, "saturation": 0.8}, "image")
    asked = job(dusk, "it")
    [edited] = Compositor().inpaint([asked])
    before, after = (to_lab(image).reshape(-1, 3).mean(axis=0) for image in (asked.image, edited))
    assert after[0] < before[0] - 10
    assert after[2] > before[2] + 5


def test_strength_nought_leaves_the_image() -> None:
    for name, value in (("color", "blue"), ("texture", "striped"), ("background", "beach")):
        asked = job(CATALOG.attributes[name], value)
        still = InpaintingJob(asked.image, asked.object_mask, asked.region, "ball",
                              asked.attribute, value, "", 1, {"strength": 0.0})  # fmt: skip
        [edited] = Compositor().inpaint([still])
        inner = np.abs(edited.astype(int) - asked.image)
        assert np.median(inner) <= 1


@pytest.mark.parametrize("size", [32, 33, 200])
def test_odd_sizes_and_masks_are_painted(size: int) -> None:
    image, mask = ball(size)
    masks = [mask, np.zeros_like(mask), np.ones_like(mask)]
    for name, value in PAINTED:
        attribute = CATALOG.attributes[name]
        jobs = [InpaintingJob(image, one, one, "x", attribute, value, "", 1, {}) for one in masks]
        for edited in Compositor().inpaint(jobs):
            assert edited.shape == image.shape


@pytest.mark.parametrize(
    ("operation", "paint", "told"),
    [
        ("recolor", {"rgb": "reddish"}, "#rrggbb"),
        ("recolor", {"hue": 3}, "rgb"),
        ("retexture", {"pattern": "paisley"}, "paisley"),
        ("replace_background", {"above": [{"painter": "monet"}]}, "monet"),
        ("replace_background", {"sky": []}, "sky"),
        ("adjust_tone", {"brightness": 2}, "brightness"),
    ],
)
def test_a_paint_that_cannot_be_followed_says_so(
    operation: str, paint: dict[str, Any], told: str
) -> None:
    with pytest.raises(ModelError, match=r"value 'it' .* cannot be followed") as raised:
        Compositor().inpaint([job(painted(operation, paint), "it")])
    assert told in str(raised.value)


def test_refusal_names_operation_or_value() -> None:
    assert "no operation 'gild'" in Compositor().refusal(job(painted("gild", {"rgb": "x"}), "it"))
    empty = job(painted("recolor", {}), "it")
    assert "use a diffusion editor" in Compositor().refusal(empty)
    assert Compositor().refusal(job(CATALOG.attributes["color"], "red")) == ""
