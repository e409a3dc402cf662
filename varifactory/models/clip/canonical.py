"""One form of CLIP for both libraries: names of tensors (``names.yaml``), shapes, and a hash.

Two bases with the same hash compute the same, whichever library holds them.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from varifactory.errors import ModelError
from varifactory.keys import canonical
from varifactory.models.clip.split_attention import split_state, stock_state

if TYPE_CHECKING:
    from torch import Tensor

LIBRARIES = ("open_clip", "transformers")
ADAPTED = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")
"""A tensor of an adapter as PEFT names it, in a model and in a file."""


@dataclass(frozen=True, slots=True)
class Tower:
    """A transformer's sizes."""

    width: int
    layers: int
    heads: int
    inner: int
    """Width of the hidden layer of its perceptrons."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What tensors alone do not tell, and what each library's configuration wants to hear."""

    image: Tower
    text: Tower
    embedding: int
    picture: int
    """Height and width, pixels."""
    patch: int
    context: int
    vocabulary: int
    activation: str
    """``gelu`` or ``quick_gelu``."""
    norm_eps: float


@cache
def _table() -> Any:
    return yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))


def _column(library: str) -> int:
    return 1 + LIBRARIES.index(library)


def own_name(name: str, library: str) -> str | None:
    """Our name of a library's tensor; None where it has none.

    open_clip's text tower may also stand below ``text.``.
    """
    at, table = _column(library), _table()
    bare = name.removeprefix("text.") if library == "open_clip" else name
    for row in table["alone"]:
        if bare == row[at]:
            return str(row[0])
    for tower in table["towers"]:
        found = re.fullmatch(rf"{re.escape(tower[at])}\.(\d+)\.(.+)\.(weight|bias)", bare)
        for part in table["parts"] if found else ():
            if found and found[2] == part[at]:
                return f"{tower[0]}.{found[1]}.{part[0]}.{found[3]}"
    return None


def library_name(name: str, library: str) -> str:
    """A library's name of a tensor of ours."""
    at, table = _column(library), _table()
    for row in table["alone"]:
        if name == row[0]:
            return str(row[at])
    tower, block, part, kind = name.split(".")
    towers = {row[0]: row[at] for row in table["towers"]}
    parts = {row[0]: row[at] for row in table["parts"]}
    return f"{towers[tower]}.{block}.{parts[part]}.{kind}"


def adapter_name(name: str, library: str) -> str | None:
    """Our name (``image.0.q.A``) of PEFT's name of an adapter's tensor; None for other tensors."""
    found = ADAPTED.fullmatch(name)
    own = own_name(f"{found[1]}.weight", library) if found else None
    return f"{own.removesuffix('.weight')}.{found[2]}" if own and found else None


def to_canonical(state: Mapping[str, "Tensor"], library: str) -> dict[str, "Tensor"]:
    """A library's state dict under our names, float32, sorted by name.

    Raises:
        ModelError: it holds a tensor that is no part of a plain CLIP.
    """
    if library == "open_clip":
        state = split_state(state)
    turned = _table()["transposed_in_open_clip"] if library == "open_clip" else ()
    found = {}
    for name, tensor in state.items():
        own = own_name(name, library)
        if own is None:
            raise ModelError(
                f"this is no plain CLIP: its {library} checkpoint holds {name!r}, for which the "
                "other library has no place"
            )
        value = tensor.detach().cpu().float()
        found[own] = (value.T if own in turned else value).contiguous()
    return dict(sorted(found.items()))


def from_canonical(tensors: Mapping[str, "Tensor"], library: str) -> dict[str, "Tensor"]:
    """Tensors under our names as the state dict of a stock model of ``library``."""
    turned = _table()["transposed_in_open_clip"] if library == "open_clip" else ()
    state = {
        library_name(name, library): (value.T if name in turned else value).contiguous()
        for name, value in tensors.items()
    }
    return stock_state(state) if library == "open_clip" else state


def canonical_hash(tensors: Mapping[str, "Tensor"], shape: Shape) -> str:
    """sha256 over shapes, names and float32 values: equal for the same CLIP in either library."""
    found = hashlib.sha256(canonical(asdict(shape)))
    for name, value in tensors.items():
        found.update(name.encode())
        found.update(value.numpy().tobytes())
    return found.hexdigest()


def shape_of(model: Any, library: str) -> Shape:
    """The shape of a stock model.

    Raises:
        ModelError: it is more, or other, than a plain CLIP.
    """
    return _shape_of_transformers(model) if library == "transformers" else _shape_of_open(model)


def _shape_of_transformers(model: Any) -> Shape:
    if model.config.model_type != "clip":
        raise ModelError(f"{model.config.model_type!r} is no plain CLIP")
    image, text = model.config.vision_config, model.config.text_config
    if image.hidden_act != text.hidden_act or image.layer_norm_eps != text.layer_norm_eps:
        raise ModelError("this CLIP's two towers have different activations or norms")
    towers = [
        Tower(each.hidden_size, each.num_hidden_layers, each.num_attention_heads,
              each.intermediate_size)
        for each in (image, text)
    ]  # fmt: skip
    return Shape(
        towers[0], towers[1], model.config.projection_dim, image.image_size, image.patch_size,
        text.max_position_embeddings, text.vocab_size, str(image.hidden_act),
        float(image.layer_norm_eps),
    )  # fmt: skip


def _shape_of_open(model: Any) -> Shape:
    visual, text = model.visual, getattr(model, "text", model)
    text_pool = getattr(text, "pool_type", None) or getattr(model, "text_pool_type", "")
    blocks: list[Any] = [
        getattr(getattr(each, "transformer", None), "resblocks", ()) for each in (visual, text)
    ]
    plain = all(blocks) and (
        visual.pool_type == "tok" and text_pool == "argmax" and visual.attn_pool is None
        and not visual.final_ln_after_pool
    )  # fmt: skip
    if not plain or visual.image_size[0] != visual.image_size[1]:
        raise ModelError("this open_clip model is no plain CLIP with two transformers")
    activations = {type(each.mlp.gelu).__name__ for block in blocks for each in block}
    norms = {each.ln_1.eps for block in blocks for each in block}
    if len(activations) > 1 or len(norms) > 1:
        raise ModelError("this CLIP's two towers have different activations or norms")
    towers = [
        Tower(block[0].ln_1.normalized_shape[0], len(block), _heads(block[0].attn),
              block[0].mlp.c_fc.out_features)
        for block in blocks
    ]  # fmt: skip
    return Shape(
        towers[0], towers[1], visual.proj.shape[1], visual.image_size[0], visual.patch_size[0],
        text.positional_embedding.shape[0], text.token_embedding.weight.shape[0],
        "quick_gelu" if activations == {"QuickGELU"} else "gelu", float(norms.pop()),
    )  # fmt: skip


def _heads(attention: Any) -> int:
    return int(getattr(attention, "heads", 0) or attention.num_heads)
