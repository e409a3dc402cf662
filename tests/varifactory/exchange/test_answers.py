from dataclasses import replace

import numpy as np
import pytest

from varifactory.errors import ExchangeError
from varifactory.exchange.answers import answers_of
from varifactory.exchange.simulation import Truth, noisy, same
from varifactory.exchange.surface import REAL, Cell, Surface

TRUTH = Truth(pools={"identity": same}, bases=(3, 6), synthetic=(1.0, 2.0))
SURFACE = noisy(TRUTH, 0, images=50, seeds=(1, 2, 3, 4))


def without(surface: Surface, *cells: tuple[int, str, float, int]) -> Surface:
    """Less the cells of these bases, pools, multiples and seeds."""
    kept = [at for at, one in enumerate(surface.cells)
            if (one.base, one.pool, one.multiple, one.seed) not in cells]  # fmt: skip
    return Surface(
        tuple(surface.cells[at] for at in kept), tuple(surface.real[at] for at in kept),
        tuple(surface.other[at] for at in kept), surface.hits[kept],
    )  # fmt: skip


def test_every_cell_stands_at_its_place_and_seed() -> None:
    order = np.random.default_rng(0).permutation(len(SURFACE.cells))
    shuffled = Surface(
        tuple(SURFACE.cells[at] for at in order), tuple(SURFACE.real[at] for at in order),
        tuple(SURFACE.other[at] for at in order), SURFACE.hits[order],
    )  # fmt: skip
    found = answers_of(shuffled)
    assert found.seeds == (1, 2, 3, 4)
    for at, place in enumerate(found.places):
        for number, seed in enumerate(found.seeds):
            cell = Cell(place.base, place.way, place.pool, place.multiple, seed)
            assert (found.right[at, number] == SURFACE.hits[SURFACE.cells.index(cell)]).all()
    assert found.bases == {3: 30.0, 6: 60.0}
    assert found.multiples(found.at(pool="identity", way="added", base=6)).tolist() == [1.0, 2.0]
    assert found.multiples(found.at(pool=REAL, way="real", base=3)).tolist() == [0, 0.5, 1, 2]
    assert found.notes == ()


def test_a_seed_that_lacks_a_cell_is_left_out_and_told() -> None:
    found = answers_of(without(SURFACE, (6, "identity", 2.0, 3)))
    assert found.seeds == (1, 2, 4)
    assert "Seed 3 was left out: identity added x 2 at 6 a class" in found.notes[0]


def test_a_place_that_lacks_most_seeds_is_left_out_and_told() -> None:
    found = answers_of(without(SURFACE, *((3, "identity", 1.0, seed) for seed in (1, 2, 3))))
    assert found.seeds == (1, 2, 3, 4)
    assert found.multiples(found.at(pool="identity", way="added", base=3)).tolist() == [2.0]
    assert "identity added x 1 at 3 a class was left out" in found.notes[0]


def test_images_that_ran_out_count_once_and_as_they_were() -> None:
    """4 and 8 times asked for, 2 there were."""
    truth = replace(TRUTH, synthetic=(1.0, 4.0, 8.0))
    surface = noisy(truth, 0, images=50, seeds=(1, 2))
    other = tuple(min(count, 2 * 10 * cell.base) if cell.pool == "identity" else count
                  for cell, count in zip(surface.cells, surface.other, strict=True))  # fmt: skip
    found = answers_of(replace(surface, other=other))
    assert found.multiples(found.at(pool="identity", way="added", base=3)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("surface", "said"),
    [
        (without(SURFACE, *((3, REAL, 0.0, seed) for seed in range(5))), r"\[3\] have no training"),
        (replace(SURFACE, cells=(SURFACE.cells[1], *SURFACE.cells[1:])), "is there twice"),
        (replace(SURFACE, hits=SURFACE.hits[:, :0]), "right answers of shape"),
        (without(SURFACE, *((3, REAL, 0.0, seed) for seed in (1, 2, 3))), "train again"),
    ],
)
def test_a_grid_that_cannot_be_read_is_refused(surface: Surface, said: str) -> None:
    with pytest.raises(ExchangeError, match=said):
        answers_of(surface)
