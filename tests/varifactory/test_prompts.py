"""Pools of prompts: planned, written, compared and balanced."""

from collections import Counter
from pathlib import Path

import pytest

from varifactory import records
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.catalog.attribute import BUILT_IN
from varifactory.errors import ModelError, RecipeError
from varifactory.keys import spec_of
from varifactory.models import NoAnswer, PromptRequest, WrittenPrompt
from varifactory.models.prompts.catalog import CatalogWriter
from varifactory.prompts import pairs, plan_prompts, prompt_spec, write_prompts
from varifactory.recipe import Recipe
from varifactory.stages import Made, Row

Answers = dict[str, list[str] | ModelError]


class Dictated:
    """A writer whose answers a test dictates, by class name and feasibility."""

    known_ahead = False

    def __init__(self, answers: Answers, model: str = "dictated") -> None:
        self.answers = answers
        self.identity = {"name": model}
        self.requests: list[PromptRequest] = []

    def write(self, request: PromptRequest) -> list[WrittenPrompt]:
        self.requests.append(request)
        answer = self.answers[f"{request.class_name} {request.feasibility}"]
        if isinstance(answer, ModelError):
            raise answer
        return [WrittenPrompt(word, word, raw="raw", cost_usd=0.25) for word in answer]


def recipe(**prompts: object) -> Recipe:
    return Recipe.parse({"name": "test", "sources": {"kind": "world"}, "prompts": prompts})


def planned(writer: object, classes: tuple[str, ...] = ("cat",), **prompts: object) -> list[Row]:
    asked = recipe(**prompts)
    spec = spec_of("prompts", prompt_spec(asked, writer))
    catalog = load_catalog(asked.prompts.catalog)
    return plan_prompts(spec, classes, catalog, asked.prompts, writer)


def from_catalog(taxonomy: str = "photos", folder: str = "") -> CatalogWriter:
    return CatalogWriter(load_catalog(folder), load_taxonomy(taxonomy))


def dictated(feasible: list[str], infeasible: list[str], count: int = 2) -> list[Made]:
    writer = Dictated({"cat feasible": feasible, "cat infeasible": infeasible})
    rows = planned(writer, attributes=["color"], per_pool=count)
    return write_prompts(rows, writer, load_catalog())


def ends(made: list[Made]) -> list[tuple[str | None, str]]:
    return [(one.row.get("value"), one.row["status"]) for one in made]


def test_the_catalog_fills_every_place_of_every_pool() -> None:
    writer = from_catalog()
    rows = planned(writer, ("cat", "a class of the user's own"))
    made = write_prompts(rows, writer, load_catalog())
    assert [one.row["key"] for one in made] == [row["key"] for row in rows]
    pools = Counter(
        (one.row["label"], one.row["attribute"], one.row["feasibility"]) for one in made
    )
    assert set(pools.values()) == {4}
    assert len(pools) == 2 * 3 * 2
    assert {one.row["status"] for one in made} == {"ok"}
    assert all(one.row["label"] in one.row["text"] for one in made)
    records.table("prompts", [one.row for one in made])


def test_the_drawn_world_has_pools_for_all_its_classes() -> None:
    taxonomy = load_taxonomy("world")
    rows = planned(from_catalog("world"), tuple(taxonomy.classes))
    assert len(rows) == len(taxonomy.classes) * 3 * 2 * 4
    assert len({row["key"] for row in rows}) == len(rows)


def test_paired_places_share_their_template() -> None:
    rows = planned(from_catalog(), attributes=["color"])
    catalog = load_catalog().attribute("color")
    for row in rows:
        phrase = catalog.values[row["value"]].phrase
        assert row["text"] == catalog.render(row["index"], "cat", phrase)
    assert rows[0]["text"] != rows[1]["text"].replace("jet black", "warm orange")


def test_places_beyond_the_pool_are_skipped_with_the_reason() -> None:
    writer = from_catalog()
    rows = planned(writer, attributes=["color"], per_pool=6)
    made = write_prompts(rows, writer, load_catalog())
    assert Counter(one.row["status"] for one in made) == {"ok": 8, "skipped": 4}
    assert made[5].row["reason"] == "the writer had only 4 of 6 values"


def test_some_places_of_a_planned_pool_can_be_written_alone() -> None:
    writer = from_catalog()
    rows = planned(writer, attributes=["color"])
    (alone,) = write_prompts(rows[2:3], writer, load_catalog())
    assert (alone.row["value"], alone.row["status"]) == (rows[2]["value"], "ok")


