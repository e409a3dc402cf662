"""Large checkpoints by name: a hub's, pinned to a commit, or a local folder or file, by its hash.

Nothing is loaded here. ``find`` tells which weights a recipe means, cheaply enough to be part of
every plan; ``local_folder`` brings them onto this machine.
"""

import errno
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from varifactory.errors import ModelError
from varifactory.models.accelerator import is_short
from varifactory.models.weight_hashes import PICKLES, files_hash
from varifactory.recipe import Checkpoint

log = logging.getLogger(__name__)

COMMIT = 40
"""Hexadecimal digits of a commit: a revision of this shape never moves."""
ANSWER = 20.0
"""Seconds a hub may take to say which commit it has; its client would wait for ever."""


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that a recipe means."""

    key: str
    """Key of the recipe that named them, for messages (``masks.checkpoint``)."""
    place: str
    """Hub name, or path of a local folder or file."""
    revision: str
    """Commit on the hub; empty for local ones."""
    weights: str
    """What names them in specs: ``org/name@commit``, or the sha256 of the local weights."""
    variant: str
    dtype: str

    @property
    def is_local(self) -> bool:
        return not self.revision

    def identity(self) -> dict[str, str]:
        """The fields of a model's identity that its checkpoint decides."""
        return {"weights": self.weights, "dtype": self.dtype} | (
            {"variant": self.variant} if self.variant else {}
        )


def find(checkpoint: Checkpoint, key: str, *, usual: str = "") -> Found:
    """Which weights ``checkpoint`` means.

    Args:
        checkpoint: as the recipe has it.
        key: where the recipe has it, for messages.
        usual: hub name taken where the recipe names none; empty where there is none.

    Raises:
        ModelError: no name, no such folder, another hash than the recipe's, or a hub name whose
            commit cannot be told.
    """
    name = checkpoint.name or usual
    if not name:
        raise ModelError(f"{key}.name is empty: give a hub name (org/name), a folder or a file")
    path = Path(name).expanduser()
    if path.exists():
        return _local(checkpoint, key, path)
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise ModelError(
            f"{key}.name {name!r} is neither a folder nor a file here, nor a hub name (org/name)"
        )
    if checkpoint.sha256:
        raise ModelError(
            f"{key}.sha256 is of local checkpoints, and {name!r} is a hub's: set {key}.revision to "
            "a commit, which fixes its files"
        )
    commit = checkpoint.revision
    if not is_commit(commit):
        commit = _commit(name, commit or "main", key)
    return Found(key, name, commit, f"{name}@{commit}", checkpoint.variant, checkpoint.dtype)


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit hash."""
    return len(revision) == COMMIT and set(revision) <= set("0123456789abcdef")


def _local(checkpoint: Checkpoint, key: str, path: Path) -> Found:
    sha = _local_hash(key, path)
    if checkpoint.sha256 and checkpoint.sha256 != sha:
        raise ModelError(
            f"{key}.sha256 is {checkpoint.sha256}, what lies at {path} has {sha}: it is another "
            "checkpoint; correct the path, or the hash if it is meant"
        )
    return Found(key, str(path), "", sha, checkpoint.variant, checkpoint.dtype)


def _local_hash(key: str, path: Path) -> str:
    try:
        return files_hash(path.resolve())
    except ModelError as error:
        raise ModelError(f"{key}.name: {error}") from None


@cache
def _commit(name: str, revision: str, key: str) -> str:
    """The commit a branch or tag means now: the hub's word, or offline that of the local cache."""
    from huggingface_hub import HfApi, constants

    kept = _kept_commit(name, revision)
    if constants.HF_HUB_OFFLINE:
        if kept:
            return kept
        raise ModelError(
            f"{key}.name {name!r} ({revision}) is not in the local cache, and the hub is switched "
            "off (HF_HUB_OFFLINE): bring it here first, or name a local folder"
        )
    try:
        commit = HfApi().model_info(name, revision=revision, timeout=ANSWER).sha
    except _troubles() as error:
        if not kept or _status(error) is not None:
            raise refusal(key, name, error) from None
        log.warning("%s cannot be asked (%s): its commit of last time is taken", name, error)
        return kept
    if not commit:
        raise ModelError(
            f"{key}.name {name!r}: the hub tells no commit of it: set {key}.revision to one"
        )
    return str(commit)


def _kept_commit(name: str, revision: str) -> str:
    from huggingface_hub import constants

    ref = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "refs", revision)
    return ref.read_text(encoding="utf-8").strip() if ref.is_file() else ""


def _troubles() -> tuple[type[Exception], ...]:
    """All that a hub's client raises, the ways it stumbles over answers that are no hub's too."""
    import httpx

    return httpx.HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError


