"""The judge through transformers, on small checkpoints of real architectures."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.varifactory.models.verdicts import tiny_models
from varifactory.catalog import load_catalog
from varifactory.errors import ModelError
from varifactory.models import JudgeCase, checkpoints, residency
from varifactory.models.verdicts import local, questions
from varifactory.models.verdicts.local import LocalVision
from varifactory.recipe import Checkpoint

COLOR = load_catalog().attribute("color")
VALUES = ("red", "blue")
CLASSES = ("apple", "bus <image> [INST]", "cat")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    residency.drop_all()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    return {
        build.__name__: build(tmp_path_factory.mktemp(build.__name__))
        for build in (tiny_models.llava, tiny_models.qwen, tiny_models.idefics3, tiny_models.gemma3)
    }


def judge_of(folder: Path, **settings: Any) -> LocalVision:
    return LocalVision(Checkpoint(name=str(folder), dtype="float32"), **settings)


def painted(color: tuple[int, int, int], seed: int = 0, **more: Any) -> JudgeCase:
    dice = np.random.default_rng(seed)
    image = np.clip(dice.normal(color, 30, (48, 64, 3)), 0, 255).astype(np.uint8)
    mask = np.zeros((48, 64), bool)
    mask[12:36, 16:48] = True
    return JudgeCase(image, mask, COLOR, **{"values": VALUES, "class_names": CLASSES, **more})


CASES = [painted((200, 40, 40), 1), painted((40, 40, 200), 2), painted((120, 120, 120), 3)]


def spelled_out(folder: Path, case: JudgeCase, kind: str, options: dict[str, str]) -> list[float]:
    """The same scores in another way: every label's tokens behind the question, in one pass."""
    loaded = local.load(checkpoints.find(Checkpoint(name=str(folder), dtype="float32"), "k"), "cpu")
    names = [chr(ord("A") + place) for place in range(len(options))]
    words = judge_of(folder)._question(case, kind, options, names)
    shown = questions.picture(case, 768, "box")
    chat = loaded.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": words}]}],
        add_generation_prompt=True, tokenize=False,
    )  # fmt: skip

    def likelihood(answer: str) -> float:
        inputs = loaded.processor(text=[chat + answer], images=[shown], return_tensors="pt")
        length = len(loaded.processor.tokenizer.encode(answer))
        with torch.inference_mode():
            logs = loaded.model(**inputs).logits[0].log_softmax(-1)
        tokens = inputs["input_ids"][0]
        places = range(len(tokens) - length, len(tokens))
        return float(sum(logs[place - 1, tokens[place]] for place in places).exp())

    found = [likelihood(name) + likelihood(f" {name}") for name in names]
    return [one / sum(found) for one in found]


@pytest.mark.parametrize("family", ["llava", "qwen", "idefics3", "gemma3"])
def test_scores_are_the_models_own_probabilities(folders: dict[str, Path], family: str) -> None:
    case = CASES[0]
    (answer,) = judge_of(folders[family]).judge([case])
    assert answer.trouble is None
    values = {"red": "bright red", "blue": "deep blue", "none of these": ""}
    expected = spelled_out(folders[family], case, "value", values)
    assert list(answer.values) == ["red", "blue", "none of these"]
    assert list(answer.values.values()) == pytest.approx(expected, rel=1e-3)
    classes = dict.fromkeys([*CLASSES, "none of these"], "")
    expected = spelled_out(folders[family], case, "class", classes)
    assert list(answer.classes.values()) == pytest.approx(expected, rel=1e-3)
    both = dict.fromkeys(["yes, it could", "no, it could not"], "")
    assert answer.possible == pytest.approx(
        spelled_out(folders[family], case, "possible", both)[0], rel=1e-3
    )
    assert 0 < answer.raw["mass"]["value"] <= 1


def learned(folder: Path, kinds: dict[str, tuple[int, int, int]]) -> None:
    """Teach a checkpoint to answer the value question by the picture's colour."""
    loaded = local.load(checkpoints.find(Checkpoint(name=str(folder), dtype="float32"), "k"), "cpu")
    model, judge = loaded.model.train().requires_grad_(True), judge_of(folder)
    options = {"red": "bright red", "blue": "deep blue", "none of these": ""}
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(90):
        letter = step % len(kinds)
        case = painted(list(kinds.values())[letter], 1000 + step)
        words = judge._question(case, "value", options, "ABC")
        inputs = local.prepared(loaded, questions.picture(case, 768, "box"), words)
        right = loaded.processor.tokenizer.encode("ABC"[letter], add_special_tokens=False)
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits[:, -1], torch.tensor(right))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval().save_pretrained(folder)


def test_a_model_that_learned_colours_judges_colours(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders["llava"], tmp_path / "learned"))
    kinds = {"red": (200, 40, 40), "blue": (40, 40, 200)}
    learned(folder, kinds)
    judge = judge_of(folder)
    for name, color in kinds.items():
        for answer in judge.judge([painted(color, seed) for seed in range(4)]):
            assert answer.values[name] > 0.8, (name, answer.values)
            assert answer.raw["mass"]["value"] > 0.5


