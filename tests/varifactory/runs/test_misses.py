import json
from pathlib import Path
from typing import Any

import pytest

from varifactory.history.ledger import Ledger
from varifactory.runs.misses import Comparison, Past, changes, shown
from varifactory.stages import Row
from varifactory.store import Store

HASH = "0123456789abcdef" * 4


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """A store with one run of ada's, of seed 7."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.write_run("run-1", {"actor": "ada", "began_at": "2026-11-20T09:00:00",
                              "recipe": {"name": "toys", "seed": 7,
                                         "edits": {"per_source": 1}}})  # fmt: skip
    specs = {f"edits/{HASH}": {"inpainter": {"name": "sdxl", "dtype": "float16"}}}
    store.put_run_object("run-1", "ended.json", _json({"specs": specs}))
    return Past(store)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def edit(**other: Any) -> Row:
    return {
        "key": "k", "run": "run-1", "label": "owl", "source_key": "s", "attribute": "color",
        "feasibility": "feasible", "index": 0, "attempt": 0, "editor": "sdxl",
        "source_pixels": "p", "mask_sha256": "m", "value": "red", "prompt": "a red owl", "seed": 1,
        "settings": '{"guidance": 7.5, "steps": 30}', "adapter_blob": None, "kind": "inpaint",
    } | other  # fmt: skip


def why(past: Past, planned: Row, recipe: dict[str, Any] | None = None) -> tuple[str, str]:
    found = Comparison("edits", [edit()], recipe or {}, past).why(planned)
    return found.words, found.run


def test_a_setting_of_a_key_is_told_with_both_values(past: Past) -> None:
    other = edit(settings='{"guidance": 8.0, "steps": 30}')
    assert why(past, other) == ("guidance 7.5 -> 8.0", "run-1")


def test_what_differs_from_item_to_item_is_told_by_name(past: Past) -> None:
    assert why(past, edit(mask_sha256="n"))[0] == "other mask"
    assert why(past, edit(value="blue", prompt="a blue owl"))[0] == "other prompt"


def test_a_seed_is_told_by_the_recipe_it_follows_from(past: Past) -> None:
    assert why(past, edit(seed=2), {"seed": 8})[0] == "seed 7 -> 8"
    assert why(past, edit(seed=2), {"seed": 7})[0] == "other seed"


def test_a_place_that_nobody_filled_is_new(past: Past) -> None:
    assert why(past, edit(source_key="other"))[0] == "new source"
    more = {"edits": {"per_source": 2}}
    assert why(past, edit(index=1), more)[0] == "new: edits.per_source 1 -> 2"


def test_a_stage_of_another_spec_is_compared_with_the_run_that_is_most_like_it(past: Past) -> None:
    fields = {"inpainter": {"name": "sdxl", "dtype": "bfloat16"}}
    found = past.like("edits", fields, [HASH], "toys")
    assert found is not None
    run, spec = found
    assert (run.actor, run.date, spec) == ("ada", "2026-11-20", HASH)
    differing = changes(run.specs[f"edits/{spec}"], fields)
    assert differing == ["inpainter.dtype float16 -> bfloat16"]
    assert past.like("edits", fields, [], "toys") is None


def test_a_run_that_left_nothing_explains_nothing(tmp_path: Path) -> None:
    past = Past(Store(str(tmp_path / "empty")))
    assert past.newest() == []
    assert past.run("gone").actor == "somebody"


def test_values_are_shown_short() -> None:
    assert shown(HASH) == "01234567"
    assert shown(None) == "unset"
    assert len(shown("word " * 40)) == 40


def test_a_run_that_was_killed_tells_its_specs_by_its_notes(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "killed"))
    store.prepare()
    store.write_run("killed", {"actor": "ada"})
    store.use_spec("killed", "edits", "a" * 64, {"guidance": 7.5})
    assert Past(store).run("killed").specs == {f"edits/{'a' * 64}": {"guidance": 7.5}}
    assert Ledger(store).spec_fields("edits", "a" * 64) == {"guidance": 7.5}
    store.put_run_object("killed", "ended.json", b"{torn")
    assert (Past(store).run("killed").actor, Past(store).run("killed").specs) == ("ada", {})
