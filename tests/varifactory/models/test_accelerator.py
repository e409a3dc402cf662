"""Short memory, met by a real allocator in a process that may not have more, and lost cards."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from varifactory.errors import ModelError
from varifactory.models import accelerator
from varifactory.models.accelerator import CardLost, halving, is_lost, is_short, lost, ready
from varifactory.models.residency import Resident

LIMITED = """
import json, resource, sys
import torch
from varifactory.models import accelerator
from varifactory.models.accelerator import halving, is_short
from varifactory.models.residency import Resident

def room(megabytes):
    pages = int(open("/proc/self/statm").read().split()[0])
    limit = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

def take(megabytes):
    return torch.ones(megabytes << 18)
"""


def limited(code: str) -> Any:
    """What the code prints as JSON, run in a process whose memory it may limit."""
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED + code], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_short_memory_halves_the_batch_and_loses_nothing() -> None:
    found = limited(
        "sizes = []\n"
        "def forward(jobs):\n"
        "    sizes.append(len(jobs))\n"
        "    work = take(60 * len(jobs))\n"  # stands in the failed frame, and must go with it
        "    again = take(60 * len(jobs))\n"
        "    return [job * 10 for job in jobs]\n"
        "room(600)\n"
        "print(json.dumps([halving(range(9), 8, forward), sizes]))"
    )
    assert found == [[n * 10 for n in range(9)], [8, 4, 4, 1]]


def test_one_image_that_is_too_much_names_the_settings() -> None:
    said = limited(
        "def forward(jobs):\n"
        "    return [take(900)]\n"
        "room(300)\n"
        "try:\n"
        "    halving([1, 2], 2, forward)\n"
        "except MemoryError as error:\n"
        "    print(json.dumps(str(error)))"
    )
    assert "sources.size" in said
    assert "checkpoint.dtype" in said
    assert "edits.batch" in said


def test_idle_models_are_given_up_before_a_batch_is_halved() -> None:
    found = limited(
        "idle, used = Resident('idle', lambda: take(400)), Resident('used', lambda: take(10))\n"
        "for each in (idle, used):\n"
        "    with each.use(): pass\n"
        "sizes = []\n"
        "def forward(jobs):\n"
        "    sizes.append(len(jobs))\n"
        "    with used.use():\n"
        "        return [take(100 * len(jobs)).sum().item()] * len(jobs)\n"
        "room(200)\n"
        "made = halving(range(4), 4, forward)\n"
        "loads = used.loads\n"
        "with idle.use(): pass\n"
        "print(json.dumps([sizes, idle.loads, loads]))"
    )
    assert found == [[4, 4], 2, 1]


def test_what_says_that_memory_is_short() -> None:
    found = limited(
        "import numpy\n"
        "room(200)\n"
        "def says(make):\n"
        "    try:\n"
        "        make()\n"
        "    except Exception as error:\n"
        "        return is_short(error)\n"
        "print(json.dumps([says(lambda: take(900)), says(lambda: numpy.ones(900 << 17)),"
        " says(lambda: b'x' * (900 << 20))]))"
    )
    assert found == [True, True, True]


def test_cards_that_are_short_or_lost_are_told_apart() -> None:
    import torch

    short = [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
        torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ]
    gone = [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nSearch for"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        torch.AcceleratorError("CUDA error: unspecified launch failure"),
        torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
        torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("No CUDA GPUs are available"),
    ]
    neither = [
        torch.AcceleratorError("CUDA error: invalid configuration argument"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
        ValueError("unknown error"),
        OSError("uncorrectable"),
    ]
    assert [(is_short(e), is_lost(e)) for e in short] == [(True, False)] * 3
    assert [(is_short(e), is_lost(e)) for e in gone] == [(False, True)] * len(gone)
    assert [(is_short(e), is_lost(e)) for e in neither] == [(False, False)] * 4


def test_a_lost_card_ends_the_work_and_says_what_to_do() -> None:
    import torch

    calls: list[int] = []

    def forward(jobs: Sequence[int]) -> list[int]:
        calls.append(len(jobs))
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nmore\nand more")

    with pytest.raises(CardLost, match=r"launch failure\).*driver's log.*kept") as caught:
        halving([1, 2, 3, 4], 2, forward)
    assert calls == [2]
    assert isinstance(caught.value, ModelError)
    assert "not built for this card" in str(lost(RuntimeError("CUDA error: no kernel image is")))

    def load() -> int:
        raise torch.AcceleratorError("CUDA error: unknown error")

    with pytest.raises(CardLost), Resident("painter", load).use():
        pass


def test_other_errors_stay_what_they_are() -> None:
    def forward(jobs: Sequence[int]) -> list[int]:
        raise ValueError("odd prompt")

    with pytest.raises(ValueError, match="odd prompt"):
        halving([1], 1, forward)


def test_numbers_that_a_device_lacks_are_refused() -> None:
    import torch

    assert ready("cpu", "bfloat16", "edits.checkpoint") == (torch.device("cpu"), torch.bfloat16)
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.dtype is 'float16'"):
        ready("cpu", "float16", "edits.checkpoint")


def test_no_card_no_cuda(tmp_path: Path) -> None:
    code = (
        "from varifactory.models.accelerator import ready\n"
        "from varifactory.errors import ModelError\n"
        "try:\n"
        "    ready('cuda', 'bfloat16', 'masks.checkpoint')\n"
        "except ModelError as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"CUDA_VISIBLE_DEVICES": ""},
    )
    assert "run.device=cpu" in ran.stdout, ran.stderr
    assert accelerator.description("cpu")