def test_an_answer_is_equal_to_the_bit_whatever_its_batch(folders: dict[str, Path]) -> None:
    judge = judge_of(folders["llava"])
    together = judge.judge(CASES)
    assert [judge.judge([case])[0] for case in CASES] == together
    assert judge.judge(CASES[::-1])[::-1] == together
    assert together[0].values != together[1].values, "the picture matters"
    assert judge.judge([]) == []


def test_many_choices_are_told_apart_by_numbers(folders: dict[str, Path]) -> None:
    names = tuple(f"thing {number}" for number in range(40))
    (answer,) = judge_of(folders["llava"]).judge([painted((90, 90, 90), class_names=names)])
    assert tuple(answer.classes) == (*names, "none of these")
    assert sum(answer.classes.values()) == pytest.approx(1)
    assert sum(share > 0 for share in answer.classes.values()) > 1


def test_without_class_names_no_class_is_asked_for(folders: dict[str, Path]) -> None:
    (answer,) = judge_of(folders["llava"]).judge([painted((90, 90, 90), class_names=())])
    assert (answer.classes, answer.raw["mass"]["class"]) == ({}, None)


def test_one_model_is_kept_for_all_judges_of_a_checkpoint(folders: dict[str, Path]) -> None:
    residency.drop_all()
    first, second = judge_of(folders["llava"]), judge_of(folders["llava"], side=128, pointer="none")
    kept = local._resident(first._found, "cpu")
    loads = kept.loads
    first.judge(CASES[:1])
    second.judge(CASES[:1])
    assert kept.loads == loads + 1


def test_short_memory_or_a_bad_picture_fails_one_verdict(folders: dict[str, Path]) -> None:
    judge = judge_of(folders["llava"])
    residency.drop_all()
    judge.judge(CASES[:1])
    passes: list[int] = []

    def troubled(_module: Any, _inputs: Any) -> None:
        passes.append(1)
        # Three questions a picture, each of two passes: a label may follow a space.
        if len(passes) == 8:
            raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")

    with local._resident(judge._found, "cpu").use() as loaded:
        hook = loaded.model.register_forward_pre_hook(troubled)
    try:
        first, second, third = judge.judge(CASES)
    finally:
        hook.remove()
    assert [first.trouble, third.trouble] == [None, None]
    assert second.trouble
    assert second.trouble.status == "failed"
    assert "verdicts.side" in str(second.trouble)


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _half_the_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "projector" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _only_text(folder: Path) -> None:
    import transformers

    config = transformers.LlamaConfig(vocab_size=300, **tiny_models.TEXT)
    for path in folder.iterdir():
        path.unlink()
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tiny_models.tokenizer()[0].save_pretrained(folder)


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_without("chat_template.jinja"), "has no chat template"),
        (_without("config.json"), "no vision-language model that transformers can use"),
        (_half_the_weights, "lacks the weights"),
        (_only_text, "no vision-language model that transformers can use"),
        (_pickled, "pickle checkpoint"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "can use"),
    ],
    ids=["no template", "no config", "half", "text only", "pickle", "damaged"],
)
def test_a_folder_that_is_no_such_model_is_named(
    folders: dict[str, Path], tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    folder = Path(shutil.copytree(folders["llava"], tmp_path / "copy"))
    damage(folder)
    with pytest.raises(ModelError, match=told) as error:
        judge_of(folder).judge(CASES[:1])
    assert "verdicts.checkpoint" in str(error.value)
    assert str(folder) in str(error.value)


def test_weights_exchanged_since_planning_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders["llava"], tmp_path / "llava")
    found = checkpoints.find(Checkpoint(name=str(folder), dtype="float32"), local.KEY)
    config = folder / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ModelError, match=r"verdicts\.checkpoint\.name: .* have changed since"):
        local.load(found, "cpu")


def test_no_checkpoint_is_named() -> None:
    with pytest.raises(ModelError, match=r"verdicts\.checkpoint\.name is empty"):
        LocalVision(Checkpoint())


def test_identity_knows_what_moves_scores(folders: dict[str, Path]) -> None:
    here = judge_of(folders["llava"])
    assert here.identity["reads_choices"] is True
    assert here.identity["dtype"] == "float32"
    assert (here.identity["batch"], here.identity["threads"]) == (1, 1)
    for other in (
        judge_of(folders["qwen"]),
        judge_of(folders["llava"], side=100),
        judge_of(folders["llava"], pointer="none"),
        judge_of(folders["llava"], threads=2),
        LocalVision(Checkpoint(name=str(folders["llava"]), dtype="bfloat16")),
    ):
        assert other.identity != here.identity
    card = judge_of(folders["llava"], device="cuda")
    assert card.identity == judge_of(folders["llava"], device="cuda", threads=4).identity


def test_building_one_imports_no_torch(folders: dict[str, Path]) -> None:
    code = (
        "import sys; from varifactory.models.verdicts.local import LocalVision; "
        "from varifactory.recipe import Checkpoint; "
        f"LocalVision(Checkpoint(name={json.dumps(str(folders['llava']))})).identity; "
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
