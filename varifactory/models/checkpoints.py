"""Large checkpoints by name: a hub's, pinned to a commit, or a local folder or file, by its hash.

Nothing is loaded here. ``find`` tells which weights a recipe means, cheaply enough to be part of
every plan; ``local_folder`` brings them onto this machine.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from varifactory.errors import ModelError
from varifactory.keys import digest
from varifactory.recipe import Checkpoint

PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
WEIGHTS = frozenset({".safetensors", ".onnx"}) | PICKLES
COMMIT = 40
"""Hexadecimal digits of a commit: a revision of this shape never moves."""


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
    commit = checkpoint.revision
    if not is_commit(commit):
        commit = _commit(name, commit or "main", key)
    return Found(key, name, commit, f"{name}@{commit}", checkpoint.variant, checkpoint.dtype)


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit hash."""
    return len(revision) == COMMIT and set(revision) <= set("0123456789abcdef")


def _local(checkpoint: Checkpoint, key: str, path: Path) -> Found:
    sha = files_hash(path.resolve())
    if checkpoint.sha256 and checkpoint.sha256 != sha:
        raise ModelError(
            f"{key}.sha256 is {checkpoint.sha256[:12]}..., the weights at {path} have "
            f"{sha[:12]}...: another checkpoint lies there; correct "
            "the path, or the hash if it is meant"
        )
    return Found(key, str(path), "", sha, checkpoint.variant, checkpoint.dtype)


def files_hash(path: Path) -> str:
    """sha256 that names local weights: of the file, or of all weight files' names and hashes.

    A file's hash is kept for this process while its size and modification time stay.

    Raises:
        ModelError: the folder holds no weights.
    """
    if path.is_file():
        return _file_hash(path, path.stat().st_size, path.stat().st_mtime_ns)
    files = sorted(each for each in path.rglob("*") if each.suffix in WEIGHTS)
    if not files:
        raise ModelError(f"{path} holds no weights ({', '.join(sorted(WEIGHTS))})")
    return digest(
        {
            each.relative_to(path).as_posix(): _file_hash(
                each, each.stat().st_size, each.stat().st_mtime_ns
            )
            for each in files
        }
    )


@cache
def _file_hash(path: Path, size: int, modified: int) -> str:
    del size, modified  # part of the cache's key alone
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _commit(name: str, revision: str, key: str) -> str:
    """The commit a branch or tag means now: the hub's word, or offline that of the local cache."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    ref = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "refs", revision)
    if constants.HF_HUB_OFFLINE or os.environ.get("TRANSFORMERS_OFFLINE") == "1":
        if ref.is_file():
            return ref.read_text(encoding="utf-8").strip()
        raise ModelError(
            f"{key}.name {name!r} ({revision}) is not in the local cache, and the hub is switched "
            "off (HF_HUB_OFFLINE): bring it here first, or name a local folder"
        )
    try:
        return str(HfApi().model_info(name, revision=revision).sha)
    except (HfHubHTTPError, OSError) as error:
        if ref.is_file():
            return ref.read_text(encoding="utf-8").strip()
        raise refusal(key, name, error) from None


def local_folder(found: Found, patterns: list[str] | None = None) -> Path:
    """The folder or file with the weights on this machine; a hub's are downloaded once.

    Raises:
        ModelError: missing, gated, or no connection; the message says what to set.
    """
    if found.is_local:
        return Path(found.place)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(found.place, revision=found.revision, allow_patterns=patterns)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise refusal(found.key, found.place, error) from None


def refusal(key: str, name: str, error: Exception) -> ModelError:
    """A hub's refusal in words that name the setting to change."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    gated = type(error).__name__ == "GatedRepoError"
    if gated or status in (401, 403):
        return ModelError(
            f"{key}.name {name!r} is gated or private: accept its licence on its page, then set "
            "the variable HF_TOKEN to a token that may read it"
        )
    if status == 404:
        return ModelError(f"{key}.name {name!r} or its revision is not on the hub: correct it")
    return ModelError(
        f"{key}.name {name!r} cannot be fetched ({type(error).__name__}: {str(error)[:200]}): "
        "check the connection, or name a local folder"
    )


def refuse_pickles(path: Path, key: str) -> None:
    """Raise unless a folder's weights can be read without running code from them.

    Raises:
        ModelError: a folder with pickle checkpoints alone.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    pickles = [each for each in files if each.suffix in PICKLES]
    if pickles and not any(each.suffix == ".safetensors" for each in files):
        raise ModelError(
            f"{key}.name: {pickles[0]} is a pickle checkpoint, which runs whatever code it holds: "
            "convert it to safetensors"
        )


def load_weights_only(path: Path, key: str) -> Any:
    """A state dict from a ``.safetensors`` file, or from a pickle that holds tensors alone.

    Raises:
        ModelError: the pickle holds more than tensors, or the file is damaged.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{key}.name: {path} is a pickle that holds more than weights, which could run code: "
            "convert it to safetensors, or get it from its publisher"
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise ModelError(
            f"{key}.name: {path} cannot be read as weights ({str(error)[:200]}): fetch it again"
        ) from None
