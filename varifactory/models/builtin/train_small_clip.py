"""Trains the small CLIP: ``python -m varifactory.models.builtin.train_small_clip``.

It sees pretraining classes only, never a study class or its word, in every colour, texture and
background, feasible or not. Three losses: which class, through the text encoder; which of many
invented classes, through a head that is thrown away; and the usual contrastive one over captions.
"""

import argparse
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.keys import digest, seed_from
from varifactory.models.builtin.cards import world_hash, write_card
from varifactory.models.builtin.invented_classes import with_invented
from varifactory.models.clip import BUILT_IN, CONFIG, WEIGHTS, find_checkpoint, normalized, prepare
from varifactory.world import Scene, World, caption, load_world, render

FOLDER = BUILT_IN / "small-clip"
TEMPLATE = "a photo of a {class_name}"
MASTER = 96
"""Side of the world's masters, pixels; the tower takes 64."""
INVENTED = 160
NAMED_SHARE = 0.3
"""Of the pictures show a class that has a name; the others an invented one."""
CONTRASTIVE_WEIGHT = 0.25
MASK_WEIGHT = 1.0
"""Every patch also tells which of its 4 x 4 parts lie on the object: outlines are learned from the
first step on, while from class labels alone a thousand steps show next to nothing."""
CUT_OUT_SHARE = 0.6
"""Over this share of the steps fewer and fewer pictures show the object on a flat colour: the
shapes are learned there first, and found again in front of everything later."""
TOKEN_SPREAD = 0.02
"""Standard deviation of fresh token vectors, as open_clip draws them."""
Pictures = NDArray[np.uint8]
Masks = NDArray[np.bool_]


def main() -> None:
    """Train, measure and write the checkpoint with its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24_000, help="training pictures")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
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


def class_numbers(arguments: argparse.Namespace, named: int, every: int) -> NDArray[np.int64]:
    """Which class each picture shows: ``NAMED_SHARE`` of them one of the first ``named``."""
    random = np.random.default_rng(arguments.seed)
    with_name = random.random(arguments.images) < NAMED_SHARE
    own = random.integers(0, named, arguments.images)
    invented = random.integers(named, every, arguments.images)
    labels: NDArray[np.int64] = np.where(with_name, own, invented)
    return labels


def scene_of(world: World, class_name: str, seed: int, index: int) -> Scene:
    """A scene whose colour, texture and background say nothing of the class."""
    own = seed_from("small-clip", seed, index) >> 10
    random = np.random.default_rng(own)
    color, texture, background = (
        values[int(random.integers(len(values)))]
        for values in map(world.values, ("color", "texture", "background"))
    )
    return Scene(class_name, color, texture, background, own)


def drawn(world: World, scenes: list[Scene]) -> tuple[Pictures, Masks]:
    """Pictures (n, 3, 64, 64) and masks (n, 32, 32); kept in the temporary folder between runs."""
    probe = hashlib.sha256(render(world, scenes[0], MASTER).image.tobytes()).hexdigest()
    name = digest([world_hash(), probe, [[s.class_name, s.seed] for s in scenes]])[:16]
    kept = Path(tempfile.gettempdir()) / f"small-clip-{name}.npz"
    if not kept.is_file():
        rendered = [render(world, each, MASTER) for each in scenes]
        partial = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(
            partial,
            pictures=np.stack([prepare(each.image, 64, 64) for each in rendered]),
            masks=np.stack([each.mask.reshape(32, 3, 32, 3).mean((1, 3)) >= 0.5
                            for each in rendered]),
        )  # fmt: skip
        partial.replace(kept)
    with np.load(kept) as found:
        return found["pictures"], found["masks"]


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
    model.visual.output_tokens = True
    for step, chosen in enumerate(batches(len(labels), arguments, random)):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * pace(step, steps)
        images, regions = jittered(pictures[chosen], masks[chosen], random)
        images = cut_out(images, regions, 1 - step / steps / CUT_OUT_SHARE, random)
        by_class, by_patch, contrastive = losses(
            model, normalized(model, images, "cpu"), regions, labels[chosen], names,
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
    model.visual.output_tokens = False
    widened(model, table, used)
    model.eval()


def losses(
    model: Any, images: Any, regions: Masks, labels: NDArray[np.int64], names: Any, words: Any,
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
    # (n, 32, 32) -> (n, 64 patches, 16 parts), patches row by row as the tower reads them.
    parts = torch.from_numpy(regions).float().unflatten(1, (8, 4)).unflatten(3, (8, 4))
    parts = parts.permute(0, 1, 3, 2, 4).reshape(len(images), 64, 16)
    by_patch = F.binary_cross_entropy_with_logits(heads["mask"](tokens), parts)
    pairs = scale * image[has_name] @ text[len(names) :].T
    own = torch.arange(len(pairs))
    contrastive = (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2
    return by_class, by_patch, contrastive


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


def jittered(
    pictures: Pictures, masks: Masks, random: np.random.Generator
) -> tuple[Pictures, Masks]:
    """Flips, shifts of up to 6 pixels, and mild casts of colour; masks move along."""
    flipped = random.random(len(pictures)) < 0.5
    shifts = random.integers(0, 7, (len(pictures), 2))
    casts = random.uniform(0.85, 1.15, (len(pictures), 3, 1, 1)).astype(np.float32)
    found, moved = np.empty_like(pictures), np.empty_like(masks)
    for row, (down, right) in enumerate(shifts):
        turn = slice(None, None, -1 if flipped[row] else 1)
        wide = np.pad(pictures[row][:, :, turn], ((0, 0), (6, 6), (6, 6)), mode="edge")
        found[row] = wide[:, 2 * down : 2 * down + 64, 2 * right : 2 * right + 64]
        region = np.pad(masks[row][:, turn], 3, mode="edge")
        moved[row] = region[down : down + 32, right : right + 32]
    return (found * casts).clip(0, 255).astype(np.uint8), moved


def cut_out(
    pictures: Pictures, masks: Masks, share: float, random: np.random.Generator
) -> Pictures:
    """With probability ``share`` each picture loses its surroundings to one random colour."""
    fine = masks.repeat(2, axis=1).repeat(2, axis=2)[:, None]
    flat = random.integers(0, 256, (len(pictures), 3, 1, 1), dtype=np.uint8)
    chosen = (random.random(len(pictures)) < share)[:, None, None, None]
    return np.where(chosen & ~fine, flat, pictures)


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

    model = find_checkpoint(str(folder)).build()
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
            image = model.encode_image(normalized(model, pictures, "cpu"), normalize=True)  # type: ignore[operator]
            text = model.encode_text(texts, normalize=True)  # type: ignore[operator]
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
