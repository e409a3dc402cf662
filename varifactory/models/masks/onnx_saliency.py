"""A saliency model of the user's own: any .onnx file that gives one map of an image."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, Pixels, Segmentation
from varifactory.models.checkpoints import Found as Checkpointed
from varifactory.models.masks.choosing import Found, chosen
from varifactory.models.masks.files import weights_file
from varifactory.models.residency import Resident
from varifactory.recipe.masks import Saliency

METHOD = "saliency-onnx"
SETTINGS = ("size", "mean", "scale", "output", "activation", "stretch", "threshold")
"""Of the recipe, part of the identity: they change the mask."""
CUDA = "CUDAExecutionProvider"


class OnnxSaliency:
    """A ``Segmenter`` that knows no class: what stands out is the object."""

    def __init__(self, found: Checkpointed, settings: Saliency, *, threads: int) -> None:
        """
        Raises:
            ModelError: onnxruntime is not installed.
        """
        if importlib.util.find_spec("onnxruntime") is None:
            raise ModelError(
                "the segmenter saliency-onnx needs onnxruntime, which is not installed: "
                "pip install onnxruntime (onnxruntime-gpu for masks.saliency.device=cuda), or "
                "take another masks.segmenter or masks.fallbacks"
            )
        self._found, self._settings, self._threads = found, settings, threads
        self.session = Resident(METHOD, self._load)

    @property
    def identity(self) -> Identity:
        told = {name: getattr(self._settings, name) for name in SETTINGS}
        on_cpu = self._settings.device == "cpu"
        return {
            "name": METHOD,
            "weights": self._found.weights,
            "dtype": "as in the file",
            **{name: str(one) if isinstance(one, tuple) else one for name, one in told.items()},
            **({"file": self._settings.file} if self._settings.file else {}),
            **({"batch": 1, "threads": self._threads} if on_cpu else {}),
            "reads_class_name": False,
        }

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        del class_names
        with self.session.use() as session:
            return [self._one(session, image) for image in images]

    def _one(self, session: Any, image: Pixels) -> Segmentation:
        wanted = self._settings
        [name] = [one.name for one in session.get_inputs()]
        made = session.run(None, {name: prepared(image, wanted)})
        salience = _map(made, wanted)
        height, width = image.shape[:2]
        salience = cv2.resize(salience, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = salience > wanted.threshold
        return chosen([Found(mask, METHOD, expected_iou(salience, mask))], "largest", METHOD)

    def _load(self) -> Any:
        import onnxruntime

        key, on_card = self._found.key, self._settings.device == "cuda"
        path = weights_file(self._found, self._settings.file, (".onnx",), "masks.saliency.file")
        if on_card and CUDA not in onnxruntime.get_available_providers():
            raise ModelError(
                "masks.saliency.device is 'cuda', and this onnxruntime has no CUDA: install "
                "onnxruntime-gpu in its place, or set it to cpu"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        providers = [CUDA] if on_card else ["CPUExecutionProvider"]
        try:
            session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # the package's own exceptions share no base class
            raise ModelError(
                f"{key}.name: {path} cannot be run by onnxruntime ({str(error)[:200]}): fetch it "
                "again, or name another"
            ) from None
        _check(session, self._settings, f"{key}.name: {path}")
        return session


def prepared(image: Pixels, wanted: Saliency) -> NDArray[np.float32]:
    """(1, 3, size, size): (pixel - mean) / scale."""
    shrinks = min(image.shape[:2]) > wanted.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square = cv2.resize(image, (wanted.size, wanted.size), interpolation=how)
    planes = (square.astype(np.float32) - np.array(wanted.mean, np.float32)) / np.array(
        wanted.scale, np.float32
    )
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[None])


def expected_iou(salience: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """IoU to expect of ``mask`` where the map is read as each pixel's probability of the object."""
    inside, outside = float(salience[mask].sum()), float(salience[~mask].sum())
    return inside / max(float(mask.sum()) + outside, 1e-6)


def _map(made: Sequence[Any], wanted: Saliency) -> NDArray[np.float32]:
    """Two-dimensional, 0 to 1."""
    salience: NDArray[np.float32] = np.asarray(made[wanted.output], np.float32).squeeze()
    if salience.ndim != 2:
        raise ModelError(
            f"masks.saliency.output {wanted.output} of the model has the shape "
            f"{np.asarray(made[wanted.output]).shape}, no single map: name another output"
        )
    if not np.isfinite(salience).all():
        raise ValueError("the saliency map holds numbers that are not finite")
    if wanted.activation == "sigmoid":
        salience = (1 / (1 + np.exp(-np.clip(salience, -60, 60)))).astype(np.float32)
    if wanted.stretch:
        salience = (salience - salience.min()) / max(float(np.ptp(salience)), 1e-6)
    return np.clip(salience, 0, 1)


def _check(session: Any, wanted: Saliency, said: str) -> None:
    """Raise unless the model takes one picture of the size and has the output."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in (3, "C", None):
        shapes = [one.shape for one in inputs]
        raise ModelError(f"{said} takes {shapes}, not one picture (1, 3, height, width)")
    sides = [side for side in inputs[0].shape[2:] if isinstance(side, int)]
    if any(side != wanted.size for side in sides):
        raise ModelError(
            f"{said} takes pictures of {sides} pixels: set masks.saliency.size to that, not to "
            f"{wanted.size}"
        )
    if wanted.output >= len(outputs):
        raise ModelError(
            f"{said} has {len(outputs)} outputs, masks.saliency.output is {wanted.output} (the "
            "first is 0)"
        )
