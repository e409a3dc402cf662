"""Plain classifiers of scikit-learn: fitted until they converge, with no step to choose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.exchange.one_thread import one_thread
from varifactory.models import Pixels, Shown

ESTIMATORS: dict[str, dict[str, Any]] = {
    "svc": {"C": 10.0, "gamma": "scale"},
    "logistic": {"C": 1.0, "max_iter": 5000},
    "forest": {"n_estimators": 200},
}
"""Their settings, part of the spec. C of the svc is above the library's 1, which on ten images a
class is held back so far that more of them hardly count."""


def estimator_spec(name: str, pixels: int) -> dict[str, Any]:
    """What all cells of an estimator share."""
    return {"trainee": {"name": "estimator", "estimator": name, "pixels": pixels},
            "settings": ESTIMATORS[name]}  # fmt: skip


def shrunk(image: Pixels, side: int) -> NDArray[np.float32]:
    """(side * side * 3,), 0 to 1: the image as an estimator is shown it, squeezed to a square."""
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    flat = np.asarray(small, np.float32).reshape(-1)
    return flat / np.float32(255)


def fitted_predictions(
    name: str, train: Sequence[Shown], labels: Sequence[int], test: Sequence[Shown], seed: int
) -> NDArray[np.int16]:
    """Fit on vectors of any kind and tell the class number of every test vector.

    On one thread, so that the numbers do not depend on how many there are.

    Args:
        name: of ``ESTIMATORS``.
        train: vectors (width,), pixels or embeddings.
        labels: class numbers.
        test: vectors of the same width.
        seed: of what is drawn; a forest alone draws.

    Raises:
        TrainingError: one class alone, or no end of the fit in the steps there are.
    """
    if len(set(labels)) < 2:
        raise TrainingError(
            f"an estimator needs images of 2 classes at least, these {len(labels)} are of "
            f"{len(set(labels))}"
        )
    model = _model(name, seed)
    with one_thread():
        model.fit(np.stack(train), np.asarray(labels))
        # No filter of warnings, which would be the whole process's: tasks are threads.
        most = ESTIMATORS[name].get("max_iter")
        if most and model.n_iter_.max() >= most:
            raise TrainingError(
                f"the estimator {name!r} found no end on {len(labels)} images in {most} steps: "
                "take exchange.estimator=svc, or lower exchange.pixels"
            )
        predicted: NDArray[np.int16] = model.predict(np.stack(test)).astype(np.int16)
    return predicted


def _model(name: str, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    makers = {"svc": SVC, "logistic": LogisticRegression, "forest": RandomForestClassifier}
    drawn = {"random_state": keys.seed_from(seed, name) % 2**32} if name == "forest" else {}
    return makers[name](**ESTIMATORS[name], **drawn)
