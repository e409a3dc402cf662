"""A linear probe: one layer on stored embeddings, which says what they tell of the classes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, Shown
from varifactory.models.trainees.whole import WholeTrainee

if TYPE_CHECKING:
    import torch


class LinearProbe(WholeTrainee):
    """A ``Trainee`` of vectors of length 1, trained on the CPU, whatever made the vectors.

    No augmentation applies: a vector is of the picture as it is stored. It begins at zero, so that
    training seeds differ in the order of the images alone.
    """

    kind = "linear-probe"
    takes: Literal["vectors"] = "vectors"
    rate_key = "training.probe_rate"

    def __init__(self, encoder: Identity, *, threads: int = 1) -> None:
        """``encoder`` is the identity of who made the vectors; ``threads`` is only told in the
        probe's own."""
        self._encoder, self._threads = encoder, threads

    @property
    def identity(self) -> Identity:
        # No name ends with ``dtype`` but the probe's own: it says where the probe computes.
        made_by = {f"encoder's {name}": value for name, value in self._encoder.items()}
        dtype = made_by.pop("encoder's dtype", "")
        return {
            "name": self.kind, **made_by, "encoder's numbers": dtype, "dtype": "float32",
            "batch": self.batch, "threads": self._threads,
        }  # fmt: skip

    @property
    def base(self) -> dict[str, str]:
        return {name: str(self._encoder.get(name, "")) for name in ("name", "weights")}

    def _built(self, random: "torch.Generator") -> "torch.nn.Module":
        del random
        return self._layer(0)  # until the first vectors tell their width

    def _layer(self, width: int) -> "torch.nn.Module":
        import torch

        layer = torch.nn.Linear(1, len(self._class_names))
        layer.in_features = width
        layer.weight.data = torch.zeros(len(self._class_names), width)
        layer.bias.data.zero_()
        return layer

    def _of_width(self, width: int) -> None:
        has = cast("torch.nn.Linear", self._model).in_features
        if has == 0:
            self._install(self._layer(width))
        elif has != width:
            raise ModelError(
                f"a linear probe of vectors of {has} numbers was given one of {width}: they are of "
                "another encoder (study.encoder)"
            )

    def _put(self, tensors: Mapping[str, "torch.Tensor"]) -> None:
        self._of_width(int(tensors["weight"].shape[1]))
        super()._put(tensors)

    def _shown(self, images: Sequence[Shown], *, training: bool) -> NDArray[Any]:
        del training
        rows = np.stack(images)
        self._of_width(rows.shape[1])
        return rows

    def _forward(self, rows: NDArray[Any]) -> "torch.Tensor":
        import torch

        found: torch.Tensor = self._model(torch.from_numpy(rows))
        return found
