"""One process a card: a lock of the operating system, which is freed with the process that held it.

A slot counted by a server outlives a killed holder; the kernel's lock cannot.
"""

import fcntl
import os
import tempfile
from pathlib import Path

from varifactory.errors import FactoryError

CARD = "VARIFACTORY_CARD"
"""Environment variable by which a worker tells its runs which card is theirs."""


class CardTaken(FactoryError):
    """A card on which another worker of this machine computes."""


class CardLock:
    """An exclusive lock on a card of this machine, by a file that stays where it is.

    Processes of other users and containers with their own ``/tmp`` do not see it.
    """

    def __init__(self, card: str, role: str) -> None:
        safe = "".join(letter if letter.isalnum() else "-" for letter in card)
        self.card = card
        self.path = Path(tempfile.gettempdir()) / f"varifactory-card-{safe}.{role}.lock"
        self.handle = -1

    def take(self, *, wait: bool) -> bool:
        """Take it; whether it was free, when not told to wait.

        Raises:
            CardTaken: the lock's file belongs to somebody else.
        """
        try:
            self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise CardTaken(
                f"{self.path} belongs to another user, whose runs hold card {self.card}: let one "
                "user run all workers of a machine"
            ) from error
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(self.handle)
            self.handle = -1
            return False
        return True

    def release(self) -> None:
        """Let others have it; the end of the process does so too."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
