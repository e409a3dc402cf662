from dataclasses import astuple, replace

import numpy as np
import pytest

from tests.plain_stock import items
from varifactory.exchange.cell_training import Contents, train_exchange
from varifactory.exchange.planning import exchange_spec, plan_exchange
from varifactory.keys import spec_of
from varifactory.models.trainees.linear_probe import LinearProbe
from varifactory.recipe import Recipe

LABELS = ("apple", "taxi", "whale")
PROBE = {"name": "small-clip", "weights": "w", "dtype": "float32"}


def recipe(**exchange) -> Recipe:
    asked = {
        "base": [3], "real": [1], "synthetic": [1, 2], "gains": [1], "seeds": [1],
        "trainee": "linear-probe", "controls": ["mislabelled"], "mislabelled": 1.0,
    }  # fmt: skip
    return Recipe.parse({
        "name": "x", "sources": {"kind": "world"}, "exchange": asked | exchange,
        "training": {"steps": 12, "batch_size": 8, "validate_every": 6},
    })  # fmt: skip


def shown(hashes) -> list[np.ndarray]:
    """A vector of length 1 near its class's own direction."""
    found = []
    for each in hashes:
        label, _, rest = each.partition("/")
        random = np.random.default_rng(sum(map(ord, rest)))
        vector = np.eye(8, dtype=np.float32)[LABELS.index(label)]
        vector = vector + 0.15 * random.normal(size=8).astype(np.float32)
        found.append(vector / np.linalg.norm(vector))
    return found


def trained(asked: Recipe) -> dict:
    """Cell -> made row, all of a grid."""
    probe = asked.exchange.trainee == "linear-probe"
    fields = exchange_spec(asked, LinearProbe(PROBE) if probe else None)
    plan = plan_exchange(spec_of("exchange", fields), asked, items())
    contents = Contents.read(Contents.of(plan).pack())
    for each in plan.cells:
        content = zip(*astuple(contents.images(each.row["key"])), strict=True)
        assert list(content) == [(row["pixel_sha256"], LABELS.index(row["label"]))
                                 for row in each.images]  # fmt: skip
    return {
        each.cell: train_exchange(
            each.row, contents, shown, LinearProbe(PROBE) if probe else None
        ).row
        for each in plan.cells
    }


def top1(row) -> float:
    return float(np.mean(np.equal(row["predicted_classes"], row["true_classes"])))


@pytest.mark.parametrize("trainee", ["linear-probe", "estimator"])
def test_cells_answer_every_test_image(trainee: str) -> None:
    rows = trained(recipe(trainee=trainee))
    for cell, row in rows.items():
        assert row["status"] == "ok"
        assert row["true_classes"] == [0] * 4 + [1] * 4 + [2] * 4
        assert len(row["predicted_classes"]) == 12
        assert row["steps"] == (12 if trainee == "linear-probe" else None)
        if cell.pool != "mislabelled":
            assert top1(row) > 0.9, cell
    worst = [row for cell, row in rows.items() if cell.pool == "mislabelled" and cell.multiple == 2]
    assert max(map(top1, worst)) < 0.5, "the labels that are taught are the wrong ones"


def test_the_same_cell_gives_the_same_answers() -> None:
    one, other = (trained(recipe()) for _ in range(2))
    assert one == other


def test_a_cell_is_trained_as_it_was_planned() -> None:
    asked = recipe()
    plan = plan_exchange(spec_of("exchange", exchange_spec(asked, LinearProbe(PROBE))), asked,
                         items())  # fmt: skip
    contents, row = Contents.of(plan), plan.cells[0].row
    with pytest.raises(ValueError, match=r"planned for 'linear-probe', got no trainee"):
        train_exchange(row, contents, shown, None)
    places, numbers = contents.parts[row["key"]]
    short = replace(contents, parts=contents.parts | {row["key"]: (places[1:], numbers[1:])})
    with pytest.raises(ValueError, match="planned with 9 images, got 8"):
        train_exchange(row, short, shown, LinearProbe(PROBE))
    with pytest.raises(ValueError, match="the spec of 'linear-probe' needs that trainee"):
        exchange_spec(asked, None)
