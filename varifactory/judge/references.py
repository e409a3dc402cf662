"""References: what each value of an attribute measures like, learned from labelled pictures.

The shipped ones were measured on pictures of the drawn world whose values are known, never on what
an editor made: so the judge tells whether an edit really looks like the value it should show.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError

Numbers = NDArray[np.float32]

BUILT_IN = Path(__file__).parent / "references.npz"
SHRINKAGE = 0.03
"""Share of a round spread mixed into the measured one: the descriptors are partly redundant."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Reference:
    """A linear discriminant over the values of one attribute.

    Descriptors are taken to scatter alike around the mean of each value; then the logarithm of a
    value's probability is linear in the descriptor. ``temperature`` is fitted on pictures that the
    means were not measured on, so that a score of 0.8 is right in about eight of ten cases there.
    """

    measure: str
    values: tuple[str, ...]
    weights: Numbers
    """(values, descriptor length)."""
    offsets: Numbers
    """(values,)."""
    temperature: float

    def scores(self, descriptor: Numbers, among: Sequence[str]) -> dict[str, float]:
        """Probability of each value of ``among`` (all of them known here), sum 1."""
        places = [self.values.index(value) for value in among]
        logits = (self.weights[places] @ descriptor + self.offsets[places]) / self.temperature
        weight = np.exp((logits - logits.max()).astype(np.float64))
        return dict(zip(among, (weight / weight.sum()).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class References:
    """A reference for each attribute that can be measured, and the hash that names them."""

    by_attribute: Mapping[str, Reference]
    sha256: str


def fit(
    measure: str,
    values: Sequence[str],
    descriptors: Numbers,
    labels: NDArray[np.intp],
    calibrate: NDArray[np.bool_],
) -> Reference:
    """The discriminant of labelled descriptors.

    Args:
        measure: how the descriptors were made (``Attribute.measure``).
        values: names of the labels.
        descriptors: (n, length).
        labels: (n,) places in ``values``; each must occur outside ``calibrate``.
        calibrate: (n,) True for those the temperature alone is fitted on.
    """
    known = descriptors[~calibrate].astype(np.float64)
    weights, offsets = discriminant(known, labels[~calibrate], len(values), SHRINKAGE)
    logits = descriptors[calibrate].astype(np.float64) @ weights.T + offsets
    temperature = likeliest_temperature(logits, labels[calibrate])
    return Reference(
        measure, tuple(values), weights.astype(np.float32), offsets.astype(np.float32), temperature
    )


def discriminant(
    known: NDArray[np.float64], truth: NDArray[np.intp], count: int, shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (count, length) and offsets (count,) of a linear discriminant.

    The scatter is measured within the classes, all alike, and mixed with a round one; a single
    example of each class leaves the round one alone.
    """
    means = np.stack([known[truth == place].mean(axis=0) for place in range(count)])
    scale = known.std(axis=0) + 1e-6
    within = (known - means[truth]) / scale
    spread = within.T @ within / max(1, len(known) - count)
    even = np.eye(len(scale)) * (np.trace(spread) / len(scale) or 1.0)
    spread = (1 - shrinkage) * spread + shrinkage * even
    directions = np.linalg.solve(spread, (means / scale).T).T
    return directions / scale, -0.5 * (directions * (means / scale)).sum(axis=1)


def likeliest_temperature(logits: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """Of a grid, the one under which the true values are likeliest."""

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - scaled[np.arange(len(truth)), truth]).mean())

    return float(min(np.geomspace(0.25, 16, 49).tolist(), key=surprise))


def pack(by_attribute: Mapping[str, Reference]) -> bytes:
    """The references as a file; ``read`` takes it back."""
    arrays: dict[str, NDArray[np.generic]] = {"format": np.array(FORMAT)}
    for name, reference in by_attribute.items():
        arrays |= {
            f"{name}/measure": np.array(reference.measure),
            f"{name}/values": np.array(reference.values),
            f"{name}/weights": reference.weights,
            f"{name}/offsets": reference.offsets,
            f"{name}/temperature": np.array(reference.temperature),
        }
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def read(data: bytes, where: str) -> References:
    """The references in a file that ``pack`` made.

    Raises:
        ModelError: a file of another kind or format.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            if int(arrays["format"]) != FORMAT:
                raise ValueError(f"format {int(arrays['format'])}, this release reads {FORMAT}")
            names = sorted({key.partition("/")[0] for key in arrays if "/" in key})
            found = {
                name: Reference(
                    str(arrays[f"{name}/measure"]),
                    tuple(str(value) for value in arrays[f"{name}/values"]),
                    arrays[f"{name}/weights"],
                    arrays[f"{name}/offsets"],
                    float(arrays[f"{name}/temperature"]),
                )
                for name in names
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{where} cannot be read as the judge's references ({error}): make them again with "
            "python -m varifactory.judge.measure_references"
        ) from None
    return References(found, hashlib.sha256(data).hexdigest())


@cache
def load_references(path: str = "") -> References:
    """The shipped references, or those of a file.

    Raises:
        ModelError: no such file, or not references.
    """
    place = Path(path) if path else BUILT_IN
    try:
        data = place.read_bytes()
    except OSError as error:
        raise ModelError(f"no references of the judge at {place}: {error.strerror}") from None
    return read(data, str(place))
