"""Where a CLIP's checkpoint lies, told in the keys that a recipe has for it.

Elsewhere a checkpoint is a group of keys (``edits.checkpoint.revision``); a CLIP's name stands by
itself, beside ``training.clip_revision`` and ``training.clip_sha256``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from varifactory.errors import ModelError
from varifactory.models import checkpoints
from varifactory.recipe import Checkpoint

OWN = {".name": "", ".revision": "_revision", ".sha256": "_sha256"}
"""What follows the key of a group, and what follows that of a CLIP."""


@contextmanager
def in_own_keys(key: str) -> Iterator[None]:
    """Whatever is refused in this block names keys that the recipe has."""
    try:
        yield
    except ModelError as error:
        said = str(error)
        for theirs, ours in OWN.items():
            said = said.replace(key + theirs, key + ours)
        if said == str(error):
            raise
        raise ModelError(said) from None


def find(name: str, revision: str, sha256: str, key: str) -> checkpoints.Found:
    """``checkpoints.find`` for a CLIP.

    Raises:
        ModelError: as there; or a revision of what lies on this machine.
    """
    wanted = Checkpoint(name=name, revision=revision, sha256=sha256, dtype="float32")
    with in_own_keys(key):
        found = checkpoints.find(wanted, key)
    if found.is_local:
        refuse_revision(revision, name, "local", key)
    return found


def fetched(found: checkpoints.Found, patterns: list[str]) -> Path:
    """``checkpoints.local_folder`` for a CLIP."""
    with in_own_keys(found.key):
        return checkpoints.local_folder(found, patterns)


def refuse_pickles(folder: Path, key: str) -> None:
    """``checkpoints.refuse_pickles`` for a CLIP."""
    with in_own_keys(key):
        checkpoints.refuse_pickles(folder, key)


def refuse_revision(revision: str, name: str, what: str, key: str) -> None:
    """Raise for a revision of what has none: it would fix nothing.

    Raises:
        ModelError: ``revision`` is not empty.
    """
    if revision:
        raise ModelError(
            f"{key}_revision is {revision!r}, and {name!r} is {what}: only a hub's has revisions; "
            f"leave it empty, or name a hub's in {key}"
        )
