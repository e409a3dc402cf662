"""Seconds of a card, what it could do in them, and how a figure is told."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from bench.gpu.building import CONFIGURATIONS

LIBRARIES = ("torch", "diffusers", "transformers", "peft", "segment_anything", "varifactory")


@dataclass
class Figures:
    """Prints figures, one JSON object a line, with where and when; keeps them in a file too."""

    device: str
    size: str
    out: Path | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)

    def show(
        self, figure: str, value: float | None, unit: str, n: int, *,
        goal: float | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """``value`` is None where the device cannot tell it; ``n`` is what it was measured on."""
        rounded = None if value is None else float(f"{value:.4g}")
        line: dict[str, Any] = {"figure": figure, "value": rounded, "unit": unit, "n": n}
        if goal is not None:
            line["goal"] = goal
        line |= more | {
            "size": self.size, "device": described(self.device), "versions": versions(),
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        self.lines.append(line)
        text = json.dumps(line)
        print(text, flush=True)
        if self.out:
            with self.out.open("a", encoding="utf-8") as file:
                file.write(text + "\n")


def versions() -> str:
    """Of the libraries that compute."""
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def described(device: str) -> str:
    """The card's name, or how much of a CPU there is."""
    import torch

    if device == "cuda":
        driver = torch.version.cuda
        return f"{torch.cuda.get_device_name()}, CUDA {driver}"
    return f"CPU, {torch.get_num_threads()} threads"


def settle(device: str) -> None:
    """Wait until the card has done what it was given."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def seconds(device: str, work: Callable[[], object]) -> float:
    """Wall time of ``work``, the card's included."""
    settle(device)
    began = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - began


class Way(Protocol):
    """One of several ways to the same result."""

    def prepare(self) -> None:
        """Everything that is not timed."""
        ...

    def run(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one way."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.each)

    def rates(self, count: int) -> list[float]:
        """``count`` a second, for every repeat."""
        return [float(f"{count / one:.4g}") for one in self.each]


def rounds(device: str, repeats: int, ways: Mapping[str, Way]) -> dict[str, Times]:
    """Seconds of each way; ways take turns, so that a card that gets warmer slows them alike.

    Warm up before.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            way.prepare()
            found[name].append(seconds(device, way.run))
    return {name: Times(tuple(each)) for name, each in found.items()}


def peak_flops(device: str, dtype: str, side: int) -> float:
    """Operations a second of a large product of matrices, the best of several."""
    import torch

    numbers = getattr(torch, dtype)
    left = torch.randn(side, side, device=device).to(numbers)
    right = torch.randn(side, side, device=device).to(numbers)
    product = torch.empty_like(left)

    def multiply() -> None:
        for _ in range(10):
            torch.matmul(left, right, out=product)

    seconds(device, multiply)
    best = min(seconds(device, multiply) for _ in range(5))
    return 10 * 2 * side**3 / best


def nominal_flops(device: str) -> float | None:
    """Dense bfloat16 operations a second in the card's data sheet; None for others."""
    import torch
    import yaml

    if device != "cuda":
        return None
    known = yaml.safe_load(CONFIGURATIONS.read_text(encoding="utf-8"))["nominal"]
    name = torch.cuda.get_device_name()
    fitting = [
        float(tera) * 1e12 for words, tera in known.items()
        if all(word in name.replace("-", " ").split() for word in words.split())
    ]  # fmt: skip
    return fitting[0] if fitting else None


def counted_flops(work: Callable[[], object]) -> float:
    """Floating point operations of products, convolutions and attention in ``work``."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


class Busy:
    """How long networks computed, by events of the card around each call of theirs."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._spans: list[tuple[Any, Any]] = []
        self._open: list[Any] = []

    @contextmanager
    def watching(self, modules: Iterable[Any]) -> Iterator[None]:
        """Calls of these modules count while the block runs."""
        handles = []
        for module in modules:
            handles.append(module.register_forward_pre_hook(lambda *_: self._begin()))
            handles.append(module.register_forward_hook(lambda *_: self._end()))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def seconds(self) -> float:
        """Of all calls together."""
        settle(self._device)
        if self._device == "cuda":
            return float(sum(begin.elapsed_time(end) for begin, end in self._spans)) / 1000
        return float(sum(end - begin for begin, end in self._spans))

    def _begin(self) -> None:
        self._open.append(self._mark())

    def _end(self) -> None:
        self._spans.append((self._open.pop(), self._mark()))

    def _mark(self) -> Any:
        import torch

        if self._device != "cuda":
            return time.perf_counter()
        events: Any = torch.cuda.Event
        event = events(enable_timing=True)
        event.record()
        return event


def held(device: str) -> int:
    """Bytes of the card that tensors take now; 0 on a CPU."""
    import torch

    return torch.cuda.memory_allocated() if device == "cuda" else 0


def most_held(device: str, work: Callable[[], object], before: int) -> float | None:
    """GiB of the card that ``work`` took at most beyond ``before`` bytes; None on a CPU."""
    import torch

    if device != "cuda":
        work()
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**30
