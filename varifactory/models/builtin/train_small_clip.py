"""Trains the small CLIP: ``python -m varifactory.models.builtin.train_small_clip``.

It sees pretraining classes only, never a study class or its word, in every colour, texture and
background, feasible or not. Four losses: which class, through the text encoder; which of many
invented classes and which part of each patch is object, through heads that are thrown away; and
the usual contrastive one over captions.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.models.builtin.cards import write_card
from varifactory.models.builtin.clip_pictures import (
    Masks,
    Pictures,
    class_numbers,
    cut_out,
    drawn,
    jittered,
    patch_parts,
    scene_of,
)
from varifactory.models.builtin.invented_classes import with_invented
from varifactory.models.clip.open_clip import BUILT_IN, CONFIG, WEIGHTS, find_checkpoint, normalized
from varifactory.world import World, caption, load_world

FOLDER = BUILT_IN / "small-clip"
TEMPLATE = "a photo of a {class_name}"
INVENTED = 120
CONTRASTIVE_WEIGHT = 0.05
"""Little: captions tell colour and place too, which few-shot training mistakes for the class."""
MASK_WEIGHT = 1.0
"""Every patch also tells which of its 4 x 4 parts lie on the object: outlines are learned from the
first step on, while from class labels alone a thousand steps show next to nothing."""
CUT_OUT_SHARE = 0.6
"""Over this share of the steps fewer and fewer pictures show the object on a flat colour: the
shapes are learned there first, and found again in front of everything later."""
KEPT_PATCHES = 28
"""Of 64: for most steps the tower reads the object's patches and some others, which is twice as
fast (after FLIP, arXiv 2212.00794); the last ``WHOLE_SHARE`` of the steps read all."""
WHOLE_SHARE = 0.25
TOKEN_SPREAD = 0.02
"""Standard deviation of fresh token vectors, as open_clip draws them."""


def main() -> None:
    """Train, measure and write the checkpoint with its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=28_000, help="training pictures")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    world = load_world()
    wide, names = with_invented(world, INVENTED, arguments.seed)
    named = len(world.pretraining_classes)
    labels = class_numbers(arguments, named, len(names))
    scenes = [scene_of(wide, names[label], arguments.seed, at) for at, label in enumerate(labels)]
    pictures, masks = drawn(wide, scenes)
    started = time.process_time()
    model = fresh_model()
    captions = [caption(wide, scene) for scene in scenes]
    train(model, pictures, masks, captions, labels, names[:named], arguments)
    write(model, arguments.out)
    figures = measured(world, arguments.out, arguments.seed)
    figures |= {"training_cpu_seconds": round(time.process_time() - started)}
    record(arguments, world, figures)
    print(json.dumps(figures, indent=2))


def fresh_model() -> Any:
    """The architecture of the config file with random weights."""
    import open_clip

    return open_clip.create_model(f"local-dir:{FOLDER}", load_weights=False)


