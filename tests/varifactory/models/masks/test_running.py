"""One image at a time, and an encoder in the numbers asked for."""

import threading

import pytest
import torch

from varifactory.models.masks.running import compute_in, one_by_one, prepared_ahead


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, *, more: torch.Tensor | None = None) -> object:
        assert x.dtype == self.layer.weight.dtype
        return {"made": [self.layer(x)], "count": 3, "more": (more,)}


def test_one_module_computes_in_short_numbers_what_is_around_it_in_long_ones():
    encoder = Encoder()
    compute_in(encoder, torch.bfloat16)
    assert encoder.layer.weight.dtype == torch.bfloat16
    made = encoder(torch.ones(1, 3), more=torch.arange(3))
    assert made["made"][0].dtype == torch.float32
    assert made["more"][0].dtype == torch.int64
    assert made["count"] == 3


def test_float32_changes_nothing():
    encoder = Encoder()
    compute_in(encoder, torch.float32)
    assert not encoder._forward_hooks
    assert encoder.layer.weight.dtype == torch.float32


def test_each_alone_in_order_without_gradients():
    def forward(number: float) -> torch.Tensor:
        return torch.ones(1, requires_grad=True) * number

    made = one_by_one([1.0, 2.0, 3.0], forward)
    assert [float(one) for one in made] == [1, 2, 3]
    assert not any(one.requires_grad for one in made)


def test_too_little_memory_for_one_image_fails_that_item_and_says_what_to_set():
    def forward(bytes_wanted: int) -> int:
        return torch.empty(bytes_wanted, dtype=torch.uint8).nbytes

    assert one_by_one([8], forward) == [8]
    with pytest.raises(MemoryError, match="too much for the memory"):
        one_by_one([8, 1 << 60], forward)


def test_the_next_is_prepared_while_one_is_in_use_and_no_more():
    begun: list[int] = []
    second = threading.Event()

    def prepare(number: int) -> int:
        begun.append(number)
        if number == 2:
            second.set()
        return 10 * number

    pairs = prepared_ahead([1, 2, 3, 4], prepare)
    assert next(pairs) == (1, 10)
    assert second.wait(30)
    assert begun == [1, 2]
    assert list(pairs) == [(2, 20), (3, 30), (4, 40)]
    assert list(prepared_ahead([], prepare)) == []


def test_a_picture_that_cannot_be_prepared_raises_where_it_is_used():
    def prepare(number: int) -> float:
        return 1 / number

    pairs = prepared_ahead([1, 0, 2], prepare)
    assert next(pairs) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(pairs)
