"""A CLIP for embeddings, of either library: images and texts as unit vectors in one space."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, Pixels, accelerator
from varifactory.models.clip.pictures import Look, each_of, in_batches, prepared, scaled
from varifactory.models.residency import Resident

if TYPE_CHECKING:
    import torch

BATCH = 32


class Base(Protocol):
    """A checkpoint of one library: how it is loaded and what its model is asked."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def weights(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def library(self) -> str: ...

    @property
    def identity(self) -> dict[str, str]: ...

    def build(self, device: str = "cpu") -> "torch.nn.Module": ...

    def tokens(self, model: Any, texts: Sequence[str]) -> NDArray[np.int64]: ...

    def tokenizer(self) -> Any: ...

    def look(self, model: Any) -> Look: ...

    def encode_images(self, model: Any, pictures: "torch.Tensor") -> "torch.Tensor": ...

    def encode_texts(self, model: Any, tokens: "torch.Tensor") -> "torch.Tensor": ...

    def make_trainable(self, model: Any) -> None: ...

    def save_memory(self, model: Any) -> None: ...

    def ends(self, model: Any, tokens: NDArray[np.int64]) -> NDArray[np.int64] | None: ...

    def shorten(self, model: Any, length: int) -> None: ...


def ready(device: str, dtype: str, base: Base, setting: str) -> tuple[Any, Any]:
    """``accelerator.ready`` in the words of ``setting`` (``training.precision``)."""
    try:
        return accelerator.ready(device, dtype, base.key)
    except ModelError as error:
        raise ModelError(str(error).replace(f"{base.key}.dtype", setting)) from None


def shape_identity(device: str, batch: int, threads: int) -> dict[str, int]:
    """What of an identity a CPU adds: its results depend on these to the bit."""
    return {"batch": batch, "threads": threads} if device == "cpu" else {}


class Embedder:
    """A ``ClipModel``, loaded at first use."""

    def __init__(
        self, base: Base, *, batch: int = BATCH, threads: int = 1, device: str = "cpu",
        dtype: str = "float32",
    ) -> None:  # fmt: skip
        """``threads`` is only told in the identity: setting it for torch is the caller's."""
        self.base = base
        self._batch, self._threads, self._device, self._dtype = batch, threads, device, dtype
        self._resident = Resident(f"{base.key} {base.name!r}", self._load)

    @property
    def identity(self) -> Identity:
        return {
            **self.base.identity,
            "dtype": self._dtype,
            **shape_identity(self._device, self._batch, self._threads),
        }

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, width) unit vectors."""
        model = self._loaded()
        look = self.base.look(model)
        if not images:
            return np.zeros((0, 0), np.float32)
        pictures = each_of(
            lambda image: prepared(image, look), images, together=self._device != "cpu"
        )
        return self._in_batches(
            list(pictures),
            lambda batch: self.base.encode_images(
                model, scaled(batch, look, self._device).to(_kind(model))
            ),
        )

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, width) unit vectors."""
        model = self._loaded()
        tokens = list(self.base.tokens(model, texts)) if texts else []
        import torch

        return self._in_batches(
            tokens,
            lambda batch: self.base.encode_texts(model, torch.from_numpy(batch).to(self._device)),
        )

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied with before the softmax; loads the model."""
        return float(self._loaded().logit_scale.float().exp())

    @property
    def logit_bias(self) -> float:
        """What is added after that (SigLIP's, for its sigmoid); 0 of a CLIP; loads the model."""
        bias = getattr(self._loaded(), "logit_bias", None)
        return 0.0 if bias is None else float(bias)

    def _in_batches(
        self, rows: Sequence[NDArray[Any]], forward: Callable[[NDArray[Any]], "torch.Tensor"]
    ) -> NDArray[np.float32]:
        import torch.nn.functional as F

        try:
            return in_batches(
                rows,
                self._batch,
                lambda batch: F.normalize(forward(batch).float(), dim=-1),
                self._device,
            )
        except MemoryError as error:
            raise ModelError(
                f"{self.base.key} {self.base.name!r}: {error}; take a smaller model"
            ) from None

    def _loaded(self) -> Any:
        # Not kept for this thread alone: an embedding leaves no trace in a CLIP.
        with self._resident.use() as model:
            return model

    def _load(self) -> Any:
        device, dtype = ready(self._device, self._dtype, self.base, f"{self.base.key}'s dtype")
        return self.base.build(str(device)).to(dtype)


def _kind(model: Any) -> Any:
    return next(model.parameters()).dtype


@cache
def stock(base: Base, device: str) -> Resident[Any]:
    """A base made ready for LoRA, loaded once for all trainings of this process."""

    def load() -> Any:
        model = base.build(device)
        base.make_trainable(model)
        return model

    return Resident(f"{base.key} {base.name!r}", load)