def train(
    model: Any, pictures: Pictures, masks: Masks, captions: list[str],
    labels: NDArray[np.int64], classes: tuple[str, ...], arguments: argparse.Namespace,
) -> None:  # fmt: skip
    """Train in place; only token vectors that occur are touched, the others stay drawn."""
    import torch

    tokenizer = find_tokenizer()
    names = tokenizer([TEMPLATE.format(class_name=name) for name in classes])
    words = tokenizer(captions)
    used = torch.unique(torch.cat([names.flatten(), words[labels < len(classes)].flatten()]))
    table, names, words = narrowed(model, used, names, words)
    heads = torch.nn.ModuleDict({
        "invented": torch.nn.Linear(model.text_projection.shape[1], INVENTED, bias=False),
        "mask": torch.nn.Linear(model.visual.ln_post.weight.shape[0], 16),
    })  # fmt: skip
    random = np.random.default_rng(arguments.seed)
    optimizer = torch.optim.AdamW([*model.parameters(), *heads.parameters()], lr=arguments.rate,
                                  weight_decay=0.05, betas=(0.9, 0.98))  # fmt: skip
    steps = arguments.epochs * (len(labels) // arguments.batch)
    model.train()
    model.visual.output_tokens, model.visual.patch_dropout = True, kept_patches()
    for step, chosen in enumerate(batches(len(labels), arguments, random)):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * pace(step, steps)
        images, regions = jittered(pictures[chosen], masks[chosen], random)
        images = cut_out(images, regions, 1 - step / steps / CUT_OUT_SHARE, random)
        parts = patch_parts(regions)
        if step < steps * (1 - WHOLE_SHARE):
            parts = model.visual.patch_dropout.choose(parts)
        by_class, by_patch, contrastive = losses(
            model, normalized(model, images, "cpu"), parts, labels[chosen], names,
            words[chosen], heads,
        )  # fmt: skip
        optimizer.zero_grad(set_to_none=True)
        (by_class + MASK_WEIGHT * by_patch + CONTRASTIVE_WEIGHT * contrastive).backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step % 100 == 0:
            print(f"{step}/{steps} class {by_class:.3f} mask {by_patch:.3f} "
                  f"captions {contrastive:.3f}", flush=True)  # fmt: skip
    model.visual.output_tokens, model.visual.patch_dropout = False, torch.nn.Identity()
    widened(model, table, used)
    model.eval()


def losses(
    model: Any, images: Any, parts: Any, labels: NDArray[np.int64], names: Any, words: Any,
    heads: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Cross-entropy over all classes, over the parts of every patch, and over captions."""
    import torch
    import torch.nn.functional as F

    truth = torch.from_numpy(labels)
    has_name = truth < len(names)
    pooled, tokens = model.visual(images)
    image = F.normalize(pooled, dim=-1)
    text = model.encode_text(torch.cat([names, words[has_name]]), normalize=True)
    scale = model.logit_scale.exp()
    classes = torch.cat([text[: len(names)], F.normalize(heads["invented"].weight, dim=-1)])
    by_class = F.cross_entropy(scale * image @ classes.T, truth, label_smoothing=0.05)
    by_patch = F.binary_cross_entropy_with_logits(heads["mask"](tokens), parts)
    pairs = scale * image[has_name] @ text[len(names) :].T
    own = torch.arange(len(pairs))
    contrastive = (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2
    return by_class, by_patch, contrastive


def kept_patches() -> Any:
    """In place of open_clip's patch dropout: it keeps the patches of the object and some others."""
    import torch

    class KeptPatches(torch.nn.Module):
        kept: torch.Tensor | None = None

        def choose(self, parts: torch.Tensor) -> torch.Tensor:
            """Choose for the next pictures; gives the parts of the patches that stay."""
            rank = parts.mean(2).gt(0) + torch.rand(parts.shape[:2])
            self.kept = rank.topk(KEPT_PATCHES, dim=1).indices
            return parts.gather(1, self.kept[:, :, None].expand(-1, -1, parts.shape[2]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.kept is None:
                return x
            index, self.kept = self.kept[:, :, None].expand(-1, -1, x.shape[2]), None
            return torch.cat([x[:, :1], x[:, 1:].gather(1, index)], dim=1)

    return KeptPatches()


def find_tokenizer() -> Any:
    """open_clip's own byte-pair tokenizer at the model's context length."""
    import open_clip

    return open_clip.get_tokenizer(f"local-dir:{FOLDER}")


def narrowed(model: Any, used: Any, *texts: Any) -> tuple[Any, ...]:
    """Swap the token table for its used rows, and number the texts accordingly.

    A dense optimiser step over 49,408 rows costs more than the rest of the text encoder. Order is
    kept, so the end-of-text token stays the largest, which is how open_clip finds it.
    """
    import torch

    table = model.token_embedding
    narrow = torch.nn.Embedding(len(used), table.weight.shape[1])
    narrow.weight.data.copy_(table.weight.data[used])
    model.token_embedding = narrow
    return (table, *(torch.searchsorted(used, text) for text in texts))


def widened(model: Any, table: Any, used: Any) -> None:
    """Put the whole table back; words never seen get random vectors as long as the trained ones."""
    import torch

    trained = model.token_embedding.weight.data
    with torch.no_grad():
        table.weight.mul_(trained.std() / TOKEN_SPREAD)
        table.weight[used] = trained
    model.token_embedding = table


def batches(
    count: int, arguments: argparse.Namespace, random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Row numbers of every batch of every epoch, whole batches only."""
    for _ in range(arguments.epochs):
        order = random.permutation(count)
        for start in range(0, count - arguments.batch + 1, arguments.batch):
            yield order[start : start + arguments.batch]


def pace(step: int, steps: int) -> float:
    """Share of the learning rate: 5 % warm-up, then a cosine."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def write(model: Any, folder: Path) -> None:
    """Half-precision weights as open_clip reads them from a folder."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: each.detach().half().contiguous() for name, each in model.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    if folder != FOLDER:
        (folder / CONFIG).write_bytes((FOLDER / CONFIG).read_bytes())


def measured(world: World, folder: Path, seed: int) -> dict[str, float]:
    """Zero-shot accuracy of the written file on pictures it never saw, by kind of class."""
    import torch

    model: Any = find_checkpoint(str(folder)).build()
    tokenizer = find_tokenizer()
    figures = {}
    for role, classes in (
        ("pretraining", world.pretraining_classes),
        ("study", world.study_classes),
    ):
        labels = np.arange(1200) % len(classes)
        pictures, _ = drawn(world, [scene_of(world, classes[label], seed + 1, at)
                                 for at, label in enumerate(labels)])  # fmt: skip
        texts = tokenizer([TEMPLATE.format(class_name=name) for name in classes])
        with torch.inference_mode():
            image = model.encode_image(normalized(model, pictures, "cpu"), normalize=True)
            text = model.encode_text(texts, normalize=True)
        right = (image @ text.T).argmax(1).numpy() == labels
        figures[f"zero_shot_{role}_top1"] = round(float(right.mean()), 4)
        figures[f"chance_{role}"] = round(1 / len(classes), 4)
    return figures


def record(arguments: argparse.Namespace, world: World, figures: dict[str, float]) -> None:
    """The card beside the weights."""
    write_card(
        arguments.out,
        name="small-clip",
        script="varifactory.models.builtin.train_small_clip",
        figures=figures,
        trained_with={
            "images": arguments.images,
            "epochs": arguments.epochs,
            "batch": arguments.batch,
            "rate": arguments.rate,
            "seed": arguments.seed,
            "invented_classes": INVENTED,
            "classes": list(world.pretraining_classes),
            "limits": "Knows a drawn world of small pictures; what it says of photographs means "
            "nothing. Words it never saw have random vectors until an adapter is trained.",
        },
    )


if __name__ == "__main__":
    main()
