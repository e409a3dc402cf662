"""Edits: pairing, keys, pasting back, skipped values, and the gate."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from varifactory import edits, pasting, records
from varifactory.catalog import Attribute, Catalog, Value, load_catalog
from varifactory.compositor import Compositor
from varifactory.edits import Wish
from varifactory.images import decode_png, phash, pixel_hash
from varifactory.keys import spec_of
from varifactory.models import Identity, InpaintingJob, Pixels, Region
from varifactory.recipe import EditGate, Recipe

CATALOG = load_catalog()
RECIPE = Recipe.parse({"name": "t", "sources": {"kind": "world"}})
VALUES = {
    "background": (["meadow", "beach", "street"], ["lava field", "underwater", "moon surface"]),
    "color": (["red", "blue", "green"], ["teal", "pink", "black"]),
    "texture": (["plain", "striped", "dotted"], ["metallic", "wooden", "cracked"]),
}


class Repainter:
    """An editor that repaints every pixel: the worst case for what must stay."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or {"name": "compositor", "settings": "strength"}

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        return [255 - job.image for job in jobs]


def scene(seed: int = 0, size: int = 96) -> tuple[Pixels, Region]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    mask = (x - 0.5) ** 2 + (y - 0.55) ** 2 < 0.25**2
    image = np.where(mask[..., None], (190, 70, 50), (110, 150, 120)).astype(float)
    image *= (1.2 - 0.5 * y)[..., None]
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8), mask


def mask_row(image: Pixels, mask: Region, label: str = "cup") -> dict[str, Any]:
    pixels = pixel_hash(image)
    return {"key": f"m{pixels}", "label": label, "source_key": f"s{pixels}", "status": "ok",
            "source_pixels": pixels, "image_blob": "i.png", "mask_blob": "m.png",
            "mask_sha256": pixel_hash(mask)}  # fmt: skip


def prompt_rows(label: str = "cup") -> list[dict[str, Any]]:
    return [
        {"key": f"p-{name}-{kind}-{place}", "label": label, "attribute": name, "index": place,
         "feasibility": kind, "value": value, "text": f"a {label}, {value}", "status": "ok"}
        for name, pools in VALUES.items()
        for kind, pool in zip(("feasible", "infeasible"), pools, strict=True)
        for place, value in enumerate(pool)
    ]  # fmt: skip


def planned(
    seeds: Sequence[int] = (0,), inpainter: Any = None, recipe: Recipe = RECIPE, **options: Any
) -> list[dict[str, Any]]:
    inpainter = inpainter or Compositor()
    spec = spec_of("edits", edits.edit_spec(recipe, inpainter))
    rows = [mask_row(*scene(seed)) for seed in seeds]
    return edits.plan_edits(spec, rows, prompt_rows(), recipe, CATALOG, inpainter, **options)


def made(rows: list[dict[str, Any]], seed: int = 0, inpainter: Any = None) -> list[Any]:
    image, mask = scene(seed)
    count = len(rows)
    return edits.make_edits(
        rows, [image] * count, [mask] * count, inpainter or Compositor(), CATALOG, RECIPE.edits
    )


def test_plan_makes_both_kinds_of_every_attribute_and_index() -> None:
    rows = planned()
    assert len(rows) == 3 * RECIPE.edits.per_source * 2
    assert len({row["key"] for row in rows}) == len(rows)
    records.table("edits", rows)


def test_a_pair_shares_its_seed_and_place_and_nothing_else_has_that_seed() -> None:
    pairs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in planned():
        pairs.setdefault((row["attribute"], row["index"]), []).append(row)
    seeds = []
    for (attribute, _), (feasible, infeasible) in pairs.items():
        assert feasible["seed"] == infeasible["seed"]
        places = [
            VALUES[attribute][side].index(row["value"])
            for side, row in enumerate((feasible, infeasible))
        ]
        assert places[0] == places[1]
        seeds.append(feasible["seed"])
    assert len(set(seeds)) == len(seeds)


def test_no_prompt_repeats_within_a_source_while_its_pool_lasts() -> None:
    recipe = RECIPE.model_copy(update={"edits": RECIPE.edits.model_copy(update={"per_source": 1})})
    values = [
        row["value"]
        for attempt in range(3)
        for row in planned(recipe=recipe, attempt=attempt)
        if row["attribute"] == "color" and row["feasibility"] == "feasible"
    ]
    assert sorted(values) == sorted(VALUES["color"][0])


