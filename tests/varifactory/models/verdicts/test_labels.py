"""Scores of labels out of a model's next tokens."""

import numpy as np
import pytest

from varifactory.models.verdicts.labels import Tokens, labels_of, probabilities


@pytest.mark.parametrize(
    ("count", "first", "last"),
    [(2, "A", "B"), (26, "A", "Z"), (27, "01", "27"), (100, "001", "100")],
)
def test_labels_are_distinct_and_none_begins_another(count: int, first: str, last: str) -> None:
    labels = labels_of(count)
    assert (len(set(labels)), labels[0], labels[-1]) == (count, first, last)
    assert len({len(label) for label in labels}) == 1


class Spoken:
    """A language of digits: probabilities of the next one by what was said."""

    def __init__(self, **after: list[float]) -> None:
        self.after = {tuple(map(int, said.strip("_"))): shares for said, shares in after.items()}
        self.asked: list[Tokens] = []

    def __call__(self, begun: Tokens) -> np.ndarray:
        self.asked.append(begun)
        return np.array(self.after[begun], np.float32)


def test_a_label_of_several_tokens_is_their_product() -> None:
    spoken = Spoken(_=[0.5, 0.3, 0.2], _0=[0.1, 0.6, 0.3], _1=[1.0, 0.0, 0.0])
    found = probabilities([{(0, 1)}, {(0, 2)}, {(1, 0)}, {(2,)}], spoken)
    assert found == pytest.approx([0.3, 0.15, 0.3, 0.2])
    assert spoken.asked == [(), (0,), (1,)], "a shared beginning is asked for once"


def test_spellings_of_a_label_add_up() -> None:
    spoken = Spoken(_=[0.5, 0.3, 0.2], _2=[0.25, 0.75, 0.0])
    assert probabilities([{(0,), (2, 0)}, {(1,), (2, 1)}], spoken) == pytest.approx([0.55, 0.45])


def test_beginnings_that_lead_nowhere_are_not_followed() -> None:
    spoken = Spoken(_=[0.9, 0.0001, 0.0999], _0=[0.5, 0.5, 0.0], _2=[1.0, 0.0, 0.0])
    found = probabilities([{(0, 0)}, {(0, 1)}, {(1, 0)}, {(2, 0)}], spoken)
    assert found == pytest.approx([0.45, 0.45, 0.0, 0.0999])
    assert (1,) not in spoken.asked
