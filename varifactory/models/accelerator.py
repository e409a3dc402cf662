"""The card: which numbers it has, what to do when its memory is short, and when it is gone."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from varifactory.errors import ModelError

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")
SHORT = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "status_alloc_failed",
    "not enough memory", "could not create a primitive",
)  # fmt: skip
"""How torch, its CPU allocator and kernels (oneDNN: no primitive), CUDA's libraries and the system
say that memory is short."""
GONE = (
    "an illegal memory access", "an illegal instruction", "misaligned address",
    "invalid program counter", "hardware stack error", "device-side assert",
    "unspecified launch failure", "the launch timed out", "uncorrectable", "over nvlink",
    "unknown error", "driver shutting down", "no cuda-capable device", "no cuda gpus",
    "no nvidia driver", "busy or unavailable", "not yet initialized", "initialization error",
    "no kernel image", "execution_failed", "gpu is lost", "fallen off the bus",
)  # fmt: skip
"""What CUDA says of a card that this process cannot use (any more): every later call fails too."""


OF_CARD = ("cuda", "cudnn", "cublas", "nvidia", "gpu")
TOO_MUCH = (
    "one image alone is too much for the memory there is: set sources.size lower, the stage's "
    "checkpoint.dtype to one of fewer bits, or its batch to 1 (edits.batch), or take a machine "
    "with more"
)


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

    Models that are loaded and idle are given up first. The smaller size is kept for the rest of
    these jobs.

    Raises:
        MemoryError: one job alone is too much; the message names the settings.
        CardLost: the card is gone.
    """
    from varifactory.models import residency

    made: list[Result] = []
    spared = False
    while len(made) < len(jobs):
        batch = jobs[len(made) : len(made) + size]
        try:
            made += forward(batch)
            continue
        except Exception as error:
            if is_lost(error):
                raise lost(error) from error
            if not is_short(error):
                raise
        # Here the error is gone, and with it its frames, which hold what was computed so far.
        release()
        if not spared and residency.drop_all(but_newest=True):
            spared = True
            continue
        if len(batch) == 1:
            raise MemoryError(TOO_MUCH)
        size = max(1, len(batch) // 2)
        log.warning("memory is short: going on with batches of %d", size)
    return made


def is_short(error: BaseException) -> bool:
    """Whether an exception says that memory ran out."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in SHORT)


def is_lost(error: BaseException) -> bool:
    """Whether an exception says that the card cannot be used any more."""
    if isinstance(error, CardLost):
        return True
    said = str(error).lower()
    of_card = type(error).__name__ == "AcceleratorError" or any(w in said for w in OF_CARD)
    return of_card and any(words in said for words in GONE)


def lost(error: BaseException) -> CardLost:
    """The same in words that say what to do."""
    first = str(error).strip().partition("\n")[0][:200]
    if "no kernel image" in first:
        return CardLost(
            f"this torch was not built for this card ({first}): install one that was, or set "
            "run.device=cpu"
        )
    return CardLost(
        f"the card stopped answering ({first}): see its driver's log, start the worker again; what "
        "was finished is kept"
    )


def explained(error: Exception) -> Exception:
    """The same error, or where memory ran out one that names the settings."""
    if not is_short(error) or TOO_MUCH in str(error):
        return error
    return MemoryError(f"{TOO_MUCH} ({str(error)[:200] or type(error).__name__})")


def release() -> None:
    """Give unused memory back."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def description(device: str) -> str:
    """The device's name for provenance."""
    import platform

    if device == "cpu":
        return platform.machine()
    import torch

    return str(torch.cuda.get_device_name())
