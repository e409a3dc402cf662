"""Progress for people: how many, how fast, how long still; on the screen and in Prefect's UI."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

log = logging.getLogger("varifactory.progress")

QUIET_SECONDS = 0.5
"""Least time between two lines of one stage."""


class StageProgress:
    """Progress of one stage; hits count as done from the start, and not into the rate."""

    def __init__(self, stage: str, items: int, reused: int) -> None:
        self.stage = stage
        self.items = items
        self.reused = reused
        self.made = 0
        self.began = time.perf_counter()
        self.said = self.began
        self.artifact = self._artifact() if items > reused else None

    def _artifact(self) -> UUID | None:
        if not flow_run.id:
            return None
        with only_shown():
            made = create_progress_artifact(
                progress=100.0 * self.reused / self.items,
                key=f"{self.stage}-progress",
                description=f"{self.stage}: {self.items} item{'s' if self.items > 1 else ''}",
            )
            return cast(UUID, made)
        return None

    def add(self, made: int) -> None:
        """Count a finished shard."""
        self.made += made
        now = time.perf_counter()
        if made and now - self.said >= QUIET_SECONDS and self.made + self.reused < self.items:
            self.said = now
            self._show(now)

    def close(self) -> None:
        """Say how the stage ended."""
        seconds = time.perf_counter() - self.began
        if not self.made and self.reused < self.items:
            return  # nothing was made of what was missing: the error says why
        if not self.made:
            log.info("%-9s %5d of %d reused", self.stage, self.reused, self.items)
            return
        self._show(time.perf_counter(), ended=True, seconds=seconds)

    def _show(self, now: float, ended: bool = False, seconds: float = 0.0) -> None:
        rate = self.made / max(1e-9, now - self.began)
        left = (self.items - self.reused - self.made) / max(1e-9, rate)
        tail = f"{seconds:.1f} s" if ended else f"about {left:.0f} s left"
        reused = f", {self.reused} reused" if self.reused else ""
        log.info(
            "%-9s %5d of %d   %.1f a second, %s%s",
            self.stage, self.made + self.reused, self.items, rate, tail, reused,
        )  # fmt: skip
        if self.artifact is not None:
            share = 100.0 * (self.made + self.reused) / max(1, self.items)
            with only_shown():
                update_progress_artifact(self.artifact, progress=share)


@contextmanager
def only_shown() -> Iterator[None]:
    """What people are shown ends no run: a server that is gone for a while is told and passed.

    Anything else that is raised in it is a defect of ours, and is not hidden.
    """
    try:
        yield
    except (httpx.HTTPError, OSError, PrefectException, RuntimeError) as trouble:
        if isinstance(trouble, RuntimeError) and not _says_away(trouble):
            raise
        log.warning("Prefect's server could not be told what to show: %s", trouble)


def _says_away(error: RuntimeError) -> bool:
    """Prefect's client tells so of a server that it cannot reach, with the reason as its cause."""
    return isinstance(error, PrefectException) or error.__cause__ is not None
