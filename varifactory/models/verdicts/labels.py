"""How likely a language model answers with each of several labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FOLLOWED = 1e-3
"""Beginnings of labels less likely than this share of the likeliest are not followed further: the
labels behind them get no score, and a pass through the model is saved for each."""

Tokens = tuple[int, ...]
Probabilities = NDArray[np.float32]


def labels_of(count: int) -> tuple[str, ...]:
    """Letters, or numbers of one length where letters are too few; none begins another."""
    if count <= len(LETTERS):
        return tuple(LETTERS[:count])
    width = len(str(count))
    return tuple(f"{number:0{width}d}" for number in range(1, count + 1))


def spellings(tokenizer: Any, labels: Sequence[str]) -> list[set[Tokens]]:
    """Tokens of every label, with and without a space before it: a model's turn may begin with
    either."""
    return [
        {tuple(tokenizer.encode(text, add_special_tokens=False)) for text in (label, f" {label}")}
        for label in labels
    ]


def probabilities(
    spelled: Sequence[set[Tokens]], following: Callable[[Tokens], Probabilities]
) -> list[float]:
    """Probability of each label, all its spellings together.

    Args:
        spelled: as ``spellings`` gives them.
        following: probability of every token after an answer that began so; asked for a beginning
            that several labels share once.
    """
    ways = set().union(*spelled)
    likely: dict[Tokens, float] = {(): 1.0}
    for length in range(max(len(way) for way in ways)):
        longer = [way for way in ways if len(way) > length and way[:length] in likely]
        begun = sorted({way[:length] for way in longer})
        least = FOLLOWED * max((likely[start] for start in begun), default=0.0)
        for start in begun:
            if likely[start] >= least:
                after = following(start)
                likely |= {
                    way[: length + 1]: likely[start] * float(after[way[length]])
                    for way in longer
                    if way[:length] == start
                }
    return [sum(likely.get(way, 0.0) for way in sorted(one)) for one in spelled]


def after(model: Any, inputs: Any, begun: Sequence[int]) -> Probabilities:
    """Probability of every token after the input and the tokens of an answer that was begun."""
    import torch

    with torch.inference_mode():
        logits = model(**_continued(inputs, begun), **_last_alone(model)).logits
        found: Probabilities = logits[0, -1].float().softmax(dim=-1).cpu().numpy()
    return found


def _continued(inputs: Any, begun: Sequence[int]) -> dict[str, Any]:
    """The input with further words; what runs beside its tokens (mask, kinds) is lengthened."""
    import torch

    def longer(name: str, value: Any) -> Any:
        more = {"input_ids": list(begun), "attention_mask": [1] * len(begun)}
        return torch.cat([value, value.new_tensor([more.get(name, [0] * len(begun))])], dim=1)

    shape = inputs["input_ids"].shape
    return {
        name: longer(name, value) if begun and getattr(value, "shape", None) == shape else value
        for name, value in inputs.items()
    }


def _last_alone(model: Any) -> dict[str, int]:
    """Most models can leave out the logits of all tokens but the last, which are large."""
    import inspect

    takes = "logits_to_keep" in inspect.signature(model.forward).parameters
    return {"logits_to_keep": 1} if takes else {}
