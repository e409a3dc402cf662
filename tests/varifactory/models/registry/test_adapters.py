"""Which generators can be adapted, told without loading any."""

from pathlib import Path
from typing import Any

import pytest

from tests import tiny_pipelines
from varifactory.errors import ModelError
from varifactory.models import registry
from varifactory.models.edits.families import families
from varifactory.recipe import Recipe


def recipe(**edits: Any) -> Recipe:
    return Recipe.parse({
        "name": "r", "sources": {"kind": "world"}, "adaptation": {"scope": "class"},
        "edits": {"editor": "small-diffusion", **edits},
    })  # fmt: skip


def test_the_base_of_an_adapter_is_that_of_the_edits() -> None:
    for asked in (recipe(), recipe(kind="inpaint", batch=2)):
        tuner = registry.tuner(asked)
        its, edits = tuner.identity, registry.inpainter(asked, "small-diffusion").identity
        assert {name: its[name] for name in ("name", "weights", "dtype", "side")} == {
            name: edits[name] for name in ("name", "weights", "dtype", "side")
        }
    assert registry.tuner(recipe()) is registry.tuner(recipe(batch=2)), "loaded once"


def test_a_checkpoint_of_ones_own_is_named_by_its_hash(tmp_path: Path) -> None:
    named = {"name": str(tiny_pipelines.sd15(tmp_path)), "dtype": "float32"}
    asked = recipe(editor="sd15", checkpoint=named, side=tiny_pipelines.SIDE)
    its, edits = registry.tuner(asked).identity, registry.inpainter(asked, "sd15").identity
    assert its["weights"] == edits["weights"]
    assert (its["side"], its["dtype"], its["threads"]) == (tiny_pipelines.SIDE, "float32", 1)


@pytest.mark.parametrize("editor", ["compositor", "varireal", "flux-fill", "flux2-klein",
                                    "qwen-image", "no-such"])  # fmt: skip
def test_a_generator_that_cannot_be_adapted_is_told(editor: str) -> None:
    able = ", ".join(name for name, family in families().items() if family.adapters)
    with pytest.raises(ModelError, match=rf"'{editor}'.*adaptation\.scope=none.*{able}"):
        registry.tuner(recipe(editor=editor))


def test_a_kind_of_edit_that_it_does_not_make_is_told() -> None:
    with pytest.raises(ModelError, match=r"makes no text-to-image edits: set edits\.kind"):
        registry.tuner(recipe(kind="text-to-image"))
