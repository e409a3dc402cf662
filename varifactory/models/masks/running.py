"""How a forward pass is run: one image at a time, and its encoder in the numbers asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from varifactory.models import accelerator

if TYPE_CHECKING:
    import torch

Work = TypeVar("Work")
Result = TypeVar("Result")


def prepared_ahead(
    work: Sequence[Work], prepare: Callable[[Work], Result]
) -> Iterator[tuple[Work, Result]]:
    """Each with what ``prepare`` makes of it: the next one is prepared beside the one in use, so
    that the card need not wait for pictures to be resized.
    """
    with ThreadPoolExecutor(1) as beside:
        coming = [beside.submit(prepare, each) for each in work[:1]]
        for place, each in enumerate(work):
            ready = coming.pop().result()
            coming += [beside.submit(prepare, later) for later in work[place + 1 : place + 2]]
            yield each, ready


def one_by_one(work: Iterable[Work], forward: Callable[[Work], Result]) -> list[Result]:
    """``forward`` of each, without gradients; a mask cannot depend on other images then.

    Raises:
        MemoryError: one image is too much even after idle models were given up.
        CardLost: the card is gone.
    """
    import torch

    with torch.inference_mode():
        return [
            made
            for each in work
            for made in accelerator.halving([each], 1, lambda alone: [forward(alone[0])])
        ]


def compute_in(module: Any, dtype: "torch.dtype") -> None:
    """Let one module, the encoder, compute in ``dtype`` within a float32 model.

    The encoder is where the time goes; coordinates of boxes and the edges of masks, which eight
    bits of a bfloat16 would move by pixels, stay float32.
    """
    import torch

    if dtype == torch.float32:
        return
    module.to(dtype)
    module.register_forward_pre_hook(
        lambda _, args, kwargs: (_cast(args, dtype), _cast(kwargs, dtype)), with_kwargs=True
    )
    module.register_forward_hook(lambda _, args, made: _cast(made, torch.float32))


def _cast(value: Any, dtype: "torch.dtype") -> Any:
    """The floating-point tensors in a module's arguments or outputs, in ``dtype``."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):  # a model output of transformers is one too
        for name in list(value):
            value[name] = _cast(value[name], dtype)
        return value
    if isinstance(value, tuple | list):
        return type(value)(_cast(each, dtype) for each in value)
    return value
