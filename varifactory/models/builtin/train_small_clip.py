"""Trains the small CLIP: ``python -m varifactory.models.builtin.train_small_clip``.

It sees pretraining classes only, never a study class or its word, in every colour, texture and
background, feasible or not: class cross-entropy through the text encoder, which few images a class
need, and the usual contrastive loss over captions.
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

from varifactory.keys import digest
from varifactory.models.builtin.cards import write_card
from varifactory.models.clip import BUILT_IN, CONFIG, WEIGHTS, find_checkpoint, normalized, prepare
from varifactory.world import World, caption, load_world, render, sample_scene

FOLDER = BUILT_IN / "small-clip"
TEMPLATE = "a photo of a {class_name}"
MASTER = 96
"""Side of the world's masters, pixels; the tower takes 64."""
FEASIBLE_SHARE = 0.5
"""Half of every scene's attributes are infeasible, so that the class cannot be read off them."""
CONTRASTIVE_WEIGHT = 0.5
TOKEN_SPREAD = 0.02
"""Standard deviation of fresh token vectors, as open_clip draws them."""
Pictures = NDArray[np.uint8]


def main() -> None:
    """Train, measure and write the checkpoint with its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000, help="training pictures")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    world = load_world()
    pictures, captions, labels = drawn(world, world.pretraining_classes, arguments.images,
                                       arguments.seed)  # fmt: skip
    started = time.process_time()
    model = fresh_model()
    train(model, pictures, captions, labels, world.pretraining_classes, arguments)
    write(model, arguments.out)
    figures = measured(world, arguments.out, arguments.seed)
    figures |= {"training_cpu_seconds": round(time.process_time() - started)}
    record(arguments, world, figures)
    print(json.dumps(figures, indent=2))


def drawn(
    world: World, classes: tuple[str, ...], count: int, seed: int
) -> tuple[Pictures, list[str], NDArray[np.int64]]:
    """Pictures (n, 3, 64, 64), captions and class numbers; kept in the temporary folder."""
    scenes = [
        sample_scene(
            world,
            seed * 10_000_000 + index,
            class_name=classes[index % len(classes)],
            feasible_share=FEASIBLE_SHARE,
        )
        for index in range(count)
    ]
    captions = [caption(world, scene) for scene in scenes]
    probe = render(world, scenes[0], MASTER).image
    name = digest([seed, count, captions[:50], hashlib.sha256(probe.tobytes()).hexdigest()])[:16]
    kept = Path(tempfile.gettempdir()) / f"small-clip-{name}.npy"
    if kept.is_file():
        pictures = np.load(kept)
    else:
        pictures = np.stack([prepare(render(world, s, MASTER).image, 64, 64) for s in scenes])
        partial = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, pictures)
        partial.replace(kept)
    return pictures, captions, np.arange(count) % len(classes)


def fresh_model() -> Any:
    """The architecture of the config file with random weights."""
    import open_clip

    return open_clip.create_model(f"local-dir:{FOLDER}", load_weights=False)


def train(
    model: Any, pictures: Pictures, captions: list[str], labels: NDArray[np.int64],
    classes: tuple[str, ...], arguments: argparse.Namespace,
) -> None:  # fmt: skip
    """Train in place; only token vectors that occur are touched, the others stay drawn."""
    import torch
    import torch.nn.functional as F

    tokenizer = find_tokenizer()
    names = tokenizer([TEMPLATE.format(class_name=name) for name in classes])
    words = tokenizer(captions)
    used = torch.unique(torch.cat([names.flatten(), words.flatten()]))
    table, names, words = narrowed(model, used, names, words)
    random = np.random.default_rng(arguments.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.05,
                                  betas=(0.9, 0.98))  # fmt: skip
    steps = arguments.epochs * (len(labels) // arguments.batch)
    model.train()
    for step, chosen in enumerate(batches(len(labels), arguments, random)):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * pace(step, steps)
        images = normalized(model, jittered(pictures[chosen], random), "cpu")
        image = model.encode_image(images, normalize=True)
        text = model.encode_text(torch.cat([names, words[chosen]]), normalize=True)
        scale = model.logit_scale.exp()
        truth = torch.from_numpy(labels[chosen])
        pairs, own = scale * image @ text[len(names) :].T, torch.arange(len(chosen))
        contrastive = (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2
        by_class = F.cross_entropy(
            scale * image @ text[: len(names)].T, truth, label_smoothing=0.05
        )
        loss = by_class + CONTRASTIVE_WEIGHT * contrastive
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step % 100 == 0:
            print(
                f"step {step}/{steps} class {by_class:.3f} captions {contrastive:.3f}", flush=True
            )
    widened(model, table, used)
    model.eval()


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


def jittered(pictures: Pictures, random: np.random.Generator) -> Pictures:
    """Flips, shifts of up to 6 pixels, and mild brightness and colour casts."""
    found = pictures.copy()
    flipped = random.random(len(found)) < 0.5
    found[flipped] = found[flipped, :, :, ::-1]
    padded = np.pad(found, ((0, 0), (0, 0), (6, 6), (6, 6)), mode="edge")
    for row, (down, right) in enumerate(random.integers(0, 13, (len(found), 2))):
        found[row] = padded[row, :, down : down + 64, right : right + 64]
    cast = random.uniform(0.85, 1.15, (len(found), 3, 1, 1)).astype(np.float32)
    return (found * cast).clip(0, 255).astype(np.uint8)


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
        pictures, _, labels = drawn(world, classes, 1800, seed + 1)
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
            "classes": list(world.pretraining_classes),
            "limits": "Knows a drawn world of small pictures; what it says of photographs means "
            "nothing. Words it never saw have random vectors until an adapter is trained.",
        },
    )


if __name__ == "__main__":
    main()
