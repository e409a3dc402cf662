"""Another process that runs the tiny recipe: ``other_process.py WHAT STORE NUMBER``; one JSON line.

skewed   with a clock that is NUMBER hours wrong
limited  where no file may have more than NUMBER bytes, and once more without that limit
full     on a file system that has NUMBER bytes left, and once more when there is room
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from bench import wreckage
from flows.generate import generate
from tests.flows.conftest import TINY
from varifactory.recipe import Recipe
from varifactory.shards import keeping
from varifactory.store import StoreFull


def run(store: str) -> dict[str, Any]:
    return generate(Recipe.parse(TINY), store)


def skewed(store: str, hours: int) -> dict[str, Any]:
    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(hours=hours)

    with patch.object(keeping, "datetime", Skewed):
        return run(store)


@contextmanager
def no_large_file(store: str, most: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_room(store: str, left: int) -> Iterator[None]:
    filler = Path(store).parent / "filler"
    with open(filler, "wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(filler, filler.stat().st_size - left)
    yield
    filler.unlink()


def refused(cause: Callable[[str, int], Any], store: str, number: int) -> dict[str, Any]:
    with cause(store, number):
        try:
            run(store)
            told = ""
        except StoreFull as error:
            told = str(error)
    torn, kept = wreckage.torn(store), sum(map(len, wreckage.rows(store).values()))
    said = run(store)
    return said | {"told": told, "torn": torn + wreckage.torn(store), "kept": kept,
                   "rows": wreckage.rows(store)}  # fmt: skip


if __name__ == "__main__":
    what, store, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "skewed":
        answer = skewed(store, number)
    else:
        answer = refused(no_room if what == "full" else no_large_file, store, number)
    print("answer", json.dumps(answer, default=str), flush=True)