def changed(folder: Path, old: str, new: str) -> str:
    built_in = BUILT_IN / "color.yaml"
    text = built_in.read_text()
    assert old in text
    (folder / "color.yaml").write_text(text.replace(old, new))
    return str(folder)


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("# The colour of the object", "# The paint of the object", 8),
        ("phrase: jet black", "phrase: coal black", 7),
        ("a photo of the {class_name}, which", "a picture of the {class_name}, which", 4),
        ("phrase: chestnut brown", "phrase: nut brown", 8),
    ],
    ids=["comment", "phrase", "template", "a value that is not used"],
)
def test_keys_follow_the_words_that_are_used(tmp_path: Path, old: str, new: str, kept: int) -> None:
    before = {row["key"] for row in planned(from_catalog(), attributes=["color"])}
    folder = changed(tmp_path, old, new)
    writer = from_catalog(folder=folder)
    after = {row["key"] for row in planned(writer, attributes=["color"], catalog=folder)}
    assert len(before & after) == kept


def test_keys_of_a_models_prompts_follow_the_model_not_the_count() -> None:
    few = planned(Dictated({}), per_pool=2)
    many = planned(Dictated({}), per_pool=5)
    other = planned(Dictated({}, model="another"), per_pool=2)
    assert {row["key"] for row in few} < {row["key"] for row in many}
    assert not {row["key"] for row in few} & {row["key"] for row in other}
    assert all("value" not in row for row in few)


def test_a_model_is_asked_once_a_pool() -> None:
    writer = Dictated(
        {"cat feasible": ["tan", "cream"], "cat infeasible": ["neon", "glass"],
         "dog feasible": ["tan", "cream"], "dog infeasible": ["neon", "glass"]}
    )  # fmt: skip
    rows = planned(writer, ("cat", "dog"), attributes=["color"], per_pool=2)
    made = write_prompts(rows[::-1], writer, load_catalog())
    assert {one.row["status"] for one in made} == {"ok"}
    assert [one.row["key"] for one in made] == [row["key"] for row in rows[::-1]]
    assert [request.count for request in writer.requests] == [2, 2, 2, 2]
    assert made[-1].row["text"] == "a photo of the cat, which is tan"
    assert (made[-1].row["raw"], made[-1].row["cost_usd"]) == ("raw", 0.25)


def test_duplicates_fill_no_place() -> None:
    made = dictated(["grey", "The Grays!", "grey "], ["neon", "glass"])
    assert ends(made)[:2] == [("grey", "ok"), (None, "skipped")]
    assert made[1].row["reason"] == (
        "the writer had only 1 of 2 values, and repeated itself 2 times"
    )


def test_a_value_in_both_pools_is_rejected_in_both() -> None:
    made = dictated(["green", "tan"], ["Greens", "glass"])
    assert ends(made) == [
        ("green", "rejected"), ("tan", "ok"), ("Greens", "rejected"), ("glass", "ok"),
    ]  # fmt: skip
    assert made[2].row["reason"] == (
        "'Greens' stands in the infeasible and 'green' in the feasible pool: it cannot be both"
    )


def test_pools_are_balanced_by_leaving_the_last_out() -> None:
    made = dictated(["tan", "cream", "sand"], ["neon"], count=3)
    assert ends(made)[:3] == [("tan", "ok"), ("cream", "rejected"), ("sand", "rejected")]
    assert made[1].row["reason"] == (
        "left out to keep pools equal: the infeasible pool has only 1 values"
    )


def test_what_stands_in_the_store_counts() -> None:
    writer = Dictated({"cat feasible": ["tan", "cream"], "cat infeasible": ["neon", "tan"]})
    rows = planned(writer, attributes=["color"], per_pool=2)
    first = write_prompts(rows[:2], writer, load_catalog())
    later = write_prompts(rows[2:], writer, load_catalog(), [one.row for one in first])
    assert ends(later) == [("neon", "ok"), ("tan", "rejected")]
    more = planned(writer, attributes=["color"], per_pool=3)[2:3]
    writer.answers["cat feasible"] = ["Tan", "sand"]
    (third,) = write_prompts(more, writer, load_catalog(), [one.row for one in first])
    assert (third.row["value"], third.row["index"]) == ("sand", 2)
    assert writer.requests[-1].taken == ("tan", "cream")


def test_earlier_rows_of_the_same_places_have_no_say() -> None:
    writer = Dictated({"cat feasible": ["tan", "sand"], "cat infeasible": ["neon"]})
    rows = planned(writer, attributes=["color"], per_pool=2)
    earlier = [{**row, "status": "failed", "value": None} for row in rows]
    made = write_prompts(rows, writer, load_catalog(), earlier)
    assert [one.row["status"] for one in made] == ["ok", "rejected", "ok", "skipped"]


