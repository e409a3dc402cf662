"""The card: which numbers it has, what to do when its memory is short, and when it is gone."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from varifactory.errors import ModelError

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")
SHORT = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""How torch, its CPU allocator and the system say that memory is short."""
GONE = (
    "device-side assert", "unspecified launch failure", "device unavailable", "no cuda-capable",
    "driver shutting down", "uncorrectable", "device lost", "fallen off the bus",
)  # fmt: skip
"""What CUDA says of a card that this process cannot use any more."""


class CardLost(ModelError):
    """The card stopped answering; this process cannot use it again."""


def ready(device: str, dtype: str, key: str) -> tuple["torch.device", "torch.dtype"]:
    """The device and the numbers a recipe asks for.

    Args:
        device: ``run.device``.
        dtype: float32, bfloat16 or float16.
        key: where the recipe has the dtype, for messages.

    Raises:
        ModelError: no such card here, or one without these numbers.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError(
            "run.device is 'cuda', and no CUDA card can be used here: set run.device=cpu, or run "
            "on a machine with a card and its driver"
        )
    if device == "cuda" and dtype == "bfloat16" and not torch.cuda.is_bf16_supported(False):
        raise ModelError(
            f"{key}.dtype is 'bfloat16', which {torch.cuda.get_device_name()} lacks: set it to "
            "float16 or float32"
        )
    if device == "cpu" and dtype == "float16":
        raise ModelError(
            f"{key}.dtype is 'float16', in which a CPU has too few operations: set it to bfloat16 "
            "or float32"
        )
    return torch.device(device), getattr(torch, dtype)


def halving(
    jobs: Sequence[Job], size: int, forward: Callable[[Sequence[Job]], Sequence[Result]]
) -> list[Result]:
    """``forward`` over batches of at most ``size`` jobs; where memory is short over halves.

    The smaller size is kept for the rest of these jobs.

    Raises:
        MemoryError: one job alone is too much; the message says so, the caller names the setting.
        CardLost: the card is gone.
    """
    made: list[Result] = []
    while len(made) < len(jobs):
        batch = jobs[len(made) : len(made) + size]
        try:
            made += forward(batch)
        except Exception as error:
            if is_lost(error):
                raise CardLost(
                    f"the card stopped answering ({str(error)[:200]}): see its driver's log, start "
                    "the worker again; what was finished is kept"
                ) from error
            if not is_short(error):
                raise
            release()
            if len(batch) == 1:
                raise MemoryError("one image alone is too much for the memory there is") from None
            size = max(1, len(batch) // 2)
            log.warning("memory is short: going on with batches of %d", size)
    return made


def is_short(error: BaseException) -> bool:
    """Whether an exception says that memory ran out."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in SHORT)


def is_lost(error: BaseException) -> bool:
    """Whether an exception says that the card cannot be used any more."""
    said = str(error).lower()
    return "cuda" in said and any(words in said for words in GONE)


def release() -> None:
    """Give unused memory back."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def description(device: str) -> Any:
    """The device's name for provenance."""
    import platform

    if device == "cpu":
        return platform.machine()
    import torch

    return torch.cuda.get_device_name()
