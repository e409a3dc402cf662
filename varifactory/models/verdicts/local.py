"""A judge that is a vision-language model on this machine, through transformers.

Nothing is generated and nothing parsed: a question lists its options by letter or number, and an
option's score is the probability that the model answers with its label.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from varifactory.errors import ModelError
from varifactory.models import Answer, Identity, JudgeCase, NoAnswer, accelerator, checkpoints
from varifactory.models.residency import Resident
from varifactory.models.verdicts import labels, questions
from varifactory.models.verdicts.questions import NONE
from varifactory.recipe import Checkpoint

if TYPE_CHECKING:
    import torch

VERSION = 1
"""Raised when the form of a question or the reading of scores changes."""
KEY = "verdicts.checkpoint"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what prepares its input."""

    model: Any
    processor: Any
    device: "torch.device"
    dtype: "torch.dtype"


class LocalVision:
    """Meets ``varifactory.models.Judge``: three questions a picture, graded scores.

    One question goes through the model at a time. A picture is a thousand tokens, enough to keep a
    card busy, and so no answer can depend on other pictures, on the CPU not by a bit.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        side: int = 768,
        pointer: str = "box",
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        """``threads`` is only told in the identity: setting it for torch is the caller's."""
        self._found = checkpoints.find(checkpoint, KEY)
        self._side, self._pointer = side, pointer
        self._device, self._threads = device, threads

    @property
    def identity(self) -> Identity:
        on_cpu = {"batch": 1, "threads": self._threads} if self._device == "cpu" else {}
        return {
            "name": "vision-local",
            "version": VERSION,
            **self._found.identity(),
            "questions": questions.words_hash(
                "questions", "belongs_to", "pointer", "possible", "impossible"
            ),
            "side": self._side,
            "pointer": self._pointer,
            "reads_choices": True,
            **on_cpu,
        }

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
        """An answer a case; a picture the model cannot take fails alone.

        Raises:
            ModelError: the checkpoint cannot be loaded, or the card is gone.
        """
        if not cases:
            return []
        with _resident(self._found, self._device).use() as loaded:
            return [self._settled(loaded, case) for case in cases]

    def _settled(self, loaded: Loaded, case: JudgeCase) -> Answer:
        try:
            (answer,) = accelerator.halving([case], 1, lambda one: [self._seen(loaded, one[0])])
            return answer
        except MemoryError as error:
            why = f"{error}: lower verdicts.side, or take a smaller {KEY}"
        except (RuntimeError, ValueError, IndexError) as error:
            why = f"the model could not read the picture ({str(error)[:300]})"
        trouble = NoAnswer(f"{self._found.place}: {why}", status="failed")
        return Answer({}, {}, trouble=trouble)

    def _seen(self, loaded: Loaded, case: JudgeCase) -> Answer:
        shown = questions.picture(case, self._side, self._pointer)
        values, classes = questions.values_of(case), dict.fromkeys(case.class_names, "")
        texts = questions.words()
        possible = {texts["possible"]: "", texts["impossible"]: ""}
        of_values, value_mass = self._scores(loaded, shown, case, "value", values | {NONE: ""})
        of_classes, class_mass = (
            self._scores(loaded, shown, case, "class", classes | {NONE: ""})
            if classes
            else ({}, None)
        )
        of_both, possible_mass = self._scores(loaded, shown, case, "possible", possible)
        return Answer(
            values=of_values,
            classes=of_classes,
            # How much of the model's probability fell on options at all: near 0 it did not take
            # the question for a choice, and its scores mean little.
            raw={"mass": {"value": value_mass, "class": class_mass, "possible": possible_mass}},
            possible=of_both[texts["possible"]],
        )

    def _scores(
        self,
        loaded: Loaded,
        shown: Image.Image,
        case: JudgeCase,
        kind: str,
        options: Mapping[str, str],
    ) -> tuple[dict[str, float], float]:
        """Option -> score, sum 1; and the probability of all labels together before that."""
        names = labels.labels_of(len(options))
        inputs = prepared(loaded, shown, self._question(case, kind, options, names))
        found = labels.probabilities(
            labels.spellings(loaded.processor.tokenizer, names),
            lambda begun: labels.after(loaded.model, inputs, begun),
        )
        mass = sum(found)
        if not mass > 0:
            raise ValueError("no option got a probability that is a number above 0")
        shares = [one / mass for one in found]
        return dict(zip(options, shares, strict=True)), round(mass, 6)

    def _question(
        self, case: JudgeCase, kind: str, options: Mapping[str, str], names: Sequence[str]
    ) -> str:
        lines = [
            f"{label}. {harmless(name)}" + (f" ({harmless(words)})" if words else "")
            for label, (name, words) in zip(names, options.items(), strict=True)
        ]
        return str(questions.words()["questions"][kind]).format(
            attribute=case.attribute.name,
            belongs_to=questions.belongs_to(case),
            pointer=_sentence(questions.pointer_words(case, self._pointer)),
            options="\n".join(lines),
        )


def harmless(name: str) -> str:
    """A name without the signs by which models mark pictures and turns in their input."""
    return " ".join(re.sub(r"[<>|\[\]{}]", " ", questions.plain(name)).split())


def prepared(loaded: Loaded, shown: Image.Image, words: str) -> Any:
    """A picture and a question as the model's input, up to where its answer begins."""
    content = [{"type": "image", "image": shown}, {"type": "text", "text": words}]
    inputs = loaded.processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    return inputs.to(loaded.device, dtype=loaded.dtype)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


@cache
def _resident(found: checkpoints.Found, device: str) -> Resident[Loaded]:
    """One a process, whatever else differs between judges."""
    return Resident(f"{KEY} {found.place}", lambda: load(found, device))


def load(found: checkpoints.Found, device: str) -> Loaded:
    """The model and its processor, from this machine alone.

    Raises:
        ModelError: no vision-language model with a chat template, or its weights do not fit it.
    """
    import transformers
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    place, dtype = accelerator.ready(device, found.dtype, KEY)
    folder = checkpoints.local_folder(found)
    checkpoints.refuse_pickles(folder, KEY)
    try:
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        model, told = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True,
            output_loading_info=True,
        )  # fmt: skip
    except Exception as error:
        if accelerator.is_short(error):
            raise
        raise _refusal(found, f"({type(error).__name__}: {str(error)[:300]})") from None
    if told["missing_keys"]:
        raise _refusal(found, f"(it lacks the weights {sorted(told['missing_keys'])[:3]})")
    if not getattr(processor, "chat_template", None):
        raise _refusal(found, "(it has no chat template)")
    if not hasattr(processor, "tokenizer"):
        raise _refusal(found, "(its processor has no tokenizer)")
    return Loaded(model.to(place).eval().requires_grad_(False), processor, place, dtype)


def _refusal(found: checkpoints.Found, why: str) -> ModelError:
    return ModelError(
        f"{KEY}.name {found.place!r} is no vision-language model that transformers can use {why}: "
        "name one with a chat template (image-text-to-text on the hub)"
    )
