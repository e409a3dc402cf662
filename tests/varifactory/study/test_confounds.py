"""A planted difference between the sides shows; a world without one is not accused."""

import json

import numpy as np
import pytest

from tests.varifactory.study.made_edits import SIDES, World, embedded_of, made_rows
from varifactory import edits
from varifactory.catalog import load_catalog
from varifactory.compositor import Compositor
from varifactory.images import pixel_hash
from varifactory.recipe import Recipe
from varifactory.study.confounds import LARGEST, Sides, confounds_of
from varifactory.study.figures import Confound
from varifactory.study.measures import Measured, measured
from varifactory.training.arms import mixture
from varifactory.training.grid import Stratum

STRATUM = Stratum(attribute="all")


def found(world: World, seed: int) -> list[Confound]:
    rows, vectors = made_rows(world, seed)
    pixels = {row["source_key"]: row["pixel_sha256"] for row in rows if row["kind"] == "source"}
    sides = [
        measured(mixture(side, rows, rows, 0).edits, embedded_of(vectors), pixels) for side in SIDES
    ]
    return of_sides(*sides, asked=[row for row in rows if row["kind"] == "edit"])


def of_sides(ours: Measured, theirs: Measured, asked: list) -> list[Confound]:
    return confounds_of(STRATUM, *SIDES, Sides(ours, theirs, asked))


def test_a_world_without_a_difference_is_not_accused() -> None:
    """One in twenty by construction; counted over enough tables to see it."""
    accused = [seed for seed in range(60) if found(World(attributes=("color",)), seed)]
    assert len(accused) <= 3, accused


def test_a_difference_of_strength_shows_in_pixels_and_in_embeddings() -> None:
    for seed in range(10):
        told = {one.measure: one for one in found(World(strength=(1.0, 1.4)), seed)}
        assert {"pixel_change", "embedding_distance"} <= set(told)
        assert told["pixel_change"].standardised < -0.5
        assert told["pixel_change"].other_value / told["pixel_change"].value == pytest.approx(
            1.4, abs=0.1
        )
        assert "Infeasible edits change pixel values" in told["pixel_change"].text
        assert "the size of the edit, not of feasibility" in told["pixel_change"].text


@pytest.mark.parametrize(
    ("world", "measure"),
    [
        (World(seen=(0.95, 0.6)), "presence"),
        (World(seen=(0.95, 0.6)), "present"),
        (World(pool=(4, 12)), "prompts"),
        (World(refused=(0.02, 0.4), sources=30), "rejected"),
    ],
)
def test_what_else_differs_is_told_by_its_name(world: World, measure: str) -> None:
    for seed in range(5):
        assert measure in {one.measure for one in found(world, seed)}


def test_a_difference_that_is_sure_and_small_is_told_as_such() -> None:
    """A twentieth of a standard deviation in every pair: certain, and of no weight."""
    rows, _ = made_rows(World(), 8)
    dice, edited = np.random.default_rng(8), {}
    for row in rows:
        if row["kind"] == "edit":
            pair = (row["source_key"], row["attribute"], row["index"])
            edited.setdefault(pair, dice.normal(50, 10))
    rows = [
        {**row, "change_inside": edited[row["source_key"], row["attribute"], row["index"]]
         + 0.2 * (row["feasibility"] == "feasible") + dice.normal(0, 0.1)}
        if row["kind"] == "edit" else row for row in rows
    ]  # fmt: skip
    sides = [measured(mixture(side, rows, rows, 0).edits, None, {}) for side in SIDES]
    (told,) = [one for one in of_sides(*sides, asked=[]) if one.measure == "pixel_change"]
    assert not told.notable
    assert 0 < told.standardised < 0.1
    assert told.p_value < 1e-6
    assert told.text.endswith("surely, but by less than 0.1 standard deviations.")
    assert all(one.notable for one in found(World(strength=(1.0, 1.4)), 0)
               if one.measure == "pixel_change")  # fmt: skip


