"""A trained adapter merged into its base, as a checkpoint that stock open_clip or transformers
reads.

Whatever the base's library: the same tensors are written under the other one's names.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError
from varifactory.models.clip import canonical, open_clip, transformers_clip
from varifactory.models.clip.adapter import unpack
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.canonical import Shape
from varifactory.models.clip.embedder import Base
from varifactory.models.clip.manifest import own_tensor, refuse_other_base
from varifactory.models.clip.pictures import Look

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST_FILE = "varifactory.json"
"""What was merged: classes, template, base and settings. Neither library reads it."""
OWN_EPS = 1e-5
"""What open_clip's norms have where its configuration says nothing."""


def export(base: Base, folder: Path, library: str, adapter: bytes | None = None) -> dict[str, Any]:
    """Write a base, with an adapter merged in float32, as a stock checkpoint.

    Args:
        base: which CLIP.
        folder: where to; must not be there yet.
        library: ``open_clip`` or ``transformers``.
        adapter: as ``Trainee.adapter`` gives it; None to convert the base as it is.

    Returns:
        What stands in ``varifactory.json``.

    Raises:
        ModelError: the folder is there, the adapter belongs to another base, or the base is no
            plain CLIP that both libraries can hold.
    """
    if library not in canonical.LIBRARIES:
        raise ModelError(f"--as {library!r}: known are {', '.join(canonical.LIBRARIES)}")
    if folder.exists():
        raise ModelError(f"{folder} is there already: name a new folder")
    model = base.build()
    shape = canonical.shape_of(model, base.library)
    tensors = canonical.to_canonical(model.state_dict(), base.library)
    told: dict[str, Any] = {"base": base.name, "weights": base.weights, "library": library}
    if adapter is not None:
        packed, manifest = unpack(adapter, "adapter")
        refuse_other_base(manifest, base)
        tensors = merged(tensors, packed, manifest["alpha"] / manifest["rank"])
        told["adapter"] = manifest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
        made = Path(place) / folder.name
        made.mkdir()
        write = _write_open_clip if library == "open_clip" else _write_transformers
        write(made, tensors, shape, base.look(model), base)
        (made / MANIFEST_FILE).write_text(json.dumps(told, indent=2), encoding="utf-8")
        _check(made, tensors, shape)
        os.rename(made, folder)
    return told


def merged(
    tensors: Mapping[str, "Tensor"], adapter: Mapping[str, "Tensor"], scale: float
) -> dict[str, "Tensor"]:
    """Canonical tensors with ``scale * B @ A`` of every adapted layer added."""
    found = dict(tensors)
    own = {own_tensor(name): each.float() for name, each in adapter.items()}
    for name, lowered in own.items():
        layer, _, kind = name.rpartition(".")
        if kind == "A":
            weight = found[f"{layer}.weight"]
            found[f"{layer}.weight"] = weight + scale * (own[f"{layer}.B"] @ lowered)
    return found


def _check(folder: Path, tensors: Mapping[str, "Tensor"], shape: Shape) -> None:
    """Raise unless the stock library reads back what was written."""
    again = find_base(str(folder))
    model = again.build()
    found = canonical.to_canonical(model.state_dict(), again.library)
    if canonical.canonical_hash(found, canonical.shape_of(model, again.library)) != (
        canonical.canonical_hash(tensors, shape)
    ):
        raise ModelError(f"{again.library} read other weights from the export than were written")


