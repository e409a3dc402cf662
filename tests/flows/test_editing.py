"""Exactly n accepted edits through a whole run."""

from collections import Counter
from pathlib import Path

from tests.flows.conftest import Generate, Make
from varifactory.loading import items_of
from varifactory.store import Store


def accepted(store: Path, version: int) -> Counter[tuple[str, str, str]]:
    items = items_of(Store(str(store)), "tiny", version)
    return Counter((row["label"], row["attribute"], row["feasibility"]) for row in items
                   if row["kind"] == "edit" and row["status"] == "ok")  # fmt: skip


def test_an_exact_number_is_reached_told_and_reused(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    recipe = tiny(edits__exact=3, verdicts__judge="none")
    said = generate(recipe, tmp_path)
    found = accepted(tmp_path, said["dataset"]["version"])
    assert len(found) == 3 * 2 * 2
    assert set(found.values()) == {3}
    again = generate(recipe, tmp_path)
    assert again["made"] == 0
    assert again["dataset_hash"] == said["dataset_hash"]


def test_what_cannot_be_reached_is_told_and_not_waited_for(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    recipe = tiny(edits__exact=2, edits__rounds=2, edits__gate={"min_change": 255.0},
                  prompts__attributes=["color"])  # fmt: skip
    said = generate(recipe, tmp_path)
    assert not accepted(tmp_path, said["dataset"]["version"])
    short = [line for line in said["notices"] if "0 of 2 accepted edits" in line]
    assert len(short) == 3 * 2
    assert "raise edits.rounds" in short[0]


def test_edits_that_no_editor_can_do_are_told(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    """Not one of them fails, so that a run without any picture would look like a good one."""
    recipe = tiny(
        edits__kind="text-to-image", edits__editor="small-diffusion", prompts__attributes=["color"]
    )
    said = generate(recipe, tmp_path)
    assert said["failed"] == 0
    assert set(said["counts"]["edits"]) == {"skipped"}
    (told,) = [line for line in said["notices"] if "edits were skipped" in line]
    made = said["counts"]["edits"]["skipped"]
    assert told.startswith(
        f"{made} of {made} edits were skipped, {made} times: small-diffusion makes no text-to-image"
    )
