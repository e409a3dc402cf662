"""How fast CLIP with LoRA trains: ours, and a plain PEFT loop beside it in the same run.

Weights do not change the time, so a benchmark takes an architecture with random ones.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from varifactory.errors import ModelError
from varifactory.models import LoraSettings, Pixels
from varifactory.models.clip.classifier import PLAIN, TARGETS, Ways
from varifactory.models.clip.embedder import Base
from varifactory.models.clip.lora import LoraClip
from varifactory.models.clip.open_clip import CONFIG, WEIGHTS
from varifactory.models.clip.pictures import prepared, scaled

TEMPLATE = "a photo of a {class_name}"
RATE = 1e-4
"""Of the paper's own training; small, so that random weights do not run away."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured."""

    images_per_second: float
    peak_bytes: int
    """Most memory that was taken on the card; 0 on a CPU, where it is not told."""
    last_loss: float


def random_checkpoint(folder: Path, architecture: str = "ViT-B-16") -> Path:
    """Write one of open_clip's architectures with random weights as a folder that ``find_base``
    knows; ViT-B-16 takes 600 MB.

    Raises:
        ModelError: open_clip has no such architecture.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = open_clip.get_model_config(architecture)
    if config is None:
        raise ModelError(f"open_clip has no architecture {architecture!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.create_model(architecture, load_weights=False)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config}), encoding="utf-8")
    save_file(model.state_dict(), folder / WEIGHTS)
    return folder


def ours(
    base: Base, images: Sequence[Pixels], class_names: Sequence[str], *, batch: int, steps: int,
    ways: Ways = PLAIN, encoders: str = "both", augmentation: str = "flip", warm_up: int = 3,
) -> Speed:  # fmt: skip
    """Images a second of ``LoraClip`` as the training stage drives it.

    Args:
        base: which CLIP.
        images: shown again and again.
        class_names: their texts are encoded as the encoders' setting asks.
        batch: images a step.
        steps: measured ones.
        ways: device, precision, compiler.
        encoders: ``both`` or ``image``.
        augmentation: of ``LoraSettings``.
        warm_up: steps before the clock runs: loading, compiling, and pictures resized once.
    """
    trainee = LoraClip(base, TEMPLATE, encoders=encoders, ways=ways)
    trainee.begin(_settings(steps + warm_up, augmentation), class_names)
    batches = [list(islice(cycle(images), at * batch, (at + 1) * batch))
               for at in range(steps + warm_up + 1)]  # fmt: skip
    labels = [at % len(class_names) for at in range(batch)]
    weights = [1 / batch] * batch
    loss, began = 0.0, 0.0
    for at in range(steps + warm_up):
        if at == warm_up:
            began = _clock(ways.device, start=True)
        loss = trainee.step(batches[at], labels, weights, batches[at + 1])
    return _speed(ways.device, began, steps * batch, loss)


def plain(
    base: Base, images: Sequence[Pixels], class_names: Sequence[str], *, batch: int, steps: int,
    ways: Ways = PLAIN, encoders: str = "both", warm_up: int = 3,
) -> Speed:  # fmt: skip
    """Images a second of a loop as anybody would write it with PEFT, on the same model.

    Every step resizes its images, sends them as float32, encodes every class's whole text, and
    asks for the loss. Of ``ways`` the device and the precision count.
    """
    import torch
    import torch.nn.functional as F
    from peft import LoraConfig, inject_adapter_in_model

    model: Any = base.build(ways.device)
    base.make_trainable(model)
    look = base.look(model)
    texts = [TEMPLATE.format(class_name=name) for name in class_names]
    tokens = torch.from_numpy(base.tokens(model, texts)).to(ways.device)
    towers = ("visual.", "vision_model.") if encoders == "image" else ("",)
    targets = [name for name, _ in model.named_modules()
               if name.startswith(towers) and name.endswith(TARGETS)]  # fmt: skip
    settings = _settings(steps + warm_up, "none")
    lora = LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=targets)
    wrapped = inject_adapter_in_model(lora, model).train()
    optimizer = torch.optim.AdamW(
        [each for each in wrapped.parameters() if each.requires_grad], lr=RATE
    )
    labels = torch.tensor([at % len(class_names) for at in range(batch)], device=ways.device)
    numbers = getattr(torch, ways.precision)
    loss, began = 0.0, 0.0
    for at in range(steps + warm_up):
        if at == warm_up:
            began = _clock(ways.device, start=True)
        shown = islice(cycle(images), at * batch, (at + 1) * batch)
        pictures = scaled(np.stack([prepared(image, look) for image in shown]), look, "cpu")
        with torch.autocast(ways.device, numbers, enabled=numbers != torch.float32):
            seen = F.normalize(base.encode_images(model, pictures.to(ways.device)), dim=-1)
            read = F.normalize(base.encode_texts(model, tokens), dim=-1)
            found = F.cross_entropy(model.logit_scale.exp() * seen @ read.T, labels)
        optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss = float(found.item())
    return _speed(ways.device, began, steps * batch, loss)


def _settings(steps: int, augmentation: str) -> LoraSettings:
    return LoraSettings(
        rank=16, alpha=32.0, dropout=0.0, learning_rate=RATE, weight_decay=1e-4, steps=steps,
        warmup_share=0.1, augmentation=augmentation, seed=1,
    )  # fmt: skip


def _clock(device: str, *, start: bool = False) -> float:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
        if start:
            torch.cuda.reset_peak_memory_stats()
    return time.perf_counter()


def _speed(device: str, began: float, images: int, loss: float) -> Speed:
    import torch

    took = _clock(device) - began
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return Speed(images / took, int(peak), loss)
