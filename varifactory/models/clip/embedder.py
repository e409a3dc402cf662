"""A CLIP for embeddings, of either library: images and texts as unit vectors in one space."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, Pixels, accelerator
from varifactory.models.clip.pictures import Look, each_of, in_batches, prepared, scaled
from varifactory.models.residency import Resident

if TYPE_CHECKING:
    import torch

BATCH = 32
"""Images or texts of one forward pass; on a CPU short batches are padded, so that an embedding is
the same to the bit whatever its batch mates."""


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
        self._counting, self._users = threading.Lock(), 0
        self._lease, self._model = ExitStack(), cast(Any, None)

    @property
    def identity(self) -> Identity:
        return {
            **self.base.identity,
            "dtype": self._dtype,
            **shape_identity(self._device, self._batch, self._threads),
        }

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, width) unit vectors."""
        if not images:
            return np.zeros((0, 0), np.float32)
        with self._lent() as model:
            look = self.base.look(model)
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
        if not texts:
            return np.zeros((0, 0), np.float32)
        import torch

        with self._lent() as model:
            tokens = list(self.base.tokens(model, texts))
            return self._in_batches(
                tokens,
                lambda batch: self.base.encode_texts(
                    model, torch.from_numpy(batch).to(self._device)
                ),
            )

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied with before the softmax; loads the model."""
        with self._lent() as model:
            return float(model.logit_scale.float().exp())

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

    @contextmanager
    def _lent(self) -> Iterator[Any]:
        """The loaded model, to several threads at once: an embedding leaves no trace in a CLIP.

        The first of them takes it and the last gives it back: in between it cannot be given up.
        No thread waits for another one's embedding, so none can wait for itself.
        """
        with self._counting:
            if not self._users:
                self._model = self._lease.enter_context(self._resident.use())
            self._users += 1
            model = self._model
        try:
            yield model
        finally:
            del model
            with self._counting:
                self._users -= 1
                if not self._users:
                    self._model = None
                    self._lease.close()

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
