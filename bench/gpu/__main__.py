"""What a card makes of the stages, one JSON object a line: python -m bench.gpu [GROUP ...]"""

import argparse
import gc
import importlib
import logging
import os
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench.figures import folder
from bench.gpu.measuring import Figures

GROUPS = ("training", "masking", "inpainting")
"""Modules of this package, the quickest first."""
NO_CARD = (
    "no CUDA card here: nothing measured; on a machine with one this takes some minutes, and "
    "`python -m bench.gpu --size tiny` tries the same code on a CPU"
)


def main(given: list[str]) -> int:
    """Measure the groups asked for; 1 if one did not end well, 0 where there is no card."""
    asked = _asked(given)
    # Everything is built from configuration: whatever would be downloaded is a mistake here.
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if asked.size == "full" and device == "cpu":
        print(NO_CARD)
        return 0
    _quiet()
    figures = Figures(asked.device or device, asked.size, asked.out)
    return 1 if [name for name in asked.groups if not _group(name, figures, asked)] else 0


def _asked(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("groups", nargs="*", help=", ".join(GROUPS) + "; all where none is named")
    parser.add_argument(
        "--size",
        choices=("full", "tiny"),
        default="full",
        help="of the models; tiny is for trying the code, its figures mean nothing",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="of tiny models")
    parser.add_argument("--out", type=Path, help="a file to which the lines are added too")
    parser.add_argument("--set", action="append", default=[], metavar="GROUP.NAME=VALUE",
                        help="how much is measured, such as inpainting.batch=2")  # fmt: skip
    asked = parser.parse_args(given)
    if strange := sorted(set(asked.groups) - set(GROUPS)):
        parser.error(f"no group {', '.join(strange)}; there are {', '.join(GROUPS)}")
    asked.groups = [name for name in GROUPS if name in (asked.groups or GROUPS)]
    try:
        for group in GROUPS:
            changes(group, asked.set)
        strange = [one for one in asked.set if one.partition(".")[0] not in GROUPS]
        if strange:
            raise ValueError(f"--set {strange[0]}: there are {', '.join(GROUPS)}")
    except ValueError as error:
        parser.error(str(error))
    if asked.size == "full" and asked.device == "cpu":
        parser.error("--device cpu is for --size tiny: a full model takes hours on a CPU")
    return asked


def changes(group: str, given: list[str]) -> dict[str, Any]:
    """The settings of one group among ``GROUP.NAME=VALUE``.

    Raises:
        ValueError: an unknown name, or a value of another type.
    """
    usual = importlib.import_module(f"bench.gpu.{group}").FULL
    kinds = {each.name: type(getattr(usual, each.name)) for each in fields(usual)}
    found = {}
    for one in given:
        path, _, value = one.partition("=")
        owner, _, name = path.partition(".")
        if owner != group:
            continue
        if name not in kinds:
            raise ValueError(f"--set {one}: {group} has {', '.join(kinds)}")
        found[name] = kinds[name](value)
    return found


def _group(name: str, figures: Figures, asked: argparse.Namespace) -> bool:
    module = importlib.import_module(f"bench.gpu.{name}")
    usual = module.FULL if figures.size == "full" else module.TINY
    began = time.perf_counter()
    try:
        with folder() as place:
            os.environ["VARIFACTORY_CACHE"] = str(place / "cache")
            module.main(figures, place, replace(usual, **changes(name, asked.set)))
    except Exception:
        logging.exception("%s did not end", name)
        return False
    finally:
        _forget()
    figures.show(f"{name}: the whole group", time.perf_counter() - began, "s", 1)
    return True


def _forget() -> None:
    """Give back what a group has loaded."""
    import torch

    from varifactory.models import residency

    residency.drop_all()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _quiet() -> None:
    """Figures alone on the output: no progress bars, no advice of the libraries."""
    import diffusers.utils.logging
    import transformers.utils.logging

    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
