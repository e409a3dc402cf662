"""Pictures as a tower takes them: cut, resized, in numbers, on the device."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels, accelerator
from varifactory.models.clip import naflex

if TYPE_CHECKING:
    import torch

Box = tuple[float, float, float, float]
MOST_KEPT = 2 * 2**30
"""Bytes of resized pictures that one training keeps; further ones are resized at each step."""
MOST_WORKERS = 16


@dataclass(frozen=True, slots=True)
class Look:
    """What an image tower wants to see."""

    height: int
    width: int
    mean: tuple[float, ...]
    """Of the training pictures, red, green, blue, 0 to 1."""
    deviation: tuple[float, ...]
    whole: bool = False
    """The whole picture, squeezed into the tower's shape (SigLIP), not its centre (CLIP)."""
    bilinear: bool = False
    patch: int = 0
    """Side of a patch of a tower that takes pictures of any shape (NaFlex); 0 of the others."""
    patches: int = 0
    """Most patches such a tower takes."""


def prepare(
    image: Pixels, height: int, width: int, box: Box | None = None, *, bilinear: bool = False
) -> NDArray[np.uint8]:
    """The image, or its ``box`` (left, top, right, bottom), at the tower's size: (3, h, w).

    Without a box the largest centred rectangle of the tower's shape, as CLIP was trained.
    """
    from PIL import Image

    if box is None:
        tall, wide = image.shape[:2]
        scale = min(tall / height, wide / width)
        left, top = (wide - width * scale) / 2, (tall - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
    way = Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC
    resized = Image.fromarray(image).resize((width, height), way, box=box)
    return np.asarray(resized).transpose(2, 0, 1)


def prepared(image: Pixels, look: Look) -> NDArray[Any]:
    """The image as ``look`` wants it, (3, h, w), 0 to 255; or its ``naflex.patches``."""
    if look.patch:
        return naflex.patches(image, look.patch, look.patches)
    box = (0.0, 0.0, float(image.shape[1]), float(image.shape[0])) if look.whole else None
    return prepare(image, look.height, look.width, box, bilinear=look.bilinear)


class Kept:
    """Resized pictures of one training, each made once.

    An image is known by its array: a training shows the same arrays at every step.
    """

    def __init__(self, look: Look, most: int = MOST_KEPT) -> None:
        self.look = look
        self._most = most // (3 * look.height * look.width)
        # The array stays beside its picture, so that its id belongs to nobody else.
        self._found: dict[int, tuple[Pixels, NDArray[np.uint8]]] = {}

    def __call__(self, image: Pixels) -> NDArray[np.uint8]:
        held = self._found.get(id(image))
        if held is not None:
            return held[1]
        picture = prepared(image, self.look)
        if len(self._found) < self._most:
            self._found[id(image)] = (image, picture)
        return picture


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1), "pictures")


def each_of(
    change: Callable[..., NDArray[Any]], *given: Iterable[Any], together: bool
) -> NDArray[Any]:
    """``change`` of every image, stacked; several at a time where ``together``.

    Beside a card alone: on a CPU its cores are the model's.
    """
    return np.stack(list(_workers().map(change, *given) if together else map(change, *given)))


def scaled(batch: NDArray[Any], look: Look, device: Any) -> "torch.Tensor":
    """Pictures (n, 3, h, w), 0 to 255, as the tower's input on ``device``.

    To a card they travel as bytes, from pinned memory and without waiting for them. Patches stay
    as they are: their tower's own ``encode_images`` scales them.
    """
    import torch

    pictures = torch.from_numpy(batch)
    if torch.device(device).type == "cuda":
        pictures = pictures.pin_memory().to(device, non_blocking=True)
    if look.patch:
        return pictures.to(device).float()
    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (look.mean, look.deviation)
    )
    return (pictures.to(device).float() / 255 - mean) / deviation


def in_batches(
    rows: Sequence[NDArray[Any]], size: int, forward: Any, device: Any = "cpu"
) -> NDArray[np.float32]:
    """``forward`` over batches of ``size`` rows.

    On a CPU every batch has exactly that many, the last padded with its own last row, so that a
    result is the same to the bit whatever its batch mates. On a card short memory halves them.

    Raises:
        MemoryError: one row alone is too much for the card.
        CardLost: the card is gone.
    """
    import torch

    padded = torch.device(device).type == "cpu"

    def made(batch: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        filled = [*batch, *[batch[-1]] * (size - len(batch))] if padded else list(batch)
        with torch.inference_mode():
            return list(forward(np.stack(filled))[: len(batch)].float().cpu().numpy())

    found = accelerator.halving(rows, size, made)
    return np.stack(found) if found else np.zeros((0, 0), np.float32)