def test_feasibility_itself_is_no_confound() -> None:
    assert not {one.measure for one in found(World(), 0)} & {"feasible"}


def test_what_differs_by_one_number_everywhere_is_as_large_as_can_be_told() -> None:
    rows, _ = made_rows(World(), 3)
    rows = [{**row, "region_share": 0.2 if row["feasibility"] == "feasible" else 0.3}
            for row in rows]  # fmt: skip
    sides = [measured(mixture(side, rows, rows, 0).edits, None, {}) for side in SIDES]
    (told,) = of_sides(*sides, asked=[])
    assert (told.measure, told.standardised) == ("region_share", -LARGEST)
    assert (told.value, told.other_value) == (pytest.approx(0.2), pytest.approx(0.3))
    assert told.p_value == 0
    assert "50% more of the image" in told.text
    json.dumps(told.standardised, allow_nan=False)


def test_two_sources_say_nothing_of_chance() -> None:
    assert not found(World(classes=1, sources=2, strength=(1.0, 3.0), refused=(0, 0)), 0)


# Edits that the compositor really makes: one strength for both sides, then one for each.

CATALOG = load_catalog()
COLORS = ("red", "blue", "green", "teal", "pink", "black")


def painted(settings: dict[str, object], sources: int = 24) -> list[Confound]:
    recipe = Recipe.parse({"name": "t", "sources": {"kind": "world"},
                           "edits": {"per_source": 2, **settings}})  # fmt: skip
    prompts = [
        {"key": f"{side}{place}", "label": "cup", "attribute": "color", "index": place,
         "feasibility": side, "value": value, "text": value, "status": "ok"}
        for at, side in enumerate(SIDES)
        for place, value in enumerate(COLORS[3 * at :] + COLORS[: 3 * at])
    ]  # fmt: skip
    pictures = [scene(seed) for seed in range(sources)]
    masks = [
        {"key": f"m{at}", "label": "cup", "source_key": f"s{at}", "status": "ok",
         "source_pixels": pixel_hash(image), "image_blob": "i.png", "mask_blob": "m.png",
         "mask_sha256": pixel_hash(mask)}
        for at, (image, mask) in enumerate(pictures)
    ]  # fmt: skip
    only = recipe.model_copy(
        update={"prompts": recipe.prompts.model_copy(update={"attributes": ("color",)})}
    )
    rows = edits.plan_edits("spec", masks, prompts, only, CATALOG, Compositor())
    drawn = [pictures[int(row["source_key"][1:])] for row in rows]
    images, regions = [image for image, _ in drawn], [mask for _, mask in drawn]
    made = edits.make_edits(rows, images, regions, Compositor(), CATALOG, only.edits)
    unjudged = dict.fromkeys(("measured_value", "measured_class", "presence", "judged_feasibility"))
    done = [{**one.row, **unjudged, "forced": False} for one in made]
    sides = [measured([row for row in done if row["feasibility"] == side], None, {})
             for side in SIDES]  # fmt: skip
    return of_sides(*sides, asked=[])


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[0:48, 0:48] / 48
    mask = (x - 0.5) ** 2 + (y - 0.55) ** 2 < dice.uniform(0.2, 0.35) ** 2
    image = np.where(mask[..., None], dice.uniform(40, 220, 3), dice.uniform(60, 200, 3))
    image = image * (1.2 - 0.5 * y)[..., None] + dice.normal(0, 4, (48, 48, 3))
    return image.clip(0, 255).astype(np.uint8), mask


def test_edits_of_one_strength_are_not_told_apart() -> None:
    assert not painted({})


def test_a_strength_of_one_arm_alone_shows() -> None:
    weak = {"attribute": "color", "feasible": {"strength": 0.5}}
    told = {one.measure: one for one in painted({"preset": "faithful", "by_attribute": [weak]})}
    assert set(told) == {"pixel_change"}
    assert told["pixel_change"].standardised < -0.5
