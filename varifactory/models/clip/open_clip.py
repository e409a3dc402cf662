"""CLIP through open_clip: the built-in small one, a folder, or any of open_clip's own.

A folder is what open_clip itself reads with ``local-dir:`` (``open_clip_config.json`` and
``open_clip_model.safetensors``) and a ``card.json`` with the weights' hash.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, Pixels

if TYPE_CHECKING:
    import torch

BUILT_IN = Path(__file__).parents[1] / "builtin"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
BATCH = 32
"""Images or texts of one forward pass; short batches are padded, so that an embedding is the same
to the bit whatever its batch mates."""


@dataclass(frozen=True, slots=True)
class ClipCheckpoint:
    """Which CLIP, and the hash that names its weights; loads nothing until ``build``."""

    name: str
    architecture: str
    """What open_clip is asked for: its own name, or ``local-dir:<folder>``."""
    pretrained: str
    """Tag or file; empty where the architecture is a folder."""
    weights: str
    """sha256 of the weights' file, or ``<architecture>/<tag>`` of a published checkpoint."""

    def build(self, device: str = "cpu") -> "torch.nn.Module":
        """The model with its weights, float32, in evaluation mode, nothing to be trained.

        Raises:
            ModelError: open_clip cannot load it.
        """
        import open_clip

        try:
            model: torch.nn.Module = open_clip.create_model(
                self.architecture, pretrained=self.pretrained or None, device=device,
                require_pretrained=True,
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"training.clip {self.name!r} cannot be loaded: {error}. Known names: "
                "open_clip.list_pretrained()"
            ) from error
        return model.eval().requires_grad_(False)

    def tokenizer(self) -> Any:
        """Texts to token numbers (n, context length)."""
        import open_clip

        return _tokenizer(open_clip, self.architecture)


@cache
def _tokenizer(open_clip: Any, architecture: str) -> Any:
    return open_clip.get_tokenizer(architecture)


def find_checkpoint(name: str) -> ClipCheckpoint:
    """The checkpoint a recipe names: a built-in one, a folder, or ``<architecture>/<pretrained>``.

    ``<pretrained>`` is one of open_clip's tags (downloaded at first use) or a file.

    Raises:
        ModelError: no such built-in model or folder, or the folder lacks a file.
    """
    for folder in (BUILT_IN / name, Path(name)):
        if (folder / CONFIG).is_file():
            return _in_folder(name, folder)
    architecture, slash, pretrained = name.partition("/")
    if not slash or not architecture or not pretrained or Path(name).is_dir():
        built_in = ", ".join(sorted(found.parent.name for found in BUILT_IN.glob(f"*/{CONFIG}")))
        raise ModelError(
            f"training.clip {name!r} is unknown: give {built_in}, a folder with {CONFIG} and "
            f"{WEIGHTS}, or an open_clip model as architecture/pretrained, such as ViT-B-16/openai"
        )
    file = Path(pretrained)
    weights = _file_hash(file) if file.is_file() else name
    return ClipCheckpoint(name, architecture, pretrained, weights)


def _in_folder(name: str, folder: Path) -> ClipCheckpoint:
    weights, card = folder / WEIGHTS, folder / "card.json"
    if not weights.is_file():
        raise ModelError(f"training.clip {name!r}: {folder} has no {WEIGHTS}")
    known = json.loads(card.read_text(encoding="utf-8"))["sha256"] if card.is_file() else ""
    return ClipCheckpoint(name, f"local-dir:{folder}", "", known or _file_hash(weights))


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class OpenClip:
    """A ``ClipModel``: images and texts as unit vectors in one space."""

    def __init__(
        self, name: str = "small-clip", *, batch: int = BATCH, threads: int = 1, device: str = "cpu"
    ) -> None:
        """``threads`` is only told in the identity: setting it for torch is the caller's."""
        self.checkpoint = find_checkpoint(name)
        self._batch, self._threads, self._device = batch, threads, device
        self._lock = Lock()
        self._model: Any = None

    @property
    def identity(self) -> Identity:
        return {
            "name": self.checkpoint.name,
            "weights": self.checkpoint.weights,
            "dtype": "float32",
            "batch": self._batch,
            "threads": self._threads,
        }

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        model = self._loaded()
        return in_batches(
            [prepare(image, *picture_size(model)) for image in images],
            self._batch,
            lambda batch: model.encode_image(
                normalized(model, batch, self._device), normalize=True
            ),
        )

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        model, tokenizer = self._loaded(), self.checkpoint.tokenizer()
        tokens = [row.numpy() for row in tokenizer(list(texts))] if texts else []
        import torch

        return in_batches(
            tokens,
            self._batch,
            lambda batch: model.encode_text(
                torch.from_numpy(batch).to(self._device), normalize=True
            ),
        )

    @property
    def logit_scale(self) -> float:
        return float(self._loaded().logit_scale.exp())

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self.checkpoint.build(self._device)
            return self._model


def in_batches(rows: Sequence[NDArray[Any]], size: int, forward: Any) -> NDArray[np.float32]:
    """``forward`` over batches of exactly ``size`` rows, the last padded with its own last row."""
    import torch

    found = []
    for start in range(0, len(rows), size):
        batch = list(rows[start : start + size])
        count = len(batch)
        batch += [batch[-1]] * (size - count)
        with torch.inference_mode():
            found.append(forward(np.stack(batch))[:count].float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)


def picture_size(model: Any) -> tuple[int, int]:
    """Height and width the image tower takes, pixels."""
    size = model.visual.image_size
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def prepare(
    image: Pixels, height: int, width: int, box: tuple[float, float, float, float] | None = None
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
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box)
    return np.asarray(resized).transpose(2, 0, 1)


def normalized(model: Any, batch: NDArray[np.uint8], device: str) -> "torch.Tensor":
    """Pictures (n, 3, h, w), 0 to 255, as the tower's input."""
    import torch

    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (model.visual.image_mean, model.visual.image_std)
    )
    return (torch.from_numpy(batch).to(device).float() / 255 - mean) / deviation