def test_attempts_have_other_seeds_and_wishes_choose() -> None:
    first, second = planned(), planned(attempt=1)
    assert not {row["seed"] for row in first} & {row["seed"] for row in second}
    wish = Wish(first[0]["source_key"], "color", 1, "infeasible")
    [chosen] = planned(attempt=1, wanted={wish})
    assert chosen in second
    assert (chosen["attribute"], chosen["index"], chosen["attempt"]) == ("color", 1, 1)


def test_a_class_without_prompts_gets_no_edit() -> None:
    image, mask = scene()
    rows = [mask_row(image, mask, label="mug")]
    assert edits.plan_edits("s", rows, prompt_rows(), RECIPE, CATALOG, Compositor()) == []


def test_key_follows_paint_only_for_an_editor_that_reads_it() -> None:
    color = CATALOG.attributes["color"]
    painted = {name: value.model_copy(update={"paint": {"rgb": "#123456"}})
               for name, value in color.values.items()}  # fmt: skip
    other = Catalog(attributes={**CATALOG.attributes,
                                "color": color.model_copy(update={"values": painted})})  # fmt: skip
    for inpainter, same in ((Compositor(), False), (Repainter(), True)):
        rows = [mask_row(*scene())]
        keys = [
            {row["key"] for row in edits.plan_edits(
                "s", rows, prompt_rows(), RECIPE, catalog, inpainter
            ) if row["attribute"] == "color"}
            for catalog in (CATALOG, other)
        ]  # fmt: skip
        assert (keys[0] == keys[1]) is same


def test_an_edit_s_key_holds_only_settings_that_the_editor_reads() -> None:
    assert {row["settings"] for row in planned(inpainter=Compositor())} == {'{"strength": 1.0}'}
    [settings] = {row["settings"] for row in planned(inpainter=Repainter({"name": "other"}))}
    assert set(json.loads(settings)) == {"strength", "negative_prompt"}
    told = RECIPE.model_copy(
        update={"edits": RECIPE.edits.model_copy(update={"steps": 9, "guidance": 0.0})}
    )
    [settings] = {
        row["settings"] for row in planned(inpainter=Repainter({"name": "other"}), recipe=told)
    }
    assert json.loads(settings) == {
        "strength": 1.0,
        "steps": 9,
        "guidance": 0.0,
        "negative_prompt": "",
    }


@pytest.mark.parametrize("feather", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("region", ["object", "surroundings"])
def test_nothing_changes_outside_the_feathered_region(feather: float, region: str) -> None:
    image, mask = scene()
    attribute = Attribute(name="any", region=region, measure="none",
                          editors={"compositor": "x"}, templates=("{class_name} {phrase}",),
                          values={"red": Value(phrase="red")})  # fmt: skip
    row = {**planned()[0], "attribute": "any", "value": "red"}
    settings = RECIPE.edits.model_copy(update={"feather": feather})
    catalog = Catalog(attributes={"any": attribute})
    [edit] = edits.make_edits([row], [image], [mask], Repainter(), catalog, settings)
    new = decode_png(edit.blobs["image_blob"])
    allowed = pasting.feathered(pasting.region_of(mask, region), feather) > 0
    assert np.array_equal(new[~allowed], image[~allowed])
    assert (new[allowed] != image[allowed]).any()
    assert edit.row["change_outside"] == 0
    assert edit.row["region_share"] == pytest.approx(allowed.mean())


def test_feather_is_a_ramp_that_ends() -> None:
    region = np.zeros((40, 40), bool)
    region[10:30, 10:30] = True
    alpha = pasting.feathered(region, 2.0)
    assert alpha[20, 20] == 1
    assert alpha[20, 7] == 0
    assert list(np.round(alpha[20, 8:12], 3)) == [0.125, 0.375, 0.625, 0.875]
    assert np.array_equal(pasting.feathered(region, 0.0), region.astype(np.float32))
    assert pasting.feathered(np.ones((5, 5), bool), 3.0).min() == 1


def test_edits_are_the_same_in_any_company_and_order() -> None:
    rows = planned()
    together = [one.row["pixel_sha256"] for one in made(rows)]
    backward = [one.row["pixel_sha256"] for one in made(rows[::-1])][::-1]
    alone = [made([row])[0].row["pixel_sha256"] for row in rows]
    assert together == backward == alone
    assert len(set(together)) == len(together)


def test_rows_are_measured_hashed_and_fit_the_table() -> None:
    for edit in made(planned()):
        pixels = decode_png(edit.blobs["image_blob"])
        assert edit.row["status"] == "ok"
        assert edit.row["pixel_sha256"] == pixel_hash(pixels)
        assert edit.row["phash"] == phash(pixels)
        assert edit.row["change_inside"] > 1
        records.table("edits", [edit.row])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": "mauve with stars"}, "no paint for value 'mauve with stars'"),
        ({"attribute": "smell"}, "unknown attribute 'smell'"),
        ({"editor": "brush"}, "editor 'brush' has no operation"),
    ],
)
def test_what_an_editor_cannot_do_is_skipped_with_a_reason(
    change: dict[str, str], told: str
) -> None:
    row = planned()[0]
    fine, skipped = made([row, {**row, **change}])
    assert fine.row["status"] == "ok"
    assert skipped.row["status"] == "skipped"
    assert told in skipped.row["reason"]
    assert not skipped.blobs


