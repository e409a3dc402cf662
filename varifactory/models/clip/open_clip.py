"""CLIP through open_clip: the built-in small one, a folder, a hub's, or any of open_clip's own.

A folder is what open_clip itself reads with ``local-dir:``: ``open_clip_config.json`` beside the
weights.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.keys import digest
from varifactory.models import accelerator, checkpoints
from varifactory.models.clip import places
from varifactory.models.clip.activation import needs_quick_gelu
from varifactory.models.clip.pictures import Look, scaled
from varifactory.models.clip.split_attention import split_attention
from varifactory.models.weight_hashes import files_hash

if TYPE_CHECKING:
    import torch

BUILT_IN = Path(__file__).parents[1] / "builtin"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
OTHER_WEIGHTS = ("open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
"""What hubs call them; in the order in which open_clip itself takes them."""
HUB = "hf-hub:"
TEXT_FILES = ["*.json", "*.txt", "*.model"]
LIBRARY = "open_clip"


@dataclass(frozen=True, slots=True)
class ClipCheckpoint:
    """Which CLIP, and the hash that names its weights; loads nothing until ``build``."""

    name: str
    architecture: str
    """What open_clip is asked for: its own name, ``local-dir:<folder>``, or ``hf-hub:<name>``."""
    pretrained: str
    """Tag or file; empty where the architecture is a folder or on a hub."""
    weights: str
    """sha256 of the weights' file, ``org/name@commit``, or ``<architecture>/<tag>``."""
    key: str = "training.clip"
    """Key of the recipe that named it, for messages."""
    config: str = ""
    """Hash of a local folder's configuration, and of its own tokenizer; the weights' hash says
    nothing of them."""
    is_local: bool = False
    """Its weights are a file of the user's: the name holds a path, which is no identity."""
    hub: checkpoints.Found | None = None
    library: str = LIBRARY

    @property
    def identity(self) -> dict[str, str]:
        """What of a model's identity the checkpoint decides."""
        found = {"name": LIBRARY if self.is_local else self.name, "weights": self.weights}
        if self.is_local and self.pretrained:
            found["architecture"] = self.architecture
        if self.config:
            found["config"] = self.config
        if self.pretrained:
            found["activation"] = "of the weights"
        return found

    def build(self, device: str = "cpu") -> "torch.nn.Module":
        """The model with its weights, float32, in evaluation mode, nothing to be trained.

        Raises:
            ModelError: open_clip cannot load it, or others lie there than were found.
        """
        import pickle

        import open_clip
        from safetensors import SafetensorError

        if self.is_local and find_checkpoint(self.name, key=self.key).identity != self.identity:
            raise ModelError(
                f"{self.key}: the weights of {self.name!r} have changed since this run was "
                "planned: start it again"
            )
        try:
            model: torch.nn.Module = open_clip.create_model(
                self._place(), pretrained=self.pretrained or None, device=device,
                require_pretrained=True, force_quick_gelu=self._needs_quick_gelu(),
            )  # fmt: skip
        except (
            OSError, RuntimeError, ValueError, KeyError, TypeError, SafetensorError,
            pickle.UnpicklingError,
        ) as error:  # fmt: skip
            if accelerator.is_short(error) or accelerator.is_lost(error):
                raise  # no fault of the checkpoint: whoever loads it makes room, or gives up
            raise self._refusal(error) from error
        return model.eval().requires_grad_(False)

    def tokens(self, model: Any, texts: Sequence[str]) -> NDArray[np.int64]:
        """Texts as token numbers (n, context length)."""
        del model  # the other library keeps the context length there
        rows: NDArray[np.int64] = self.tokenizer()(list(texts)).numpy()
        return rows

    def tokenizer(self) -> Any:
        """Texts to token numbers (n, context length)."""
        import open_clip

        return _tokenizer(open_clip, self._place())

    def look(self, model: Any) -> Look:
        """How its image tower wants pictures."""
        return look_of(model)

    def encode_images(self, model: Any, pictures: "torch.Tensor") -> "torch.Tensor":
        """(n, width), not yet of length 1."""
        found: torch.Tensor = model.encode_image(pictures)
        return found

    def encode_texts(self, model: Any, tokens: "torch.Tensor") -> "torch.Tensor":
        """(n, width), not yet of length 1."""
        found: torch.Tensor = model.encode_text(tokens)
        return found

    def make_trainable(self, model: Any) -> None:
        """Change a stock model in place so that LoRA can take hold of q and v.

        Raises:
            ModelError: its towers have no attention that can be split.
        """
        split_attention(model)

    def save_memory(self, model: Any) -> None:
        """Compute activations again in the backward pass instead of keeping them."""
        model.set_grad_checkpointing(True)

    def shorten(self, model: Any, length: int) -> None:
        """Let the text tower take texts of ``length`` tokens: what follows their end never
        reaches them through causal attention. In place, and for good."""
        import torch

        text = getattr(model, "text", model)
        text.positional_embedding = torch.nn.Parameter(
            text.positional_embedding.detach()[:length].clone(), requires_grad=False
        )
        text.attn_mask = text.attn_mask[:length, :length].clone()

    def ends(self, model: Any, tokens: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Where each text ends, at the place its features are read from; None where that place
        sees what follows."""
        text = getattr(model, "text", model)
        pool = getattr(text, "pool_type", None) or getattr(model, "text_pool_type", "")
        causal = pool == "argmax" and getattr(text, "attn_mask", None) is not None
        return tokens.argmax(axis=1) if causal else None

    def _place(self) -> str:
        if self.hub is None:
            return self.architecture
        return f"local-dir:{_fetched(self.hub)}"

    def _needs_quick_gelu(self) -> bool:
        if not self.pretrained:
            return False
        return needs_quick_gelu(self.architecture, self.pretrained, self.weights, self.key)

    def _refusal(self, error: Exception) -> ModelError:
        said = " ".join(str(error).split())
        if re.search(r"\b(401|403)\b|gated", said, re.IGNORECASE):
            return ModelError(
                f"{self.key} {self.name!r} is gated or private: accept its licence on its page, "
                "then set the variable HF_TOKEN to a token that may read it"
            )
        if type(error).__name__ == "UnpicklingError":
            return ModelError(
                f"{self.key} {self.name!r} is a pickle that holds more than weights, which could "
                "run code: convert it to safetensors, or get it from its publisher"
            )
        return ModelError(
            f"{self.key} {self.name!r} cannot be loaded: {type(error).__name__}: {said[:400]} "
            "(known names: open_clip.list_pretrained())"
        )


@cache
def _tokenizer(open_clip: Any, architecture: str) -> Any:
    return open_clip.get_tokenizer(architecture)


@cache
def _fetched(hub: checkpoints.Found) -> Path:
    folder = places.fetched(hub, [*TEXT_FILES, WEIGHTS, OTHER_WEIGHTS[0]])
    if not any((folder / name).is_file() for name in (WEIGHTS, OTHER_WEIGHTS[0])):
        folder = places.fetched(hub, [*TEXT_FILES, OTHER_WEIGHTS[1]])
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"{hub.key} {hub.place!r} is no open_clip model (it has no {CONFIG}): for one of "
            f"transformers write transformers:{hub.place}"
        )
    return folder


def find_checkpoint(
    name: str, *, revision: str = "", sha256: str = "", key: str = "training.clip"
) -> ClipCheckpoint:
    """The checkpoint a recipe names: a built-in one, a folder, ``hf-hub:org/name``, or
    ``<architecture>/<pretrained>``.

    ``<pretrained>`` is one of open_clip's tags (downloaded at first use) or a file.

    Args:
        name: as above.
        revision: on the hub alone; a branch or tag is pinned to the commit it means now.
        sha256: of local weights alone; others are refused; empty for any.
        key: where the recipe has the name, for messages.

    Raises:
        ModelError: no such built-in model or folder, the folder lacks a file, another hash, or a
            revision or hash of what has none.
    """
    if name.startswith(HUB):
        return _on_hub(name, revision, sha256, key)
    for folder in (BUILT_IN / name, Path(name)):
        if (folder / CONFIG).is_file():
            what = "built in" if folder.parent == BUILT_IN else "a folder"
            places.refuse_revision(revision, name, what, key)
            return _checked(_in_folder(name, folder, key), sha256)
    architecture, slash, pretrained = name.partition("/")
    if not slash or not architecture or not pretrained or Path(name).is_dir():
        built_in = ", ".join(sorted(found.parent.name for found in BUILT_IN.glob(f"*/{CONFIG}")))
        raise ModelError(
            f"{key} {name!r} is unknown: give {built_in}, a folder with {CONFIG} and "
            f"{WEIGHTS} or one of transformers, an open_clip model as architecture/pretrained "
            "such as ViT-B-16/openai, hf-hub:org/name, or transformers:org/name"
        )
    file = Path(pretrained)
    if not file.is_file():
        return _tagged(name, architecture, pretrained, revision, sha256, key)
    places.refuse_revision(revision, name, "a file", key)
    weights = files_hash(file.resolve())
    found = ClipCheckpoint(name, architecture, pretrained, weights, key, is_local=True)
    return _checked(found, sha256)


def _on_hub(name: str, revision: str, sha256: str, key: str) -> ClipCheckpoint:
    place = name.removeprefix(HUB)
    if Path(place).expanduser().exists():
        raise ModelError(
            f"{key} {name!r} is of a hub, and {place!r} lies here: for that write it without {HUB}"
        )
    hub = places.find(place, revision, sha256, key)
    return ClipCheckpoint(name, name, "", hub.weights, key, hub=hub)


def _tagged(
    name: str, architecture: str, tag: str, revision: str, sha256: str, key: str
) -> ClipCheckpoint:
    if sha256:
        raise ModelError(
            f"{key}_sha256 is of local weights, and {name!r} is a tag of open_clip's: "
            f"leave it empty, or name a file as {architecture}/<path of the file>"
        )
    places.refuse_revision(revision, name, "a tag of open_clip", key)
    return ClipCheckpoint(name, architecture, tag, name, key)


def _in_folder(name: str, folder: Path, key: str) -> ClipCheckpoint:
    found = [folder / each for each in (WEIGHTS, *OTHER_WEIGHTS) if (folder / each).is_file()]
    if not found:
        raise ModelError(f"{key} {name!r}: {folder} has no {WEIGHTS}")
    place = f"local-dir:{folder}"
    if folder.parent == BUILT_IN:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return ClipCheckpoint(name, place, "", card["sha256"], key)
    weights = files_hash(found[0].resolve())
    return ClipCheckpoint(name, place, "", weights, key, config=_config(folder), is_local=True)


def _config(folder: Path) -> str:
    """Hash of a folder's configuration; with its tokenizer's files where it names one."""
    read = (folder / CONFIG).read_bytes()
    own = hashlib.sha256(read).hexdigest()
    if b"hf_tokenizer_name" not in read:
        return own
    files = sorted(each for pattern in TEXT_FILES for each in folder.glob(pattern))
    return digest({each.name: files_hash(each) for each in files})


def _checked(found: ClipCheckpoint, sha256: str) -> ClipCheckpoint:
    if sha256 and sha256 != found.weights:
        raise ModelError(
            f"{found.key}_sha256 is {sha256[:12]}..., the weights of {found.name!r} have "
            f"{found.weights[:12]}...: another checkpoint lies there; correct the path, or the "
            "hash if it is meant"
        )
    return found


def look_of(model: Any) -> Look:
    """How an image tower of open_clip wants pictures.

    Raises:
        ModelError: it wants them in a way that is not known here.
    """
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else (size[0], size[1])
    wanted = getattr(model.visual, "preprocess_cfg", {})
    fit, way = wanted.get("resize_mode", "shortest"), wanted.get("interpolation", "bicubic")
    if fit not in ("shortest", "squash") or way not in ("bicubic", "bilinear", "random"):
        raise ModelError(f"this open_clip model wants pictures resized by {fit!r} and {way!r}: "
                         "only shortest or squash, bicubic or bilinear are known")  # fmt: skip
    return Look(
        height, width, tuple(model.visual.image_mean), tuple(model.visual.image_std),
        whole=fit == "squash", bilinear=way == "bilinear",
    )  # fmt: skip


def normalized(model: Any, batch: NDArray[np.uint8], device: str) -> "torch.Tensor":
    """Pictures (n, 3, h, w), 0 to 255, as the tower's input."""
    return scaled(batch, look_of(model), device)
