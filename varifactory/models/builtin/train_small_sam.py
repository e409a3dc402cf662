"""Train the small SAM on the drawn world: ``python -m varifactory.models.builtin.train_small_sam``.

Trained on the pretraining classes, measured on scenes of the study's classes, which it never saw.
Loss as in Segment Anything (Kirillov et al. 2023, section 3): focal and dice, 20 to 1, and the
squared error of the predicted IoU.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels, Region
from varifactory.models.builtin.cards import read_card, write_card
from varifactory.models.masks.prompting import middle_box
from varifactory.models.masks.sam import BUILT_IN, WEIGHTS, build_sam, load_sam
from varifactory.world import load_world, render, sample_scene

BATCH = 8
LEARNING_RATE = 1.5e-3
Scenes = list[tuple[Pixels, Region]]


def scenes(classes: tuple[str, ...], count: int, first_seed: int, size: int) -> Scenes:
    """Drawn pictures with their exact masks, half of the attributes infeasible."""
    world = load_world()
    found = []
    for seed in range(first_seed, first_seed + count):
        drawn = render(world, sample_scene(world, seed, classes=classes, feasible_share=0.5), size)
        if drawn.mask.any():
            found.append((drawn.image, drawn.mask))
    return found


def box_of(mask: Region) -> NDArray[np.float64]:
    """Left, top, right, bottom of the mask, pixels."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def prompts(mask: Region, image: Pixels, rng: np.random.Generator) -> NDArray[np.float64]:
    """Three boxes an image: tight, loose, and the middle of the picture."""
    tight = box_of(mask)
    sides = np.array([tight[2] - tight[0], tight[3] - tight[1]] * 2)
    near = tight + rng.normal(0, 0.07, 4) * sides
    far = tight + rng.normal(0, 0.12, 4) * sides + np.array([-1, -1, 1, 1]) * 0.12 * sides
    boxes = np.stack([near, far, np.array(middle_box(image), float)])
    return np.asarray(np.clip(boxes, 0, mask.shape[0]), float)


def forward(sam: Any, images: Any, boxes: list[NDArray[np.float64]]) -> list[tuple[Any, Any]]:
    """Mask logits at full size (boxes, side, side) and predicted IoU (boxes,), an image each."""
    import torch

    side = sam.image_encoder.img_size
    embedded = sam.image_encoder(sam.preprocess(images))
    place = sam.prompt_encoder.get_dense_pe()
    out = []
    for number, found in enumerate(boxes):
        sparse, dense = sam.prompt_encoder(
            points=None, boxes=torch.as_tensor(found, dtype=torch.float32), masks=None
        )
        low, iou = sam.mask_decoder(
            image_embeddings=embedded[number : number + 1], image_pe=place,
            sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense, multimask_output=False,
        )  # fmt: skip
        full = torch.nn.functional.interpolate(low, (side, side), mode="bilinear")
        out.append((full[:, 0], iou[:, 0]))
    return out


def loss_of(logits: Any, iou: Any, truth: Any) -> Any:
    """Focal x 20 + dice + squared error of the predicted IoU."""
    import torch
    from torchvision.ops import sigmoid_focal_loss

    focal = sigmoid_focal_loss(logits, truth, reduction="mean")
    chance = torch.sigmoid(logits)
    overlap = (chance * truth).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (chance.sum((1, 2)) + truth.sum((1, 2)) + 1)
    with torch.no_grad():
        found = logits > 0
        both = (found & (truth > 0)).sum((1, 2))
        true_iou = both / (found | (truth > 0)).sum((1, 2)).clamp(min=1)
    return 20 * focal + dice.mean() + torch.nn.functional.mse_loss(iou, true_iou)


