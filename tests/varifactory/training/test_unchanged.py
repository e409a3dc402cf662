"""Unchanged edits: beside which pairs, asked for how, gated by what, shown where."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from tests.drawn_items import Drawn
from varifactory import edits, items, records
from varifactory.calibration.sampling import judged_edits
from varifactory.card.rendering import render_card
from varifactory.card.twin import twin
from varifactory.catalog import Catalog, load_catalog
from varifactory.compositor import Compositor
from varifactory.gallery.page import render_gallery
from varifactory.images import decode_png, pixel_hash
from varifactory.items import Outcome
from varifactory.keys import spec_of
from varifactory.models import Pixels, Region
from varifactory.pasting import feathered, region_of
from varifactory.quotas import SURPLUS
from varifactory.recipe import EditGate, Recipe
from varifactory.store import Manifest
from varifactory.training import unchanged
from varifactory.verdicts.deciding import Decision
from varifactory.verdicts.decisions import Word
from varifactory.yields import edits_of, pairs, unchanged_of, yields

Row = dict[str, Any]
CATALOG = load_catalog()
RECIPE = Recipe.parse({"name": "t", "sources": {"kind": "world"}, "edits": {"unchanged": True}})


def scene(size: int = 96) -> tuple[Pixels, Region]:
    """A grained red disc on a green ground below a blue sky."""
    y, x = np.mgrid[0:size, 0:size] / size
    mask = (x - 0.5) ** 2 + (y - 0.55) ** 2 < 0.25**2
    ground = np.where((y > 0.5)[..., None], (90, 150, 80), (120, 160, 220))
    image = np.where(mask[..., None], (190, 70, 50), ground) * (1.2 - 0.4 * y)[..., None]
    grain = np.random.default_rng(0).normal(0, 5, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8), mask


IMAGE, MASK = scene()
MASKS = [{"key": "m", "label": "cup", "source_key": "s", "status": "ok", "mask_blob": "m.png",
          "source_pixels": pixel_hash(IMAGE), "image_blob": "i.png",
          "mask_sha256": pixel_hash(MASK)}]  # fmt: skip
PROMPTS = [
    {"key": f"{name} {kind} {index}", "label": "cup", "attribute": name, "index": index,
     "feasibility": kind, "value": value, "text": f"a {value} cup", "status": "ok"}
    for name, pools in {"background": (("meadow", "beach"), ("lava field", "underwater")),
                        "color": (("red", "blue"), ("teal", "pink")),
                        "texture": (("plain", "striped"), ("metallic", "wooden"))}.items()
    for kind, pool in zip(("feasible", "infeasible"), pools, strict=True)
    for index, value in enumerate(pool)
]  # fmt: skip


def planned(recipe: Recipe = RECIPE, attempt: int = 0) -> list[Row]:
    spec = spec_of("edits", edits.edit_spec(recipe, Compositor()))
    return edits.plan_edits(spec, MASKS, PROMPTS, recipe, CATALOG, Compositor(), attempt)


def as_it_is(
    sides: list[Row], truth: dict[str, str] | None = None, *,
    recipe: Recipe = RECIPE, catalog: Catalog = CATALOG,
) -> list[Row]:  # fmt: skip
    spec = spec_of("edits", edits.edit_spec(recipe, Compositor()))
    truths = {"s": truth} if truth else {}
    return edits.plan_unchanged(
        spec, sides, MASKS, PROMPTS, truths, recipe, catalog, Compositor()
    )  # fmt: skip


def made(rows: list[Row], catalog: Catalog = CATALOG) -> list[Any]:
    count = len(rows)
    return edits.make_edits(
        rows, [IMAGE] * count, [MASK] * count, Compositor(), catalog, RECIPE.edits
    )


def ended(rows: list[Row], **refused: str) -> dict[str, Outcome]:
    """Outcomes of rows; ``refused`` is status by feasibility."""
    return {
        row["key"]: Outcome("verdicts", Decision(refused.get(row["feasibility"], "ok")))
        for row in rows
    }


def test_one_is_wanted_beside_every_complete_pair_at_its_attempt() -> None:
    first, second = planned(), planned(attempt=1)
    whole = unchanged.beside(first, ended(first), RECIPE)
    assert [(row["attribute"], row["index"], row["attempt"]) for row in whole] == [
        (name, index, 0) for name in ("background", "color", "texture") for index in (0, 1)
    ]
    assert unchanged.beside(first, ended(first, feasible="rejected"), RECIPE) == []
    both = [*first, *second]
    later = ended(first, feasible="rejected") | ended(second)
    assert {row["attempt"] for row in unchanged.beside(both, later, RECIPE)} == {1}
    assert len(unchanged.beside(both, later, RECIPE)) == 6


def test_none_is_wanted_beside_what_was_left_out_or_another_editor_made() -> None:
    rows = planned()
    left = {key: Outcome("verdicts", Decision("skipped", f"{SURPLUS} (1)"))
            for key in ended(rows)}  # fmt: skip
    assert unchanged.beside(rows, left, RECIPE) == []
    others = [row | {"editor": "small-diffusion"} for row in rows]
    assert unchanged.beside(others, ended(others), RECIPE) == []
    half = [row for row in rows if row["feasibility"] == "feasible"]
    assert unchanged.beside(half, ended(half), RECIPE) == []


def test_a_plan_counts_one_for_every_pair_that_may_become_complete() -> None:
    rows = planned()
    found = ended(rows, feasible="rejected", infeasible="rejected")
    pair = ("s", "color", 1, "compositor")
    (only,) = unchanged.beside(rows, found, RECIPE, {pair})
    assert (only["attribute"], only["index"], only["attempt"]) == ("color", 1, 0)


def test_it_shares_seed_region_settings_and_template_with_its_pair() -> None:
    sides = [row for row in planned(attempt=1) if row["feasibility"] == "feasible"]
    rows = as_it_is(sides, {"background": "beach", "color": "red", "texture": "dotted"})
    shared = ("seed", "attempt", "index", "attribute", "settings", "editor", "kind", "mask_sha256",
              "source_pixels", "label")  # fmt: skip
    for side, row in zip(sides, rows, strict=True):
        assert {name: row[name] for name in shared} == {name: side[name] for name in shared}
        assert row["feasibility"] == "unchanged"
        assert row["prompt_key"] is None
        attribute = CATALOG.attribute(row["attribute"])
        place = int(side["prompt_key"][-1])
        phrase = attribute.values[row["value"]].phrase
        assert row["prompt"] == attribute.render(place, "cup", phrase)
    assert {row["value"] for row in rows} == {"beach", "red", "dotted"}
    records.table("edits", rows)


def test_it_is_another_item_than_a_side_that_asks_for_the_value_that_is_there() -> None:
    side = next(row for row in planned() if (row["attribute"], row["value"]) == ("color", "red"))
    text = CATALOG.attribute("color").render(0, "cup", "bright red")
    (row,) = as_it_is([side], {"color": "red"})
    assert row["value"] == side["value"]
    assert row["seed"] == side["seed"]
    assert row["key"] != side["key"]
    same, asked = made([row, side | {"prompt": text}])
    assert same.row["pixel_sha256"] == asked.row["pixel_sha256"]


def test_where_no_value_is_known_the_attribute_s_own_words_ask_for_no_change() -> None:
    sides = [row for row in planned() if row["feasibility"] == "feasible"]
    for truth in (None, {"color": "a colour of no catalog"}):
        rows = as_it_is(sides, truth)
        assert {row["value"] for row in rows} == {"unchanged"}
    (own,) = {row["prompt"] for row in rows if (row["attribute"], row["index"]) == ("color", 0)}
    assert "the same colour as before" in own
    bare = Catalog(attributes={
        name: attribute.model_copy(update={"unchanged": None})
        for name, attribute in CATALOG.attributes.items()
    })  # fmt: skip
    for one in made(as_it_is(sides, catalog=bare), bare):
        assert one.row["status"] == "skipped"
        assert "give its file an `unchanged`" in one.row["reason"]


def test_under_faithful_it_has_the_settings_of_the_feasible_side() -> None:
    knobs = {"attribute": "color", "feasible": {"strength": 0.3}, "infeasible": {"strength": 0.9}}
    recipe = Recipe.parse({"name": "t", "sources": {"kind": "world"},
                           "edits": {"preset": "faithful", "by_attribute": [knobs]}})  # fmt: skip
    sides = [row for row in planned(recipe) if row["attribute"] == "color"]
    assert len({row["settings"] for row in sides}) == 2
    for row in as_it_is(sides, recipe=recipe):
        assert row["settings"] == '{"strength": 0.3}'


@pytest.mark.parametrize("truth", [
    None, {"background": "meadow", "color": "red", "texture": "plain"}
])  # fmt: skip
def test_the_compositor_leaves_traces_inside_the_region_alone(truth: dict[str, str] | None) -> None:
    sides = [row for row in planned() if row["feasibility"] == "feasible" and row["index"] == 0]
    asked = {row["attribute"]: one for row, one in zip(sides, made(sides), strict=True)}
    for one in made(as_it_is(sides, truth)):
        row = one.row
        attribute = CATALOG.attribute(row["attribute"])
        inside = feathered(region_of(MASK, attribute.region), RECIPE.edits.feather) > 0
        new = decode_png(one.blobs["image_blob"])
        assert row["status"] == "ok"
        assert row["change_outside"] == 0
        assert np.array_equal(new[~inside], IMAGE[~inside])
        assert (new[inside] != IMAGE[inside]).any()
        if truth is None and attribute.name != "texture":
            before, after = (picture[inside].mean(axis=0) for picture in (IMAGE, new))
            assert np.abs(before - after).max() < 12  # its own colours
        if truth is None:
            assert row["change_inside"] < asked[attribute.name].row["change_inside"]
        assert edits.gate(row, EditGate()) == ""


def test_its_gate_lets_no_change_pass_and_nothing_else() -> None:
    near = edits.perceptual_hashes([{"phash": "f" * 16}])
    row = {"change_outside": 0.0, "change_inside": 0.0, "pixel_sha256": "a", "source_pixels": "a",
           "phash": "0" * 16, "feasibility": "unchanged"}  # fmt: skip
    assert edits.gate(row, EditGate(), near) == ""
    assert edits.gate(row | {"feasibility": "feasible"}, EditGate(), near) != ""
    assert "max_outside" in edits.gate(row | {"change_outside": 1.0}, EditGate(), near)
    assert "near-duplicate" in edits.gate(row | {"phash": "f" * 16}, EditGate(), near)


def test_it_ends_as_made_gated_or_decided_by_a_person() -> None:
    rows = [{"key": name, "status": "ok", "reason": ""} for name in "abd"]
    rows.append({"key": "c", "status": "skipped", "reason": "cannot"})
    found = unchanged.outcomes(rows, {"b": "too near"}, {"d": Word(False, "ada", "smeared")})
    assert {key: (one.stage, one.status) for key, one in found.items()} == {
        "a": ("edits", "ok"), "b": ("edits", "rejected"), "c": ("edits", "skipped"),
        "d": ("decisions", "rejected"),
    }  # fmt: skip
    assert found["b"].decision.reason == "too near"
    assert found["c"].decision.reason == "cannot"


def test_as_an_item_it_is_no_side_of_a_pair_and_has_no_first_attempt() -> None:
    rows = [one.row | {"image_blob": f"{one.row['key']}.png"} for one in made(planned())]
    beside = [one.row | {"image_blob": f"{one.row['key']}.png"}
              for one in made(as_it_is(unchanged.beside(rows, ended(rows), RECIPE)))]  # fmt: skip
    found = ended(rows) | unchanged.outcomes(beside, {}, {})
    source = {"key": "s", "label": "cup", "status": "ok", "split": "train"}
    held = items.assemble([source], MASKS, [*rows, *beside], found, RECIPE)
    alone = items.assemble([source], MASKS, rows, ended(rows), RECIPE)
    assert held[: len(alone)] == alone
    extra = held[len(alone) :]
    assert len(extra) == 6
    for row in extra:
        assert (row["feasibility"], row["paired"], row["status"]) == ("unchanged", False, "ok")
        assert row["region_share"] > 0
        assert row.get("first_blob") is None
        assert row["split"] == "train"
    table = records.table("items", held)
    assert len(unchanged_of(table)) == 6
    asked = edits_of(table)
    assert {row["feasibility"] for row in asked} == {"feasible", "infeasible"}
    assert {one.total for one in yields(asked)} == {2}
    assert all(one.incomplete == 0 for one in pairs(asked))


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Items with an unchanged edit beside every complete pair."""
    found = Drawn()
    whole = [row for row in found.rows if row.get("paired") and row["feasibility"] == "feasible"]
    found.rows += [
        row | {"key": f"{row['key'][:-4]}same", "edit_key": f"{row['key'][:-4]}same",
               "feasibility": "unchanged", "paired": False, "measured_value": None,
               "presence": None, "judged_feasibility": "not judged", "region_share": 0.25}
        for row in whole
    ]  # fmt: skip
    return found


