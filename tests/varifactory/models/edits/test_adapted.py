"""Edits by a generator with fine-tuned weights, beside edits by the plain one."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.models import Weights
from varifactory.models.adapters.placing import KIND
from varifactory.models.clip.adapter import pack


def adapter(editor, seed: int, weights: str = "") -> Weights:
    """Random fine-tuned weights of UNet and text encoder, as ``flows.adapt`` files them."""
    import diffusers
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    pipeline = diffusers.StableDiffusionInpaintPipeline.from_pretrained(editor._found.place)
    tensors = {}
    for part, targets in (("unet", ["to_q", "to_v"]), ("text_encoder", ["q_proj", "v_proj"])):
        model = getattr(pipeline, part)
        model.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=targets), "new")
        found = get_peft_model_state_dict(model, adapter_name="new")
        tensors |= {f"{part}.{name}": 3 * tensor for name, tensor in found.items()}
    base = {"name": "tiny", "weights": weights or editor.identity["weights"]}
    data = pack(tensors, {"kind": KIND, "base": base})
    return Weights(hashlib.sha256(data).hexdigest(), data)


@pytest.fixture(scope="module")
def editor(build):
    return build("sd15")


def test_adapted_and_plain_edits_do_not_mix(editor, job) -> None:
    plain = job(1)
    before = editor.inpaint([plain])[0]
    jobs = [plain] + [replace(plain, adapter=adapter(editor, seed)) for seed in (1, 2)]
    assert {editor.refusal(each) for each in jobs} == {""}
    made = editor.inpaint([*jobs, *jobs[::-1]])
    assert len({image.tobytes() for image in made[:3]}) == 3
    for one, two in zip(made[:3], made[::-1][:3], strict=True):
        assert np.array_equal(one, two)
    assert np.array_equal(made[0], before)
    assert np.array_equal(editor.inpaint([plain])[0], before)


def test_an_adapter_changes_the_words_too_and_is_not_remembered_for_others(editor, job) -> None:
    asked = job(2, prompt="a cat that nobody asked for before")
    with editor._resident.use() as loaded:
        first = loaded.prompts.remembered.made
    editor.inpaint([asked, replace(asked, adapter=adapter(editor, 3))])
    with editor._resident.use() as loaded:
        assert loaded.prompts.remembered.made == first + 2


def test_an_adapter_of_other_weights_is_refused(editor, job) -> None:
    other = adapter(editor, 4, weights="f" * 64)
    with pytest.raises(ModelError, match=r"trained on tiny .*set edits.editor and edits.check"):
        editor.inpaint([replace(job(), adapter=other)])
