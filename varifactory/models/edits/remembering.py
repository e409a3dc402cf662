"""What is computed once and used again: embeddings of prompts, encoded sources.

Both are exact: a later use gets the very tensors of the first, and random numbers are drawn from
each edit's generator as they are without them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by key, the longest unused left out beyond ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self.made = 0
        """How many were computed, for tests and reports."""

    def get(self, key: Hashable) -> Value | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def keep(self, key: Hashable, value: Value, size: int) -> None:
        """Hold a new value of ``size`` bytes; the newest stays even where it is above the limit."""
        self.made += 1
        self._held[key] = value, size
        self._bytes += size
        while self._bytes > self._limit and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self._bytes -= freed


class EncodedOnce:
    """The ``encode`` of an autoencoder that encodes equal images once, each by itself.

    Pipelines encode a source, and what a mask leaves of it, for every edit anew. What is kept is
    the distribution of the latents: drawing from it still takes the edit's own generator. Images
    are told apart by a hash of their numbers, so nothing can be taken for another.
    """

    def __init__(self, encode: Any, limit: int) -> None:
        self._encode = encode
        self.remembered: Remembered[Any] = Remembered(limit)

    def __call__(self, images: Any, return_dict: bool = True) -> Any:
        found = _joined([self._one(images[n : n + 1]) for n in range(len(images))])
        return found if return_dict else tuple(found.values())

    def _one(self, image: Any) -> Any:
        key = _hash(image)
        encoded = self.remembered.get(key)
        if encoded is None:
            encoded = self._encode(image)
            self.remembered.keep(key, encoded, _size(encoded))
        return encoded


def _hash(tensor: Any) -> Hashable:
    import torch

    data = tensor.detach().contiguous().cpu().view(torch.uint8).numpy()
    return str(tensor.dtype), tuple(tensor.shape), hashlib.sha256(data).hexdigest()


def _joined(encoded: list[Any]) -> Any:
    """One batch from outputs of single images."""
    import torch

    first = encoded[0]
    if len(encoded) == 1:
        return first
    if hasattr(first, "latents"):
        return type(first)(latents=torch.cat([each.latents for each in encoded]))
    parameters = torch.cat([each.latent_dist.parameters for each in encoded])
    return type(first)(latent_dist=type(first.latent_dist)(parameters))


def _size(encoded: Any) -> int:
    tensor = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.parameters
    # A distribution holds its parameters, and as many numbers again as variances and deviations.
    return 2 * int(tensor.nbytes)