def test_an_unknown_operation_is_skipped() -> None:
    color = CATALOG.attributes["color"].model_copy(update={"editors": {"compositor": "gild"}})
    image, mask = scene()
    row = next(row for row in planned() if row["attribute"] == "color")
    catalog = Catalog(attributes={"color": color})
    [edit] = edits.make_edits([row], [image], [mask], Compositor(), catalog, RECIPE.edits)
    assert edit.row["status"] == "skipped"
    assert "no operation 'gild'" in edit.row["reason"]


def test_an_answer_of_another_size_fails() -> None:
    class Shrinker(Repainter):
        def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
            return [job.image[::2, ::2] for job in jobs]

    [edit] = made(planned()[:1], inpainter=Shrinker())
    assert edit.row["status"] == "failed"
    assert "(48, 48, 3)" in edit.row["reason"]


GOOD = {"change_outside": 0.0, "change_inside": 30.0, "pixel_sha256": "a", "source_pixels": "b",
        "phash": "f" * 16}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"change_outside": 1.0}, "max_outside"),
        ({"change_inside": 1.0}, "min_change"),
        ({"pixel_sha256": "b"}, "its source image"),
    ],
)
def test_gate_tells_what_failed(change: dict[str, Any], told: str) -> None:
    assert edits.gate(GOOD, EditGate()) == ""
    assert told in edits.gate({**GOOD, **change}, EditGate())


def test_gate_finds_a_near_duplicate_of_a_test_image() -> None:
    image, _ = scene()
    brighter = np.clip(image.astype(int) + 12, 0, 255).astype(np.uint8)
    other = np.random.default_rng(1).integers(0, 255, image.shape).astype(np.uint8)
    neighbours = edits.perceptual_hashes([{"phash": phash(brighter)}, {"phash": phash(other)}])
    assert edits.nearest(phash(brighter), neighbours) == 0
    row = {**GOOD, "phash": phash(image)}
    assert "near-duplicate" in edits.gate(row, EditGate(min_distance=6), neighbours)
    assert edits.gate(row, EditGate(min_distance=6), neighbours[:0]) == ""
    assert edits.nearest("f" * 16, neighbours[:0]) == 64


def test_many_edits_are_gated_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    near = edits.perceptual_hashes([{"phash": f"{n:016x}"} for n in (0, 2**63, 12345)])
    rows = [
        {"key": str(n), "phash": f"{int(rng.integers(0, 2**63)) if n % 3 else n:016x}",
         "pixel_sha256": "a", "source_pixels": "b", "change_inside": float(n),
         "change_outside": 0.0}
        for n in range(200)
    ]  # fmt: skip
    settings = EditGate(min_distance=4)
    alone = {row["key"]: edits.gate(row, settings, near) for row in rows}
    assert edits.gates(rows, settings, near) == alone
    assert any("near-duplicate" in reason for reason in alone.values())
    assert any(not reason for reason in alone.values())
    assert edits.gates([], settings, near) == {}
