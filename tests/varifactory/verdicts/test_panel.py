import json

import pytest

from varifactory.catalog import Taxonomy
from varifactory.recipe import Recipe, Verdicts
from varifactory.verdicts.deciding import NOT_JUDGED, UNJUDGED, Decision
from varifactory.verdicts.panel import NO_WORD, Judgement, as_json, combined, judgements, judges

GOOD = Decision("ok", "", 0.9, 0.8, "feasible")
BAD = Decision("rejected", "attribute not seen: color 'red' scored 0.1", 0.1, 0.8, "feasible")
LOST = Decision("rejected", "class lost: 'apple' scored 0.01", 0.9, 0.01, "feasible")
MUTE = Decision("ok")
DOWN = Decision("failed", "no connection to 10.0.0.7")
LEFT = Decision("skipped", "refused by the provider")


def settings(decision: str = "majority", **other: object) -> Verdicts:
    given = {"panel": ("clip", "vision-local"), "decision": decision, **other}
    return Verdicts.model_validate(given)


def decided(*words: Decision, decision: str = "majority", **other: object) -> Decision:
    names = ("measured", "clip", "vision-local", "vision")
    said = {name: Judgement(word) for name, word in zip(names, words, strict=False)}
    return combined(said, settings(decision, **other))


@pytest.mark.parametrize(
    ("words", "first", "majority", "every"),
    [
        ((GOOD, GOOD, GOOD), "ok", "ok", "ok"),
        ((GOOD, GOOD, BAD), "ok", "ok", "rejected"),
        ((BAD, GOOD, GOOD), "rejected", "ok", "rejected"),
        ((GOOD, BAD, BAD), "ok", "rejected", "rejected"),
        ((GOOD, BAD), "ok", "rejected", "rejected"),
        ((MUTE, MUTE, MUTE), "ok", "ok", "ok"),
        ((MUTE, GOOD, BAD), "ok", "rejected", "rejected"),
        ((MUTE, MUTE, GOOD), "ok", "ok", "ok"),
        # A word that is missing decides nothing, and nothing that it could turn is decided.
        ((GOOD, GOOD, DOWN), "ok", "ok", "failed"),
        ((GOOD, BAD, DOWN), "ok", "failed", "rejected"),
        ((BAD, BAD, DOWN), "rejected", "rejected", "rejected"),
        ((DOWN, GOOD, GOOD), "failed", "ok", "failed"),
        ((DOWN, LEFT, GOOD), "failed", "failed", "failed"),
        ((LEFT, MUTE, GOOD), "skipped", "skipped", "skipped"),
        ((DOWN, MUTE, MUTE), "failed", "failed", "failed"),
    ],
)
def test_what_the_words_come_to(
    words: tuple[Decision, ...], first: str, majority: str, every: str
) -> None:
    found = [decided(*words, decision=rule).status for rule in ("first", "majority", "all")]
    assert found == [first, majority, every]


def test_the_missing_words_decide_it_whichever_they_are() -> None:
    """What was decided without a word stays so, whatever that word turns out to be."""
    for rule in ("majority", "all"):
        for known in [(a, b) for a in (GOOD, BAD, MUTE) for b in (GOOD, BAD, MUTE)]:
            without = decided(*known, DOWN, decision=rule).status
            later = {decided(*known, word, decision=rule).status for word in (GOOD, BAD, MUTE)}
            assert later == {without} if without != "failed" else len(later) == 2


def test_a_refusal_says_what_was_refused_and_then_by_whom() -> None:
    assert decided(BAD, GOOD, LOST).reason == (
        "attribute not seen, class lost: measured (attribute not seen: color 'red' scored 0.1); "
        "vision-local (class lost: 'apple' scored 0.01)"
    )
    assert decided(BAD, GOOD, GOOD).reason == ""
    undecided = decided(GOOD, DOWN, BAD).reason
    assert undecided == f"{NO_WORD}: clip (no connection to 10.0.0.7)"


def test_scores_are_the_first_judges_and_feasibility_that_of_the_first_who_knows() -> None:
    found = decided(MUTE, Decision("ok", "", 0.7, 0.6, "infeasible"), GOOD)
    assert (found.presence, found.class_score, found.judged_feasibility) == (
        None, None, "infeasible")  # fmt: skip


def test_feasibility_is_required_of_the_panel_not_of_every_judge() -> None:
    blind = Decision("rejected", f"{UNJUDGED}: no law and no judge says so", 0.9, 0.8, NOT_JUDGED)
    need = {"feasibility": "required"}
    assert decided(blind, GOOD, blind, **need).status == "ok"
    assert decided(blind, BAD, blind, **need).status == "ok"
    nobody = decided(blind, blind, **need)
    assert (nobody.status, nobody.reason) == ("rejected", blind.reason)
    assert decided(blind, blind, DOWN, **need).status == "failed"
    assert decided(blind, GOOD, decision="first", **need).status == "rejected"


def test_every_judge_of_the_recipe_is_heard_or_missed() -> None:
    edit = {"label": "apple", "attribute": "color", "value": "red", "feasibility": "feasible"}
    row = {"key": "v", "status": "ok", "value_scores": '{"red": 1.0}', "class_scores": "{}",
           "measured_value": "red", "measured_class": None, "possible": 0.5}  # fmt: skip
    said = judgements({"measured": row}, edit, settings(), Taxonomy(classes={}))
    assert list(said) == ["measured", "clip", "vision-local"]
    assert said["measured"].accepts is True
    assert (said["clip"].accepts, said["clip"].decision.status) == (None, "skipped")
    assert judges(Verdicts(judge="none")) == ()


def test_a_row_holds_no_error_text_so_that_it_is_the_same_every_time() -> None:
    told = json.loads(as_json({"measured": Judgement(BAD, "v1", "blue"), "clip": Judgement(DOWN)}))
    assert told["measured"]["reason"] == BAD.reason
    assert (told["measured"]["measured_value"], told["measured"]["verdict_key"]) == ("blue", "v1")
    assert (told["clip"]["status"], told["clip"]["reason"]) == ("failed", "")


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ({"judge": "none", "panel": ["clip"]}, "no panel"),
        ({"panel": ["clip", "clip"]}, "'clip' would judge twice"),
        ({"panel": ["measured"]}, "'measured' would judge twice"),
    ],
)
def test_a_panel_that_is_none_is_refused(verdicts: dict[str, object], told: str) -> None:
    with pytest.raises(Exception, match=told):
        Recipe.parse({"name": "small", "sources": {"kind": "world"}, "verdicts": verdicts})
