"""Prompts to embeddings: each distinct one is encoded once."""

from collections.abc import Mapping, Sequence
from typing import Any

from varifactory.models.edits.families import Encoding, Family
from varifactory.models.edits.remembering import Remembered
from varifactory.models.edits.settings import Asked

LIMIT = 256 * 2**20
"""Bytes of embeddings held: a T5 embedding of 512 tokens has 4 MB, of CLIP 0.1 to 0.3 MB."""
Embedded = Mapping[str, Any]
"""Argument of the pipeline -> tensor of one prompt (first dimension 1)."""


class Prompts:
    """Embeddings of a pipeline's prompts, remembered while it is loaded.

    On a CPU an embedding depends on how many prompts are encoded together: there they are padded
    to ``padded``, so that it is the same to the bit whatever else is asked for.
    """

    def __init__(self, pipeline: Any, family: Family, padded: int = 0) -> None:
        self._pipeline = pipeline
        self._family = family
        # Without a fixed length, prompts of a batch would be padded to their longest.
        self._padded = padded if not family.encoding.bucket else 1
        self.remembered: Remembered[Embedded] = Remembered(LIMIT)

    def tokens(self, prompt: str) -> int:
        """How long a prompt is, its start and end included."""
        tokenizer = getattr(self._pipeline, self._family.encoding.tokenizer)
        return len(tokenizer(prompt).input_ids)

    def longest(self) -> int:
        """Tokens that are read."""
        tokenizer = getattr(self._pipeline, self._family.encoding.tokenizer)
        return min(int(tokenizer.model_max_length), self._family.encoding.longest)

    def embeddings(self, prompts: Sequence[str], asked: Asked, adapter: str) -> dict[str, Any]:
        """Arguments of the pipeline for these prompts.

        Args:
            adapter: what names the fine-tuned weights in place, which may change embeddings.
        """
        guided = asked.guided(self._family)
        negative = asked.negative or self._family.encoding.blank
        keys = {prompt: (adapter, prompt, negative, guided) for prompt in prompts}
        found = {prompt: self.remembered.get(key) for prompt, key in keys.items()}
        missing = [prompt for prompt, embedded in found.items() if embedded is None]
        step = self._padded or max(1, len(missing))
        for start in range(0, len(missing), step):
            chosen = missing[start : start + step]
            for prompt, embedded in zip(
                chosen, self._encode(chosen, negative, guided), strict=True
            ):
                found[prompt] = embedded
                size = sum(tensor.nbytes for tensor in embedded.values())
                self.remembered.keep(keys[prompt], embedded, size)
        return _stacked([found[prompt] or {} for prompt in prompts], self._family.encoding)

    def _encode(self, prompts: list[str], negative: str | None, guided: bool) -> list[Embedded]:
        import torch

        padded = prompts + prompts[-1:] * (self._padded - len(prompts))
        encoding = self._family.encoding
        options: dict[str, Any] = {}
        if encoding.negative == "together":
            options["do_classifier_free_guidance"] = guided
            options["negative_prompt"] = [negative] * len(padded) if guided and negative else None
        with torch.no_grad():
            made = self._called(padded, "", options)
            if encoding.negative == "apart" and guided:
                made |= self._called([negative or ""] * len(padded), "negative_", options)
        rows = range(len(prompts))
        return [{name: tensor[n : n + 1].clone() for name, tensor in made.items()} for n in rows]

    def _called(
        self, prompts: list[str], prefix: str, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """``encode_prompt`` of the pipeline, what it returns by name."""
        pipeline = self._pipeline
        returned = pipeline.encode_prompt(
            prompt=prompts,
            device=pipeline._execution_device,  # the card also where modules wait beside it
            num_images_per_prompt=1,
            **options,
        )
        names = self._family.encoding.returns
        return {
            prefix + name: tensor
            for name, tensor in zip(names, returned, strict=True)
            if name is not None and tensor is not None
        }


def _stacked(embedded: Sequence[Embedded], encoding: Encoding) -> dict[str, Any]:
    import torch

    if encoding.bucket:
        return {
            name: tensor
            for argument in embedded[0]
            if not argument.endswith("_mask")
            for name, tensor in _bucketed(argument, [each[argument] for each in embedded],
                                          encoding.bucket)
        }  # fmt: skip
    return {name: torch.cat([each[name] for each in embedded]) for name in embedded[0]}


def _bucketed(name: str, tensors: Sequence[Any], bucket: int) -> list[tuple[str, Any]]:
    """Embeddings of unequal length, padded with zeros, and the mask that tells where they end."""
    import torch

    longest = max(tensor.shape[1] for tensor in tensors)
    length = -(-longest // bucket) * bucket
    padded = [torch.nn.functional.pad(each, (0, 0, 0, length - each.shape[1])) for each in tensors]
    mask = torch.zeros(len(tensors), length, dtype=torch.long, device=tensors[0].device)
    for row, tensor in zip(mask, tensors, strict=True):
        row[: tensor.shape[1]] = 1
    return [(name, torch.cat(padded)), (f"{name}_mask", mask)]
