import json
import re
from datetime import UTC, datetime

import pytest
import yaml

from tests.drawn_items import Drawn
from tests.drawn_studies import quickstart
from varifactory.calibration.figures import calibrate
from varifactory.calibration.labels import Labels
from varifactory.calibration.sampling import Drawn as OneDrawn
from varifactory.calibration.sampling import Kind, Sample
from varifactory.card.rendering import render_card
from varifactory.history.costs import Cost
from varifactory.history.models_used import ModelNote, model_notes
from varifactory.markdown import plain
from varifactory.quotas import SURPLUS
from varifactory.report import headline
from varifactory.runs.savings import Share
from varifactory.statistics.kappa import kappas
from varifactory.store import Manifest

HOSTILE = "a | b\n# c <img src=x> `d` [e](javascript:f)"
MODELS = [ModelNote("edits", "compositor"),
          ModelNote("masks", "small-sam", "92ab" * 16, "Apache-2.0", "torch 2",
                    {"mean IoU": 0.83})]  # fmt: skip


JUDGES = kappas("color: value measured", {"measured": {"a": "red", "b": "red"},
                                          "clip": {"a": "red", "b": "red"}})  # fmt: skip
PEOPLE = calibrate(
    Sample(
        id="abc", dataset="toys", version=2, dataset_hash="d" * 64, seed=0, asked_for=60,
        feasibility_counts=False,
        drawn=tuple(OneDrawn(key=f"k{at}", stratum=0) for at in range(10)),
        kinds=(Kind(attribute="color", feasibility="feasible", accepted=True, size=50, drawn=10),),
    ),
    Labels(
        {"ada": {f"k{at}": {"shows": "yes" if at else "no", "keeps": "yes", "possible": "yes"}
                 for at in range(10)}},
        {"ada": ()},
    ),
)  # fmt: skip


COSTS = [Cost("edits", 40, 130.0, 120.0, None, Share(10, 30.0, 30.0)),
         Cost("verdicts", 40, 4.0, 0.0, 1.25, Share(10, 1.0, 0.0, 0.25))]  # fmt: skip


def manifest(**changes: object) -> Manifest:
    return Manifest.model_validate({
        "name": "toys", "version": 2, "created_at": datetime(2026, 11, 21, tzinfo=UTC),
        "actor": "ada", "recipe": {"name": "toys", "seed": 7, "sources": {"shot_seed": 1},
                                   "training": {"seeds": [1, 2]}, "note": "it```s"},
        "recipe_fingerprint": "f" * 64, "dataset_hash": "d" * 64, "counts": {},
        "parts": [], "run_id": "run-1", **changes,
    })  # fmt: skip


def card(drawn: Drawn, **options: object) -> str:
    settings: dict[str, object] = {
        "models": MODELS, "commands": ["python -m flows.generate recipe.yaml"],
        "store_url": "s3://team/store", **options,
    }  # fmt: skip
    return render_card(manifest(), drawn.items, **settings)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(sources=1)


def test_it_says_what_is_in_it_and_how_to_make_it_again(drawn: Drawn) -> None:
    text = card(drawn)
    edits = [row for row in drawn.rows if row["kind"] == "edit"]
    accepted = sum(row["status"] == "ok" for row in edits)
    assert f"accepted {accepted}," in text
    assert "kettle, lantern, owl" in text
    assert "python -m flows.generate recipe.yaml" in text
    assert 'open_dataset("s3://team/store", "toys", 2)' in text
    assert "`seed` 7, `sources.shot_seed` 1, `training.seeds` \\[1, 2\\]" in text
    assert "`" + "92ab" * 16 + "`" in text
    assert "d" * 64 in text
    assert "f" * 64 in text


def test_accepted_edits_that_were_left_out_are_told(drawn: Drawn) -> None:
    words = "Of those left out 3 were accepted: more than `edits.exact` asks for."
    assert words not in card(drawn)
    full = Drawn(sources=1)
    some = [row for row in full.rows if row["kind"] == "edit" and row["status"] == "ok"][:3]
    for row in some:
        row |= {"status": "skipped", "reason": f"{SURPLUS} (4)", "paired": False}
    text = card(full)
    assert words in text
    before, _, after = text.partition(words)
    assert before.endswith(" |\n\n"), "a paragraph of its own between two tables"
    assert after.startswith(" The share counts them.\n\n| Attribute | Editor | Complete pairs")


def test_the_head_is_yaml_that_a_hub_reads(drawn: Drawn) -> None:
    head = yaml.safe_load(card(drawn).split("---")[1])
    assert head["size_categories"] == ["n<1K"]
    assert head["tags"] == ["synthetic", "varifactory"]
    assert "drawn-world" in yaml.safe_load(card(drawn, machinery=True).split("---")[1])["tags"]


def test_the_recipe_is_whole_whatever_it_holds(drawn: Drawn) -> None:
    found = re.search(r"^(`{4,})yaml\n(.*?)\n\1$", card(drawn), re.DOTALL | re.MULTILINE)
    assert found
    assert yaml.safe_load(found[2]) == manifest().recipe


