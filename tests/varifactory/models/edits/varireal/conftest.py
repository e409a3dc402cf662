from pathlib import Path

import pytest

from varifactory.models.edits.varireal.editor import VariRealEditor
from varifactory.recipe import Checkpoint
from varifactory.recipe.varireal import VariReal

SIDE, BATCH = 32, 2


def build(weights: dict[str, str], **changed) -> VariRealEditor:
    """An editor of tiny checkpoints; ``changed`` are settings of its parts or of itself."""
    variants, dtype = changed.pop("variants", {}), changed.pop("dtype", "float32")
    parts = {
        name: {"name": place, "dtype": dtype, "variant": variants.get(name, "")}
        for name, place in weights.items()
    }
    own = {name: changed.pop(name) for name in ("batch", "side", "device", "threads")
           if name in changed}  # fmt: skip
    inpainting = Checkpoint(**parts.pop("inpainting"))
    steps = {"background_steps": 2, "sheet_steps": 2, "guided_steps": 2}
    return VariRealEditor(
        inpainting,
        VariReal.model_validate(parts | steps | changed),
        **{"batch": BATCH, "side": SIDE, "device": "cpu"} | own,
    )


def like(editor: VariRealEditor, weights: dict[str, str], **changed) -> VariRealEditor:
    """An editor with other settings over the pipelines that another one has loaded."""
    made = build(weights, **changed)
    for name in ("paint", "fill", "guide"):
        getattr(made, name).pipeline = getattr(editor, name).pipeline
    return made


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> dict[str, str]:
    from tests.varifactory.models.edits.varireal.tiny import save_all

    return save_all(Path(tmp_path_factory.mktemp("varireal")))


@pytest.fixture(scope="session")
def editor(weights) -> VariRealEditor:
    return build(weights)
