import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from varifactory.errors import TrainingError
from varifactory.exchange import estimators
from varifactory.exchange.estimators import ESTIMATORS, estimator_spec, fitted_predictions, shrunk

DIGITS = load_digits()
ORDER = np.random.default_rng(0).permutation(len(DIGITS.target))
VECTORS = DIGITS.data[ORDER].astype(np.float32) / 16
LABELS = DIGITS.target[ORDER]


def predicted(name: str, seed: int = 1, count: int = 200) -> np.ndarray:
    return fitted_predictions(
        name, list(VECTORS[:count]), list(LABELS[:count]), list(VECTORS[-400:]), seed
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_digits_are_learned(name: str) -> None:
    found = predicted(name)
    assert found.shape == (400,)
    assert (found == LABELS[-400:]).mean() > 0.85
    assert (predicted(name, count=40) == LABELS[-400:]).mean() < (found == LABELS[-400:]).mean()


def test_a_forest_alone_draws() -> None:
    same = {name: bool((predicted(name, 1) == predicted(name, 2)).all()) for name in ESTIMATORS}
    assert same == {"svc": True, "logistic": True, "forest": False}
    assert (predicted("forest", 2) == predicted("forest", 2)).all()


def test_threads_change_nothing() -> None:
    code = "from test_estimators import predicted; print(*predicted('logistic'))"
    folder = str(__file__).rpartition("/")[0]
    told = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True,
            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
                 "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def test_one_class_is_refused() -> None:
    with pytest.raises(TrainingError, match="images of 2 classes at least, these 3 are of 1"):
        fitted_predictions("svc", list(VECTORS[:3]), [4, 4, 4], list(VECTORS[:1]), 1)


def test_a_fit_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(estimators.ESTIMATORS, "logistic", {"C": 1e6, "max_iter": 2})
    with (
        pytest.warns(ConvergenceWarning),  # scikit-learn's own; no filter hides it from others
        pytest.raises(TrainingError, match=r"'logistic' found no end on 200 images in 2 .*svc"),
    ):
        predicted("logistic")


def test_fits_side_by_side_leave_threads_and_filters_as_they_were() -> None:
    """And one that finds no end says so, whoever else fits meanwhile."""
    told = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE], capture_output=True, text=True, check=False,
        cwd=str(__file__).rpartition("/")[0],
        env={"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {
        "ended": ["TrainingError"] * 30, "threads": True, "filters": True,
    }  # fmt: skip


SIDE_BY_SIDE = """
import json, warnings
from concurrent.futures import ThreadPoolExecutor
import sklearn.linear_model
from threadpoolctl import threadpool_info
from test_estimators import predicted, estimators

def ended(at):
    try:
        predicted("logistic", count=800 + 10 * at)
        return "no error"
    except Exception as error:
        return type(error).__name__

def state():
    limits = sorted((each["filepath"], each["num_threads"]) for each in threadpool_info())
    return limits, list(warnings.filters)

estimators.ESTIMATORS["logistic"] = {"C": 1e6, "max_iter": 8}
limits, filters = state()
with ThreadPoolExecutor(2) as threads:
    found = list(threads.map(ended, range(30)))
after = state()
print(json.dumps({"ended": found, "threads": after[0] == limits, "filters": after[1] == filters}))
"""


def test_a_spec_holds_what_reaches_the_fit() -> None:
    specs = [estimator_spec(name, side) for name in ESTIMATORS for side in (8, 16)]
    assert len({str(spec) for spec in specs}) == 6
    assert specs[0]["settings"] == {"C": 10.0, "gamma": "scale"}


def test_an_image_is_shrunk_to_a_square_of_means() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, :4, 0] = 255
    image[:, 4:6, 1] = 100
    found = shrunk(image, 2).reshape(2, 2, 3)
    assert found.dtype == np.float32
    assert found[:, 0, 0] == pytest.approx(1)
    assert found[:, 1, 1] == pytest.approx(50 / 255)
    assert found[:, :, 2].max() == 0