def test_every_table_keeps_its_columns_under_hostile_names() -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    for row in drawn.rows:
        if row["kind"] == "edit":
            row.update(attribute=HOSTILE, editor=HOSTILE)
            row["reason"] = HOSTILE if row["status"] != "ok" else ""
    text = card(drawn, models=[ModelNote("edits", HOSTILE)], costs=COSTS)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert widths == {3, 5, 6, 7, 8, 9, 12}
    assert "<img" not in text.replace("\\<img", "")
    assert "](javascript" not in text


def test_limits_follow_from_the_rows(drawn: Drawn) -> None:
    lonely = sum(
        row["status"] == "ok" and not row["paired"] for row in drawn.rows if row["kind"] == "edit"
    )
    text = card(drawn, machinery=True, limits=["Masks of glass are poor."])
    assert f"{lonely:,} accepted edits lack their feasible or infeasible partner" in text
    assert "Masks of glass are poor." in text
    assert "not a finding" in text
    assert "not a finding" not in card(drawn)


def test_a_study_is_told_in_its_own_words(drawn: Drawn) -> None:
    figures = quickstart()
    told = card(drawn, study=figures)
    assert plain(headline(figures)) in told
    assert "What training on it gave" in told
    assert "What training on it gave" not in card(drawn)


def test_it_tells_what_each_judge_of_a_panel_said() -> None:
    drawn = Drawn(classes=("owl",), sources=1)
    words = json.dumps({"measured": {"status": "ok"}, "clip": {"status": "failed"}})
    for row in drawn.rows:
        row["judgements"] = words if row["kind"] == "edit" else None
    edits = sum(row["kind"] == "edit" for row in drawn.rows)
    text = card(drawn)
    assert f"| measured | {edits} | 0 | 0 | 100.0 |" in text
    assert f"| clip | 0 | 0 | {edits} |  |  |" in text


def test_it_tells_how_far_judges_agree_and_what_people_say(drawn: Drawn) -> None:
    text = card(drawn, judges=JUDGES, people=PEOPLE)
    assert "## Whether the judges agree" in text
    assert "| color: value measured | measured, clip | Cohen | 100 | undefined, n 2: all" in text
    assert "## Checked by people" in text
    assert "| Precision: good, of those accepted | 90.0 % (" in text
    assert "10 of 10 drawn edits were labelled by one person; they stand for 50 by" in text
    for line in text.splitlines():
        if line.startswith("| Question"):
            assert line.count("|") == 6
    assert "Checked by people" not in card(drawn)
    assert "judges agree" not in card(drawn)


def test_every_filter_has_its_rate_with_an_interval(drawn: Drawn) -> None:
    counts = {"sources": {"ok": 12}, "masks": {"ok": 6, "rejected": 2},
              "edits": {"ok": 90, "rejected": 4, "failed": 6}, "items": {"ok": 3}}  # fmt: skip
    text = render_card(
        manifest(counts=counts), drawn.items, models=[], commands=["x"], store_url="s"
    )
    assert (
        "| masks | found, and good enough \\(masks.gate\\) | 8 | 6 | 75.0 | 40.9 to 92.9 |" in text
    )
    assert "| edits | made, and passed their gate \\(edits.gate\\) | 100 | 90 | 90.0 |" in text
    assert "| items |" not in text
    edits = [row for row in drawn.rows if row["kind"] == "edit"]
    unseen = sum("attribute not seen" in row["reason"] for row in edits)
    assert f"| attribute not seen |  | {unseen} |" in text.replace("None", "")


def test_costs_are_told_with_what_was_saved(drawn: Drawn) -> None:
    text = card(drawn, costs=COSTS, gpu_hour=3.0)
    assert "| edits | 40 | 2 min | 2 min |  | 10 | 30 s |  |" in text
    assert "| verdicts | 40 | 4.0 s |  | 1.25 | 10 | 1.0 s | 0.25 |" in text
    assert "In all 2 min, 2 min of it on a card, and $1.25 to providers." in text
    assert "At $3.00 an hour of a card (`prices.gpu_hour`) that is $1.35." in text
    assert "The price of the card is not known" in card(drawn, costs=COSTS)


def test_models_that_a_provider_may_change_are_a_known_limit(drawn: Drawn) -> None:
    specs = {"prompts/a": {"writer": {"name": "litellm", "model": "openai/gpt-x"}}}
    text = card(drawn, models=model_notes(specs))
    assert "| prompts | openai/gpt-x | not pinned: a provider may change" in text
    assert "- openai/gpt-x: asked of a provider, who may change what the name means" in text
    assert "asked of a provider" not in card(drawn)


def test_the_commands_are_told_to_be_pasted(drawn: Drawn) -> None:
    text = card(drawn, commands=["first --store '/a b'", "second"], store_url="/a b")
    assert "```sh\nfirst --store '/a b'\nsecond\n```" in text
    assert "varifactory reproduce toys@2 --store '/a b' --check" in text
