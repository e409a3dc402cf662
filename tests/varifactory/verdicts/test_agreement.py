import json
from typing import Any

import pytest

from varifactory.catalog import Pools, Taxonomy
from varifactory.items import outcomes
from varifactory.recipe import Recipe
from varifactory.verdicts import agreement

TAXONOMY = Taxonomy(
    known_truth=True,
    classes={"apple": {"color": Pools(feasible=("red",), infeasible=("blue",))}},
)
RECIPE = Recipe.parse({"name": "small", "sources": {"kind": "world"}})


def edit(key: str, value: str, **changes: Any) -> dict[str, Any]:
    row = {"key": key, "label": "apple", "status": "ok", "attribute": "color", "value": value,
           "feasibility": "feasible" if value == "red" else "infeasible",
           "editor": "compositor", "attempt": 0}  # fmt: skip
    return row | changes


def measured(scores: dict[str, float]) -> dict[str, Any]:
    best = max(scores, key=lambda name: scores[name]) if scores else None
    return {"key": f"v{best}", "status": "ok", "value_scores": json.dumps(scores),
            "class_scores": '{"apple": 0.9}', "measured_value": best,
            "measured_class": "apple"}  # fmt: skip


EDITS = [
    edit("a", "red"),
    edit("b", "red"),
    edit("c", "blue"),
    edit("d", "blue", attempt=1),
    edit("e", "blue", editor="small-diffusion"),
    edit("gated", "red"),
]
SAID = {
    "a": measured({"red": 0.9, "blue": 0.1}),
    "b": measured({"red": 0.1, "blue": 0.9}),
    "c": measured({"red": 0.3, "blue": 0.7}),
    "d": measured({"red": 0.0, "blue": 1.0}),
    "e": measured({}),
}
VERDICTS = {key: {"measured": row} for key, row in SAID.items()}
SILENT = measured({}) | {"class_scores": "{}", "measured_class": None}
FOUND = outcomes(EDITS, {"gated": "too little change"}, VERDICTS, RECIPE, TAXONOMY)


def test_values_are_counted_as_asked_and_as_measured_over_first_attempts():
    assert agreement.values(EDITS, FOUND) == {
        "compositor": {"color": {"red": {"red": 1, "blue": 1}, "blue": {"blue": 1}}},
        "small-diffusion": {"color": {"blue": {agreement.UNSAID: 1}}},
    }


def test_feasibility_is_counted_as_asked_and_as_judged():
    assert agreement.feasibilities(EDITS, FOUND)["compositor"]["color"] == {
        "feasible": {"feasible": 1, "infeasible": 1},
        "infeasible": {"infeasible": 1},
    }


def test_classes_are_counted():
    assert agreement.classes(EDITS, FOUND)["compositor"] == {"apple": {"apple": 3}}


def test_presence_has_no_rate_where_nothing_was_judged():
    first, second, third = agreement.presence(EDITS, FOUND)
    assert (first["edits"], first["judged"], first["seen"], first["accepted"]) == (2, 2, 0.5, 0.5)
    assert first["mean_presence"] == pytest.approx(0.5)
    assert (second["feasibility"], second["edits"], second["seen"]) == ("infeasible", 1, 1.0)
    assert (third["editor"], third["judged"], third["seen"]) == ("small-diffusion", 0, None)


def test_controls_ask_of_drawn_sources_what_was_drawn():
    sources = [
        {"key": "s1", "label": "apple", "pixel_sha256": "p1", "image_blob": "1.png",
         "truth": json.dumps({"class_name": "apple", "color": "blue", "seed": 3})},
        {"key": "photograph", "label": "apple", "pixel_sha256": "p2", "image_blob": "2.png",
         "truth": ""},
        {"key": "unmasked", "label": "apple", "truth": '{"color": "red"}'},
    ]  # fmt: skip
    masks = [{"source_key": key, "status": "ok", "mask_sha256": "m", "mask_blob": "m.png"}
             for key in ("s1", "photograph")]  # fmt: skip
    (row,) = agreement.controls(sources, masks, ["color", "lighting"], TAXONOMY)
    assert (row["value"], row["feasibility"], row["editor"]) == ("blue", "infeasible", "none")
    said = {row["key"]: {"measured": measured({"blue": 0.8, "red": 0.2})}}
    found = outcomes([row], {}, said, RECIPE, TAXONOMY)
    assert agreement.values([row], found) == {"none": {"color": {"blue": {"blue": 1}}}}


def test_judges_are_compared_by_their_own_words_over_first_attempts():
    """Edits a to c are first attempts; the third judge measures nothing and knows no class."""
    said = {key: {"measured": row, "clip": SAID["b"], "mute": SILENT} for key, row in SAID.items()}
    panel = {"verdicts": {"panel": ["clip", "mute"], "decision": "majority"}}
    recipe = Recipe.parse({"name": "small", "sources": {"kind": "world"}, **panel})
    edits = [{**row, "source_key": f"s-{row['key']}"} for row in EDITS[:4]]
    found = agreement.between_judges(edits, outcomes(edits, {}, said, recipe, TAXONOMY))
    told = {(one.question, one.raters): (one.items, one.agreed) for one in found}
    assert told == {
        ("accepted or refused", ("measured", "clip", "mute")): (0, None),
        ("accepted or refused", ("measured", "clip")): (3, pytest.approx(2 / 3)),
        ("accepted or refused", ("measured", "mute")): (0, None),
        ("accepted or refused", ("clip", "mute")): (0, None),
        ("color: value measured", ("measured", "clip")): (3, pytest.approx(2 / 3)),
    }
    assert agreement.between_judges(edits, FOUND) == []