def test_an_older_taxonomy_in_the_store_has_no_say(tmp_path: Path) -> None:
    def written(pools: str, standing: list[Row]) -> list[Row]:
        path = tmp_path / f"pools-{len(standing)}.yaml"
        path.write_text(f"classes: {{cat: {{color: {pools}}}}}")
        writer = from_catalog(str(path))
        rows = planned(writer, attributes=["color"], per_pool=2)
        return [one.row for one in write_prompts(rows, writer, load_catalog(), standing)]

    before = written("{feasible: [black, red], infeasible: [blue, teal]}", [])
    after = written("{feasible: [black], infeasible: [red]}", before)
    assert [row["status"] for row in after] == ["ok", "skipped", "ok", "skipped"]


def test_a_pool_without_an_answer_leaves_the_others_alone() -> None:
    refusal = NoAnswer("refused: no", status="skipped", raw="no", cost_usd=0.5)
    writer = Dictated(
        {"cat feasible": refusal, "cat infeasible": ["neon", "glass"],
         "dog feasible": ["tan", "cream"], "dog infeasible": ["neon", "glass"]}
    )  # fmt: skip
    rows = planned(writer, ("cat", "dog"), attributes=["color"], per_pool=2)
    made = write_prompts(rows, writer, load_catalog())
    assert [one.row["status"] for one in made] == ["skipped"] * 2 + ["ok"] * 6
    assert (made[0].row["reason"], made[0].row["raw"]) == ("refused: no", "no")
    assert made[0].row["cost_usd"] == 0.25
    records.table("prompts", [one.row for one in made])


def test_a_failed_pool_does_not_shrink_its_partner() -> None:
    broken = NoAnswer("no usable answer", status="failed")
    writer = Dictated({"cat feasible": broken, "cat infeasible": ["neon", "glass"]})
    rows = planned(writer, attributes=["color"], per_pool=2)
    made = write_prompts(rows, writer, load_catalog())
    assert [one.row["status"] for one in made] == ["failed", "failed", "ok", "ok"]
    assert made[0].row["error_type"] == "NoAnswer"


def test_a_writer_that_cannot_work_stops_before_and_fails_the_rest_after() -> None:
    down = ModelError("the key was refused")
    writer = Dictated({"cat feasible": down, "cat infeasible": ["neon", "glass"]})
    rows = planned(writer, attributes=["color"], per_pool=2)
    with pytest.raises(ModelError, match="key was refused"):
        write_prompts(rows, writer, load_catalog())
    paid = Dictated({"cat feasible": ["tan", "cream"], "cat infeasible": down})
    made = write_prompts(rows, paid, load_catalog())
    assert [one.row["status"] for one in made] == ["ok", "ok", "failed", "failed"]
    assert made[2].row["reason"] == "the key was refused"


def test_pairs_hold_both_pools_in_order() -> None:
    rows = planned(from_catalog(), ("cat", "dog"))
    found = pairs(rows[::-1])
    assert len(found) == 6
    for pair in found:
        places = [(row["feasibility"], row["index"]) for row in pair]
        assert places == [(f, i) for f in ("feasible", "infeasible") for i in range(4)]


def test_wrong_names_are_told_when_planning() -> None:
    with pytest.raises(RecipeError, match="unknown attribute 'size'; the catalog has background"):
        planned(from_catalog(), attributes=["size"])
    with pytest.raises(RecipeError, match="no pools for class 'unicorn'"):
        planned(from_catalog("world"), ("unicorn",))


LIGHTING = """
name: lighting
region: image
measure: none
editors: {compositor: adjust_tone, small-diffusion: inpaint}
templates: ["a photo of the {class_name}, lit by {phrase}"]
values:
  evening sun: {phrase: the low evening sun, paint: {warmth: 0.4}}
  green lightning: {phrase: green lightning, paint: {warmth: -0.6}}
"""
POOLS = """
classes: {}
default:
  lighting: {feasible: [evening sun], infeasible: [green lightning]}
"""


def test_a_fourth_attribute_is_two_files_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "attributes").mkdir()
    (tmp_path / "attributes" / "lighting.yaml").write_text(LIGHTING)
    (tmp_path / "pools.yaml").write_text(POOLS)
    folder, pools = str(tmp_path / "attributes"), str(tmp_path / "pools.yaml")
    writer = from_catalog(pools, folder)
    rows = planned(writer, attributes=["lighting"], catalog=folder, per_pool=1)
    made = write_prompts(rows, writer, load_catalog(folder))
    assert [(one.row["text"], one.row["status"]) for one in made] == [
        ("a photo of the cat, lit by the low evening sun", "ok"),
        ("a photo of the cat, lit by green lightning", "ok"),
    ]
