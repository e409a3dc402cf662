"""Checks of an installation and a store, each with what to do about it."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from varifactory.errors import FactoryError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

LEAST_PYTHON = (3, 11)
BUILTIN = Path(__file__).parent / "models" / "builtin"
EXTRA = "run"
CARD = ("name", "memory.total", "compute_cap", "driver_version")
BFLOAT16 = 8.0
"""Compute capability from which on a card computes in bfloat16."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; a ``note`` is worth knowing and breaks nothing."""

    name: str
    state: Literal["ok", "note", "trouble"]
    found: str
    advice: str = ""


def checks(store_url: str) -> list[Check]:
    """Everything that the library itself can check; Prefect's part is the flows' own."""
    return [python(), *packages(), *builtin_models(), *cards(), store(store_url)]


def python() -> Check:
    """The interpreter's version."""
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= LEAST_PYTHON:
        return Check("python", "ok", found)
    return Check("python", "trouble", found, "use Python 3.11 or later")


def packages() -> Iterator[Check]:
    """Every package that varifactory asks for: there, and of a version that fits."""
    try:
        asked = metadata.requires("varifactory") or []
    except metadata.PackageNotFoundError:
        yield Check("packages", "note", "varifactory runs from its sources, not installed",
                    "pip install -e . makes its packages known")  # fmt: skip
        return
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Check("packages", "note", "versions were not compared",
                    "pip install packaging to compare them")  # fmt: skip
        return
    for requirement in map(Requirement, asked):
        marker = requirement.marker
        extra = marker is not None and not marker.evaluate({"extra": ""})
        if extra and marker is not None and not marker.evaluate({"extra": EXTRA}):
            continue
        yield _package(requirement.name, str(requirement.specifier), requirement.specifier, extra)


def _package(name: str, wanted: str, specifier: "SpecifierSet", extra: bool) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        if extra:
            return Check(name, "note", "not installed: reading data sets works, making them does "
                         "not", f"pip install 'varifactory[{EXTRA}]'")  # fmt: skip
        return Check(name, "trouble", "not installed", f"pip install '{name}{wanted}'")
    if version in specifier:
        return Check(name, "ok", version)
    return Check(name, "trouble", f"{version}, but {wanted} is needed",
                 f"pip install '{name}{wanted}'")  # fmt: skip


def builtin_models() -> Iterator[Check]:
    """The weights that are shipped, against the hashes on their cards."""
    from varifactory.models.builtin.cards import weights_hash

    cards = sorted(BUILTIN.glob("*/card.json"))
    if not cards:
        yield Check("built-in models", "note", "none are shipped", "make models trains them")
    for path in cards:
        name = f"model {path.parent.name}"
        try:
            wanted = str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
            found = weights_hash(path.parent)
        except (OSError, ValueError, KeyError, StopIteration) as error:
            yield Check(name, "trouble", f"cannot be read: {type(error).__name__}: {error}",
                        "install varifactory again")  # fmt: skip
            continue
        if found == wanted:
            yield Check(name, "ok", f"sha256 {found[:16]}")
        else:
            yield Check(name, "trouble", f"weights hash to {found[:16]}, its card says "
                        f"{wanted[:16]}", "install varifactory again, or make models")  # fmt: skip


def cards() -> Iterator[Check]:
    """The cards that their driver knows; asked of the driver, since importing torch takes long."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(CARD)}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        yield Check("card", "note", "no CUDA card was found",
                    "the built-in models need none; large ones do: see docs/models.md")  # fmt: skip
        return
    if answer.returncode:
        yield Check("card", "trouble", f"the driver does not answer: {answer.stdout.strip()[:200]}",
                    "install or restart the driver")  # fmt: skip
        return
    for line in answer.stdout.strip().splitlines():
        name, memory, capability, driver = (word.strip() for word in line.split(","))
        found = f"{name}, {int(memory) / 1024:.0f} GiB, driver {driver}"
        if float(capability) >= BFLOAT16:
            yield Check("card", "ok", found)
        else:
            yield Check("card", "note", f"{found}, without bfloat16",
                        "set the checkpoints' dtype to float16")  # fmt: skip


def store(url: str) -> Check:
    """Whether the store can be reached and written to, and creates once."""
    from varifactory.store import Store

    try:
        found = Store(url).prepare()
    except FactoryError as error:
        return Check("store", "trouble", str(error), "see --store, and the text before this")
    text = f"{found.where}, {'remote' if found.remote else 'local'}, format {found.format}"
    if found.create_once:
        return Check("store", "ok", f"{text}, creates once")
    return Check("store", "note", f"{text}, does not create once",
                 "let one process publish at a time")  # fmt: skip
