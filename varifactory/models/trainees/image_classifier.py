"""A plain image classifier of timm, all of it trained, from scratch or from local weights."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, LoraSettings, Shown, accelerator
from varifactory.models.clip.augmentation import augmented
from varifactory.models.clip.embedder import shape_identity
from varifactory.models.clip.pictures import Kept, Look, each_of, scaled
from varifactory.models.trainees.architectures import Architecture
from varifactory.models.trainees.seeding import drawn_from
from varifactory.models.trainees.whole import WholeTrainee
from varifactory.models.weight_hashes import files_hash

if TYPE_CHECKING:
    import torch


class ImageClassifier(WholeTrainee):
    """A ``Trainee``: an architecture of timm with one output a class.

    Its dropout and stochastic depth are off: they draw from a state that all threads share, and
    the augmentation is what this study varies.
    """

    kind = "classifier"
    takes: Literal["pixels"] = "pixels"
    rate_key = "training.classifier_rate"

    def __init__(
        self, architecture: Architecture, *, threads: int = 1, device: str = "cpu",
        precision: str = "float32",
    ) -> None:  # fmt: skip
        """``precision`` is of the products in both passes; weights stay float32. ``threads`` is
        only told in the identity."""
        self.architecture = architecture
        self._threads, self.device, self._precision = threads, device, precision

    @property
    def identity(self) -> Identity:
        return {
            "name": "timm", "architecture": self.architecture.name,
            "weights": self.architecture.weights, "dtype": self._precision,
            **shape_identity(self.device, self.batch, self._threads),
        }  # fmt: skip

    @property
    def base(self) -> dict[str, str]:
        return {"name": self.architecture.name}

    def begin(
        self, settings: LoraSettings, class_names: Sequence[str], adapter: bytes = b""
    ) -> None:
        """As the protocol says.

        Raises:
            ModelError: timm cannot build it, its first weights do not fit, or the device lacks the
                numbers.
        """
        try:
            accelerator.ready(self.device, self._precision, "training")
        except ModelError as error:
            raise ModelError(str(error).replace("training.dtype", "training.precision")) from None
        super().begin(settings, class_names, adapter)

    def _built(self, random: "torch.Generator") -> "torch.nn.Module":
        import timm

        try:
            with drawn_from(random):
                model: torch.nn.Module = timm.create_model(
                    self.architecture.name, pretrained=False, num_classes=len(self._class_names)
                )
        except (RuntimeError, ValueError, TypeError, AssertionError, ImportError) as error:
            raise ModelError(
                f"timm cannot build training.classifier {self.architecture.name!r} for "
                f"{len(self._class_names)} classes: {type(error).__name__}: {str(error)[:300]}"
            ) from error
        told = dict(cast("dict[str, Any]", model.pretrained_cfg))
        self._kept = Kept(_look(told))
        _still(model)
        if self.architecture.path:
            self._load_first(model, told.get("classifier") or ())
        return model

    def _load_first(self, model: "torch.nn.Module", heads: str | Sequence[str]) -> None:
        """All weights of the file but the head's, which is for other classes."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        place, named = (
            Path(self.architecture.path),
            f"training.classifier_weights {self.architecture.path!r}",
        )
        if files_hash(place.resolve()) != self.architecture.weights:
            raise ModelError(f"{named} has changed since this run was planned: start it again")
        starts = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
        try:
            tensors = load_file(place)
            body = {name: each for name, each in tensors.items() if not name.startswith(starts)}
            found = model.load_state_dict(body, strict=False)
        except (RuntimeError, OSError, SafetensorError) as error:
            raise ModelError(
                f"{named} does not fit {self.architecture.name}: {str(error)[:300]}"
            ) from error
        lost = [name for name in found.missing_keys if not name.startswith(starts)]
        if lost or found.unexpected_keys:
            raise ModelError(
                f"{named} is not of {self.architecture.name}: {len(lost)} tensors are missing and "
                f"{len(found.unexpected_keys)} are not its own, such as "
                f"{[*lost, *found.unexpected_keys][0]}"
            )

    def _shown(self, images: Sequence[Shown], *, training: bool) -> NDArray[Any]:
        together = self.device != "cpu"
        if not training:
            return each_of(self._kept, images, together=together)
        return augmented(
            self._settings.augmentation, images, self._kept, self._random, together=together
        )

    def _forward(self, rows: NDArray[Any]) -> "torch.Tensor":
        with self._numbers():
            found: torch.Tensor = self._model(scaled(rows, self._kept.look, self.device))
        return found.float()

    def _numbers(self) -> AbstractContextManager[Any]:
        import torch

        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, dtype=getattr(torch, self._precision))

    def _versions(self) -> dict[str, str]:
        import timm

        return {**super()._versions(), "timm": timm.__version__}


def _look(told: dict[str, Any]) -> Look:
    """What an architecture wants to see, as timm tells it."""
    channels, height, width = told["input_size"]
    if channels != 3:
        raise ModelError(
            f"training.classifier {told.get('architecture')!r} takes pictures of {channels} "
            "channels: name one that takes 3"
        )
    return Look(
        height, width, tuple(told["mean"]), tuple(told["std"]),
        bilinear=told.get("interpolation") == "bilinear",
    )  # fmt: skip


def _still(model: "torch.nn.Module") -> None:
    """Switch off what draws chance at every step."""
    from torch import nn

    for part in model.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
        for name in ("drop_prob", "attn_drop_rate", "drop_rate", "attn_dropout_p"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