def _write_open_clip(
    folder: Path, tensors: Mapping[str, "Tensor"], shape: Shape, look: Look, base: Base
) -> None:
    from safetensors.torch import save_file

    norm = {} if shape.norm_eps == OWN_EPS else {"norm_kwargs": {"eps": shape.norm_eps}}
    image, text = (
        {"width": tower.width, "layers": tower.layers, "mlp_ratio": tower.inner / tower.width,
         **norm}
        for tower in (shape.image, shape.text)
    )  # fmt: skip
    image |= {"image_size": shape.picture, "patch_size": shape.patch,
              "head_width": shape.image.width // shape.image.heads}  # fmt: skip
    text |= {"context_length": shape.context, "vocab_size": shape.vocabulary,
             "heads": shape.text.heads}  # fmt: skip
    theirs = _tokenizer_of_transformers(base)
    if theirs is not None and not _is_clips_own(theirs):
        if theirs.eos_token_id != shape.vocabulary - 1:
            raise ModelError(
                f"{base.name!r} ends texts with token {theirs.eos_token_id} of {shape.vocabulary}: "
                "open_clip reads a text off its highest token, so it cannot hold this one"
            )
        theirs.save_pretrained(folder)
        text["hf_tokenizer_name"] = "."
    config = {
        "model_cfg": {"embed_dim": shape.embedding, "vision_cfg": image, "text_cfg": text,
                      "quick_gelu": shape.activation == "quick_gelu"},
        "preprocess_cfg": {"mean": look.mean, "std": look.deviation,
                           "interpolation": "bilinear" if look.bilinear else "bicubic",
                           "resize_mode": "squash" if look.whole else "shortest"},
    }  # fmt: skip
    (folder / open_clip.CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    save_file(canonical.from_canonical(tensors, "open_clip"), folder / open_clip.WEIGHTS)


def _write_transformers(
    folder: Path, tensors: Mapping[str, "Tensor"], shape: Shape, look: Look, base: Base
) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    tokenizer = _tokenizer_of_transformers(base) or _clips_own(shape.context)
    tokenizer.save_pretrained(folder)
    image, text = (
        {"hidden_size": tower.width, "num_hidden_layers": tower.layers,
         "num_attention_heads": tower.heads, "intermediate_size": tower.inner,
         "hidden_act": shape.activation, "layer_norm_eps": shape.norm_eps,
         "projection_dim": shape.embedding}
        for tower in (shape.image, shape.text)
    )  # fmt: skip
    config = CLIPConfig(
        projection_dim=shape.embedding,
        vision_config={**image, "image_size": shape.picture, "patch_size": shape.patch},
        text_config={
            **text, "vocab_size": shape.vocabulary, "max_position_embeddings": shape.context,
            # Never 2: with that number transformers reads texts off their highest token.
            "eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
    )  # fmt: skip
    model = CLIPModel(config)
    model.load_state_dict(canonical.from_canonical(tensors, "transformers"), strict=True)
    model.save_pretrained(folder)
    CLIPImageProcessor(
        size={"height": look.height, "width": look.width} if look.whole
        else {"shortest_edge": look.height},
        crop_size={"height": look.height, "width": look.width}, do_center_crop=not look.whole,
        image_mean=list(look.mean), image_std=list(look.deviation),
        resample=transformers_clip.BILINEAR if look.bilinear else transformers_clip.BICUBIC,
    ).save_pretrained(folder)  # fmt: skip


def _tokenizer_of_transformers(base: Base) -> Any:
    """The base's tokenizer where it is one of transformers; None where it is open_clip's own."""
    found = base.tokenizer()
    return found if base.library == "transformers" else getattr(found, "tokenizer", None)


def _is_clips_own(tokenizer: Any) -> bool:
    return bool(tokenizer.get_vocab() == _clips_own(77).get_vocab())


def _clips_own(context: int) -> Any:
    """CLIP's tokenizer for transformers, from the words and merges that open_clip carries."""
    from open_clip import SimpleTokenizer
    from transformers import CLIPTokenizer

    stock = SimpleTokenizer()
    renamed = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    words = {renamed.get(word, word): number for word, number in stock.encoder.items()}
    merges = [" ".join(pair) for pair in stock.bpe_ranks]
    with tempfile.TemporaryDirectory() as place:
        Path(place, "vocab.json").write_text(json.dumps(words), encoding="utf-8")
        Path(place, "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")
        return CLIPTokenizer.from_pretrained(place, model_max_length=context)