def train(sam: Any, data: Scenes, steps: int, rng: np.random.Generator) -> None:
    """All weights, AdamW, one cycle of the learning rate."""
    import torch

    optimiser = torch.optim.AdamW(sam.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    sam.train()
    began = time.perf_counter()
    for step in range(steps):
        images, masks = [], []
        for number in rng.integers(0, len(data), BATCH):
            flip = slice(None, None, -1) if rng.random() < 0.5 else slice(None)
            images.append(data[number][0][:, flip].copy())
            masks.append(data[number][1][:, flip].copy())
        boxes = [prompts(m, i, rng) for m, i in zip(masks, images, strict=True)]
        stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        loss = torch.zeros(())
        for (logits, iou), mask in zip(forward(sam, stack, boxes), masks, strict=True):
            truth = torch.from_numpy(mask).float().expand_as(logits)
            loss = loss + loss_of(logits, iou, truth) / BATCH
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}/{steps} loss {loss.item():.3f} {time.perf_counter() - began:.0f} s",
                  flush=True)  # fmt: skip
    sam.eval()


def measure(sam: Any, data: Scenes, seed: int) -> dict[str, float]:
    """Mean IoU with jittered boxes and with the middle box, and how well IoU is predicted."""
    import torch

    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"near": [], "far": [], "middle": []}
    predicted: list[float] = []
    actual: list[float] = []
    with torch.no_grad():
        for image, mask in data:
            stack = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
            ((logits, iou),) = forward(sam, stack, [prompts(mask, image, rng)])
            for kind, logit, guess in zip(found, logits, iou, strict=True):
                got = (logit > 0).numpy()
                true = float((got & mask).sum() / max(1, (got | mask).sum()))
                found[kind].append(true)
                predicted.append(float(guess))
                actual.append(true)
    return {
        "mean_iou_box": round(float(np.mean(found["near"])), 3),
        "mean_iou_loose_box": round(float(np.mean(found["far"])), 3),
        "mean_iou_middle_box": round(float(np.mean(found["middle"])), 3),
        "iou_correlation": round(float(np.corrcoef(predicted, actual)[0, 1]), 3),
        "held_out_scenes": len(data),
    }


def main() -> None:
    """Train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000, help="training pictures")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=BUILT_IN)
    parser.add_argument("--held-out", type=int, default=240, help="pictures to measure on")
    parser.add_argument("--measure", action="store_true", help="only measure what is in --out")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if arguments.measure:
        sam = load_sam(arguments.out, read_card(arguments.out)["sha256"])
        print(json.dumps(figures_of(sam, arguments.held_out, arguments.seed)))
    else:
        train_and_save(arguments)


def train_and_save(arguments: argparse.Namespace) -> None:
    """Weights in half precision, with the sizes and the card beside them."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(arguments.seed)
    config = json.loads((BUILT_IN / "config.json").read_text(encoding="utf-8"))
    began = time.perf_counter()
    classes = load_world().pretraining_classes
    data = scenes(classes, arguments.images, 1_000_000, config["image_size"])
    sam = build_sam(config)
    train(sam, data, arguments.steps, np.random.default_rng(arguments.seed))
    kept = {name: tensor.half().contiguous() for name, tensor in sam.state_dict().items()}
    sam.load_state_dict({name: tensor.float() for name, tensor in kept.items()})
    figures = figures_of(sam, arguments.held_out, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(kept, arguments.out / WEIGHTS)
    (arguments.out / "config.json").write_text(json.dumps(config) + "\n", encoding="utf-8")
    write_card(
        arguments.out, name="small-sam", script="varifactory.models.builtin.train_small_sam",
        figures=figures,
        trained_with={"images": len(data), "steps": arguments.steps, "seed": arguments.seed,
                      "seconds": round(time.perf_counter() - began)},
    )  # fmt: skip
    print(json.dumps(figures))


def figures_of(sam: Any, count: int, seed: int) -> dict[str, float]:
    """Measured on scenes of the study's classes."""
    side = sam.image_encoder.img_size
    return measure(sam, scenes(load_world().study_classes, count, 2_000_000, side), seed)


if __name__ == "__main__":
    main()