def test_the_gallery_shows_it_on_the_card_of_its_pair(drawn: Drawn) -> None:
    pages = render_gallery(drawn.items, drawn.read, title="toys", page_size=30)
    page = b"".join(pages.values()).decode()
    count = len(unchanged_of(drawn.items))
    assert page.count('<span class="role unchanged">') == count
    assert page.count("Not judged: it shows what editing alone does") == count
    first = pages["index.html"].decode()
    assert f"What became of {len(edits_of(drawn.items))} edits" in first
    assert f"Beside them stand {count} " in first
    assert "feasibility=unchanged" in first
    assert '<td class="unchanged">' not in first
    assert "25 % of the image" in page


def test_a_gallery_without_any_says_nothing_of_them() -> None:
    alone = Drawn()
    page = b"".join(render_gallery(alone.items, alone.read, title="toys").values()).decode()
    assert "Beside them stand" not in page
    assert "role unchanged" not in page


def test_nobody_is_asked_to_label_it(drawn: Drawn) -> None:
    rows = [row | {"stage": "decisions"} for row in drawn.items.to_pylist()]
    asked = judged_edits(rows)
    assert {row["feasibility"] for row in asked} == {"feasible", "infeasible"}


def test_the_card_counts_it_beside_the_filter_s_figures(drawn: Drawn) -> None:
    manifest = Manifest.model_validate({
        "name": "toys", "version": 1, "created_at": datetime(2026, 11, 21, tzinfo=UTC),
        "actor": "ada", "recipe": {}, "recipe_fingerprint": "f" * 64, "dataset_hash": "d" * 64,
        "counts": {}, "parts": [], "run_id": "run-1",
    })  # fmt: skip
    count = len(unchanged_of(drawn.items))
    alone = Drawn()
    texts = [
        render_card(manifest, one.items, models=[], commands=[], store_url="s") 
        for one in (alone, drawn)
    ]  # fmt: skip
    lines = [text.splitlines() for text in texts]
    (extra,) = [line for line in lines[1] if line not in lines[0]]
    assert extra.startswith(f"| Unchanged edits | made {count}, rejected 0")
    told = [json.loads(twin(manifest, one.items, store="s", specs={}, models=[]))
            for one in (alone, drawn)]  # fmt: skip
    assert [one["unchanged"] for one in told] == [{}, {"ok": count}]
    assert told[0]["yields"] == told[1]["yields"]
    assert told[0]["refused"] == told[1]["refused"]