def _status(error: Exception) -> int | None:
    """HTTP status of a hub that answered in earnest; None where it was not reached, or is ill."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if status is not None and status < 500 else None


def local_folder(found: Found, patterns: list[str] | None = None) -> Path:
    """The folder or file with the weights on this machine; a hub's are downloaded once.

    Raises:
        ModelError: missing, gated, no connection, or local ones that are others than ``find`` saw;
            the message says what to do.
    """
    if found.is_local:
        return _unchanged(found)
    from huggingface_hub import constants

    if _listed(found) and (folder := _snapshot(found, patterns, here=True)):
        return folder
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("the hub is switched off by HF_HUB_OFFLINE")
        _ask(found)
        return _snapshot(found, patterns, here=False) or Path()
    except _troubles() as error:
        if _status(error) is None and (folder := _snapshot(found, patterns, here=True)):
            log.warning("%s cannot be asked (%s): its local copy is taken", found.place, error)
            return folder
        raise refusal(found.key, found.place, error) from None


def _unchanged(found: Found) -> Path:
    """Local weights, unless others lie there by now: what those make would be kept under the key of
    the first."""
    place = Path(found.place)
    if _local_hash(found.key, place) != found.weights:
        raise ModelError(
            f"{found.key}.name: the weights at {place} have changed since this run was planned: "
            "start it again"
        )
    return place


def _listed(found: Found) -> bool:
    """Whether the cache knows all file names of the commit, and so whether one is missing."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE, f"models--{found.place.replace('/', '--')}")
    return (folder / "trees" / f"{found.revision}.json").is_file()


def _ask(found: Found) -> None:
    """Ask for the commit, with a time limit: the listing that follows has none."""
    from huggingface_hub import HfApi

    HfApi().model_info(found.place, revision=found.revision, timeout=ANSWER)


def _snapshot(found: Found, patterns: list[str] | None, *, here: bool) -> Path | None:
    """The folder of a commit; with ``here`` only if nothing is missing, without any request."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                found.place,
                revision=found.revision,
                allow_patterns=patterns,
                local_files_only=here,
            )
        )
    except LocalEntryNotFoundError:
        if here:
            return None
        raise


def refusal(key: str, name: str, error: Exception) -> ModelError:
    """A hub's refusal in words that name the setting to change."""
    kind, status = type(error).__name__, _status(error)
    if kind == "GatedRepoError":
        return ModelError(
            f"{key}.name {name!r} is gated: accept its licence on its page, then set the variable "
            "HF_TOKEN to a token that may read it"
        )
    if kind == "RevisionNotFoundError":
        return ModelError(f"{key}.revision is not one of {name!r} on the hub: correct it")
    if kind == "RepositoryNotFoundError" or status == 404:
        return ModelError(
            f"{key}.name {name!r} is not on the hub, or private: correct the name, or set the "
            "variable HF_TOKEN to a token that may read it"
        )
    if status in (401, 403):
        return ModelError(
            f"{key}.name {name!r} is refused ({status}): set the variable HF_TOKEN to a token that "
            "is valid and may read it"
        )
    if kind == "HFValidationError":
        return ModelError(f"{key}.name {name!r} is no hub name (org/name): correct it")
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return ModelError(
            f"{key}.name {name!r} cannot be kept on this disk ({error}): set the variable HF_HOME "
            "to a folder with room"
        )
    return ModelError(
        f"{key}.name {name!r} cannot be fetched ({kind}: {str(error)[:200]}): check the "
        "connection and the variable HF_ENDPOINT, or name a local folder"
    )


def refuse_pickles(path: Path, key: str) -> None:
    """Raise unless a file, or each folder below one, can be read without running code from it.

    Raises:
        ModelError: a folder with pickle checkpoints alone.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    safe = {each.parent for each in files if each.suffix == ".safetensors"}
    for each in files:
        if each.suffix in PICKLES and each.parent not in safe:
            raise ModelError(
                f"{key}.name: {each} is a pickle checkpoint, which runs whatever code it holds: "
                "convert it to safetensors"
            )


def load_weights_only(path: Path, key: str) -> Any:
    """A state dict from a ``.safetensors`` file, or from a pickle that holds tensors alone.

    Raises:
        ModelError: the pickle holds more than tensors, or the file is damaged.
        MemoryError: or torch's own, which ``residency`` reads: too large for this machine.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" not in str(error):
            raise _damaged(path, key, "it is no checkpoint of torch") from None
        raise ModelError(
            f"{key}.name: {path} is a pickle that holds more than weights, which could run code: "
            "convert it to safetensors, or get it from its publisher"
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError, LookupError, ValueError) as error:
        if is_short(error):
            raise
        raise _damaged(path, key, str(error)[:200]) from None


def _damaged(path: Path, key: str, why: str) -> ModelError:
    with path.open("rb") as stream:
        start = stream.read(64).lstrip()
    if start.startswith(b"version https://git-lfs"):
        why = "it is a pointer that git-lfs left in place of the file"
    elif start[:1] == b"<":
        why = "it is a web page"
    return ModelError(
        f"{key}.name: {path} cannot be read as weights ({why}): fetch it again, or convert it to "
        "safetensors"
    )
