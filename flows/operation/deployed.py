"""What a run needs that a worker started: its words in the UI, and its card for itself."""

import logging
import os

from flows.operation.cards import CARD, CardLock

log = logging.getLogger("varifactory")

_held: list[CardLock] = []
"""The locks of this process, kept until it ends."""


def settle_in() -> None:
    """Let the library be heard in the UI, and wait for the card that the worker was given.

    A worker that was killed may leave a run that still computes: its card is not shared, but taken
    over when that process ends. Without a worker's card this does nothing to cards.
    """
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)  # below the root's level, which only lets warnings through
    card = os.environ.get(CARD)
    if card and not _held:
        _held.append(_owned(card))


def _owned(card: str) -> CardLock:
    lock = CardLock(card, "run")
    if not lock.take(wait=False):
        log.warning("card %s is still used by another run: waiting for its end", card)
        lock.take(wait=True)
    return lock
